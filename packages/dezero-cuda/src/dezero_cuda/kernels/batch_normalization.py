"""Batch normalization and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

from dezero_core.typing import Array, Shape
from dezero_cuda.kernels._launch import computed_dtype, contiguous, launch, supported

__all__ = ["KERNELS"]

_THREADS = 256
# The threads of a block put the parts of its channel together, one each.
_MOST_PARTS = 64
_ELEMENTS_OF_A_PART = 4096
# The kernels count the numbers of a channel in 32 bits.
_MOST = 2**31 - 1


class _Layout(NamedTuple):
    """How the numbers of channels are divided.

    Attributes:
        grid: Channels, and parts of each.
        sizes: Of a channel, of a channel in one sample, and of a part.
    """

    grid: tuple[int, int]
    sizes: tuple[int, int, int]


def _lay_out(shape: Shape) -> _Layout | None:
    """Divide channels; None if there is nothing to divide, or too much."""
    size = prod(shape[2:])
    count = shape[0] * size
    if not count or not shape[1] or count > _MOST - _ELEMENTS_OF_A_PART:
        return None
    parts = min(_MOST_PARTS, -(-count // _ELEMENTS_OF_A_PART))
    chunk = -(-count // (8 * parts)) * 8  # whole vectors in each
    return _Layout((shape[1], parts), (count, size, chunk))


def _batch_norm(xp: Any, x: Array, gamma: Array, beta: Array, *, eps: float) -> Any:
    dtype = supported(xp, x, gamma, beta)
    layout = None if dtype is None else _lay_out(x.shape)
    if layout is None:
        return NotImplemented
    (channels, parts), wide = layout.grid, computed_dtype(dtype)
    x = contiguous(xp, x)
    moments = xp.empty((parts, channels, 3), wide)
    args: tuple[Any, ...] = (x, moments, *layout.sizes)
    _launch(xp, "channel_moments", dtype, layout, args)
    y = xp.empty(x.shape, dtype)
    mean, var, inverse = (xp.empty(channels, wide) for _ in range(3))
    operands = (x, contiguous(xp, gamma), contiguous(xp, beta), moments)
    args = (*operands, y, mean, var, inverse, *layout.sizes, float(eps))
    _launch(xp, "normalize_channels", dtype, layout, args)
    return y, mean, var, mean, inverse


def _batch_norm_vjp(
    xp: Any, gy: Any, needs: Any, x: Any, gamma: Any, center: Any, inverse: Any, eps: float
) -> Any:
    # Nothing is ever computed from the other two results.
    gy = gy[0]
    dtype = supported(xp, gy, x, gamma)
    layout = None if dtype is None else _lay_out(x.shape)
    if layout is None or supported(xp, center, inverse) != computed_dtype(dtype):
        return NotImplemented
    (channels, parts), wide = layout.grid, computed_dtype(dtype)
    gy, x = contiguous(xp, gy), contiguous(xp, x)
    sums = xp.empty((parts, channels, 2), wide)
    args: tuple[Any, ...] = (gy, x, center, sums, *layout.sizes)
    _launch(xp, "channel_sums", dtype, layout, args)
    gx = xp.empty(x.shape, dtype) if needs[0] else None
    g_gamma, g_beta = xp.empty(channels, wide), xp.empty(channels, wide)
    operands = (gy, x, contiguous(xp, gamma), center, inverse, sums)
    args = (*operands, 0 if gx is None else gx, g_gamma, g_beta, *layout.sizes)
    _launch(xp, "pull_channels", dtype, layout, args)
    return gx, g_gamma, g_beta


def _move_statistics(
    xp: Any, mean: Array, var: Array, new_mean: Array, new_var: Array, n: int, decay: float
) -> Any:
    dtype = supported(xp, mean, var)
    if dtype is None or supported(xp, new_mean, new_var) != computed_dtype(dtype):
        return NotImplemented
    if not all(x.ndim == 1 and x.flags.c_contiguous for x in (mean, var, new_mean, new_var)):
        return NotImplemented
    args = (mean, var, new_mean, new_var, mean.size, float(decay), n / max(n - 1, 1))
    grid = (-(-mean.size // _THREADS),)
    launch(xp, "batch_normalization", "move_statistics", dtype, grid, (_THREADS,), args)
    return None


def _launch(xp: Any, function: str, dtype: Any, layout: _Layout, args: tuple[Any, ...]) -> None:
    launch(xp, "batch_normalization", function, dtype, layout.grid, (_THREADS,), args)


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "batch_norm": _batch_norm,
        "batch_norm.vjp": _batch_norm_vjp,
        "batch_norm.running": _move_statistics,
    }
)
