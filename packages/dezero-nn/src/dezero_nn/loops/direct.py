"""Convolution as a product of matrices whose columns are never laid out.

What windows see at one place of the kernel is a slice of an image that lies as one row of numbers,
padding included (`dezero_nn.loops.frames`). So each row of the columns that a convolution
multiplies its weights with is there already, and all that a product has to be told is where it
begins.

Each function takes a range of images, whole stacks of them, a range of those channels of each group
that it computes, and the `layout`.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from dezero_core.compiled import fused
from dezero_core.loops.products import VECTOR, add_product_of_rows
from dezero_nn.loops.frames import lay, move, take

__all__ = ["VECTOR", "backward_w", "backward_x", "forward"]


@fused
def forward(x, x_shape, W, b, y, y_shape, images, channels, layout, starts):
    """Compute y from x of shape (N, C, H, W), W of shape (groups, OC of one, K), and b, (OC,).

    Here `starts` are those of the K rows that a window has in the channels of a group.
    """
    stack, length, width, area, _, _ = layout
    groups, out, K = W.shape
    _, C, _, _ = x_shape
    _, OC, OH, OW = y_shape
    frame = np.zeros(C * length, x.dtype)
    wide = np.empty((channels[1] - channels[0], stack * area), x.dtype)
    flat = wide.reshape(wide.size)
    for n in range(images[0], images[1], stack):
        last = min(n + stack, images[1])
        _lay_all(x, x_shape, frame, n, last, 0, C, layout)
        for group in range(groups):
            first = group * out + channels[0]
            for o in range(len(wide)):
                wide[o] = b[first + o]
            seen = frame[group * (C // groups) * length :]
            weights = (first + np.arange(len(wide))) * K
            add_product_of_rows(W.reshape(W.size), weights, 1, seen, starts, wide)
            for o in range(len(wide)):
                for k in range(last - n):
                    at = ((n + k) * OC + first + o) * OH * OW
                    move(flat, (o * stack + k) * area, width, y, at, OW, OH, OW)


@fused
def backward_x(gy, y_shape, W, b, gx, x_shape, images, channels, layout, starts, bounds):
    """Compute the images' gradient, and add b. Taps are sorted by phases, which `bounds` part.

    W has the shape (groups, C of one, taps times OC of one). Here `starts` are where results begin
    for each tap and each output channel of a group: there are zeros before.
    """
    stack, row, width, area, steps, phases = layout
    groups, inputs, K = W.shape
    _, OC, OH, OW = y_shape
    _, C, H, Wd = x_shape
    lead, out = row - stack * area, OC // groups
    rows = np.zeros(OC * row, gy.dtype)
    wide = np.empty((len(phases), channels[1] - channels[0], stack * area), gy.dtype)
    flat = wide.reshape(wide.size)
    # Channels lie between the phases here.
    phases = phases.copy()
    for p in range(len(phases)):
        phases[p, 2] += p * (wide.shape[1] - 1) * stack * area
    for n in range(images[0], images[1], stack):
        last = min(n + stack, images[1])
        for o in range(OC):
            for k in range(last - n):
                at = ((n + k) * OC + o) * OH * OW
                move(gy, at, OW, rows, o * row + lead + k * area, width, OH, OW)
        for group in range(groups):
            first = group * inputs + channels[0]
            of_group = rows[group * out * row :]
            for p in range(len(phases)):
                for c in range(wide.shape[1]):
                    wide[p, c] = b[first + c]
                i, j = bounds[p] * out, bounds[p + 1] * out
                weights = (first + np.arange(wide.shape[1])) * K + i
                add_product_of_rows(W.reshape(W.size), weights, 1, of_group, starts[i:j], wide[p])
            for c in range(wide.shape[1]):
                for k in range(last - n):
                    at = ((n + k) * C + first + c) * H * Wd
                    take(flat, (c * stack + k) * area, width, steps, phases, gx, at, H, Wd)


@fused
def backward_w(x, x_shape, gy, y_shape, gW, images, channels, layout, starts):
    """Add the gradient of the weights to gW, of shape (groups, C of one, taps, OC of one)."""
    stack, length, width, area, _, _ = layout
    groups, inputs, taps, out = gW.shape
    _, OC, OH, OW = y_shape
    count = channels[1] - channels[0]
    frame = np.zeros(count * length, x.dtype)
    rows = np.empty(count * taps, np.intp)
    for c in range(count):
        rows[c * taps : (c + 1) * taps] = c * length + starts
    # A pixel's gradients side by side, and zeros where there are none.
    pixels = np.zeros(stack * area * out, x.dtype)
    of_pixels = np.arange(stack * area) * out
    for n in range(images[0], images[1], stack):
        last = min(n + stack, images[1])
        for group in range(groups):
            first = group * inputs + channels[0]
            _lay_all(x, x_shape, frame, n, last, first, first + count, layout)
            for k in range(last - n):
                at = ((n + k) * OC + group * out) * OH * OW
                for r in range(OH):
                    to = (k * area + r * width) * out
                    for o in range(out):
                        row = at + (o * OH + r) * OW
                        _spread(gy, uintp(row), pixels, uintp(to + o), uintp(out), uintp(OW))
            total = gW[group, channels[0] : channels[1]].reshape(count * taps, out)
            size = (last - n) * area
            add_product_of_rows(frame, rows, 1, pixels, of_pixels[:size], total)


@fused
def _lay_all(x, x_shape, frame, first, last, channel, end, layout):
    """Lay some channels of some images into the frame."""
    _, length, width, area, steps, phases = layout
    _, C, H, Wd = x_shape
    for c in range(channel, end):
        for n in range(first, last):
            at, to = (n * C + c) * H * Wd, (c - channel) * length + (n - first) * area
            lay(x, at, H, Wd, frame, to, width, steps, phases)


@fused
def _spread(x, i, y, j, step, n):
    """Copy n numbers from place i of x on to every so manyth place of y from j on."""
    for q in range(n):
        y[j + q * step] = x[i + q]
