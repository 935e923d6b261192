"""Depthwise convolution in compiled loops: any stride, padding and dilation, where Numba is.

The images of a channel are laid out as one long row of numbers, as `dezero_nn.loops.depthwise` has
it. Here it is said how long that is, and where what windows see begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np

from dezero_core.compiled import Loops
from dezero_core.typing import Array
from dezero_nn.functions._shares import in_shares
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["backward_w", "backward_x", "fits", "forward"]

_loops = Loops("dezero_nn.loops.depthwise")

# Small images are computed several at a time, up to this many numbers.
_MOST: Final = 2048


def fits(g: Geometry, dtype: Any) -> bool:
    """Tell whether a convolution can be computed this way."""
    if not g.groups == g.in_channels == g.out_channels or np.dtype(dtype).char not in "fd":
        return False
    return _loops.module() is not None


class _Layout:
    """Where the numbers of a channel lie in a row.

    Attributes:
        sizes: What the loops call `layout`.
        phases: The phase in which each place of the kernel lies.
        shifts: Where what windows see there begins, within the phase.
        starts: The same within the frame, which holds all phases.
    """

    def __init__(self, g: Geometry) -> None:
        (sh, sw), (dh, dw), (top, left) = g.stride, g.dilation, g.pad
        height, width = (_extent(g, axis) for axis in (0, 1))
        stack = max(1, min(_MOST // (height * width), g.batch))
        places = [(i * dh, j * dw) for i, j in product(*map(range, g.kernel))]
        self.phases = np.array([v % sh * sw + u % sw for v, u in places])
        self.shifts = np.array([v // sh * width + u // sw for v, u in places])
        self.starts = self.phases * (stack * height * width) + self.shifts
        # Beyond its end there are zeros, which the last windows see in other phases too.
        length = (stack * sh * sw) * height * width + int(self.shifts.max())
        origins = []
        for phase, (a, b) in enumerate(product(range(sh), range(sw))):
            row, column = (a - top) % sh, (b - left) % sw
            start = (row + top) // sh * width + (column + left) // sw
            origins.append((row, column, phase * stack * height * width + start))
        self.sizes = (stack, length, width, height * width, g.stride, np.array(origins))


def _extent(g: Geometry, axis: int) -> int:
    """Return how long an image is along an axis, in its phase, from one to the next.

    The zeros behind it are those before the next one as well.
    """
    stride, pad = g.stride[axis], g.pad[axis]
    seen = (g.out_size[axis] - 1) * stride + (g.kernel[axis] - 1) * g.dilation[axis] + 1
    shared = -(-seen // stride) - pad // stride
    return max(shared, (pad + g.in_size[axis] - 1) // stride + 1, g.out_size[axis])


@lru_cache(maxsize=64)
def _layout(g: Geometry) -> _Layout:
    return _Layout(g)


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    layout, y = _layout(g), np.empty(g.y_shape, x.dtype)
    operands = _row(x), g.x_shape, _by_channel(W, g), _bias(b, g, x.dtype), _row(y), g.y_shape
    _for_channels("forward", g, operands, layout.sizes, layout.starts)
    return y


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    layout, gx = _layout(g), np.empty(g.x_shape, gy.dtype)
    order = np.argsort(layout.phases, kind="stable")
    bounds = np.searchsorted(layout.phases[order], np.arange(g.stride[0] * g.stride[1] + 1))
    starts = layout.shifts.max() - layout.shifts[order]
    W, b = _plain(_by_channel(W, g)[:, order]), _bias(b, g, gy.dtype)
    operands = _row(gy), g.y_shape, W, b, _row(gx), g.x_shape
    _for_channels("backward_x", g, operands, layout.sizes, starts, bounds)
    return gx


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    layout, gW = _layout(g), np.empty(g.w_shape, x.dtype)
    operands = _row(x), g.x_shape, _row(gy), g.y_shape, _by_channel(gW, g)
    _for_channels("backward_w", g, operands, layout.sizes, layout.starts)
    return gW


def _for_channels(name: str, g: Geometry, operands: Any, *numbers: Any) -> None:
    loop: Callable[..., None] = getattr(_loops.module(), name)

    def compute(channels: Sequence[int]) -> None:
        loop(*operands, (channels[0], channels[-1] + 1), *numbers)

    # A multiplication takes a fourth of the time of a number that comes from memory.
    size = g.batch * g.in_channels * g.pixels * g.window_size // 4
    in_shares(compute, range(g.in_channels), size)


def _plain(x: Array) -> Array:
    """Return an array as loops take it, contiguous and writable."""
    return np.require(x, requirements=["C", "W"])


def _row(x: Array) -> Array:
    return _plain(x).reshape(-1)


def _by_channel(W: Array, g: Geometry) -> Array:
    return _plain(W).reshape(g.in_channels, -1)


def _bias(b: Array | None, g: Geometry, dtype: Any) -> Array:
    return np.zeros(g.in_channels, dtype) if b is None else _plain(b)
