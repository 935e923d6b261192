"""Sums over n numbers of a row, from place i on; `i` and `n` are unsigned (see `pooling`)."""

from __future__ import annotations

from dezero_core.compiled import summed

__all__ = ["deviations", "sum_and_product", "total"]


@summed
def total(x, i, n):
    """Sum x."""
    s = x.dtype.type(0)
    for j in range(n):
        s += x[i + j]
    return s


@summed
def deviations(x, i, n, center):
    """Sum x - center, and its square."""
    s = t = x.dtype.type(0)
    for j in range(n):
        d = x[i + j] - center
        s += d
        t += d * d
    return s, t


@summed
def sum_and_product(g, x, i, n, center):
    """Sum g, and g (x - center)."""
    s = t = x.dtype.type(0)
    for j in range(n):
        s += g[i + j]
        t += g[i + j] * (x[i + j] - center)
    return s, t
