"""Convolution and its two gradients, by cuDNN where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from dezero_core.typing import Array, Shape
from dezero_cuda.cudnn_library import LIBRARY
from dezero_cuda.kernels._cudnn import Convolution, compute
from dezero_cuda.kernels._launch import supported
from dezero_cuda.kernels._sliding import Pair, out_size

__all__ = ["KERNELS"]


def _conv2d(
    xp: Any,
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    dtype = _supported(xp, x, W, b)
    if dtype is None:
        return NotImplemented
    what = _forward(x.shape, W.shape, stride, pad, dilation, groups, dtype)
    return _run(xp, what, x, W, b)


def _deconv2d(
    xp: Any,
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    stride: Pair,
    pad: Pair,
    outsize: Pair | None,
    dilation: Pair,
    groups: int,
) -> Any:
    dtype = _supported(xp, x, W, b)
    if dtype is None:
        return NotImplemented
    what = _backward_x(x.shape, W.shape, outsize, stride, pad, dilation, groups, dtype)
    return _run(xp, what, x, W, b)


def _conv2d_weight(
    xp: Any,
    x: Array,
    gradient: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    dtype = _supported(xp, x, gradient)
    if dtype is None:
        return NotImplemented
    what = _backward_w(x.shape, gradient.shape, kernel_size, stride, pad, dilation, groups, dtype)
    return _run(xp, what, x, gradient, None)


def _supported(xp: Any, x0: Array, x1: Array, b: Array | None = None) -> Any:
    """Return the dtype of operands that cuDNN may take; otherwise None."""
    if LIBRARY.module is None or x0.ndim != 4 or x1.ndim != 4:
        return None
    return supported(xp, x0, x1, b)


def _run(xp: Any, what: Convolution | None, x0: Array, x1: Array, b: Array | None) -> Any:
    if what is None or (b is not None and b.shape != what.result[1:2]):
        return NotImplemented
    result = compute(xp, what, x0, x1)
    if result is None:
        return NotImplemented
    if b is not None:
        result += b.reshape(-1, 1, 1)
    return result


# --- what is to be computed; None for what does not fit: the general function says why ------------


@lru_cache(maxsize=4096)
def _forward(
    x: Shape, w: Shape, stride: Pair, pad: Pair, dilation: Pair, groups: int, dtype: Any
) -> Convolution | None:
    size = out_size(x[2:], w[2:], stride, pad, dilation)
    y = (x[0], w[0], *(size or (0, 0)))
    return _checked(Convolution("conv_fprop", x, w, y, stride, pad, dilation, dtype), groups)


@lru_cache(maxsize=4096)
def _backward_x(
    y: Shape,
    w: Shape,
    size: Pair | None,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
    dtype: Any,
) -> Convolution | None:
    """Describe the transposed convolution: it takes what a convolution gives."""
    if size is None:
        sizes = zip(y[2:], w[2:], stride, pad, dilation, strict=True)
        height, width = (s * (n - 1) + d * (k - 1) + 1 - 2 * p for n, k, s, p, d in sizes)
        size = height, width
    x = (y[0], w[1] * groups, *size)
    return _checked(Convolution("conv_dgrad", x, w, y, stride, pad, dilation, dtype), groups)


@lru_cache(maxsize=4096)
def _backward_w(
    x: Shape,
    y: Shape,
    kernel: Pair,
    stride: Pair,
    pad: Pair,
    dilation: Pair,
    groups: int,
    dtype: Any,
) -> Convolution | None:
    w = (y[1], x[1] // max(groups, 1), *kernel)
    return _checked(Convolution("conv_wgrad", x, w, y, stride, pad, dilation, dtype), groups)


def _checked(what: Convolution, groups: int) -> Convolution | None:
    x, w, y = what.x, what.w, what.y
    fits = (
        min(*x, *w, *y, groups) > 0
        and x[0] == y[0]
        and (w[1] * groups, w[0]) == (x[1], y[1])
        and w[0] % groups == 0
        and out_size(x[2:], w[2:], what.stride, what.pad, what.dilation) == y[2:]
    )
    return what if fits else None


#: What stands in for primitives, by name. Their rules are each other.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"conv2d": _conv2d, "deconv2d": _deconv2d, "conv2d_weight": _conv2d_weight}
)
