"""Images as one long row of numbers: how long it is, and where what windows see begins.

`dezero_nn.loops.frames` lays them so.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_nn.functions.convolution.geometry import Geometry

__all__ = ["Layout", "bias_of", "flat", "layout_of", "plain"]


class Layout:
    """Where the numbers of a channel lie in a row.

    Attributes:
        sizes: What the loops call `layout`.
        phases: The phase in which each place of the kernel lies.
        shifts: Where what windows see there begins, within the phase.
        starts: The same within the frame, which holds all phases.
        order: Places of the kernel, sorted by phases.
        bounds: Where each phase begins in that order, and where the last one ends.
    """

    def __init__(self, g: Geometry, most: int) -> None:
        (sh, sw), (dh, dw), (top, left) = g.stride, g.dilation, g.pad
        height, width = (_extent(g, axis) for axis in (0, 1))
        stack = max(1, min(most // (height * width), g.batch))
        places = [(i * dh, j * dw) for i, j in product(*map(range, g.kernel))]
        self.phases = np.array([v % sh * sw + u % sw for v, u in places])
        self.shifts = np.array([v // sh * width + u // sw for v, u in places])
        self.starts = self.phases * (stack * height * width) + self.shifts
        self.order = np.argsort(self.phases, kind="stable")
        self.bounds = np.searchsorted(self.phases[self.order], np.arange(sh * sw + 1))
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
def layout_of(g: Geometry, most: int) -> Layout:
    """Return the layout for a geometry, made once."""
    return Layout(g, most)


def plain(x: Array) -> Array:
    """Return an array as loops take it, contiguous and writable."""
    return np.require(x, requirements=["C", "W"])


def flat(x: Array) -> Array:
    """Return an array as loops take it, as one row of numbers."""
    return plain(x).reshape(-1)


def bias_of(b: Array | None, channels: int, dtype: Any) -> Array:
    """Return a bias as loops take it, zeros if there is none."""
    return np.zeros(channels, dtype) if b is None else plain(b)
