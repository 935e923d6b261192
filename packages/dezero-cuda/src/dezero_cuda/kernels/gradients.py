"""What a scaled loss takes: gradients divided, the next scale, the rate after skipped updates."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_cuda.kernels._launch import address, current_device, launch, lies_here, supported

__all__ = ["KERNELS"]

_CHUNK = 8192
_MOST_TABLES = 8
_SINGLE = np.dtype(np.float32)

# By all that they tell, so that none is ever wrong: a training loop gives its gradients the same
# places in each step, once the memory pool has settled.
_tables: OrderedDict[tuple[Any, ...], tuple[int, Array]] = OrderedDict()


def _table(xp: Any, arrays: Sequence[Array]) -> tuple[int, Array]:
    """Return the number of blocks, and the table in device memory."""
    rows = [(x.size, address(x)) for x in arrays]
    key = (xp, current_device(xp), *rows)
    found = _tables.get(key)
    if found is None:
        chunks = [range(-(-size // _CHUNK)) for size, _ in rows]
        blocks = [number << 32 | k for number, some in enumerate(chunks) for k in some]
        host = np.array([*blocks, *[value for row in rows for value in row]], np.int64)
        found = _tables[key] = len(blocks), xp.array(host)
        if len(_tables) > _MOST_TABLES:
            _tables.popitem(last=False)
    return found


def _scale(xp: Any, arrays: Sequence[Array], factor: Array) -> Any:
    dtype = supported(xp, *arrays)
    if dtype is None or factor.dtype != np.float32 or not lies_here(xp, arrays[0]):
        return NotImplemented
    if not all(x.flags.c_contiguous for x in arrays):
        return NotImplemented
    found = xp.zeros((), bool)
    blocks, table = _table(xp, arrays)
    if blocks:
        args = (table, blocks, factor, found)
        launch(xp, "gradients", "scale_gradients", dtype, (blocks,), (256,), args)
    return found


def _adapt_scale(
    xp: Any,
    scale: Array,
    good: Array,
    found: Array,
    interval: int,
    growth: float,
    backoff: float,
    smallest: float,
    largest: float,
) -> Any:
    if not lies_here(xp, found):
        return NotImplemented
    following = xp.empty((), np.float32), xp.empty((), np.int32)
    args = (scale, good, found, *following, interval, growth, backoff, smallest, largest)
    launch(xp, "gradients", "adapt_scale", _SINGLE, (1,), (1,), args)
    return following


def _adam_factor(xp: Any, skipped: Array, t: int, beta1: float, beta2: float, before: float) -> Any:
    if not lies_here(xp, skipped):
        return NotImplemented
    factor = xp.empty((), np.float64)
    launch(
        *(xp, "gradients", "adam_factor", _SINGLE, (1,), (1,)),
        (skipped, factor, t, beta1, beta2, before),
    )
    return factor


#: By the names that `dezero_core.backend` declares.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "gradients.scale": _scale,
        "gradients.adapt_scale": _adapt_scale,
        "gradients.adam_factor": _adam_factor,
    }
)
