"""Windows that slide over images: as columns, in one number each, and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from dezero_core.typing import Array, Shape
from dezero_cuda.kernels._launch import contiguous, elements, launch, supported
from dezero_cuda.kernels._sliding import Pair, out_size

__all__ = ["KERNELS"]

# The kernels count elements in 32 bits.
_MOST = 2**31 - 1


def _im2col(
    xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair, dilation: Pair
) -> Any:
    dtype = _supported(xp, x)
    out = None if dtype is None else out_size(x.shape[2:], kernel_size, stride, pad, dilation)
    if out is None:
        return NotImplemented
    shape = (*x.shape[:2], *kernel_size, *out)
    pairs = (x.shape[2:], out, kernel_size, stride, pad, dilation)
    return _launch(xp, "images_to_columns", dtype, (x,), shape, pairs)


def _col2im(
    xp: Any, col: Array, *, input_shape: Shape, stride: Pair, pad: Pair, dilation: Pair
) -> Any:
    dtype = supported(xp, col)
    if dtype is None or col.ndim != 6 or col.shape[:2] != input_shape[:2]:
        return NotImplemented
    kernel_size, out = col.shape[2:4], col.shape[4:]
    if out_size(input_shape[2:], kernel_size, stride, pad, dilation) != out:
        return NotImplemented
    pairs = (input_shape[2:], out, kernel_size, stride, pad, dilation)
    return _launch(xp, "columns_to_images", dtype, (col,), input_shape, pairs)


def _pooling(xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    return _pool(xp, "largest_of_windows", x, kernel_size, stride, pad)


def _average_pooling(xp: Any, x: Array, *, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    if x.shape[2:] == kernel_size and pad == (0, 0):
        return NotImplemented  # a sum over rows, which one thread for each would be slow at
    return _pool(xp, "means_of_windows", x, kernel_size, stride, pad)


def _pool(xp: Any, function: str, x: Array, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    dtype = _supported(xp, x)
    out = None if dtype is None else out_size(x.shape[2:], kernel_size, stride, pad, (1, 1))
    if out is None:
        return NotImplemented
    pairs = (x.shape[2:], out, kernel_size, stride, pad)
    return _launch(xp, function, dtype, (x,), (*x.shape[:2], *out), pairs)


def _to_winners(
    xp: Any, gy: Array, x: Array, largest: Array, *, kernel_size: Pair, stride: Pair, pad: Pair
) -> Any:
    dtype = _supported(xp, gy, x, largest)
    if dtype is None or gy.shape != largest.shape:
        return NotImplemented
    pairs = (x.shape[2:], largest.shape[2:], kernel_size, stride, pad)
    return _launch(xp, "gradient_of_largest", dtype, (gy, x, largest), x.shape, pairs)


def _spread(xp: Any, gy: Array, *, size: Shape, kernel_size: Pair, stride: Pair, pad: Pair) -> Any:
    dtype = _supported(xp, gy)
    if dtype is None:
        return NotImplemented
    pairs = (size, gy.shape[2:], kernel_size, stride, pad)
    return _launch(xp, "gradient_of_means", dtype, (gy,), (*gy.shape[:2], *size), pairs)


def _supported(xp: Any, *images: Array) -> Any:
    return supported(xp, *images) if all(x.ndim == 4 for x in images) else None


def _launch(
    xp: Any,
    function: str,
    dtype: Any,
    operands: tuple[Array, ...],
    shape: Shape,
    pairs: tuple[Shape, ...],
) -> Any:
    count = prod(shape)
    if not count or max(count, *[x.size for x in operands]) > _MOST:
        return NotImplemented
    result = xp.empty(shape, dtype)
    grid, block = elements(count, 1)
    packed = [y | x << 32 for y, x in pairs]
    args = (*[contiguous(xp, x) for x in operands], result, count, *packed)
    launch(xp, "windows", function, dtype, grid, block, args)
    return result


#: What stands in for primitives, by name. Their rules are each other.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "im2col": _im2col,
        "col2im": _col2im,
        "pooling": _pooling,
        "to_winners": _to_winners,
        "average_pooling": _average_pooling,
        "spread": _spread,
    }
)
