"""Max pooling with windows of 2x2 that lie side by side, and where its gradients go.

Arrays have the axes (M, H, W), and the images twice the height and width of the results or one
more. Indices are unsigned: signed ones may be negative and count from the end, and to ask for that
keeps loops from being vectorized.
"""

from __future__ import annotations

from numpy import uintp

from dezero_core.compiled import loop

__all__ = ["largest_of_four", "to_winners_of_four"]

_ONE = uintp(1)


@loop
def largest_of_four(x, y):
    """Take the largest element of each window; nan is largest."""
    for m in range(len(y)):
        for p in range(y.shape[1]):
            _largest(x[m, 2 * p], x[m, 2 * p + 1], y[m, p])


@loop
def to_winners_of_four(x, y, gy, gx):
    """Give each window's gradient to the first of its largest elements; if all are nan, the last.

    Args:
        x: The images.
        y: The largest element of each window.
        gy: The gradients of these.
        gx: Those of the images. What belongs to no window is left alone.
    """
    for m in range(len(y)):
        for p in range(y.shape[1]):
            i = 2 * p
            _to_winners(x[m, i], x[m, i + 1], y[m, p], gy[m, p], gx[m, i], gx[m, i + 1])


@loop
def _largest(upper, lower, y):
    for q in range(len(y)):
        j = uintp(q) + uintp(q)
        a = _larger(upper[j], upper[j + _ONE])
        b = _larger(lower[j], lower[j + _ONE])
        y[q] = _larger(a, b)


@loop
def _larger(a, b):
    return a if a >= b or a != a else b


@loop
def _to_winners(upper, lower, y, gy, g_upper, g_lower):
    zero = gy.dtype.type(0)
    for q in range(len(y)):
        j = uintp(q) + uintp(q)
        # What has not been given away yet.
        rest = gy[q]
        wins = upper[j] == y[q]
        g_upper[j] = rest if wins else zero
        rest = zero if wins else rest
        wins = upper[j + _ONE] == y[q]
        g_upper[j + _ONE] = rest if wins else zero
        rest = zero if wins else rest
        wins = lower[j] == y[q]
        g_lower[j] = rest if wins else zero
        g_lower[j + _ONE] = zero if wins else rest
