"""A backend whose arrays have a shape and a dtype, and no values.

A model that runs on it costs next to nothing, whatever its size: that is how `summary` finds the
shapes of all results. Functions of the array library are answered in three ways: elementwise ones
and matrix products from the shapes alone; those that give a view by NumPy, on a view of a single
zero; and the rest by NumPy as well, on zeros. So every function of NumPy's has the right shape,
and only few take the time that their results' memory takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from dezero_core.typing import Shape

__all__ = ["SHAPES", "ShapeArray", "shape_array"]

_NO_VALUES = "an array that has a shape and no values was asked for its values"


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

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} without values>"

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, index: Any) -> Any:
        return _wrap(self._view[_unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        np.broadcast_shapes(np.shape(_unwrap(value)), self[index].shape)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._view, name)
        if name.startswith("__") or not callable(method):
            raise AttributeError(name)
        return _without_values(method)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        return _ufunc(ufunc, method, *inputs, **settings)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _without_values(function)(*args, **kwargs)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(_NO_VALUES)

    def _refuse(self, *_: Any) -> Any:
        raise TypeError(_NO_VALUES)

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = _refuse
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


def _matmul(a: Any, b: Any, out: Any = None, dtype: Any = None) -> Any:
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if min(a.ndim, b.ndim) < 1 or a.shape[-1] != b.shape[-2:][0]:
        raise ValueError(f"matmul of the shapes {a.shape} and {b.shape}")
    if out is not None:
        return out[0] if isinstance(out, tuple) else out
    rows = a.shape[-2:-1] if a.ndim > 1 else ()
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return shape_array((*leading, *rows, *columns), dtype or np.result_type(a.dtype, b.dtype))


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

    def empty(self, shape: Any, dtype: Any = float) -> ShapeArray:
        return shape_array((shape,) if isinstance(shape, int) else tuple(shape), dtype)

    zeros = ones = empty


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
        return _without_values(getattr(self._ufunc, name))


class _ShapeBackend:
    name = "shapes"
    xp: Any = _Namespace(np)
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
