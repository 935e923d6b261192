"""Depthwise convolution in compiled loops: any stride, padding and dilation, where Numba is.

The images of a channel are laid out as one long row of numbers. What windows see at one place of
the kernel is a slice of it, so a result is a sum of slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from dezero_core.compiled import Loops
from dezero_core.typing import Array
from dezero_nn.functions._shares import in_shares
from dezero_nn.functions.convolution.geometry import Geometry
from dezero_nn.functions.convolution.rows import bias_of, flat, layout_of, plain

__all__ = ["backward_w", "backward_x", "fits", "forward"]

_loops = Loops("dezero_nn.loops.depthwise")

# Small images are computed several at a time, up to this many numbers.
_MOST: Final = 2048


def fits(g: Geometry, dtype: Any) -> bool:
    """Tell whether a convolution can be computed this way."""
    if not g.groups == g.in_channels == g.out_channels or np.dtype(dtype).char not in "fd":
        return False
    return _loops.module() is not None


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    layout, y = layout_of(g, _MOST), np.empty(g.y_shape, x.dtype)
    W, b = _by_channel(W, g), bias_of(b, g.in_channels, x.dtype)
    operands = flat(x), g.x_shape, W, b, flat(y), g.y_shape
    _for_channels("forward", g, operands, layout.sizes, layout.starts)
    return y


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    layout, gx = layout_of(g, _MOST), np.empty(g.x_shape, gy.dtype)
    starts = layout.shifts.max() - layout.shifts[layout.order]
    W, b = plain(_by_channel(W, g)[:, layout.order]), bias_of(b, g.in_channels, gy.dtype)
    operands = flat(gy), g.y_shape, W, b, flat(gx), g.x_shape
    _for_channels("backward_x", g, operands, layout.sizes, starts, layout.bounds)
    return gx


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    layout, gW = layout_of(g, _MOST), np.empty(g.w_shape, x.dtype)
    operands = flat(x), g.x_shape, flat(gy), g.y_shape, _by_channel(gW, g)
    _for_channels("backward_w", g, operands, layout.sizes, layout.starts)
    return gW


def _for_channels(name: str, g: Geometry, operands: Any, *numbers: Any) -> None:
    loop: Callable[..., None] = getattr(_loops.module(), name)

    def compute(channels: Sequence[int]) -> None:
        loop(*operands, (channels[0], channels[-1] + 1), *numbers)

    # A multiplication takes a fourth of the time of a number that comes from memory.
    size = g.batch * g.in_channels * g.pixels * g.window_size // 4
    in_shares(compute, range(g.in_channels), size)


def _by_channel(W: Array, g: Geometry) -> Array:
    return plain(W).reshape(g.in_channels, -1)
