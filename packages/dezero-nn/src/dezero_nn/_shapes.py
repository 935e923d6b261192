"""A backend whose arrays have a shape and a dtype, and no values.

A model that runs on it costs next to nothing, whatever its size: that is how `summary` finds the
shapes of all results. Elementwise functions, products of matrices and reductions are answered from
the shapes alone. The others NumPy answers, given arrays of the right shapes that are views of a
single zero: most of these functions only make views again, and the few that do compute are right
all the same. Multiply-adds are counted where all products of matrices come down to: in `matmul`,
`dot`, `tensordot` and `einsum`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from math import prod
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_tuple

from dezero_core.typing import Shape

__all__ = ["SHAPES", "ShapeArray", "multiply_adds", "shape_array"]

_REDUCTIONS = {"all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var"}
_NO_VALUES = "an array that has a shape and no values was asked for its values"


#: A list with how many multiply-adds there were in this context; set one to count.
multiply_adds: ContextVar[list[int]] = ContextVar("dezero_multiply_adds")


class ShapeArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array without values."""

    __slots__ = ("__weakref__", "_view")
    __array_priority__ = 100
    __hash__ = object.__hash__

    def __init__(self, view: npt.NDArray[Any]) -> None:
        self._view = view

    @property
    def shape(self) -> Shape:
        shape: Shape = self._view.shape
        return shape

    @property
    def ndim(self) -> int:
        return self._view.ndim

    @property
    def size(self) -> int:
        return prod(self._view.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self._view.dtype
        return dtype

    @property
    def nbytes(self) -> int:
        return self.size * self._view.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        shape, itemsize = self._view.shape, self._view.itemsize
        return tuple([prod(shape[i + 1 :]) * itemsize for i in range(len(shape))])

    @property
    def T(self) -> ShapeArray:  # noqa: N802
        return ShapeArray(self._view.T)

    def astype(self, dtype: Any, **_: Any) -> ShapeArray:
        return shape_array(self.shape, dtype)

    def copy(self, *_: Any) -> ShapeArray:
        return self

    def dot(self, other: Any, out: Any = None) -> Any:
        return _dot(self, other, out)

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} without values>"

    def __len__(self) -> int:
        return len(self._view)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return _wrap(self._view[_unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        np.broadcast_shapes(np.shape(_unwrap(value)), self[index].shape)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._view, name)
        if name.startswith("__") or not callable(method):
            raise AttributeError(name)
        if name in _REDUCTIONS:
            return partial(_reduce, getattr(np, name), self)
        return _without_values(method)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        return _ufunc(ufunc, method, *inputs, **settings)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _without_values(function)(*args, **kwargs)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(_NO_VALUES)

    def _refuse(self, *_: Any) -> Any:
        raise TypeError(_NO_VALUES)

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    item = tolist = tobytes = _refuse


def shape_array(shape: Shape, dtype: Any) -> ShapeArray:
    """Return an array of a shape and a dtype."""
    return ShapeArray(np.broadcast_to(np.zeros((), dtype), shape))


def _wrap(result: Any) -> Any:
    if isinstance(result, (np.ndarray, np.generic)):
        return shape_array(result.shape, result.dtype)
    if isinstance(result, (tuple, list)):
        return tuple(map(_wrap, result))
    return result


def _unwrap(x: Any) -> Any:
    if isinstance(x, ShapeArray):
        return x._view
    if type(x) in (tuple, list):
        return type(x)(map(_unwrap, x))
    return x


def _without_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy's for arrays without values."""
    if isinstance(function, np.ufunc):
        return lambda *args, **settings: _ufunc(function, "__call__", *args, **settings)

    def call(*args: Any, **settings: Any) -> Any:
        out = settings.pop("out", None)
        with np.errstate(all="ignore"):
            result = function(*_unwrap(args), **{k: _unwrap(v) for k, v in settings.items()})
        return _wrap(result) if out is None else out

    return call


def _reduce(
    function: Callable[..., Any],
    x: Any,
    axis: Any = None,
    keepdims: bool = False,
    out: Any = None,
    **settings: Any,
) -> Any:
    """Apply a function along axes: a single element tells the dtype."""
    view = _unwrap(x)
    axes = normalize_axis_tuple(range(view.ndim) if axis is None else axis, view.ndim)
    small = view[(slice(1),) * view.ndim]
    with np.errstate(all="ignore"):
        dtype = function(small, axis=axis, keepdims=True, **settings).dtype
    kept = [1 if i in axes else n for i, n in enumerate(view.shape)]
    shape = kept if keepdims else [n for i, n in enumerate(view.shape) if i not in axes]
    return shape_array(tuple(shape), dtype) if out is None else out


# --- products ------------------------------------------------------------------------------------


def _product(shape: Sequence[int], length: int, operands: Sequence[Any], out: Any = None) -> Any:
    """Return a product whose elements are sums over so many products."""
    count = multiply_adds.get(None)
    if count is not None:
        count[0] += prod(shape) * length
    if out is not None:
        return out[0] if isinstance(out, tuple) else out
    return shape_array(tuple(shape), np.result_type(*[x.dtype for x in operands]))


def _matmul(a: Any, b: Any, out: Any = None, **_: Any) -> Any:
    if min(a.ndim, b.ndim) < 1 or a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(f"matmul of the shapes {a.shape} and {b.shape}")
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return _product((*leading, *rows, *columns), a.shape[-1], (a, b), out)


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if min(a.ndim, b.ndim) < 1 or a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(f"dot of the shapes {a.shape} and {b.shape}")
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return _product((*a.shape[:-1], *b.shape[:-2], *columns), a.shape[-1], (a, b), out)


def _tensordot(a: Any, b: Any, axes: Any) -> Any:
    of_a, of_b = [normalize_axis_tuple(axes[i], x.ndim) for i, x in enumerate((a, b))]
    lengths = [a.shape[i] for i in of_a]
    if lengths != [b.shape[i] for i in of_b]:
        raise ValueError(f"tensordot of the shapes {a.shape} and {b.shape} along {axes}")
    shape = [n for i, n in enumerate(a.shape) if i not in of_a]
    shape += [n for i, n in enumerate(b.shape) if i not in of_b]
    return _product(shape, prod(lengths), (a, b))


def _einsum(subscripts: str, *operands: Any, **settings: Any) -> Any:
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow or "." in subscripts:
        return _without_values(np.einsum)(subscripts, *operands, **settings)
    lengths: dict[str, int] = {}
    for letters, x in zip(inputs.split(","), operands, strict=True):
        for letter, n in zip(letters, x.shape, strict=True):
            if lengths.setdefault(letter, n) != n:
                shapes = ", ".join(str(x.shape) for x in operands)
                raise ValueError(f"einsum {subscripts} of the shapes {shapes}")
    summed = prod(n for letter, n in lengths.items() if letter not in output)
    return _product([lengths[letter] for letter in output], summed, operands)


# --- the namespace -------------------------------------------------------------------------------


def _ufunc(ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
    """Apply an elementwise function: the shapes are broadcast, a single element tells the dtype."""
    if method == "at":
        return None
    if method != "__call__" or ufunc.signature is not None:
        if ufunc is np.matmul and method == "__call__":
            return _matmul(*inputs, **settings)
        return _without_values(getattr(ufunc, method))(*inputs, **settings)
    out = settings.pop("out", None)
    if isinstance(out, tuple):
        (out,) = out
    shapes = [np.shape(_unwrap(x)) for x in (*inputs, settings.pop("where", True))]
    shape = np.broadcast_shapes(*shapes)
    if out is not None:
        np.broadcast_shapes(shape, out.shape)
        return out
    elements = [np.ones((), x.dtype) if hasattr(x, "dtype") else x for x in inputs]
    with np.errstate(all="ignore"):
        result = ufunc(*elements, **settings)
    parts = [shape_array(shape, y.dtype) for y in (result if ufunc.nout > 1 else (result,))]
    return tuple(parts) if ufunc.nout > 1 else parts[0]


class _Namespace:
    """NumPy's names, or those of one of its submodules, for arrays without values."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, ModuleType):
            value = _Namespace(value)
        elif isinstance(value, np.ufunc):
            value = _Ufunc(value)
        elif callable(value) and not isinstance(value, type):
            value = _without_values(value)
        setattr(self, name, value)
        return value


class _Arrays(_Namespace):
    """NumPy's names, with those for which NumPy would take time or memory."""

    dot = staticmethod(_dot)
    tensordot = staticmethod(_tensordot)
    einsum = staticmethod(_einsum)

    def __getattr__(self, name: str) -> Any:
        if name in _REDUCTIONS:
            return partial(_reduce, getattr(np, name))
        return super().__getattr__(name)

    def empty(self, shape: Any, dtype: Any = float) -> ShapeArray:
        return shape_array((shape,) if isinstance(shape, int) else tuple(shape), dtype)

    zeros = ones = empty

    def concatenate(self, arrays: Any, axis: int = 0) -> ShapeArray:
        # NumPy would lay it out.
        shape = list(arrays[0].shape)
        shape[axis] = sum(array.shape[axis] for array in arrays)
        return self.empty(shape, np.result_type(*[array.dtype for array in arrays]))

    def full(self, shape: Any, value: Any, dtype: Any = None) -> ShapeArray:
        return self.empty(shape, np.result_type(_unwrap(value)) if dtype is None else dtype)


class _Ufunc:
    """An elementwise function of NumPy's for arrays without values."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc

    def __call__(self, *args: Any, **settings: Any) -> Any:
        if len(args) > self._ufunc.nin:
            args, settings["out"] = args[: self._ufunc.nin], args[self._ufunc.nin]
        return _ufunc(self._ufunc, "__call__", *args, **settings)

    def __getattr__(self, name: str) -> Any:
        if name == "at":
            return lambda *_: None
        if name == "reduce":
            return lambda x, axis=0, **settings: _reduce(self._ufunc.reduce, x, axis, **settings)
        return _without_values(getattr(self._ufunc, name))


class _ShapeBackend:
    name = "shapes"
    xp: Any = _Arrays(np)
    array_types: tuple[type, ...] = (ShapeArray,)
    kernels: Mapping[str, Callable[..., Any]] = MappingProxyType({})

    def is_available(self) -> bool:
        return True

    def asarray(self, x: Any, dtype: Any = None) -> ShapeArray:
        if not hasattr(x, "dtype"):
            x = np.asarray(x)
        return shape_array(x.shape, x.dtype if dtype is None else dtype)

    def to_numpy(self, x: Any) -> Any:
        raise TypeError(_NO_VALUES)

    def synchronize(self) -> None:
        """Do nothing: there is nothing to wait for."""

    def __repr__(self) -> str:
        return "<backend 'shapes'>"


#: The backend. Register it before its arrays are used.
SHAPES: Any = _ShapeBackend()
