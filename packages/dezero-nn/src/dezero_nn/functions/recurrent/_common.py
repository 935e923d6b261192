"""What the recurrent operations share: shapes, buffers for whole sequences, higher derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

import numpy as np

from dezero_core import vjp
from dezero_core.blas import one_blas_thread
from dezero_core.errors import describe
from dezero_core.products import matmul
from dezero_core.typing import Array, Shape

__all__ = [
    "activate",
    "add_products",
    "check_operands",
    "project",
    "pull_composed",
    "result_dtype",
    "sum_rows",
    "transpose_matrices",
    "undivided",
]


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
    dtypes = [x.dtype for x in arrays if x is not None]
    # Nearly always all are the same, and to see that takes a tenth of the time.
    return dtypes[0] if dtypes.count(dtypes[0]) == len(dtypes) else xp.result_type(*dtypes)


def activate(xp: Any, z: Array, n: int) -> None:
    """Apply the logistic function to the first n blocks of z, and tanh to the others, in place.

    As 1/2 + tanh(z/2) / 2: half the time of exponentials, and exact to a rounding error of 1. Of a
    gate that is almost closed that leaves few digits, but the gate is a factor beside others.
    """
    gates = z[:n]
    gates *= 0.5
    xp.tanh(z, out=z)
    gates *= 0.5
    gates += 0.5


def sum_rows(xp: Any, rows: Array) -> Array:
    """Return the sum over the last axis but one: as a product, several times faster."""
    return xp.matmul(xp.ones(rows.shape[-2], rows.dtype), rows)


def project(xp: Any, x: Array, W: Array, b: Array | None, dtype: Any) -> Array:
    """Return the product of the inputs of all steps with the weights, and the biases added.

    Args:
        xp: The array library.
        x: Of shape (T, N, I), or (N, I).
        W: Of shape (I, H), or (G, I, H).
        b: Of shape (H,), or (G, H); or None.
        dtype: The dtype of the result.

    Returns:
        An array of shape (T N, H), or (G, T N, H).
    """
    x = x.reshape(prod(x.shape[:-1]), x.shape[-1])
    if x.shape[1] == 1:
        # NumPy multiplies by one row ten times as slowly as by two: so the biases, the weights of
        # an input that is always 1, make a second one.
        second = xp.zeros_like(W) if b is None else b.reshape(W.shape)
        x = xp.concatenate([x, xp.ones_like(x)], axis=1)
        return matmul(xp, x, xp.concatenate([W, second], axis=-2)).astype(dtype, copy=False)
    z = matmul(xp, x, W).astype(dtype, copy=False)
    if b is not None:
        z += b.reshape(*b.shape[:-1], 1, b.shape[-1])
    return z


def add_products(xp: Any, gz: Array, W: Array) -> Array:
    """Return what arrives at the inputs of all gates: the sum over g of gz[g] W[g]^T."""
    total = matmul(xp, gz[0], W[0].T)
    for g in range(1, len(gz)):
        total += matmul(xp, gz[g], W[g].T)
    return total


def transpose_matrices(xp: Any, W: Array) -> Array:
    """Return a stack of matrices, each transposed, in memory too.

    A copy, as products with it, one for each step, are twice as fast then.
    """
    return xp.ascontiguousarray(W.transpose(0, 2, 1))


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


def undivided(xp: Any, multiplications: int) -> AbstractContextManager[None]:
    """Keep BLAS from dividing the product of each step, if in one thread it is done sooner.

    That is so for stacks of small matrices, one for each gate: an LSTM of 100 units, while it had
    them, took 3.8 ms for 29 steps of 30 sequences so, and 4.7 ms otherwise.
    """
    return one_blas_thread if xp is np and multiplications < 1 << 23 else nullcontext()
