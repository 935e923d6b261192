"""Convolution and its two gradients, by cuDNN where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dezero_core.typing import Array
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
    if dtype is None or (b is not None and b.shape != W.shape[:1]):
        return NotImplemented
    size = out_size(x.shape[2:], W.shape[2:], stride, pad, dilation)
    if size is None:
        return NotImplemented
    y_shape = (x.shape[0], W.shape[0], *size)
    what = Convolution("conv_fprop", x.shape, W.shape, y_shape, stride, pad, dilation, dtype)
    return _run(xp, what, groups, x, W, b)


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
    """Take back what a convolution did: its `y` is x here, and its `x` the result."""
    dtype = _supported(xp, x, W, b)
    if dtype is None or (b is not None and b.shape != (W.shape[1] * groups,)):
        return NotImplemented
    if outsize is None:
        sizes = zip(x.shape[2:], W.shape[2:], stride, pad, dilation, strict=True)
        height, width = (s * (n - 1) + d * (k - 1) + 1 - 2 * p for n, k, s, p, d in sizes)
        outsize = height, width
    result = (x.shape[0], W.shape[1] * groups, *outsize)
    what = Convolution("conv_dgrad", result, W.shape, x.shape, stride, pad, dilation, dtype)
    return _run(xp, what, groups, x, W, b)


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
    if dtype is None or groups < 1:
        return NotImplemented
    w = (gradient.shape[1], x.shape[1] // groups, *kernel_size)
    what = Convolution("conv_wgrad", x.shape, w, gradient.shape, stride, pad, dilation, dtype)
    return _run(xp, what, groups, x, gradient, None)


def _supported(xp: Any, x0: Array, x1: Array, b: Array | None = None) -> Any:
    """Return the dtype of operands that cuDNN may take; otherwise None."""
    if LIBRARY.module is None or x0.ndim != 4 or x1.ndim != 4:
        return None
    return supported(xp, x0, x1, b)


def _run(xp: Any, what: Convolution, groups: int, x0: Array, x1: Array, b: Array | None) -> Any:
    result = compute(xp, what, x0, x1) if _fits(what, groups) else None
    if result is None:
        return NotImplemented
    if b is not None:
        result += b.reshape(-1, 1, 1)
    return result


def _fits(what: Convolution, groups: int) -> bool:
    """Tell whether shapes fit together. What does not, the general implementation explains."""
    x, w, y = what.x, what.w, what.y
    return (
        min(*x, *w, *y, groups) > 0
        and x[0] == y[0]
        and (w[1] * groups, w[0]) == (x[1], y[1])
        and w[0] % groups == 0
        and out_size(x[2:], w[2:], what.stride, what.pad, what.dilation) == y[2:]
    )


#: What stands in for primitives, by name. Their rules are each other.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"conv2d": _conv2d, "deconv2d": _deconv2d, "conv2d_weight": _conv2d_weight}
)
