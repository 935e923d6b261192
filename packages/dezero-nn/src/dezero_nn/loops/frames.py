"""Images as one long row of numbers, padding included.

The images of a channel are laid into a frame, one below another. What all windows see at one place
of the kernel is then a slice of it. With a stride the frame has phases: of stride 2, one for each
of even and odd rows and columns. The functions that use it take, as `layout`

    stack: how many images of a channel are computed at a time;
    length: of the frame;
    width: how far a row is from the next;
    area: how far an image is from the next;
    steps: the stride;
    phases: for each phase the first row and column of an image in it, and where they lie.
"""

from __future__ import annotations

from numpy import uintp

from dezero_core.compiled import loop
from dezero_nn.loops.memory import copy

__all__ = ["lay", "move", "take"]


@loop
def lay(x, at, H, W, frame, to, width, steps, phases):
    """Lay an image into all phases of the frame."""
    down, right = steps
    if down == right == 1:
        move(x, at, W, frame, to + phases[0, 2], width, H, W)
        return
    for p in range(len(phases)):
        i = to + phases[p, 2]
        columns = (W - phases[p, 1] + right - 1) // right
        for r in range(phases[p, 0], H, down):
            j = at + r * W + phases[p, 1]
            if right == 2:
                _take_every_other(x, uintp(j), frame, uintp(i), columns)
            else:
                for q in range(columns):
                    frame[i + q] = x[j + q * right]
            i += width


@loop
def take(frame, start, width, steps, phases, x, at, H, W):
    """Take an image out of all phases of the frame."""
    down, right = steps
    if down == right == 1:
        move(frame, start + phases[0, 2], width, x, at, W, H, W)
        return
    for p in range(len(phases)):
        i = start + phases[p, 2]
        columns = (W - phases[p, 1] + right - 1) // right
        for r in range(phases[p, 0], H, down):
            j = at + r * W + phases[p, 1]
            if right == 2:
                _to_every_other(frame, uintp(i), x, uintp(j), columns)
            else:
                for q in range(columns):
                    x[j + q * right] = frame[i + q]
            i += width


@loop
def move(x, i, x_width, y, j, y_width, height, width):
    """Lay an image whose rows are x_width apart y_width apart."""
    for r in range(height):
        copy(x, i + r * x_width, y, j + r * y_width, width)


@loop
def _take_every_other(x, i, y, j, n):
    for q in range(uintp(n)):
        y[j + q] = x[i + q + q]


@loop
def _to_every_other(x, i, y, j, n):
    for q in range(uintp(n)):
        y[j + q + q] = x[i + q]
