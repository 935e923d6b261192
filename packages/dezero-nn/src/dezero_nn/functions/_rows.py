"""Normalize rows of a matrix, and take gradients back, in compiled loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dezero_core.compiled import Loops
from dezero_core.typing import Array
from dezero_nn.functions._shares import in_shares

__all__ = ["find_loops", "normalize", "normalize_back"]

_loops = Loops("dezero_nn.loops.rows")

# What a thread takes at a time.
_SHARE = 1 << 15


def find_loops(*arrays: Array | None) -> Any:
    """Return loops over the rows of the first array, or None where NumPy is to do it."""
    return _loops.find(*[array for array in arrays if array is not None])


def normalize(
    loops: Any, x: Array, gamma: Array | None, beta: Array | None, *, centered: bool, eps: float
) -> tuple[Array, Array, Array]:
    """Return normalized rows, and what was subtracted from each and what it was multiplied by."""
    y = np.empty_like(x)
    center, inverse = np.zeros((2, len(x), 1), x.dtype)
    factors, numbers = (_row(gamma), _row(beta)), (centered, eps)
    row, out, each = x.reshape(-1), y.reshape(-1), (center.reshape(-1), inverse.reshape(-1))

    def compute(rows: Sequence[slice]) -> None:
        for part in rows:
            bounds = part.start, part.stop
            loops.normalize(row, x.shape[1], bounds, *factors, *numbers, *each, out)

    in_shares(compute, _parts(x), x.size)
    return y, center, inverse


def normalize_back(
    loops: Any,
    gy: Array,
    x: Array,
    gamma: Array | None,
    center: Array,
    inverse: Array,
    *,
    centered: bool,
    with_beta: bool,
) -> tuple[Array, Array, Array]:
    """Return the gradients of x, gamma and beta; zeros for a factor that there is not."""
    gx, size = np.empty_like(x), x.shape[1]
    arrays, each = (gy.reshape(-1), x.reshape(-1)), (center.reshape(-1), inverse.reshape(-1))
    scale, out = _row(gamma), gx.reshape(-1)

    def compute(rows: Sequence[slice]) -> tuple[Array, Array]:
        g_gamma, g_beta = np.zeros((2, size))
        of_beta = g_beta if with_beta else None
        for part in rows:
            bounds = part.start, part.stop
            loops.normalize_back(
                *arrays, size, bounds, scale, centered, *each, out, g_gamma, of_beta
            )
        return g_gamma, g_beta

    sums = in_shares(compute, _parts(x), x.size)
    g_gamma, g_beta = (sum(found).astype(x.dtype) for found in zip(*sums, strict=True))
    return gx, g_gamma, g_beta


def _row(factor: Array | None) -> Array | None:
    return None if factor is None else factor.reshape(-1)


def _parts(x: Array) -> list[slice]:
    step = max(_SHARE // x.shape[1], 1)
    return [slice(i, min(i + step, len(x))) for i in range(0, len(x), step)]
