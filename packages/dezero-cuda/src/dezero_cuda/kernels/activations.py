"""Functions element by element: one pass over memory, 16 bytes at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from dezero_core.errors import describe
from dezero_core.typing import Array
from dezero_cuda.kernels._launch import contiguous, elements, launch, supported

__all__ = [
    "BY_RESULT",
    "KERNELS",
    "add_and_activate",
    "bias_activation",
    "bias_activation_gradient",
]

#: Of which the result tells the slope, so that it may take the operand's place.
BY_RESULT = ("relu", "sigmoid", "tanh")
_BY_OPERAND = ("silu", "gelu", "gelu_by_tanh")
_NAMES = ("identity", *BY_RESULT, *_BY_OPERAND)


def bias_activation(xp: Any, x: Array, b: Array | None = None, activation: str = "relu") -> Array:
    """Compute an activation of ``x + b`` in one launch: one pass where two operations take three.

    Args:
        xp: CuPy.
        x: Of shape (..., C).
        b: The bias, of shape (C,), or None.
        activation: ``"identity"``, ``"relu"``, ``"sigmoid"``, ``"tanh"``, ``"silu"``, ``"gelu"`` or
            ``"gelu_by_tanh"``.

    Returns:
        An array of the shape of `x`; NotImplemented if the arrays are no floating-point numbers of
        one dtype.

    Raises:
        ValueError: There is no such activation, or `b` has another shape.

    Example:
        >>> import dezero_cuda
        >>> if dezero_cuda.is_available():
        ...     import cupy
        ...     y = bias_activation(cupy, cupy.zeros((2, 3)), cupy.ones(3))
    """
    _check(activation, x, b)
    dtype = supported(xp, x, b)
    return NotImplemented if dtype is None else _forward(xp, activation, dtype, x, b)


def bias_activation_gradient(
    xp: Any, gy: Array, v: Array, activation: str = "relu", b: Array | None = None
) -> Array:
    """Compute the gradient of what goes into an activation.

    The bias's is the sum of it over all axes but the last.

    Args:
        xp: CuPy.
        gy: The result's gradient.
        v: The result; for silu and both gelus, which it does not tell enough of, ``x + b``, or
            ``x`` if `b` is given.
        activation: As of `bias_activation`.
        b: The bias of silu or gelu, of shape (C,), or None if `v` has it.

    Returns:
        An array of the same shape; NotImplemented if the arrays are no floating-point numbers of
        one dtype and shape.

    Raises:
        ValueError: There is no such activation, or `b` has another shape.

    Example:
        >>> import dezero_cuda
        >>> if dezero_cuda.is_available():
        ...     import cupy
        ...     gx = bias_activation_gradient(cupy, cupy.ones(3), cupy.ones(3))
    """
    _check(activation, v, b)
    dtype = supported(xp, gy, v, b)
    if dtype is None or gy.shape != v.shape:
        return NotImplemented
    gx = xp.empty(v.shape, dtype)
    if n := prod(v.shape):
        grid, block = elements(n, 16 // dtype.itemsize)
        bias, columns = _bias(xp, v, b)
        args = (contiguous(xp, gy), contiguous(xp, v), bias, gx, n, columns)
        launch(xp, "activations", f"{activation}_backward", dtype, grid, block, args)
    return gx


def add_and_activate(xp: Any, activation: str, dtype: Any, x: Array, b: Array | None) -> None:
    """Put an activation of ``x + b`` into the place of `x`, which lies in C order."""
    _launch_forward(xp, activation, dtype, x, b, x)


def _check(activation: str, x: Any, b: Any) -> None:
    if activation not in _NAMES:
        raise ValueError(f"bias_activation: activation is one of {_NAMES}, got {activation!r}")
    if b is not None and b.shape != x.shape[-1:]:
        raise ValueError(
            f"bias_activation: b has the shape (C,), as the last axis of x, {describe(x)}; got "
            f"{describe(b)}"
        )


def _bias(xp: Any, x: Array, b: Array | None) -> tuple[Any, int]:
    """Return what a kernel takes for a bias, and of how many columns."""
    return (0, 1) if b is None else (contiguous(xp, b), x.shape[-1])


def _forward(xp: Any, activation: str, dtype: Any, x: Array, b: Array | None) -> Array:
    y = xp.empty(x.shape, dtype)
    _launch_forward(xp, activation, dtype, contiguous(xp, x), b, y)
    return y


def _launch_forward(
    xp: Any, activation: str, dtype: Any, x: Array, b: Array | None, y: Array
) -> None:
    if n := prod(x.shape):
        grid, block = elements(n, 16 // dtype.itemsize)
        bias, columns = _bias(xp, x, b)
        args = (x, bias, y, n, columns)
        launch(xp, "activations", f"{activation}_forward", dtype, grid, block, args)


def _value_of(activation: str) -> Callable[..., Any]:
    def kernel(xp: Any, x: Any) -> Any:
        dtype = supported(xp, x)
        return NotImplemented if dtype is None else _forward(xp, activation, dtype, x, None)

    return kernel


def _slope_by_result(activation: str) -> Callable[..., Any]:
    def kernel(xp: Any, gy: Any, y: Any) -> Any:
        return bias_activation_gradient(xp, gy, y, activation)

    return kernel


def _slope_by_operand(activation: str) -> Callable[..., Any]:
    def kernel(xp: Any, gy: Any, x: Any) -> Any:
        return bias_activation_gradient(xp, gy, x, activation)

    return kernel


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: _value_of(name) for name in BY_RESULT + _BY_OPERAND}
    | {f"{name}.vjp.x": _slope_by_result(name) for name in BY_RESULT}
    | {f"{name}.vjp.x": _slope_by_operand(name) for name in _BY_OPERAND}
)
