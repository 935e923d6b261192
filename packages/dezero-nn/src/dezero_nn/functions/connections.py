"""Functions in which every output is a weighted sum of inputs."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.products import matmul
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_nn.functions.activations import relu, sigmoid
from dezero_nn.functions.rectifiers import _gelu, _slope_of_gelu, _slope_of_silu, gelu, silu

__all__ = ["joined_name", "linear", "linear_simple"]


# A rule of its own, since the composition has one array and one pass more: here the bias is added
# to the product in place.
@primitive(autocast="half")
def _linear(xp: Any, x: Array, W: Array, b: Array | None = None) -> Any:
    x_shape: Shape = getattr(x, "shape", ())
    W_shape: Shape = getattr(W, "shape", ())
    if len(W_shape) != 2 or not x_shape or x_shape[-1] != W_shape[0]:
        raise _misfit(x, W)
    y = matmul(xp, x if len(x_shape) == 2 else _rows(x), W)
    if b is not None:
        if b.shape == W_shape[1:] and b.dtype == y.dtype:
            y += b
        else:
            y = y + b
    return y if len(x_shape) == 2 else y.reshape(*x_shape[:-1], W_shape[1])


def _misfit(x: Array, W: Array) -> Exception:
    if getattr(x, "ndim", 0) == 0:
        return TypeError(f"x is an array of shape (..., in_size), not {describe(x)}")
    if getattr(W, "ndim", 0) != 2:
        return ValueError(f"W is a matrix of shape (in_size, out_size), not {describe(W)}")
    return ValueError(f"x has {x.shape[-1]} features, W takes {W.shape[0]}")


def _rows(x: Any) -> Any:
    """Return an array, or a Variable, as a matrix whose rows are the vectors of its last axis."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _linear_vjp_x(xp: Any, gy: Any, W: Any, x_shape: tuple[int, ...]) -> Any:
    gx = matmul(xp, _rows(gy), W.T)
    return gx if len(x_shape) == 2 else gx.reshape(x_shape)


def _linear_vjp_w(xp: Any, gy: Any, x: Any) -> Any:
    return matmul(xp, _rows(x).T, _rows(gy))


_linear.defvjp(_linear_vjp_x, _linear_vjp_w, lambda xp, gy: gy)


# --- with an activation, as one operation -------------------------------------------------------

# On a GPU one launch adds the bias and computes the activation, where two operations take two and
# another pass over memory. On the host that saves one part in a hundred, and operations that are
# apart tell more, in drawings and to the doctor; so there they stay apart.
_ACTIVATIONS: dict[str, Any] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": F.tanh,
    "silu": silu,
    "gelu": _gelu,
}
# Of the result, for the first three; of what went into the activation, for the others.
_SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda xp, y: y > 0,
    "sigmoid": lambda xp, y: y * (1 - y),
    "tanh": lambda xp, y: 1 - y * y,
    "silu": _slope_of_silu,
    "gelu": _slope_of_gelu,
}
_BY_RESULT = ("relu", "sigmoid", "tanh")


@primitive(extras=["product"], autocast="half")
def _linear_activation(
    xp: Any, x: Array, W: Array, b: Array | None = None, *, activation: str
) -> Any:
    product = _linear.on(xp, x, W)
    y = _ACTIVATIONS[activation].on(xp, product if b is None else product + b)
    return y, None if activation in _BY_RESULT else product


def _linear_activation_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    W: Any,
    b: Any,
    y: Any,
    product: Any,
    activation: str,
) -> list[Any]:
    v = y
    if activation not in _BY_RESULT:
        # To be differentiated again, it has to depend on x and W.
        product = _linear.on(xp, x, W) if xp is F else product
        v = product if b is None else product + b
    gz = gy * _SLOPES[activation](xp, v)
    gradients = [
        _linear_vjp_x(xp, gz, W, x.shape) if needs[0] else None,
        _linear_vjp_w(xp, gz, x) if needs[1] else None,
        gz,
    ]
    return gradients[: len(needs)]


_linear_activation.defvjp_joint(_linear_activation_vjp)


def joined_name(activation: Any, x: ArrayLike) -> str | None:
    """Return the name of an activation that `linear` computes along with the rest, or None."""
    array = x.data if isinstance(x, Variable) else x
    if isinstance(array, (np.ndarray, np.generic)) or not hasattr(array, "shape"):
        return None
    if activation is gelu:
        return "gelu"
    return next((name for name, ours in _ACTIVATIONS.items() if ours is activation), None)


def linear(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    activation: Callable[[Any], Any] | None = None,
) -> Variable:
    r"""Affine transformation of the last axis, :math:`y = x W + b`, or :math:`\phi(x W + b)`.

    Args:
        x: Of shape (N, I), or (..., I).
        W: The weights, of shape (I, O).
        b: The bias, of shape (O,), or None.
        activation: A function of the result, such as `relu`, or None. The value is
            ``activation(linear(x, W, b))``; on a GPU, `relu`, `sigmoid`, ``tanh``, `silu` and
            `gelu` are one operation with the rest.

    Returns:
        A Variable of shape (N, O), or (..., O).

    Raises:
        ValueError: `W` is no matrix, or the number of features I differs.
        TypeError: `x` is None or a number.

    Example:
        >>> import numpy as np
        >>> linear(np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]), np.array([0.5]))
        variable([[21.5]])
        >>> linear(np.array([[1.0, 2.0]]), np.array([[1.0], [-10.0]]), activation=relu)
        variable([[0.]])

    Deep Learning from Scratch 3, step 43.
    """
    if activation is None:
        return _linear(x, W, b)
    name = joined_name(activation, x)
    if name is not None:
        return _linear_activation(x, W, b, activation=name)
    y: Variable = activation(_linear(x, W, b))
    return y


def linear_simple(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Variable:
    """Compose `linear` of a product and a sum. The product is freed at once: no rule needs it.

    Args:
        x: Of shape (N, I), or (..., I).
        W: The weights, of shape (I, O).
        b: The bias, of shape (O,), or None.

    Returns:
        A Variable of shape (N, O), or (..., O).

    Example:
        >>> import numpy as np
        >>> linear_simple(np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]))
        variable([[21.]])

    Deep Learning from Scratch 3, step 43.
    """
    y: Variable = F.matmul(x, W)
    return y if b is None else y + b
