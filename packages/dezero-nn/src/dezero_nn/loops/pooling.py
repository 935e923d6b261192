"""Max pooling with windows of 2x2 that lie side by side, and where its gradients go.

Arrays have the axes (M, H, W), and the images twice the height and width of the results or one
more. Images are read as rows of H * W elements: a loop over short rows, each an array of its own,
is busier with the rows than with their elements, and takes three times as long. Indices are
unsigned: signed ones may be negative and count from the end, and to ask for that keeps loops from
being vectorized.
"""

from __future__ import annotations

from numpy import uintp

from dezero_core.compiled import loop

__all__ = ["largest_of_four", "to_winners_of_four"]

_ONE = uintp(1)


@loop
def largest_of_four(x, y):
    """Take the largest element of each window; nan is largest."""
    M, H, W = x.shape
    h, w = y.shape[1], y.shape[2]
    below = uintp(W)
    for m in range(M):
        image, result = x[m].reshape(H * W), y[m].reshape(h * w)
        for p in range(h):
            i, j = uintp(2 * p * W), uintp(p * w)
            for q in range(w):
                k = i + uintp(q) + uintp(q)
                upper = _larger(image[k], image[k + _ONE])
                lower = _larger(image[k + below], image[k + below + _ONE])
                result[j + uintp(q)] = _larger(upper, lower)


@loop
def _larger(a, b):
    return a if a >= b or a != a else b


@loop
def to_winners_of_four(x, y, gy, gx):
    """Give each window's gradient to the first of its largest elements; if all are nan, the last.

    Args:
        x: The images.
        y: The largest element of each window.
        gy: The gradients of these.
        gx: Becomes those of the images.
    """
    M, H, W = x.shape
    h, w = y.shape[1], y.shape[2]
    below = uintp(W)
    for m in range(M):
        image, gradient = x[m].reshape(H * W), gx[m].reshape(H * W)
        gradient[:] = 0
        for p in range(h):
            i = uintp(2 * p * W)
            for q in range(w):
                first = i + uintp(q) + uintp(q)
                largest = y[m, p, q]
                # From the last to the first, so that no branch is taken, or not, by chance.
                winner = first + below + _ONE
                if image[first + below] == largest:
                    winner = first + below
                if image[first + _ONE] == largest:
                    winner = first + _ONE
                if image[first] == largest:
                    winner = first
                gradient[winner] = gy[m, p, q]
