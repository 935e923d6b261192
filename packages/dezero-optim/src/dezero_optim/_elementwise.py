"""Updates that treat each element alike: where the arrays live, how much at a time, which dtype.

A large parameter is updated block by block. An update takes up to a dozen passes over its arrays;
so long as a block's share of them stays in the cache, only the first and the last of these passes
reach out to memory. For each parameter the blocks are cut once, together with work space that all
share, so an update makes no array. On other devices than the host an update runs over whole
arrays, with work space from the device's own pool.

Parameters in half precision have a copy in single precision, the master, that collects steps too
small for half precision to show.

Where a backend has a kernel for it, all parameters are updated by one call; on the host a compiled
loop does the same for one of them in one pass, where Numba is installed.

On a device an update can be made to depend on a boolean that nobody waits for: a `GradScaler`
skips updates so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy import ndarray  # a module's own names are found sooner

from dezero_core import Device, Parameter, get_array_module
from dezero_core.backend import backend_of
from dezero_core.compiled import Loops
from dezero_core.devices import beside
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim.group import ParameterGroup
from dezero_optim.optimizer import Optimizer

__all__ = ["Block", "Blocks", "Elementwise", "Numbers", "Work", "wide_dtype"]

Numbers: TypeAlias = tuple[float, ...]
Work: TypeAlias = Sequence[Array]

_Self = TypeVar("_Self", bound="Elementwise")

# Elements of a block. A step on 1.8 million float32 parameters, 0.8 and 1 million each, took SGD
# 0.64 ms in blocks of 1 << 16, 0.45 of 1 << 17 and 0.41 of 1 << 18, and Adam 2.9, 2.8 and 2.6 ms;
# Adam took 4.2 ms in blocks of 1 << 13, and more than with blocks for the whole array at once.
_BLOCK = 1 << 18

_loops = Loops("dezero_optim.loops")
# With so few elements there is no need to ask for them.
_SMALL = 1 << 11


def wide_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the dtype to compute in: at least single precision."""
    return np.promote_types(dtype, np.float32)


class Block(NamedTuple):
    """A part of some arrays, and work space of its shape."""

    part: slice | None  # where it lies, in arrays cut the same way; None for all
    arrays: tuple[Array, ...]
    work: tuple[Array, ...]


