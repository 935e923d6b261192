"""Mixed precision: some operations in half precision, where that is fast and does no harm.

Parameters stay in single precision, and so do their gradients. What casts are recorded operations
like any other, so gradients come back in the dtype of the operand that they belong to.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial, wraps
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, ParamSpec, TypeVar

import numpy as np

from dezero_core import versions
from dezero_core.config import Caster, current, using_config
from dezero_core.functions.shape import astype
from dezero_core.node import Node
from dezero_core.typing import Array, DTypeLike
from dezero_core.variable import Variable

__all__ = ["autocast"]

P = ParamSpec("P")
T = TypeVar("T")

_FLOAT16, _FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
_DTypes = Mapping[Any, Any]


def _half_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the one of the two dtypes of half precision that is meant."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name == "float16":
        return _FLOAT16
    if name != "bfloat16":
        raise ValueError(f"autocast: dtype is 'bfloat16' or 'float16', not {dtype!r}")
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError(
            "autocast: bfloat16 takes the package ml_dtypes: pip install 'dezero-core[bfloat16]'; "
            "or choose 'float16', with a GradScaler"
        ) from None
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


class autocast:  # noqa: N801  (as with no_grad and using_config)
    """Computes in half precision where it pays: ``with autocast():`` around the forward pass.

    Inside, an operation computes in a precision that it states itself (`Primitive.autocast`):

    - products of matrices, convolutions, recurrent networks and attention in `dtype`, whatever
      their operands are in: tensor cores take a fraction of the time, and half the memory;
    - exponentials, logarithms and powers, softmax, losses, sums, means and variances, matrices'
      inverses and norms, and layer, rms and group normalization in float32, since half precision
      has too little range for them, or too few digits;
    - batch normalization in the dtype of its input, with statistics in float32;
    - all else in the widest dtype of its operands, as without. Primitives of your own belong here
      unless they say otherwise, and so does each `Function`.

    Integers, numbers of Python's, and operations with a float64 operand are left alone.

    A parameter or a result is cast once, however often it is used inside, as long as nothing is
    assigned to its ``data``, as optimizers do. Other variables of yours are cast with each use.
    The backward pass computes in the dtypes that the forward pass chose, inside and outside of the
    block, so it may stand on either side. A weight that is used several times has its gradient
    added up in half precision, and cast then.

    float16 has three digits and ends at 65504, and gradients below 6e-8 vanish in it: scale the
    loss with `dezero_optim.GradScaler`. bfloat16 has the range of float32 with two digits, and
    needs no scale.

    Args:
        dtype: ``"bfloat16"`` or ``"float16"``.
        enabled: False to compute as usual, inside of another block too.

    Raises:
        ValueError: `dtype` is another one.
        ImportError: bfloat16 takes the package ml_dtypes, the extra ``bfloat16`` of dezero-core.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> W = Variable(np.ones((2, 3), np.float32))
        >>> with autocast("float16"):
        ...     y = F.matmul(np.ones((4, 2), np.float32), W)
        ...     loss = F.mean(y)
        >>> loss.backward()
        >>> y.dtype, loss.dtype, W.grad.dtype
        (dtype('float16'), dtype('float32'), dtype('float32'))

    P. Micikevicius et al., "Mixed Precision Training", 2018.
    """

    __slots__ = ("_blocks", "_dtype")

    def __init__(self, dtype: DTypeLike = "bfloat16", enabled: bool = True) -> None:
        self._dtype = _half_dtype(dtype) if enabled else None
        # A stack, so that one object may be entered again while it is entered.
        self._blocks: list[using_config] = []

    def __enter__(self) -> None:
        block = using_config("autocast", self._casters())
        block.__enter__()
        self._blocks.append(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._blocks.pop().__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function, so that it computes so whenever it runs."""
        dtype = self._dtype

        @wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> T:
            with autocast(dtype, enabled=dtype is not None):
                return function(*args, **kwargs)

        return inside

    def _casters(self) -> _Casters | None:
        if self._dtype is None:
            return None
        outer = current().autocast
        if isinstance(outer, _Casters) and outer.dtype == self._dtype:
            return outer  # what was cast there serves here
        return _Casters(self._dtype)


