"""Layer norm and rms norm, and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dezero_core.typing import Array, Shape
from dezero_cuda.kernels._launch import computed_dtype, contiguous, launch, rows, supported

__all__ = ["KERNELS"]

_MOST_PARTS = 64


def _normalize_rows(
    xp: Any,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    *,
    size: int,
    centered: bool,
    eps: float,
) -> Any:
    dtype = supported(xp, x, gamma, beta)
    if dtype is None or not x.size:
        return NotImplemented
    n, wide = x.size // size, computed_dtype(dtype)
    y = xp.empty(x.shape, dtype)
    center, inverse = xp.empty((n, 1), wide), xp.empty((n, 1), wide)
    grid, block = rows(n, size)
    operands = (contiguous(xp, x), _or_null(xp, gamma), _or_null(xp, beta))
    args = (*operands, y, center, inverse, n, size, int(centered), float(eps))
    launch(xp, "normalization", "normalize_rows_forward", dtype, grid, block, args)
    return y, center, inverse


def _or_null(xp: Any, x: Array | None) -> Any:
    return 0 if x is None else contiguous(xp, x)


def _normalize_rows_vjp(
    xp: Any,
    gy: Any,
    needs: Any,
    x: Any,
    gamma: Any,
    beta_shape: Shape,
    center: Any,
    inverse: Any,
    size: int,
    centered: bool,
    eps: float,
) -> Any:
    dtype = supported(xp, x, gy, gamma)
    if dtype is None or supported(xp, center, inverse) != computed_dtype(dtype) or not x.size:
        return NotImplemented
    n = x.size // size
    gy, x = contiguous(xp, gy), contiguous(xp, x)
    gradients: list[Any] = [None] * len(needs)
    if needs[0]:
        gx = gradients[0] = xp.empty(x.shape, dtype)
        grid, block = rows(n, size)
        args = (gy, x, _or_null(xp, gamma), center, inverse, gx, n, size, int(centered))
        launch(xp, "normalization", "normalize_rows_backward", dtype, grid, block, args)
    if any(needs[1:]):
        g_gamma, g_beta = _column_sums(xp, dtype, gy, x, center, inverse, n, size)
        if needs[1]:
            gradients[1] = g_gamma.reshape(gamma.shape)
        if len(needs) > 2 and needs[2]:
            gradients[2] = g_beta.reshape(beta_shape)
    return gradients


def _column_sums(
    xp: Any, dtype: Any, gy: Array, x: Array, center: Array, inverse: Array, n: int, size: int
) -> Array:
    """Return the gradients of scale and shift, (2, size): in two steps, without atomics."""
    wide = computed_dtype(dtype)
    count = max(1, min(_MOST_PARTS, n // 64))
    parts, sums = xp.empty((2, count, size), wide), xp.empty((2, size), wide)
    args: tuple[Any, ...] = (gy, x, center, inverse, parts, n, size)
    launch(xp, "normalization", "column_parts", dtype, (-(-size // 32), count), (32, 8), args)
    args = (parts, sums, count, size)
    launch(xp, "normalization", "sum_parts", dtype, (-(-2 * size // 256),), (256,), args)
    return sums


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"normalize_rows": _normalize_rows, "normalize_rows.vjp": _normalize_rows_vjp}
)