class Blocks:
    """Cuts arrays on the host into blocks, with work space that all blocks share."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[int, Any], Array] = {}

    def cut(self, arrays: tuple[Array, ...], work: Sequence[Any], *, flat: bool) -> list[Block]:
        """Cut arrays of one shape.

        Args:
            arrays: The arrays.
            work: The dtypes of the arrays of work space.
            flat: Cut them anywhere, which takes arrays that are contiguous in C order; otherwise
                along the first axis.
        """
        shape, size = arrays[0].shape, arrays[0].size
        if size <= _BLOCK:
            return [Block(None, arrays, self._space(shape, work))]
        if flat:
            arrays = tuple(array.reshape(-1) for array in arrays)
        length = len(arrays[0])
        step = max(1, _BLOCK * length // size)
        blocks = []
        for start in range(0, length, step):
            part = slice(start, start + step)
            parts = tuple(array[part] for array in arrays)
            blocks.append(Block(part, parts, self._space(parts[0].shape, work)))
        return blocks

    def parts(self, arrays: tuple[Array, ...], work: Sequence[Any]) -> list[Block]:
        """Cut arrays of one shape as they lie; whole on other devices than the host."""
        first = arrays[0]
        if type(first) is np.ndarray:
            return self.cut(arrays, work, flat=all(a.flags.c_contiguous for a in arrays))
        empty_like = get_array_module(first).empty_like
        return [Block(None, arrays, tuple(empty_like(first, dtype=dtype) for dtype in work))]

    def _space(self, shape: tuple[int, ...], dtypes: Sequence[Any]) -> tuple[Array, ...]:
        size = prod(shape)
        space = []
        for key in enumerate(dtypes):
            buffer = self._buffers.get(key)
            if buffer is None or buffer.size < size:
                # Blocks that were cut before keep the older one.
                buffer = self._buffers[key] = np.empty(size, key[1])
            space.append(buffer[:size].reshape(shape))
        return tuple(space)


class _Plan(NamedTuple):
    data: Array  # the array that it was made for
    xp: Any
    has_master: bool
    flat: bool  # whether the blocks are parts of arrays with one axis
    blocks: list[Block]


class _Guard(NamedTuple):
    """What only a device knows of an update."""

    unless: Array  # whether to change nothing: a boolean, an array without axes
    skipped: Array  # how many updates before were skipped so: a number in double precision


class Elementwise(Optimizer):
    """Base class of optimizers that treat each element of a parameter alike.

    A subclass says in `_state_names` what it remembers, and in `_step` what it does.

    Attributes:
        _state_names: Arrays of the parameter's shape, zero at first, at least in single precision.
        _n_work: How many arrays of work space `_step` needs.
        _kernel: Under which name backends offer kernels that do what `_step` does, with its
            numbers (see `dezero_core.backend.Backend`), and `dezero_optim.loops` a loop; None if
            there are none. A subclass with a `_step` of its own has none, unless it names one.
        _rate_place: Which of the numbers `_rate_factor` belongs to; None if no number depends on
            how many updates there were.
    """

    _state_names: tuple[str, ...] = ()
    _kernel: str | None = None
    _n_work: ClassVar[int] = 1
    _rate_place: ClassVar[int | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step, kernel = (
            next(i for i, base in enumerate(cls.__mro__) if name in vars(base))
            for name in ("_step", "_kernel")
        )
        # The kernel was named for a step that this class does not do.
        if step < kernel:
            cls._kernel = None

    def __init__(self) -> None:
        super().__init__()
        self._guard: _Guard | None = None
        # How many of the updates that `_t` counts were not done: a number on a device, or None.
        self._skipped: Array | None = None
        self._forget_plans()

    @property
    def t(self) -> int:
        """How many updates there were; it waits for a device that skipped some."""
        self._settle()
        return self._t

    @t.setter
    def t(self, t: int) -> None:
        self._t, self._skipped = t, None

    def _numbers_for(self, settings: Any) -> Numbers:
        """Return the numbers that `_step` computes with, as Python's: NumPy's would set the dtype.

        Args:
            settings: What has the hyperparameters as attributes.
        """
        raise NotImplementedError

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        """Update `p` and `state` in place, by the gradient `g`, which stays as it is."""
        raise NotImplementedError

    def _rate_factor(self, xp: Any, settings: Any, skipped: Array) -> Array:
        """Return what to multiply the rate by, which was computed for `_t` updates.

        Args:
            xp: The namespace of `skipped`.
            settings: As for `_numbers_for`.
            skipped: How many of them were not done: a number in double precision, without axes.
        """
        raise NotImplementedError

    def _update_unless(self, found: Array) -> None:
        """Do an update, or change nothing where `found` is true (see `Optimizer`)."""
        # What a subclass does besides, nobody could put back.
        kind, own = type(self), Elementwise
        is_known = kind.update_one is own.update_one and kind.update_all is own.update_all
        if isinstance(found, np.ndarray) or not is_known:
            super()._update_unless(found)
            return
        xp = get_array_module(found)
        skipped = self._skipped
        skipped = xp.zeros((), np.float64) if skipped is None else beside(skipped, found)
        self._guard = _Guard(found, skipped)
        try:
            self.update()
        finally:
            self._guard = None
        self._skipped = skipped + found

    def _count_update(self) -> None:
        if self._guard is None:
            self.t += 1
        else:
            self._t += 1

    def _settle(self) -> None:
        """Take the updates that were skipped off the count. On a device this waits."""
        if self._skipped is not None:
            self._t -= int(self._skipped)
            self._skipped = None

    def new_state(self, param: Parameter) -> dict[str, Array]:
        """Make arrays of zeros, and the master (see `Optimizer.new_state`)."""
        xp = get_array_module(param)
        dtype = wide_dtype(param.dtype)
        state = {name: xp.zeros(param.shape, dtype) for name in self._state_names}
        if dtype != param.dtype:
            state["master"] = param.data.astype(dtype)
        return state

    def update_all(self, params: list[Parameter]) -> None:
        """Change some parameters, at once where a kernel does it (see `Optimizer.update_all`)."""
        # What a subclass does to a single parameter, nobody knows here.
        if type(self).update_one is not Elementwise.update_one:
            super().update_all(params)
            return
        # NumPy has no kernels.
        if self._kernel is not None and any([type(param.data) is not ndarray for param in params]):
            params = self._update_by_kernels(params)
        common = None if self.groups else self._numbers_for(self)
        for param in params:
            self._update(param, common or self._numbers_for(self.settings_of(param)))

    def _update_by_kernels(self, params: list[Parameter]) -> list[Parameter]:
        """Change what kernels change, and return the others."""
        others = []
        alike: dict[Any, list[Parameter]] = {}
        # Looked up once for all that share them.
        kernels: dict[type, Any] = {np.ndarray: None}
        numbers_of: dict[ParameterGroup | None, Numbers] = {}
        for param in params:
            data: Any = param.data
            kind = type(data)
            if kind not in kernels:
                kernels[kind] = backend_of(data).kernels.get(f"optimizer.{self._kernel}")
            if kernels[kind] is None:
                others.append(param)
                continue
            group = self._group_of.get(id(param))
            if group not in numbers_of:
                numbers_of[group] = self._numbers_for(self.settings_of(param))
            # CuPy's devices cannot be hashed, their numbers can.
            device = getattr(getattr(data, "device", None), "id", None)
            key = (kernels[kind], numbers_of[group], data.dtype, device)
            alike.setdefault(key, []).append(param)
        for (kernel, numbers, *_), some in alike.items():
            arrays: list[Any] = [param.data for param in some]
            grads = [param.grad.data for param in some]  # type: ignore[union-attr]
            states = [self.state_of(param).values() for param in some]
            xp = get_array_module(arrays[0])
            kinds = [list(kind) for kind in zip(*states, strict=True)]
            guard = () if self._guard is None else self._guard_of(xp, some[0], self._guard)
            if kernel(xp, numbers, arrays, grads, kinds, *guard) is NotImplemented:
                others += some
                continue
            for param, data in zip(some, arrays, strict=True):
                param.data = data  # so that a backward pass through older results finds out
        return others

    def _guard_of(self, xp: Any, param: Parameter, guard: _Guard) -> tuple[Array, Array | None]:
        """Return whether to change nothing, and what to multiply the rate by, None for nothing."""
        unless = beside(guard.unless, param.data)
        if self._rate_place is None:
            return unless, None
        skipped = beside(guard.skipped, param.data)
        return unless, self._rate_factor(xp, self.settings_of(param), skipped)

    def update_one(self, param: Parameter) -> None:
        """Change one parameter (see `Optimizer.update_one`)."""
        self._update(param, self._numbers_for(self.settings_of(param)))

    def _update(self, param: Parameter, numbers: Numbers) -> None:
        data, g = param.data, param.grad.data  # type: ignore[union-attr]
        plan = self._plans.get(id(param))
        if plan is None or plan.data is not data or (plan.flat and not g.flags.c_contiguous):
            plan = self._plan(param, g)
        _, xp, has_master, flat, blocks = plan
        if has_master:
            step = self._step_master
        else:
            step = self._step if data.size < _SMALL else self._step_in_one_pass
        if flat:
            g = g.reshape(-1)
        if self._guard is not None:
            unless, factor = self._guard_of(xp, param, self._guard)
            numbers = self._corrected(numbers, factor, data.dtype)
            step = _step_unless(step, unless)
        for part, arrays, work in blocks:
            step(xp, numbers, arrays[0], g if part is None else g[part], work, *arrays[1:])
        param.data = data

    def _corrected(self, numbers: Numbers, factor: Array | None, dtype: Any) -> Numbers:
        """Return the numbers with the rate multiplied by what a device knows."""
        if factor is None or self._rate_place is None:
            return numbers
        changed: list[Any] = list(numbers)
        rate = changed[self._rate_place] * factor
        changed[self._rate_place] = rate.astype(wide_dtype(dtype))
        return tuple(changed)

    def _step_in_one_pass(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        """Do the step by a compiled loop where there is one, else in the passes of `_step`."""
        loops = _loops.find(p, g, *state)
        if loops is None or self._kernel is None:
            self._step(xp, numbers, p, g, work, *state)
            return
        rows = [array.reshape(-1) for array in (p, g, *state)]
        getattr(loops, self._kernel)(*rows, *map(p.dtype.type, numbers))

    def _step_master(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        """Do the step on the master, and round it to the parameter's half precision."""
        *others, master = state
        *space, g_wide, rounded, differs = work
        # Where the parameter is not the master rounded, somebody else has changed it.
        xp.copyto(rounded, master, casting="same_kind")
        xp.not_equal(rounded, p, out=differs)
        xp.copyto(master, p, where=differs)
        xp.copyto(g_wide, g, casting="same_kind")
        self._step_in_one_pass(xp, numbers, master, g_wide, space, *others)
        xp.copyto(p, master, casting="same_kind")

    def _plan(self, param: Parameter, g: Array) -> _Plan:
        data, xp = param.data, get_array_module(param)
        arrays = (data, *self.state_of(param).values())
        dtype = wide_dtype(data.dtype)
        has_master = dtype != data.dtype
        work = [dtype] * self._n_work
        if has_master:
            work += [dtype, data.dtype, np.dtype(bool)]
        if type(data) is not np.ndarray:
            return _Plan(data, xp, has_master, False, self._blocks.parts(arrays, work))
        flat = data.size > _BLOCK and all(a.flags.c_contiguous for a in (*arrays, g))
        blocks = self._blocks.cut(arrays, work, flat=flat)
        plan = self._plans[id(param)] = _Plan(data, xp, has_master, flat, blocks)
        return plan

    def _forget_plans(self) -> None:
        self._blocks = Blocks()
        self._plans: dict[int, _Plan] = {}

    def setup(self: _Self, target: ParameterSource) -> _Self:
        """Choose whose parameters to change, and begin anew (see `Optimizer.setup`)."""
        self._forget_plans()
        return super().setup(target)

    def _move(self, device: Device) -> None:
        super()._move(device)
        self._forget_plans()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned (see `Optimizer.load_state_dict`)."""
        super().load_state_dict(state)
        self._forget_plans()

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        state = super().__getstate__()
        del state["_plans"], state["_blocks"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget_plans()


def _step_unless(step: Callable[..., None], unless: Array) -> Callable[..., None]:
    """Return a step that puts back what it changed where it should not have been done."""

    def guarded(xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array) -> None:
        arrays = (p, *state)
        before = [array.copy() for array in arrays]
        step(xp, numbers, p, g, work, *state)
        for array, old in zip(arrays, before, strict=True):
            xp.copyto(array, old, where=unless)

    return guarded