class _Casters(dict[str | None, Caster]):
    """How operands are cast inside of one block, by what `Primitive.autocast` says."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        cache = _Cache()
        halves = {_FLOAT16, dtype}
        to_half = dict.fromkeys({_FLOAT32, *halves} - {dtype}, dtype)
        to_single = dict.fromkeys(halves, _FLOAT32)
        self["half"] = _To(to_half, cache)
        self["single"] = _To(to_single, cache)
        self["first"] = _LikeFirst(halves, cache)

    def __repr__(self) -> str:
        return f"<autocast {self.dtype.name}>"


class _To:
    """Casts all operands by a table of dtypes."""

    def __init__(self, table: _DTypes, cache: _Cache) -> None:
        self._table = table
        self._cache = cache

    def cast(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._cache.cast(operands, self._table)

    def finish(self, y: Any) -> Any:
        # NumPy has no products of bfloat16: they come out in float32.
        dtype = None if isinstance(y, tuple) else self._table.get(y.dtype)
        return y if dtype is None else y.astype(dtype)


class _LikeFirst:
    """Casts operands to the dtype of the first one, where that is in half precision."""

    def __init__(self, halves: set[np.dtype[Any]], cache: _Cache) -> None:
        others = {_FLOAT32, *halves}
        self._tables: dict[Any, _DTypes] = {
            half: dict.fromkeys(others - {half}, half) for half in halves
        }
        self._cache = cache

    def cast(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        table = self._tables.get(getattr(operands[0], "dtype", None))
        return operands if table is None else self._cache.cast(operands, table)

    def finish(self, y: Any) -> Any:
        return y


class _Entry(NamedTuple):
    """A Variable that was cast, and all by which to see whether it still serves."""

    reference: weakref.ref[Variable]
    data: Array
    node: Node | None
    last_change: int
    result: Variable


class _Cache:
    """What was cast of the Variables that still live.

    An entry goes with its Variable, and all go with the block.
    """

    __slots__ = ("__weakref__", "_entries")

    #: Never cast: who computes in double precision means it.
    _wide: ClassVar = frozenset(map(np.dtype, ("float64", "longdouble")))

    def __init__(self) -> None:
        self._entries: dict[tuple[int, Any], _Entry] = {}

    def cast(self, operands: tuple[Any, ...], table: _DTypes) -> tuple[Any, ...]:
        """Return operands, those cast whose dtype is in the table.

        Beside one of double precision all stay as they are.
        """
        dtypes = [getattr(x, "dtype", None) for x in operands]
        if table.keys().isdisjoint(dtypes) or not self._wide.isdisjoint(dtypes):
            return operands
        return tuple(
            [
                x if dtype not in table else self._cast(x, table[dtype])
                for x, dtype in zip(operands, dtypes, strict=True)
            ]
        )

    def _cast(self, x: Any, dtype: Any) -> Any:
        if not isinstance(x, Variable):
            return x.astype(dtype)
        node = x._node
        if node is not None and node.plan is None and not node.is_parameter:
            return astype(x, dtype)  # somebody may write another batch into it
        key = id(x), dtype
        entry = self._entries.get(key)
        if entry is not None and _serves(entry, x):
            return entry.result
        result = astype(x, dtype)
        reference = weakref.ref(x, partial(_forget, weakref.ref(self), key))
        self._entries[key] = _Entry(reference, x._data, node, versions.last.change, result)
        return result

    def forget(self, key: Any, reference: Any) -> None:
        entry = self._entries.get(key)
        if entry is not None and entry.reference is reference:
            del self._entries[key]


# No method of the cache, which would hold itself, a circle.
def _forget(cache: weakref.ref[_Cache], key: Any, reference: Any) -> None:
    owner = cache()
    if owner is not None:
        owner.forget(key, reference)


def _serves(entry: _Entry, x: Variable) -> bool:
    """Tell whether a Variable is what it was when it was cast, and the cast leads to it."""
    if (
        entry.reference() is not x
        or entry.data is not x._data
        or entry.node is not x._node
        or entry.last_change != versions.last.change
    ):
        return False
    if x._node is None or not current().enable_backprop:
        return True
    # It was cast under no_grad(), or `unchain_backward` has cut it off.
    node = entry.result._node
    return node is not None and node.plan is not None
