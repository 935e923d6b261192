"""Convolution with 1x1 kernels in NumPy: a product of matrices on the images as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["backward_w", "backward_x", "fits", "forward"]

# With fewer pixels than this in an image, many images are brought together.
_PIXELS = 128


def fits(g: Geometry, dtype: Any) -> bool:
    """Tell whether a convolution can be computed this way."""
    return g.kernel == (1, 1) and g.pad == (0, 0)


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    x = _seen(x, g).reshape(g.batch, g.groups, -1, g.pixels)
    y = np.empty((g.batch, g.groups, g.out_channels // g.groups, g.pixels), x.dtype)
    matmul(np, W.reshape(g.grouped_w_shape), x, out=y)
    if b is not None:
        y += b.reshape(g.groups, -1, 1)
    return y.reshape(g.y_shape)


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    gy = gy.reshape(g.batch, g.groups, -1, g.pixels)
    product = matmul(np, W.reshape(g.grouped_w_shape).swapaxes(1, 2), gy)
    product = product.reshape(g.batch, g.in_channels, *g.out_size)
    if g.in_size == g.out_size:
        gx = product
    else:
        gx = np.zeros(g.x_shape, product.dtype)
        _seen(gx, g)[...] = product
    if b is not None:
        gx += b.reshape(-1, 1, 1)
    return gx


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    x = _seen(x, g).reshape(g.batch, g.groups, -1, g.pixels)
    gy = gy.reshape(g.batch, g.groups, -1, g.pixels)
    if g.pixels < _PIXELS and g.batch > 1:
        together = (1, 2, 0, 3)
        x = x.transpose(together).reshape(1, g.groups, x.shape[2], -1)
        gy = gy.transpose(together).reshape(1, g.groups, gy.shape[2], -1)
    gW = np.zeros(g.grouped_w_shape, x.dtype)
    product = np.empty_like(gW)
    for x_n, gy_n in zip(x, gy, strict=True):
        matmul(np, gy_n, x_n.swapaxes(1, 2), out=product)
        gW += product
    return gW.reshape(g.w_shape)


def _seen(x: Array, g: Geometry) -> Array:
    """Return the pixels that the kernels see: with a stride, not all."""
    (sh, sw), (OH, OW) = g.stride, g.out_size
    return x[:, :, : sh * (OH - 1) + 1 : sh, : sw * (OW - 1) + 1 : sw]
