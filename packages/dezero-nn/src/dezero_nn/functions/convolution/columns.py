"""Convolution in NumPy by columns: a few images at a time, in one buffer that stays in the cache.

What windows see is copied into the columns of a matrix, and a product of matrices does the rest.
Laid out for the whole batch at once, as `general` does it, the columns are many times as large as
the images and travel to memory and back. Here the buffer holds some images, or some rows of a
large one; it is used again for the next, and made again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dezero_core.typing import Array
from dezero_nn.functions.convolution.frames import Frames
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["backward_w", "backward_x", "forward", "transpose_weights", "transposed"]

# What the buffer may hold, in bytes: with the product's operands it should stay in the cache.
_BUFFER = 1 << 20
# Products of matrices are slow with fewer columns than this.
_COLUMNS = 192


@dataclass(frozen=True, slots=True)
class _Block:
    """Some images, and of these some rows of the result."""

    images: slice
    rows: slice


def _blocks(g: Geometry, itemsize: int) -> Iterator[_Block]:
    height, width = g.out_size
    size = itemsize * g.in_channels * prod(g.kernel)
    columns = max(_COLUMNS, _BUFFER // max(size, 1))
    if columns < g.pixels:
        # As even as can be.
        n = -(-g.pixels // columns)
        rows = -(-height // n)
        for i in range(g.batch):
            for row in range(0, height, rows):
                yield _Block(slice(i, i + 1), slice(row, min(row + rows, height)))
    else:
        images = 1 if g.pixels >= _COLUMNS else columns // g.pixels
        for i in range(0, g.batch, images):
            yield _Block(slice(i, min(i + images, g.batch)), slice(0, height))


class _Columns:
    """The columns of one block of images after the other."""

    def __init__(self, x: Array, g: Geometry) -> None:
        self._g = g
        self._frames = Frames(x, -g.pad[1], g.in_size[1] + 2 * g.pad[1])
        self._col = np.empty(0, x.dtype)

    def of(self, block: _Block) -> Array:
        """Return the columns, (groups, window_size, images * pixels). Valid until the next call."""
        g = self._g
        (KH, KW), (sh, sw), (dh, dw) = g.kernel, g.stride, g.dilation
        rows, width = block.rows.stop - block.rows.start, g.out_size[1]
        images = block.images.stop - block.images.start
        top = block.rows.start * sh - g.pad[0]
        x = self._frames.take(block.images, top, (rows - 1) * sh + (KH - 1) * dh + 1)
        N, C, H, W = x.strides
        seen = as_strided(
            x,
            (g.in_channels, KH, KW, images, rows, width),
            (C, H * dh, W * dw, N, H * sh, W * sw),
            writeable=False,
        )
        if self._col.size < seen.size:
            self._col = np.empty(seen.size, x.dtype)
        col = self._col[: seen.size].reshape(seen.shape)
        np.copyto(col, seen)
        return col.reshape(g.groups, g.window_size, images * rows * width)


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    y = np.empty(g.y_shape, x.dtype)
    W = W.reshape(g.grouped_w_shape)
    bias = None if b is None else b.reshape(g.groups, -1, 1)
    columns = _Columns(x, g)
    width = g.out_size[1]
    grouped = y.reshape(g.batch, g.groups, -1, g.pixels)
    for block in _blocks(g, x.itemsize):
        col = columns.of(block)
        part = grouped[block.images, ..., block.rows.start * width : block.rows.stop * width]
        if len(part) == 1:
            np.matmul(W, col, out=part[0])
            if bias is not None:
                part += bias
        else:
            product = np.matmul(W, col)
            if bias is not None:
                product += bias
            part[...] = _images_first(product, part)
    return y


def _images_first(product: Array, part: Array) -> Array:
    """Turn (groups, channels, images * pixels) into the part's (images, groups, channels, pixels)."""
    images, groups, channels, pixels = part.shape
    return product.reshape(groups, channels, images, pixels).transpose(2, 0, 1, 3)


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    gW = np.zeros(g.grouped_w_shape, x.dtype)
    product = np.empty_like(gW)
    columns = _Columns(x, g)
    width = g.out_size[1]
    grouped = gy.reshape(g.batch, g.groups, -1, g.pixels)
    for block in _blocks(g, x.itemsize):
        col = columns.of(block)
        part = grouped[block.images, ..., block.rows.start * width : block.rows.stop * width]
        if len(part) == 1:
            rows = part[0]
        else:
            rows = part.transpose(1, 2, 0, 3).reshape(g.groups, -1, col.shape[2])
        np.matmul(rows, col.swapaxes(1, 2), out=product)
        gW += product
    return gW.reshape(g.w_shape)


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    turned = transposed(g)
    if turned is not None:
        return forward(gy, transpose_weights(W, g), b, turned)
    return _scatter(gy, W, b, g)


def transposed(g: Geometry) -> Geometry | None:
    """Return the convolution that a transposed one is, if its stride is 1; otherwise None."""
    pad = tuple([d * (k - 1) - p for d, k, p in zip(g.dilation, g.kernel, g.pad, strict=True)])
    if g.stride != (1, 1) or min(pad) < 0:
        return None
    return replace(
        g,
        in_channels=g.out_channels,
        out_channels=g.in_channels,
        in_size=g.out_size,
        out_size=g.in_size,
        pad=(pad[0], pad[1]),
    )


def transpose_weights(W: Array, g: Geometry) -> Array:
    """Return the weights of the convolution that `transposed` returns."""
    W = W.reshape(g.groups, -1, *W.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    return np.ascontiguousarray(W).reshape(g.in_channels, -1, *g.kernel)


def _scatter(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Add up the columns of the images' gradient, image by image."""
    (H, Wd), (ph, pw), (OH, OW) = g.in_size, g.pad, g.out_size
    (sh, sw), (dh, dw) = g.stride, g.dilation
    gx = np.empty(g.x_shape, gy.dtype)
    W = W.reshape(g.grouped_w_shape).swapaxes(1, 2)
    col = np.empty((g.groups, g.window_size, g.pixels), gy.dtype)
    parts = col.reshape(g.in_channels, *g.kernel, OH, OW)
    padded = np.empty((g.in_channels, H + 2 * ph, Wd + 2 * pw), gy.dtype)
    bias: Any = 0 if b is None else b.reshape(-1, 1, 1)
    for gx_n, gy_n in zip(gx, gy.reshape(g.batch, g.groups, -1, g.pixels), strict=True):
        np.matmul(W, gy_n, out=col)
        padded[...] = bias
        for i in range(g.kernel[0]):
            for j in range(g.kernel[1]):
                top, left = i * dh, j * dw
                place = padded[
                    :, top : top + sh * (OH - 1) + 1 : sh, left : left + sw * (OW - 1) + 1 : sw
                ]
                place += parts[:, i, j]
        gx_n[...] = padded[:, ph : ph + H, pw : pw + Wd]
    return gx
