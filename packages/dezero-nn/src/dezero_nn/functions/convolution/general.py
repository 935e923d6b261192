"""Convolution on any array library: all windows laid out at once, and one product of matrices.

This is how other libraries than NumPy compute it, unless their backend brings kernels of its own,
and what the faster algorithms are tested against.
"""

from __future__ import annotations

from typing import Any

from dezero_core.parallel import matmul
from dezero_core.typing import Array
from dezero_nn.functions.convolution.geometry import Geometry
from dezero_nn.functions.windows import _col2im, _im2col

__all__ = ["backward_w", "backward_x", "forward"]


def forward(xp: Any, x: Array, W: Array, g: Geometry) -> Array:
    """Return the convolution of images with weights."""
    y = matmul(xp, W.reshape(g.grouped_w_shape), _columns(xp, x, g))
    return y.reshape(g.y_shape)


def backward_x(xp: Any, gy: Array, W: Array, g: Geometry) -> Array:
    """Return the images' gradient: the transposed convolution."""
    gy = gy.reshape(g.batch, g.groups, g.out_channels // g.groups, g.pixels)
    col = matmul(xp, W.reshape(g.grouped_w_shape).swapaxes(1, 2), gy)
    col = col.reshape(g.batch, g.in_channels, *g.kernel, *g.out_size)
    settings = {"stride": g.stride, "pad": g.pad, "dilation": g.dilation}
    return _col2im.compute(xp, col, input_shape=g.x_shape, **settings)[0]


def backward_w(xp: Any, x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    gy = gy.reshape(g.batch, g.groups, g.out_channels // g.groups, g.pixels)
    return matmul(xp, gy, _columns(xp, x, g).swapaxes(2, 3)).sum(axis=0).reshape(g.w_shape)


def _columns(xp: Any, x: Array, g: Geometry) -> Array:
    settings = {"stride": g.stride, "pad": g.pad, "dilation": g.dilation}
    col = _im2col.compute(xp, x, kernel_size=g.kernel, **settings)[0]
    return col.reshape(g.batch, g.groups, g.window_size, g.pixels)
