"""Softmax, its logarithm, and cross entropy with labels: each a pass or two over rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_cuda.kernels._launch import computed_dtype, contiguous, launch, rows, supported

__all__ = ["KERNELS"]


def _along_last(name: str, xp: Any, axis: int, *arrays: Array) -> Any:
    """Launch what takes arrays and returns one, all of one shape, row by row."""
    dtype = supported(xp, *arrays)
    x = arrays[-1]
    if dtype is None or not x.size or axis not in (-1, x.ndim - 1):
        return NotImplemented
    if any(other.shape != x.shape for other in arrays):
        return NotImplemented
    columns = x.shape[-1]
    n = x.size // columns
    y = xp.empty(x.shape, dtype)
    grid, block = rows(n, columns)
    operands = [contiguous(xp, operand) for operand in arrays]
    launch(xp, "softmax", name, dtype, grid, block, (*operands, y, n, columns))
    return y


def _softmax(xp: Any, x: Array, *, axis: int) -> Any:
    return _along_last("softmax_forward", xp, axis, x)


def _softmax_vjp(xp: Any, gy: Any, y: Any, axis: int) -> Any:
    return _along_last("softmax_backward", xp, axis, gy, y)


def _log_softmax(xp: Any, x: Array, *, axis: int) -> Any:
    return _along_last("log_softmax_forward", xp, axis, x)


def _log_softmax_vjp(xp: Any, gy: Any, y: Any, axis: int) -> Any:
    return _along_last("log_softmax_backward", xp, axis, gy, y)


# --- cross entropy -----------------------------------------------------------------------------


def _labels(xp: Any, t: Any) -> Any:
    """Return labels as the kernels take them, 64 bits wide; None if they are no such array."""
    if type(t) is not xp.ndarray or t.ndim != 1 or t.dtype.kind not in "iu":
        return None
    return contiguous(xp, t.astype(np.int64, copy=False))


def _cross_entropy(xp: Any, x: Array, t: Array, *, is_mean: bool) -> Any:
    dtype, labels = supported(xp, x), _labels(xp, t)
    if dtype is None or labels is None or x.ndim != 2 or not x.size or t.shape != x.shape[:1]:
        return NotImplemented
    n, columns = x.shape
    wide = computed_dtype(dtype)
    losses = xp.empty(n, wide)
    # The logarithm stays wide: in half precision probabilities would be off by half a percent.
    largest, log_sum = xp.empty((n, 1), dtype), xp.empty((n, 1), wide)
    grid, block = rows(n, columns)
    args = (contiguous(xp, x), labels, losses, largest, log_sum, n, columns)
    launch(xp, "softmax", "cross_entropy_forward", dtype, grid, block, args)
    if not is_mean:
        return losses.astype(dtype, copy=False), largest, log_sum
    mean = xp.empty((), dtype)
    launch(xp, "softmax", "mean_of_losses", dtype, (1,), (256,), (losses, mean, n))
    return mean, largest, log_sum


def _cross_entropy_vjp(
    xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, t: Any, is_mean: bool
) -> Any:
    dtype, labels = supported(xp, x, gy, largest), _labels(xp, t)
    if dtype is None or labels is None or log_sum.dtype != computed_dtype(dtype):
        return NotImplemented
    n, columns = x.shape
    gx = xp.empty(x.shape, dtype)
    grid, block = rows(n, columns)
    operands = (contiguous(xp, gy), contiguous(xp, x), largest, log_sum, labels)
    args = (*operands, gx, n, columns, int(is_mean))
    launch(xp, "softmax", "cross_entropy_backward", dtype, grid, block, args)
    return gx


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "softmax": _softmax,
        "softmax.vjp.x": _softmax_vjp,
        "log_softmax": _log_softmax,
        "log_softmax.vjp.x": _log_softmax_vjp,
        "softmax_cross_entropy": _cross_entropy,
        "softmax_cross_entropy.vjp.x": _cross_entropy_vjp,
    }
)
