"""Depthwise convolution: weighted sums of one row of numbers, shifted.

What all windows see at one place of the kernel, a tap, is a slice of a row that a channel's images
were laid into (`dezero_nn.loops.frames`). Results lie likewise, and what is computed beyond their
ends is left out.

Images come as one row too, and their shape. Slices are told by where they begin: to make arrays of
them takes as long as to copy a small image. Each function takes a range of channels, the `layout`,
and `starts`, where the slices of the taps begin.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from dezero_core.compiled import fused, loop, summed
from dezero_nn.loops.frames import lay, move, take

__all__ = ["backward_w", "backward_x", "forward"]

# How many numbers of a row all taps take before the next: they stay in the first cache.
_STRIP = 1024


@fused
def forward(x, x_shape, W, b, y, y_shape, channels, layout, starts):
    """Compute y from x of shape (N, C, H, W), W of shape (C, taps) and b of shape (C,)."""
    stack, length, width, area, steps, phases = layout
    frame, row = np.zeros(length, x.dtype), np.empty(stack * area, x.dtype)
    N, C, H, Wd = x_shape
    _, _, OH, OW = y_shape
    for c in range(channels[0], channels[1]):
        for n in range(0, N, stack):
            images = min(stack, N - n)
            for k in range(images):
                at = ((n + k) * C + c) * H * Wd
                lay(x, at, H, Wd, frame, k * area, width, steps, phases)
            _add_taps(frame, starts, W, c, 0, len(starts), b[c], row, 0, images * area)
            for k in range(images):
                at = ((n + k) * C + c) * OH * OW
                move(row, k * area, width, y, at, OW, OH, OW)


@fused
def backward_x(gy, y_shape, W, b, gx, x_shape, channels, layout, starts, bounds):
    """Compute the images' gradient, and add b. Taps are sorted by phases, which `bounds` part.

    Here `starts` are where results begin for each tap: there are zeros before.
    """
    stack, length, width, area, steps, phases = layout
    lead = starts.max()
    frame, row = np.empty(length, gy.dtype), np.zeros(lead + stack * area, gy.dtype)
    N, C, H, Wd = x_shape
    _, _, OH, OW = y_shape
    for c in range(channels[0], channels[1]):
        for n in range(0, N, stack):
            images = min(stack, N - n)
            for k in range(images):
                at = ((n + k) * C + c) * OH * OW
                move(gy, at, OW, row, lead + k * area, width, OH, OW)
            for p in range(len(phases)):
                at = p * stack * area
                taps = bounds[p], bounds[p + 1]
                _add_taps(row, starts, W, c, taps[0], taps[1], b[c], frame, at, images * area)
            for k in range(images):
                at = ((n + k) * C + c) * H * Wd
                take(frame, k * area, width, steps, phases, gx, at, H, Wd)


@fused
def backward_w(x, x_shape, gy, y_shape, gW, channels, layout, starts):
    """Compute the gradient of the weights, of shape (C, taps)."""
    stack, length, width, area, steps, phases = layout
    frame, row = np.zeros(length, x.dtype), np.zeros(stack * area, x.dtype)
    sums = np.empty(len(starts), np.float64)
    N, C, H, Wd = x_shape
    _, _, OH, OW = y_shape
    for c in range(channels[0], channels[1]):
        sums[:] = 0
        for n in range(0, N, stack):
            images = min(stack, N - n)
            for k in range(images):
                at = ((n + k) * C + c) * H * Wd
                lay(x, at, H, Wd, frame, k * area, width, steps, phases)
                at = ((n + k) * C + c) * OH * OW
                move(gy, at, OW, row, k * area, width, OH, OW)
            _add_products(frame, starts, row, images * area, sums)
        for t in range(len(starts)):
            gW[c, t] = sums[t]


# --- on rows --------------------------------------------------------------------------------------


@fused
def _add_taps(frame, starts, W, c, first_tap, last_tap, first_sum, out, start, n):
    """Add to a first sum the frame from each start on, times its weight."""
    threes = first_tap + (last_tap - first_tap) // 3 * 3
    for strip in range(0, n, _STRIP):
        m, o = uintp(min(_STRIP, n - strip)), uintp(start + strip)
        _fill(out, o, m, first_sum)
        for t in range(first_tap, threes, 3):
            i, j = uintp(strip + starts[t]), uintp(strip + starts[t + 1])
            k = uintp(strip + starts[t + 2])
            _add_three(frame, i, j, k, W[c, t], W[c, t + 1], W[c, t + 2], out, o, m)
        for t in range(threes, last_tap):
            _add_one(frame, uintp(strip + starts[t]), W[c, t], out, o, m)


@loop
def _fill(out, o, n, value):
    for q in range(n):
        out[o + q] = value


@fused
def _add_three(frame, i, j, k, u, v, w, out, o, n):
    for q in range(n):
        out[o + q] += frame[i + q] * u + frame[j + q] * v + frame[k + q] * w


@fused
def _add_one(frame, i, u, out, o, n):
    for q in range(n):
        out[o + q] += frame[i + q] * u


@fused
def _add_products(frame, starts, row, n, sums):
    """Add to each sum the products of the frame from its start on with the row."""
    taps = len(starts)
    for strip in range(0, n, _STRIP):
        m, o = uintp(min(_STRIP, n - strip)), uintp(strip)
        for t in range(0, taps - 2, 3):
            i, j = uintp(strip + starts[t]), uintp(strip + starts[t + 1])
            k = uintp(strip + starts[t + 2])
            x, y, z = _three_products(frame, i, j, k, row, o, m)
            sums[t] += x
            sums[t + 1] += y
            sums[t + 2] += z
        for t in range(taps // 3 * 3, taps):
            sums[t] += _product(frame, uintp(strip + starts[t]), row, o, m)


@summed
def _three_products(frame, i, j, k, row, o, n):
    x = y = z = row.dtype.type(0)
    for q in range(n):
        x += frame[i + q] * row[o + q]
        y += frame[j + q] * row[o + q]
        z += frame[k + q] * row[o + q]
    return x, y, z


@summed
def _product(frame, i, row, o, n):
    x = row.dtype.type(0)
    for q in range(n):
        x += frame[i + q] * row[o + q]
    return x
