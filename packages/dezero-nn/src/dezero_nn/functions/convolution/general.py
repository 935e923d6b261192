"""Convolution on any array library: windows laid out as columns, and a product of matrices.

This is how other libraries than NumPy compute it, unless their backend brings kernels of its own,
and what the faster algorithms are tested against. Columns and products may be such kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_nn.functions.convolution.geometry import Geometry
from dezero_nn.functions.windows import _col2im, _im2col

__all__ = ["backward_w", "backward_x", "forward"]

# How many numbers columns may hold, 256 MB in single precision. The images have but a fraction of
# that; where they are many, some are computed at a time.
_AT_ONCE = 1 << 26


def forward(xp: Any, x: Array, W: Array, g: Geometry) -> Array:
    """Return the convolution of images with weights."""
    W = W.reshape(g.grouped_w_shape)
    parts = [_multiply(xp, W, _columns(xp, x[some], g)) for some in _parts(g)]
    return _joined(xp, parts).reshape(g.y_shape)


def backward_x(xp: Any, gy: Array, W: Array, g: Geometry) -> Array:
    """Return the images' gradient: the transposed convolution."""
    W = W.reshape(g.grouped_w_shape).swapaxes(1, 2)
    gy = _by_groups(gy, g)

    def compute(gy: Array) -> Array:
        images = len(gy)
        col = _multiply(xp, W, gy).reshape(images, g.in_channels, *g.kernel, *g.out_size)
        shape = (images, *g.x_shape[1:])
        settings = {"stride": g.stride, "pad": g.pad, "dilation": g.dilation}
        return _col2im.compute(xp, col, input_shape=shape, **settings)[0]

    return _joined(xp, [compute(gy[some]) for some in _parts(g)])


def backward_w(xp: Any, x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    gy = _by_groups(gy, g)

    def compute(x: Array, gy: Array) -> Array:
        col = _columns(xp, x, g)
        if g.pixels >= gy.shape[2]:
            return _multiply(xp, gy, col.swapaxes(2, 3)).sum(axis=0)
        # A product for each image would be larger than the columns. All images are one long one.
        gy, col = (
            a.transpose(1, 2, 0, 3).reshape(*a.shape[1:3], a.shape[0] * a.shape[3])
            for a in (gy, col)
        )
        return _multiply(xp, gy, col.swapaxes(1, 2))

    first, *others = [compute(x[some], gy[some]) for some in _parts(g)]
    for other in others:
        first += other
    return first.reshape(g.w_shape)


def _multiply(xp: Any, a: Array, b: Array) -> Array:
    """Multiply stacks of matrices; not on the host, by what a backend has for that."""
    return matmul(np, a, b) if xp is np else F.matmul.compute(xp, a, b)[0]


def _parts(g: Geometry) -> Iterator[slice]:
    """Yield images whose columns are made at once."""
    of_one = g.in_channels * prod(g.kernel) * g.pixels
    n = max(1, _AT_ONCE // max(1, of_one))
    for i in range(0, max(g.batch, 1), n):
        yield slice(i, i + n)


def _joined(xp: Any, parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else xp.concatenate(parts)


def _by_groups(gy: Array, g: Geometry) -> Array:
    return gy.reshape(g.batch, g.groups, g.out_channels // g.groups, g.pixels)


def _columns(xp: Any, x: Array, g: Geometry) -> Array:
    settings = {"stride": g.stride, "pad": g.pad, "dilation": g.dilation}
    col = _im2col.compute(xp, x, kernel_size=g.kernel, **settings)[0]
    return col.reshape(len(x), g.groups, g.window_size, g.pixels)
