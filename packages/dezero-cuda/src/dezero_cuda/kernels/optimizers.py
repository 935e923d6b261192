"""Updates of all parameters in one launch."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from dezero_core.typing import Array
from dezero_cuda.kernels._launch import (
    address,
    computed_dtype,
    contiguous,
    current_device,
    launch,
    lies_here,
    supported,
)

__all__ = ["KERNELS"]

_CHUNK = 8192
_MOST_NUMBERS = 5
_MOST_TABLES = 4

_Arrays: TypeAlias = Sequence[Array]

# A plan for each set of parameters, by the identities of their arrays and states. It goes when one
# of them does, so that no identity is taken for another's, and nothing is kept alive.
_plans: dict[tuple[Any, ...], _Plan] = {}


class _Plan:
    """The table for some parameters, which changes from step to step in gradients alone.

    Attributes:
        blocks: How many blocks a launch takes.
        dtype: That of parameters and gradients; None if this is nothing for the kernels.
        watch: What tells that an array is gone.
    """

    watch: Sequence[weakref.ref[Array]] = ()

    def __init__(self, xp: Any, params: _Arrays, states: Sequence[_Arrays], n_states: int) -> None:
        self.blocks = 0
        self.dtype = _common_dtype(xp, params, states, n_states)
        if self.dtype is None:
            return
        kinds = [list(map(address, kind)) for kind in states]
        none = [0] * len(params)
        masters = kinds.pop() if len(kinds) > n_states else none
        kinds += [none] * (2 - n_states)
        chunks = [range(-(-p.size // _CHUNK)) for p in params]
        blocks = [number << 32 | k for number, some in enumerate(chunks) for k in some]
        sizes = [p.size for p in params]
        rows = zip(sizes, map(address, params), none, *kinds, masters, strict=True)
        self.blocks = len(blocks)
        self._sizes = sizes
        self._host = np.array([*blocks, *[value for row in rows for value in row]], np.int64)
        # By the gradients' places. A training loop gives its arrays the same ones in each step,
        # once the memory pool has settled, so that a table is copied to the device but few times.
        self._tables: OrderedDict[tuple[int, ...], Array] = OrderedDict()

    def fits(self, xp: Any, grads: _Arrays) -> bool:
        """Tell whether gradients are such as their parameters."""
        kind, dtype = xp.ndarray, self.dtype
        return dtype is not None and all(
            type(g) is kind and g.dtype == dtype and g.size == size
            for g, size in zip(grads, self._sizes, strict=True)
        )

    def table(self, xp: Any, grads: _Arrays) -> Array:
        """Return the table in device memory."""
        places = tuple(map(address, grads))
        table = self._tables.get(places)
        if table is None:
            self._host[self.blocks + 2 :: 6] = places
            table = self._tables[places] = xp.array(self._host)
            if len(self._tables) > _MOST_TABLES:
                self._tables.popitem(last=False)
        return table


def _common_dtype(xp: Any, params: _Arrays, states: Sequence[_Arrays], n_states: int) -> Any:
    """Return the parameters' dtype; None if kernels do not take them, or their states."""
    dtype = supported(xp, *params)
    if dtype is None or not lies_here(xp, params[0]):
        return None
    wide = computed_dtype(dtype)
    if len(states) != n_states + (wide != dtype):
        return None
    if any(supported(xp, *kind) != wide for kind in states):
        return None
    arrays = chain(params, *states)
    return dtype if all(x.flags.c_contiguous for x in arrays) else None


def _plan(xp: Any, params: _Arrays, states: Sequence[_Arrays], n_states: int) -> _Plan:
    key = (xp, current_device(xp), n_states, *map(id, params), *map(id, chain(*states)))
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _Plan(xp, params, states, n_states)

        def forget(_: Any) -> None:
            _plans.pop(key, None)

        # Kept by the plan, for else nobody would be called.
        plan.watch = [weakref.ref(x, forget) for x in chain(params, *states)]
    return plan


def _update(name: str, n_states: int) -> Callable[..., Any]:
    def kernel(
        xp: Any,
        numbers: Sequence[float],
        params: _Arrays,
        grads: _Arrays,
        states: Sequence[_Arrays],
        unless: Array | None = None,
        factor: Array | None = None,
    ) -> Any:
        plan = _plan(xp, params, states, n_states)
        if not plan.fits(xp, grads):
            return NotImplemented
        if plan.blocks:
            grads = [contiguous(xp, g) for g in grads]
            padded = (*numbers, *[0.0] * (_MOST_NUMBERS - len(numbers)))
            guard = [0 if x is None else x for x in (unless, factor)]
            args = (plan.table(xp, grads), plan.blocks, *padded, *guard)
            launch(xp, "optimizers", name, plan.dtype, (plan.blocks,), (256,), args)
        return None

    return kernel


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
