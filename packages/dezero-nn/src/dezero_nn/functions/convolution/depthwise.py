"""Depthwise convolution in NumPy: an image times one number of the kernel after the other.

Each channel has its own kernel, so there is no product of matrices to speak of. With stride 1 what
all windows see at one place of the kernel is the image, shifted; of an image as one row of numbers,
padding included, it is a slice. What the slices hold at the ends of rows, where a window would
reach over the edge, is computed as well, and left out in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_nn.functions.convolution.columns import transposed
from dezero_nn.functions.convolution.frames import Frames
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["backward_w", "backward_x", "fits", "forward"]


def fits(g: Geometry, dtype: Any) -> bool:
    """Tell whether a convolution can be computed this way."""
    return g.groups == g.in_channels == g.out_channels and g.stride == (1, 1)


class _Rows:
    """Images as rows of numbers, padding included."""

    def __init__(self, x: Array, g: Geometry) -> None:
        (KH, KW), (dh, dw), (height, width) = g.kernel, g.dilation, g.out_size
        self._g = g
        self._height = height + (KH - 1) * dh
        self.width = width + (KW - 1) * dw
        #: How many numbers there are from the first window's to the last one's.
        self.length = (height - 1) * self.width + width
        self._frames = Frames(x, -g.pad[1], self.width)

    def of(self, image: int) -> Iterator[tuple[int, int, Array]]:
        """Yield for each place in the kernel what windows see there, (C, length)."""
        frame = self._frames.take(slice(image, image + 1), -self._g.pad[0], self._height)
        row = frame.reshape(self._g.in_channels, -1)
        for i, j in product(*map(range, self._g.kernel)):
            start = i * self._g.dilation[0] * self.width + j * self._g.dilation[1]
            yield i, j, row[:, start : start + self.length]


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    rows = _Rows(x, g)
    y = np.empty(g.y_shape, x.dtype)
    wide = np.zeros((g.in_channels, g.out_size[0], rows.width), x.dtype)
    total = wide.reshape(g.in_channels, -1)[:, : rows.length]
    part = np.empty_like(total)
    bias: Any = 0 if b is None else b.reshape(-1, 1, 1)
    for n, y_n in enumerate(y):
        for i, j, seen in rows.of(n):
            is_first = i == j == 0
            np.multiply(seen, W[:, 0, i, j, None], out=total if is_first else part)
            if not is_first:
                total += part
        np.add(wide[:, :, : g.out_size[1]], bias, out=y_n)
    return y


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    turned = transposed(g)
    assert turned is not None
    return forward(gy, W[:, :, ::-1, ::-1], b, turned)


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    rows = _Rows(x, g)
    gW = np.zeros(g.w_shape, x.dtype)
    # Zeros at the ends of rows: what the images have there does not count.
    wide = np.zeros((g.in_channels, g.out_size[0], rows.width), x.dtype)
    row = wide.reshape(g.in_channels, -1)[:, : rows.length]
    for n, gy_n in enumerate(gy):
        wide[:, :, : g.out_size[1]] = gy_n
        for i, j, seen in rows.of(n):
            gW[:, 0, i, j] += np.vecdot(seen, row)
    return gW
