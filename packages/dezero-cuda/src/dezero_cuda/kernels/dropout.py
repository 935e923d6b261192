"""Dropout in one launch: random numbers, mask and product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_cuda.kernels._launch import contiguous, elements, launch, supported
from dezero_cuda.kernels.philox import Philox

__all__ = ["KERNELS", "seed"]

# What is drawn from where no generator is given.
_generator = Philox()


def seed(number: int) -> None:
    """Determine the masks of dropout on devices, where it is given no generator.

    Args:
        number: From 0 to less than 2**64.

    Raises:
        ValueError: `number` is out of range.

    Example:
        >>> seed(0)
    """
    global _generator
    _generator = Philox(number)


def _dropout(xp: Any, x: Array, *, ratio: float, generator: Any) -> Any:
    dtype = supported(xp, x)
    source = _generator if generator is None else generator
    if dtype is None or not isinstance(source, Philox):
        return NotImplemented
    n = x.size
    y, kept = xp.empty(x.shape, dtype), xp.empty(x.shape, np.bool_)
    if n:
        grid, block = elements(n, 4)
        # As signed bits: kernels take no unsigned numbers by value.
        key = source.seed - (1 << 64) if source.seed >> 63 else source.seed
        args = (contiguous(xp, x), y, kept, source.state(xp), key, n, float(ratio))
        launch(xp, "dropout", "dropout_forward", dtype, grid, block, args)
    return y, kept


def _dropout_vjp(xp: Any, gy: Any, kept: Any, ratio: float) -> Any:
    dtype = supported(xp, gy)
    if dtype is None or gy.shape != kept.shape or not kept.flags.c_contiguous:
        return NotImplemented
    gx = xp.empty(gy.shape, dtype)
    if gy.size:
        grid, block = elements(gy.size, 16 // dtype.itemsize)
        args = (contiguous(xp, gy), kept, gx, gy.size, float(ratio))
        launch(xp, "dropout", "dropout_backward", dtype, grid, block, args)
    return gx


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"dropout": _dropout, "dropout.vjp.x": _dropout_vjp}
)
