"""Updates of all parameters in one launch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_cuda.kernels._launch import (
    address,
    computed_dtype,
    contiguous,
    current_device,
    launch,
    supported,
)

__all__ = ["KERNELS"]

_CHUNK = 8192
_MOST_NUMBERS = 5
_MOST_TABLES = 8

# Tables in device memory, by their bytes. A training loop gives its arrays the same places in each
# step, once the memory pool has settled, so that a table is copied to the device but a few times.
_tables: OrderedDict[tuple[Any, ...], Array] = OrderedDict()


def _update(name: str, n_states: int) -> Callable[..., Any]:
    def kernel(
        xp: Any,
        numbers: Sequence[float],
        params: Sequence[Array],
        grads: Sequence[Array],
        states: Sequence[Sequence[Array]],
    ) -> Any:
        dtype = supported(xp, *params, *grads)
        if dtype is None or not _fits(xp, dtype, params, grads, states, n_states):
            return NotImplemented
        grads = [contiguous(xp, g) for g in grads]
        table, blocks = _table(xp, params, grads, states, n_states)
        if blocks:
            padded = (*numbers, *[0.0] * (_MOST_NUMBERS - len(numbers)))
            launch(xp, "optimizers", name, dtype, (blocks,), (256,), (table, blocks, *padded))
        return None

    return kernel


def _fits(xp: Any, dtype: Any, params: Any, grads: Any, states: Any, n_states: int) -> bool:
    wide = computed_dtype(dtype)
    if len(states) != n_states + (wide != dtype):
        return False
    for kind in states:
        if supported(xp, *kind) != wide or not all(s.flags.c_contiguous for s in kind):
            return False
    return all(
        p.flags.c_contiguous and p.shape == g.shape for p, g in zip(params, grads, strict=True)
    )


def _table(xp: Any, params: Any, grads: Any, states: Any, n_states: int) -> tuple[Array, int]:
    """Return the table that the kernels read, and the number of blocks that it is for."""
    rows = []
    none = [0] * len(params)
    kinds = [[address(s) for s in kind] for kind in states]
    masters = kinds.pop() if len(kinds) > n_states else none
    kinds += [none] * (2 - n_states)
    for p, g, s0, s1, master in zip(params, grads, *kinds, masters, strict=True):
        if p.size:
            rows.append((p.size, address(p), address(g), s0, s1, master))
    blocks = [
        number << 32 | chunk
        for number, row in enumerate(rows)
        for chunk in range(-(-row[0] // _CHUNK))
    ]
    host = np.array([*blocks, *[value for row in rows for value in row]], np.int64)
    key = (xp, current_device(xp), host.tobytes())
    table = _tables.get(key)
    if table is None:
        table = _tables[key] = xp.asarray(host)
        if len(_tables) > _MOST_TABLES:
            _tables.popitem(last=False)
    else:
        _tables.move_to_end(key)
    return table, len(blocks)


#: What updates all parameters at once, by the names that `dezero_core.backend` declares.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "optimizer.sgd": _update("sgd", 0),
        "optimizer.momentum_sgd": _update("momentum_sgd", 1),
        "optimizer.nesterov": _update("nesterov", 1),
        "optimizer.adam": _update("adam", 2),
        "optimizer.adamw": _update("adamw", 2),
    }
)
