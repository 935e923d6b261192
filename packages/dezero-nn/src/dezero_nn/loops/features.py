"""What batch normalization does with features, (N, C): the same as `channels` does with images.

The arrays come as one row. Sums are in double precision, for all features side by side.
"""

from __future__ import annotations

import numpy as np
from numpy import float64, uintp

from dezero_core.compiled import fused

__all__ = ["gradient", "moments", "scale_and_shift", "sums"]


@fused
def moments(x, shape, channels, mean, var):
    """Compute mean and variance of each feature, reading x once."""
    N, C, _ = shape
    first, n = uintp(channels[0]), uintp(channels[1] - channels[0])
    s, t = np.zeros(n), np.zeros(n)
    for r in range(N):
        # The first number is subtracted: otherwise an offset would cost all precision.
        _add_moments(x, uintp(r * C) + first, first, n, s, t)
    for j in range(n):
        mean[first + j] = x[first + j] + s[j] / N
        rest = (t[j] - s[j] * (s[j] / N)) / N
        var[first + j] = 0 if rest < 0 else rest


@fused
def _add_moments(x, i, first, n, s, t):
    for j in range(n):
        d = float64(x[i + j]) - float64(x[first + j])
        s[j] += d
        t[j] += d * d


@fused
def sums(gy, x, shape, channels, center, g_sum, g_product):
    """Sum gy, and gy (x - center), over each feature."""
    N, C, _ = shape
    first, n = uintp(channels[0]), uintp(channels[1] - channels[0])
    s, t = np.zeros(n), np.zeros(n)
    for r in range(N):
        _add_sums(gy, x, uintp(r * C) + first, first, n, center, s, t)
    for j in range(n):
        g_sum[first + j] = s[j]
        g_product[first + j] = t[j]


@fused
def _add_sums(gy, x, i, first, n, center, s, t):
    for j in range(n):
        s[j] += gy[i + j]
        t[j] += gy[i + j] * (x[i + j] - center[first + j])


@fused
def gradient(gy, x, shape, channels, center, scale, slope, offset, gx):
    """Compute gy scale + (x - center) slope + offset."""
    N, C, _ = shape
    first, n = uintp(channels[0]), uintp(channels[1] - channels[0])
    for r in range(N):
        _gradient(gy, x, uintp(r * C) + first, first, n, center, scale, slope, offset, gx)


@fused
def _gradient(gy, x, i, first, n, center, scale, slope, offset, gx):
    for j in range(n):
        k = first + j
        gx[i + j] = gy[i + j] * scale[k] + ((x[i + j] - center[k]) * slope[k] + offset[k])


@fused
def scale_and_shift(x, shape, channels, scale, shift, y):
    """Compute x scale + shift."""
    N, C, _ = shape
    first, n = uintp(channels[0]), uintp(channels[1] - channels[0])
    for r in range(N):
        _scale_and_shift(x, uintp(r * C) + first, first, n, scale, shift, y)


@fused
def _scale_and_shift(x, i, first, n, scale, shift, y):
    for j in range(n):
        y[i + j] = x[i + j] * scale[first + j] + shift[first + j]
