"""Convolution in NumPy by columns: a few images at a time, in one buffer that stays in the cache.

What windows see is copied into the columns of a matrix, and a product of matrices does the rest.
Laid out for the whole batch at once, as `general` does it, the columns are many times as large as
the images and travel to memory and back. Here the buffer holds some images, or some rows of a
large one; it is used again for the next, and made again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dezero_core.parallel import in_threads
from dezero_core.products import matmul
from dezero_core.typing import Array
from dezero_nn.functions.convolution.frames import Frames
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["backward_w", "backward_x", "forward", "transposed"]

# What the buffer may hold, in bytes: with the product's operands it should stay in the cache.
_BUFFER = 1 << 20
# But at least so many columns: the weights are read anew for each buffer.
_COLUMNS = 256
# Smaller images than this, in pixels, are multiplied together.
_SMALL = 128


@dataclass(frozen=True, slots=True)
class _Block:
    """Some images, and of these some rows of the result."""

    images: slice
    rows: slice
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of images, of rows and of pixels in a row."""
        images = self.images.stop - self.images.start
        return images, self.rows.stop - self.rows.start, self.width

    def of(self, y: Array, groups: int) -> Array:
        """Return what a result has here: (images, groups, channels of a group, pixels)."""
        part = y[self.images].reshape(self.shape[0], groups, -1, prod(y.shape[2:]))
        return part[..., self.rows.start * self.width : self.rows.stop * self.width]


