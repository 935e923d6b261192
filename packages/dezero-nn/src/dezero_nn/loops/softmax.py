"""Softmax along each row of a matrix, which comes as one row, in single precision."""

from __future__ import annotations

from numpy import float32, uintp

from dezero_core.compiled import fused, loop, summed
from dezero_nn.loops.scalars import exp
from dezero_nn.loops.sums import total

__all__ = ["softmax", "softmax_gradient"]

_PIECE = 4096
_ZERO, _LEAST = float32(0), float32(-87.3)


@fused
def softmax(x, size, rows, y):
    """Compute exp(x) over its sum, for some rows."""
    n = uintp(size)
    for r in range(rows[0], rows[1]):
        i = uintp(r * size)
        _exp(x, i, n, _largest(x, i, size, y), y)
        s = 0.0
        for j in range(0, size, _PIECE):
            s += total(y, i + uintp(j), uintp(min(_PIECE, size - j)))
        _multiply(y, i, n, float32(1 / s))


@fused
def softmax_gradient(gy, y, size, rows, gx):
    """Compute y (gy - sum of y gy), for some rows."""
    n = uintp(size)
    for r in range(rows[0], rows[1]):
        i = uintp(r * size)
        s = 0.0
        for j in range(0, size, _PIECE):
            s += _product(gy, y, i + uintp(j), uintp(min(_PIECE, size - j)))
        _gradient(gy, y, i, n, float32(s), gx)


@loop
def _largest(x, i, n, y):
    """Return the largest number, or nan if there is one. What y holds is overwritten."""
    # Halves are compared side by side, until few are left: a loop over one number is no vector's.
    half = uintp(n + 1) >> uintp(1)
    _larger_of(x, i, x, i + uintp(n) - half, half, y, i)
    while half > uintp(16):
        n, half = half, (half + uintp(1)) >> uintp(1)
        _larger_of(y, i, y, i + n - half, n - half, y, i)
    most = y[i]
    for j in range(half):
        most = _larger(most, y[i + j])
    return most


@loop
def _larger_of(a, i, b, k, n, y, o):
    for j in range(n):
        y[o + j] = _larger(a[i + j], b[k + j])


@loop
def _larger(a, b):
    return a if a >= b or a != a else b


@fused
def _exp(x, i, n, largest, y):
    for j in range(n):
        d = x[i + j] - largest
        e = exp(d)
        # What is masked is -inf, and its probability is 0.
        y[i + j] = _ZERO if d < _LEAST else e


@fused
def _multiply(y, i, n, factor):
    for j in range(n):
        y[i + j] *= factor


@summed
def _product(g, y, i, n):
    s = y.dtype.type(0)
    for j in range(n):
        s += g[i + j] * y[i + j]
    return s


@fused
def _gradient(g, y, i, n, shift, gx):
    for j in range(n):
        gx[i + j] = y[i + j] * (g[i + j] - shift)
