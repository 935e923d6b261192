"""Convolution in compiled loops, without columns: a product of matrices reads images themselves.

The images of a channel are laid out as one row of numbers, as for `depthwise_rows`, and what
windows see at one place of the kernel is a slice of it: a row of the matrix of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf
from typing import Any, Final, TypeVar

import numpy as np

from dezero_core.compiled import Loops
from dezero_core.parallel import in_threads, thread_count
from dezero_core.products import has_tiles
from dezero_core.typing import Array
from dezero_nn.functions.convolution.geometry import Geometry
from dezero_nn.functions.convolution.rows import bias_of, flat, layout_of, plain

__all__ = ["backward_w", "backward_x", "fits", "forward"]

_Result = TypeVar("_Result")

_loops = Loops("dezero_nn.loops.direct")

# Small images are computed several at a time, up to this many numbers of a channel.
_MOST: Final = 512
# So many multiplications, 0.2 to 0.5 ms in one thread, start the threads: BLAS has no part in it.
# An epoch of examples/mnist_cnn takes 4.4 s so, and 5.8 without.
_STARTS: Final = 1 << 25
# Channels are divided among threads in multiples of these.
_CHANNELS: Final = 24


def fits(g: Geometry, dtype: Any) -> bool:
    """Tell whether a convolution can be computed this way."""
    return np.dtype(dtype).char == "f" and _loops.module() is not None


def pays(operation: str, g: Geometry, dtype: Any) -> bool:
    """Tell whether that takes less time than columns do (docs/design/convolution.md has figures).

    Args:
        operation: As for `algorithms.choose`.
        g: The geometry.
        dtype: That of all operands.
    """
    # One image at a time threads sleep between its layers, and take as long to wake up as BLAS's,
    # which do not, for the columns; unless it is not BLAS that multiplies them.
    if not fits(g, dtype) or (g.batch == 1 and not g.is_much and not has_tiles()):
        return False
    inputs, out = g.in_channels // g.groups, g.out_channels // g.groups
    # With short vectors BLAS is the faster one, once it makes up for copying columns.
    vectors = _loops.module().VECTOR
    most = inf if vectors >= 16 else 32 if vectors else 0
    if operation == "conv2d":
        return g.window_size >= 32 and out <= most
    # Otherwise to turn the weights takes longer.
    if g.batch * g.pixels < 256:
        return False
    if operation == "deconv2d":
        return inputs >= 4 and (inputs <= most or g.stride != (1, 1))
    return g.pixels * out <= 1 << 20 and out <= most


def forward(x: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the convolution of images with weights, and the bias added."""
    layout, y = layout_of(g, _MOST), np.empty(g.y_shape, x.dtype)
    stack, length, *_ = layout.sizes
    inputs, out = np.arange(g.in_channels // g.groups), g.out_channels // g.groups
    starts = np.add.outer(inputs * length, layout.starts).reshape(-1)
    W, b = plain(W).reshape(g.grouped_w_shape), bias_of(b, g.out_channels, x.dtype)
    operands = flat(x), g.x_shape, W, b, flat(y), g.y_shape

    def compute(images: tuple[int, int], channels: tuple[int, int]) -> None:
        _loops.module().forward(*operands, images, channels, layout.sizes, starts)

    _share(compute, g, stack, out)
    return y


def backward_x(gy: Array, W: Array, b: Array | None, g: Geometry) -> Array:
    """Return the images' gradient, the transposed convolution, and the bias added."""
    layout, gx = layout_of(g, _MOST), np.empty(g.x_shape, gy.dtype)
    stack, _, width, area, steps, phases = layout.sizes
    inputs, out, taps = g.in_channels // g.groups, g.out_channels // g.groups, len(layout.phases)
    # Where a tap of the first row of results begins, there are zeros before.
    lead = int(layout.shifts.max())
    length = lead + stack * area
    W, rows = W.reshape(g.groups, out, inputs, taps), np.arange(out) * length
    of_phases = [layout.order[i:j] for i, j in pairwise(layout.bounds)]
    weights = [W[..., i].swapaxes(1, 2).reshape(g.groups, inputs, -1) for i in of_phases]
    W, b = plain(np.concatenate(weights, axis=2)), bias_of(b, g.in_channels, gy.dtype)
    starts = np.concatenate(
        [np.add.outer(rows, lead - layout.shifts[i]).reshape(-1) for i in of_phases]
    )
    operands = flat(gy), g.y_shape, W, b, flat(gx), g.x_shape
    sizes = stack, length, width, area, steps, phases

    def compute(images: tuple[int, int], channels: tuple[int, int]) -> None:
        _loops.module().backward_x(*operands, images, channels, sizes, starts, layout.bounds)

    _share(compute, g, stack, inputs)
    return gx


def backward_w(x: Array, gy: Array, g: Geometry) -> Array:
    """Return the weights' gradient."""
    layout = layout_of(g, _MOST)
    inputs, out = g.in_channels // g.groups, g.out_channels // g.groups
    operands = flat(x), g.x_shape, flat(gy), g.y_shape

    def compute(images: tuple[int, int], channels: tuple[int, int]) -> Array:
        gW = np.zeros((g.groups, inputs, len(layout.starts), out), x.dtype)
        _loops.module().backward_w(*operands, gW, images, channels, layout.sizes, layout.starts)
        return gW

    gW: Array = sum(_share(compute, g, layout.sizes[0], inputs))
    return np.ascontiguousarray(gW.transpose(0, 3, 1, 2)).reshape(g.w_shape)


def _share(
    compute: Callable[[tuple[int, int], tuple[int, int]], _Result],
    g: Geometry,
    stack: int,
    channels: int,
) -> list[_Result]:
    """Divide images among threads, whole stacks of them; or channels, where stacks are few.

    Returns:
        What `compute` returned, in the order of the shares, so that a sum is the same each time.
    """
    stacks = range(0, g.batch, stack)

    def some_images(share: Sequence[int]) -> _Result:
        return compute((share[0], min(share[-1] + stack, g.batch)), (0, channels))

    def some_channels(share: Sequence[int]) -> _Result:
        return compute((0, g.batch), (share[0], min(share[-1] + _CHANNELS, channels)))

    start = g.multiplications >= _STARTS
    if len(stacks) >= 2 * thread_count() or g.groups > 1:
        return in_threads(some_images, stacks, start=start)
    return in_threads(some_channels, range(0, channels, _CHANNELS), start=start)