def _blocks(g: Geometry, itemsize: int) -> Iterator[_Block]:
    height, width = g.out_size
    columns = max(_COLUMNS, _BUFFER // (itemsize * g.in_channels * prod(g.kernel)))
    if columns < g.pixels:
        # As even as can be.
        rows = -(-height // -(-g.pixels // columns))
        for i, row in product(range(g.batch), range(0, height, rows)):
            yield _Block(slice(i, i + 1), slice(row, min(row + rows, height)), width)
    else:
        images = columns // g.pixels
        for i in range(0, g.batch, images):
            yield _Block(slice(i, min(i + images, g.batch)), slice(0, height), width)


class _Columns:
    """The columns of one block of images after the other, in a buffer.

    Args:
        x: The images.
        g: The geometry.
        constant: Whether each column ends with a 1.
    """

    def __init__(self, x: Array, g: Geometry, constant: bool = False) -> None:
        self._g = g
        self._constant = constant
        self._size = g.window_size + constant
        self._frames = Frames(x, -g.pad[1], g.in_size[1] + 2 * g.pad[1])
        self._buffer = np.empty(0, x.dtype)
        self._layout: tuple[int, ...] = ()

    def image_by_image(self, block: _Block) -> Array:
        """Return the columns, (images, groups, size, pixels). Valid until the next call."""
        g, (images, height, width) = self._g, block.shape
        col = self._take((images, g.groups, self._size, height * width))
        target = col[:, :, : g.window_size]
        seen = self._seen(block)
        target.reshape(images, g.groups, -1, *g.kernel, height, width)[...] = seen
        return col

    def together(self, block: _Block) -> Array:
        """Return the columns, (groups, size, images * pixels). Valid until the next call."""
        g, (images, height, width) = self._g, block.shape
        col = self._take((g.groups, self._size, images * height * width))
        target = col[:, : g.window_size].reshape(g.groups, -1, *g.kernel, images, height, width)
        target[...] = self._seen(block).transpose(1, 2, 3, 4, 0, 5, 6)
        return col

    def _take(self, shape: tuple[int, ...]) -> Array:
        if self._layout != shape:
            self._layout = shape
            self._buffer = np.empty(shape, self._buffer.dtype)
            if self._constant:
                self._buffer[..., -1, :] = 1
        return self._buffer

    def _seen(self, block: _Block) -> Array:
        """Return what windows see: a view (images, groups, channels, KH, KW, height, width)."""
        g, (images, height, width) = self._g, block.shape
        (KH, KW), (sh, sw), (dh, dw) = g.kernel, g.stride, g.dilation
        top = block.rows.start * sh - g.pad[0]
        x = self._frames.take(block.images, top, (height - 1) * sh + (KH - 1) * dh + 1)
        N, C, H, W = x.strides
        channels = g.in_channels // g.groups
        return as_strided(
            x,
            (images, g.groups, channels, KH, KW, height, width),
            (N, C * channels, C, H * dh, W * dw, H * sh, W * sw),
            writeable=False,
        )


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    y = np.empty(g.y_shape, x.dtype)
    W = W.reshape(g.grouped_w_shape)
    if b is not None:
        # One weight more, of a constant 1.
        W = np.concatenate([W, b.reshape(g.groups, -1, 1)], axis=2)

    def compute(blocks: Sequence[_Block]) -> None:
        columns = _Columns(x, g, constant=b is not None)
        for block in blocks:
            part = block.of(y, g.groups)
            if len(part) == 1 or g.pixels >= _SMALL:
                matmul(np, W, columns.image_by_image(block), out=part)
            else:
                together = matmul(np, W, columns.together(block))
                images, groups, channels, pixels = part.shape
                together = together.reshape(groups, channels, images, pixels)
                part[...] = together.transpose(2, 0, 1, 3)

    in_threads(compute, list(_blocks(g, x.itemsize)), start=g.is_much)
    return y


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""

    def compute(blocks: Sequence[_Block]) -> Array:
        gW = np.zeros(g.grouped_w_shape, x.dtype)
        product = np.empty_like(gW)
        columns = _Columns(x, g)
        for block in blocks:
            col = columns.together(block)
            part = block.of(gy, g.groups).transpose(1, 2, 0, 3).reshape(g.groups, -1, col.shape[2])
            matmul(np, part, col.swapaxes(1, 2), out=product)
            gW += product
        return gW

    gW: Array = sum(in_threads(compute, list(_blocks(g, x.itemsize)), start=g.is_much))
    return gW.reshape(g.w_shape)


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    turned = transposed(g)
    # That copies columns of the gradient, and the weights. The other way is to compute columns of
    # the images and to add them up, and a sum is slower than a copy.
    columns_are_few = g.out_channels <= 2 * g.in_channels
    weights_are_few = g.in_channels // g.groups <= g.batch * g.pixels
    if turned is not None and columns_are_few and weights_are_few:
        return forward(gy, _transpose_weights(W, g), b, turned)
    return _add_up(gy, W, b, g)


def transposed(g: Geometry) -> Geometry | None:
    """Return the convolution that a transposed one is, if its stride is 1; otherwise None.

    Its padding is negative where that of `g` reaches beyond the kernel: then part of the gradient
    belongs to zeros, and is not looked at.
    """
    if g.stride != (1, 1):
        return None
    pad = tuple([d * (k - 1) - p for d, k, p in zip(g.dilation, g.kernel, g.pad, strict=True)])
    return replace(
        g,
        in_channels=g.out_channels,
        out_channels=g.in_channels,
        in_size=g.out_size,
        out_size=g.in_size,
        pad=(pad[0], pad[1]),
    )


def _transpose_weights(W: Array, g: Geometry) -> Array:
    """Return the weights of the convolution that `transposed` returns."""
    W = W.reshape(g.groups, -1, *W.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    return np.ascontiguousarray(W).reshape(g.in_channels, -1, *g.kernel)


def _add_up(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Compute the columns of the images' gradient, some images at a time, and add them up."""
    (H, Wd), (ph, pw), (OH, OW) = g.in_size, g.pad, g.out_size
    (sh, sw), (dh, dw) = g.stride, g.dilation
    gx = np.empty(g.x_shape, gy.dtype)
    W = W.reshape(g.grouped_w_shape).swapaxes(1, 2)
    bias: Any = 0 if b is None else b.reshape(-1, 1, 1, 1)
    size = gy.itemsize * g.in_channels * prod(g.kernel) * g.pixels
    n = max(1, _BUFFER // size, _SMALL // g.pixels)
    for i in range(0, g.batch, n):
        images = min(n, g.batch - i)
        part = gy[i : i + n].reshape(images, g.groups, -1, g.pixels)
        rows = part.transpose(1, 2, 0, 3).reshape(g.groups, -1, images * g.pixels)
        col = matmul(np, W, rows).reshape(g.in_channels, *g.kernel, images, OH, OW)
        padded = np.empty((g.in_channels, images, H + 2 * ph, Wd + 2 * pw), gy.dtype)
        padded[...] = bias
        for j, k in product(*map(range, g.kernel)):
            rows_at = slice(j * dh, j * dh + sh * (OH - 1) + 1, sh)
            padded[:, :, rows_at, k * dw : k * dw + sw * (OW - 1) + 1 : sw] += col[:, j, k]
        gx[i : i + n] = padded[:, :, ph : ph + H, pw : pw + Wd].swapaxes(0, 1)
    return gx
