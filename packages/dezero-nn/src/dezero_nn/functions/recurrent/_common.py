"""What the recurrent operations share: shapes, buffers for whole sequences, higher derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dezero_core import vjp
from dezero_core.errors import describe
from dezero_core.typing import Array, Shape

__all__ = ["add_products", "check_operands", "logistic", "pull_composed", "result_dtype"]


def check_operands(
    x: Array, Wx: Array, Wh: Array, *, gates: int | None, **others: tuple[Array | None, str]
) -> tuple[int, int, int]:
    """Make sure that shapes fit, and return T, N and H.

    Args:
        x: Of shape (T, N, I), or (N, I) for one step.
        Wx: Of shape (I, H), or (gates, I, H).
        Wh: Of shape (H, H), or (gates, H, H).
        gates: How many gates there are; None if weights have no axis for them.
        **others: Arrays or None, each with its shape in the letters N, G and H.
    """
    lead: Shape = () if gates is None else (gates,)
    letters = "" if gates is None else f"{gates}, "
    if getattr(Wx, "ndim", 0) != 2 + len(lead) or Wx.shape[:-2] != lead:
        raise ValueError(f"Wx has the shape ({letters}in_size, hidden_size), not {describe(Wx)}")
    in_size, hidden = Wx.shape[-2:]
    if getattr(x, "ndim", 0) not in (2, 3):
        raise ValueError(
            f"x has the shape (T, N, in_size), time first, or (N, in_size) for one step, not "
            f"{describe(x)}"
        )
    if x.shape[-1] != in_size:
        raise ValueError(f"x has {x.shape[-1]} features, Wx takes {in_size}")
    steps = x.shape[0] if x.ndim == 3 else 1
    if not steps:
        raise ValueError("x has no steps: a sequence is at least one step long")
    sizes = {"N": x.shape[-2], "G": gates, "H": hidden}
    others = {"Wh": (Wh, "GHH" if lead else "HH"), **others}
    for name, (array, axes) in others.items():
        shape = tuple([sizes[axis] for axis in axes])
        if array is not None and getattr(array, "shape", None) != shape:
            raise ValueError(
                f"{name} has the shape {list(shape)} beside {sizes['N']} sequences, {in_size} "
                f"features and {hidden} hidden units, not {describe(array)}"
            )
    return steps, x.shape[-2], hidden


def result_dtype(xp: Any, *arrays: Array | None) -> Any:
    """Return the dtype that all operands fit into, of those that are there."""
    return xp.result_type(*[x.dtype for x in arrays if x is not None])


def logistic(xp: Any, z: Array) -> None:
    """Replace z by 1 / (1 + exp(-z)). Where the exponential overflows, 0 is right."""
    xp.negative(z, out=z)
    xp.exp(z, out=z)
    z += 1
    xp.reciprocal(z, out=z)


def add_products(xp: Any, gz: Array, W: Array) -> Array:
    """Return what arrives at the inputs of all gates: the sum over g of gz[g] W[g]^T."""
    total = xp.matmul(gz[0], W[0].T)
    for g in range(1, len(gz)):
        total += xp.matmul(gz[g], W[g].T)
    return total


def pull_composed(
    composed: Callable[..., Any], operands: Sequence[Any], gy: Any, needs: Sequence[bool]
) -> list[Any]:
    """Return gradients that can be differentiated again, through the same operation, composed.

    The rules on arrays hold intermediate results that no graph leads to. So, where the gradient
    is recorded, the operation is computed once more, of functions that each have their own rules.

    Args:
        composed: The operation as a function of Variables.
        operands: Its operands: Variables, arrays, or None.
        gy: The gradient of the result; a tuple if there are several.
        needs: For each operand whether its gradient is needed.

    Returns:
        A gradient, or None, for each operand.
    """
    places = [i for i, need in enumerate(needs) if need]

    def f(*chosen: Any) -> Any:
        arguments = list(operands)
        for i, x in zip(places, chosen, strict=True):
            arguments[i] = x
        return composed(*arguments)

    _, pull = vjp(f, tuple([operands[i] for i in places]), create_graph=True)
    gradients: list[Any] = [None] * len(operands)
    for i, g in zip(places, pull(gy), strict=True):
        gradients[i] = g
    return gradients
