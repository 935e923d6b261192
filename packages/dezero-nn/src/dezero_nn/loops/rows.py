"""What layer and RMS normalization do with each row of a matrix, which comes as one row.

Each function takes a range of rows. Of `gamma` and `beta`, None stands for 1 and 0.
"""

from __future__ import annotations

import numpy as np
from numpy import float64, uintp

from dezero_core.compiled import fused, summed
from dezero_nn.loops.sums import deviations, total

__all__ = ["normalize", "normalize_back"]

_PIECE = 4096


@fused
def normalize(x, size, rows, gamma, beta, centered, eps, center, inverse, y):
    """Bring each row to mean 0, if it is to be centered, and mean square 1; scale and shift it."""
    for r in range(rows[0], rows[1]):
        i, n = uintp(r * size), uintp(size)
        if centered:
            s = 0.0
            for j in range(0, size, _PIECE):
                s += total(x, uintp(r * size + j), uintp(min(_PIECE, size - j)))
            center[r] = s / size
        squares = 0.0
        for j in range(0, size, _PIECE):
            squares += deviations(x, uintp(r * size + j), uintp(min(_PIECE, size - j)), center[r])[
                1
            ]
        inverse[r] = 1 / np.sqrt(squares / size + eps)
        _normal(x, i, n, center[r], inverse[r], y, i)
        if gamma is not None:
            _multiply(y, i, n, gamma)
        if beta is not None:
            _add(y, i, n, beta)


@fused
def normalize_back(gy, x, size, rows, gamma, centered, center, inverse, gx, g_gamma, g_beta):
    """Compute the gradient of x, and add those of gamma and beta, in double precision."""
    n = uintp(size)
    zero = uintp(0)
    scaled, normal = np.empty(size, x.dtype), np.empty(size, x.dtype)
    for r in range(rows[0], rows[1]):
        i = uintp(r * size)
        _normal(x, i, n, center[r], inverse[r], normal, zero)
        if gamma is not None:
            _add_product(gy, i, n, normal, g_gamma)
        if g_beta is not None:
            _add_row(gy, i, n, g_beta)
        scaled[:] = gy[r * size : (r + 1) * size]
        if gamma is not None:
            _multiply(scaled, zero, n, gamma)
        s = t = 0.0
        for j in range(0, size, _PIECE):
            of_piece = _sums(scaled, normal, uintp(j), uintp(min(_PIECE, size - j)))
            s += of_piece[0]
            t += of_piece[1]
        shift = x.dtype.type(s / size if centered else 0.0)
        _combine(scaled, normal, n, shift, x.dtype.type(t / size), inverse[r], gx, i)


@fused
def _normal(x, i, n, center, factor, y, k):
    for j in range(n):
        y[k + j] = (x[i + j] - center) * factor


@fused
def _multiply(y, i, n, gamma):
    for j in range(n):
        y[i + j] *= gamma[j]


@fused
def _add(y, i, n, beta):
    for j in range(n):
        y[i + j] += beta[j]


@fused
def _add_product(gy, i, n, normal, total):
    for j in range(n):
        total[j] += float64(gy[i + j] * normal[j])


@fused
def _add_row(gy, i, n, total):
    for j in range(n):
        total[j] += gy[i + j]


@summed
def _sums(g, normal, i, n):
    s = t = g.dtype.type(0)
    for j in range(n):
        s += g[i + j]
        t += g[i + j] * normal[i + j]
    return s, t


@fused
def _combine(g, normal, n, shift, slope, factor, gx, i):
    for j in range(n):
        gx[i + j] = (g[j] - (normal[j] * slope + shift)) * factor
