"""What batch normalization does with each channel of images, (N, C, S), which come as one row.

Rows of an image are summed in pieces that stay in the first cache, and the sums of pieces are added
in double precision. Each function takes a range of channels.
"""

from __future__ import annotations

from numpy import float64, uintp

from dezero_core.compiled import fused
from dezero_nn.loops.sums import deviations, sum_and_product, total

__all__ = ["gradient", "moments", "scale_and_shift", "sums"]

_PIECE = 4096


@fused
def moments(x, shape, channels, mean, var):
    """Compute mean and variance of each channel, reading x once.

    T. Chan, G. Golub, R. LeVeque, "Algorithms for Computing the Sample Variance", 1983.
    """
    N, C, S = shape
    for c in range(channels[0], channels[1]):
        count = center = spread = 0.0
        for n in range(N):
            for j in range(0, S, _PIECE):
                i, m = uintp((n * C + c) * S + j), uintp(min(_PIECE, S - j))
                # The mean of a piece, rounded; and how far that is from the mean.
                middle = x.dtype.type(total(x, i, m) / m)
                rest, squares = deviations(x, i, m, middle)
                rest /= float64(m)
                distance = middle + rest - center
                spread += squares - m * rest * rest
                spread += distance * distance * (count * m / (count + m))
                count += m
                center += distance * (m / count)
        mean[c] = center
        var[c] = spread / count


@fused
def sums(gy, x, shape, channels, center, g_sum, g_product):
    """Sum gy, and gy (x - center), over each channel."""
    N, C, S = shape
    for c in range(channels[0], channels[1]):
        s = t = float64(0)
        for n in range(N):
            for j in range(0, S, _PIECE):
                i, m = uintp((n * C + c) * S + j), uintp(min(_PIECE, S - j))
                of_piece = sum_and_product(gy, x, i, m, center[c])
                s += of_piece[0]
                t += of_piece[1]
        g_sum[c] = s
        g_product[c] = t


@fused
def gradient(gy, x, shape, channels, center, scale, slope, offset, gx):
    """Compute gy scale + (x - center) slope + offset."""
    N, C, S = shape
    for n in range(N):
        for c in range(channels[0], channels[1]):
            numbers = center[c], scale[c], slope[c], offset[c]
            _gradient(gy, x, uintp((n * C + c) * S), uintp(S), numbers, gx)


@fused
def _gradient(gy, x, i, n, numbers, gx):
    center, scale, slope, offset = numbers
    for j in range(n):
        gx[i + j] = gy[i + j] * scale + ((x[i + j] - center) * slope + offset)


@fused
def scale_and_shift(x, shape, channels, scale, shift, y):
    """Compute x scale + shift."""
    N, C, S = shape
    for n in range(N):
        for c in range(channels[0], channels[1]):
            _scale_and_shift(x, uintp((n * C + c) * S), uintp(S), scale[c], shift[c], y)


@fused
def _scale_and_shift(x, i, n, scale, shift, y):
    for j in range(n):
        y[i + j] = x[i + j] * scale + shift
