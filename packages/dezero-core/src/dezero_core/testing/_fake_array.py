"""The array class of the fake device: NumPy's memory behind CuPy's manners."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dezero_core.testing import _cupy_api
from dezero_core.testing._fake_operators import Operators

if TYPE_CHECKING:
    from dezero_core.testing.fake_device import FakeDevice

# CuPy converts these by itself wherever it takes an array operand.
SCALARS = (bool, int, float, complex, np.generic)
# What an array on a CUDA device can hold: NumPy's booleans, integers and floats. And bfloat16, by
# its name: the letter is not NumPy's.
_DTYPE_CHARS = frozenset("?bhilqBHILQefdFD")
# CUDA's atomic operations limit what can be scattered through integer indices.
_ATOMIC = {
    "add": frozenset("iILQefd"),
    "subtract": frozenset("iI"),
    "maximum": frozenset("iILQfd"),
    "minimum": frozenset("iILQfd"),
    "bitwise_and": frozenset("iILQlq"),
    "bitwise_or": frozenset("iILQlq"),
    "bitwise_xor": frozenset("iILQlq"),
}


class Flags:
    """Memory layout of a fake array: what CuPy tells of it, so nothing on writing."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, host: npt.NDArray[Any], owndata: bool) -> None:
        self.c_contiguous: bool = host.flags.c_contiguous
        self.f_contiguous: bool = host.flags.f_contiguous
        self.owndata = owndata

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name}: CuPy knows C_CONTIGUOUS, F_CONTIGUOUS and OWNDATA")
        flag: bool = getattr(self, name.lower())
        return flag


class FakeArray(Operators):
    """An array that behaves as CuPy's does, in NumPy's memory.

    It is no ndarray and never turns into one by itself: `numpy.asarray` of it raises, as do
    operations that mix it with an ndarray. Reductions and single elements stay 0-d arrays.
    Whatever would make the host wait for the device is counted as a sync, whatever would copy
    between them as a transfer. Arrays are made by the functions of `FakeDevice.xp`.
    """

    __slots__ = ("__weakref__", "_device", "_host")
    __array_priority__ = 100

    _device: FakeDevice
    _host: npt.NDArray[Any]

    def __init__(self, *_: Any, **__: Any) -> None:
        raise TypeError("FakeArray: make arrays with the functions of a FakeDevice's xp")

    # What NumPy does with a device array.

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed, on CuPy as here. "
            "Use get_backend(name).to_numpy(x), as_numpy(x) or x.get()"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            if len(kwargs["out"]) != 1:
                raise ValueError("out: CuPy takes exactly one output array")
            kwargs["out"] = kwargs["out"][0]
        operands = (*inputs, kwargs["out"]) if "out" in kwargs else inputs
        function = getattr(self._device.xp, ufunc.__name__, None)
        # An ndarray is let through, for the function to refuse it by name.
        known = (FakeArray, np.ndarray, *SCALARS)
        if method != "__call__" or function is None:
            return NotImplemented
        if not all(isinstance(operand, known) for operand in operands):
            return NotImplemented
        return function(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, (FakeArray, np.ndarray)) for kind in types):
            return NotImplemented
        path = [*func.__module__.split(".")[1:], func.__name__]
        try:
            function = functools.reduce(getattr, path, self._device.xp)
        except AttributeError:
            return NotImplemented
        return function(*args, **kwargs)

    # Attributes. None of them asks the device.

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: Flags(self._host, self.base is None))
    device = property(lambda self: self._device)
    T = property(lambda self: wrap(self._device, self._host.T) if self.ndim > 1 else self)
    mT = property(lambda self: wrap(self._device, self._host.mT))  # noqa: N815
    real = property(lambda self: wrap(self._device, self._host.real))
    imag = property(lambda self: wrap(self._device, self._host.imag))

    @property
    def base(self) -> FakeArray | None:
        """The array whose memory this is a view of; None if it owns its memory."""
        root = _root(self._host)
        return None if root is self._host else self._device._owner(root)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[FakeArray]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> Any:
        return wrap(self._device, self._host.copy())

    def __deepcopy__(self, memo: Any) -> Any:
        return wrap(self._device, self._host.copy())

    def __reduce__(self) -> Any:
        raise TypeError("FakeArray: cannot be pickled; the host's copy can, as_numpy(x)")

    # Values, for which the host has to wait.

    def __bool__(self) -> bool:
        return bool(self._read("bool"))

    def __int__(self) -> int:
        return int(self._read("int"))

    def __float__(self) -> float:
        return float(self._read("float"))

    def __complex__(self) -> complex:
        return complex(self._read("complex"))

    def __repr__(self) -> str:
        return repr(self._read("repr"))

    def __str__(self) -> str:
        return str(self._read("str"))

    def __format__(self, format_spec: str) -> str:
        return format(self._read("format"), format_spec)

    def item(self) -> Any:
        """Return the only element as a Python number. A sync."""
        if self.size != 1:
            raise ValueError("item: only an array of one element is a Python number")
        return self._read("item").item()

    def tolist(self) -> Any:
        """Return the elements as nested lists. A sync."""
        return self._read("tolist").tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """Return the elements as bytes. A sync."""
        return self._read("tobytes").tobytes(order)

    def get(
        self, stream: Any = None, order: Any = "C", out: Any = None, blocking: bool = True
    ) -> npt.NDArray[Any]:
        """Return a copy on the host. A transfer."""
        self._device._note("transfer", "get")
        if out is None:
            return self._host.copy(order=order)
        np.copyto(out, self._host)
        result: npt.NDArray[Any] = out
        return result

    def set(self, arr: Any, stream: Any = None) -> None:
        """Copy an array of the same shape and dtype from the host. A transfer."""
        if not isinstance(arr, np.ndarray):
            raise TypeError(f"set: expected a numpy.ndarray, got {type(arr).__name__}")
        if (arr.dtype, arr.shape) != (self.dtype, self.shape):
            raise ValueError(
                f"set: {arr.dtype}{list(arr.shape)} does not fit {self.dtype}{list(self.shape)}"
            )
        self._device._note("transfer", "set")
        self._host[...] = arr

    def fill(self, value: Any) -> None:
        """Set every element to one value."""
        if not isinstance(value, FakeArray) and np.ndim(value):
            raise ValueError(f"fill: takes one value, not a {type(value).__name__}")
        self._host.fill(value._host if isinstance(value, FakeArray) else value)

    def _read(self, name: str) -> npt.NDArray[Any]:
        self._device._note("sync", name)
        return self._host

    # Elements.

    def __getitem__(self, key: Any) -> Any:
        index, kind = _index(self._device, key)
        if kind == "mask":
            self._device._note("sync", "getitem with a mask")
        elif kind == "basic" and not any(part is Ellipsis for part in index):
            # A single element is a view, as on a device, not a NumPy scalar.
            index = (*index, Ellipsis)
        return wrap(self._device, self._host[index])

    def __setitem__(self, key: Any, value: Any) -> None:
        index, kind = _index(self._device, key)
        if kind == "mask":
            self._device._note("sync", "setitem with a mask")
        self._host[index] = self._assigned(value, kind)

    def scatter_add(self, slices: Any, value: Any) -> None:
        """Add values at the indices. Repeated indices add up."""
        self._scatter("add", slices, value)

    def scatter_max(self, slices: Any, value: Any) -> None:
        """Take the maximum with values at the indices."""
        self._scatter("maximum", slices, value)

    def scatter_min(self, slices: Any, value: Any) -> None:
        """Take the minimum with values at the indices."""
        self._scatter("minimum", slices, value)

    def _scatter(self, name: str, key: Any, value: Any) -> None:
        index, kind = _index(self._device, key)
        if kind == "mask":
            self._device._note("sync", f"{name}.at with a mask")
        elif kind == "integers" and self.dtype.char not in _ATOMIC[name]:
            raise TypeError(f"{name}.at: CuPy has no atomic operation for {self.dtype}")
        getattr(np, name).at(self._host, index, self._assigned(value, kind))

    def _assigned(self, value: Any, kind: str) -> Any:
        if isinstance(value, FakeArray):
            return value._host
        if isinstance(value, SCALARS) or (isinstance(value, np.ndarray) and value.ndim == 0):
            return value
        if kind == "basic":
            raise ValueError(
                f"setitem: CuPy assigns no {type(value).__name__} from the host to a slice; "
                "move it to the device first"
            )
        self._device._note("transfer", "setitem of host data")
        return np.asarray(value)


def wrap(device: FakeDevice, result: Any) -> Any:
    """Return NumPy's result as it would come from the device: arrays, also of one element."""
    if isinstance(result, (np.ndarray, np.generic)):
        host = np.asarray(result)
        if host.dtype.char not in _DTYPE_CHARS and host.dtype.name != "bfloat16":
            raise ValueError(f"Unsupported dtype {host.dtype}: a CUDA device has no such type")
        known = device._owners.get(id(host))
        if known is not None and known._host is host:
            # NumPy gave the same array back, as `out` or when there was nothing to do.
            return known
        array = object.__new__(FakeArray)
        array._device = device
        array._host = host
        device._owners[id(host)] = array
        return array
    if isinstance(result, (tuple, list)):
        parts = [wrap(device, part) for part in result]
        if type(result).__name__.startswith("Unique"):
            return type(result)(*parts)
        # Of its own named results, CuPy has those of `unique` only.
        return tuple(parts) if isinstance(result, tuple) else parts
    return result


def unwrap(name: str, operand: Any) -> Any:
    """Return the memory behind a device operand; refuse arrays of the host."""
    if isinstance(operand, FakeArray):
        return operand._host
    if isinstance(operand, np.ndarray):
        raise TypeError(
            f"{name}: Unsupported type {type(operand)}: an array on the host among operands on "
            "the device. Move it first, with xp.asarray or get_backend(name).asarray"
        )
    if isinstance(operand, (tuple, list)):
        return type(operand)(unwrap(name, part) for part in operand)
    return operand


def _root(host: npt.NDArray[Any]) -> npt.NDArray[Any]:
    while isinstance(host.base, np.ndarray):
        host = host.base
    return host


def _index(device: FakeDevice, key: Any) -> tuple[tuple[Any, ...], str]:
    """Return NumPy's form of an index, and whether it is basic, integers or a mask."""
    kinds: list[str] = []
    parts: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, (list, np.ndarray)):
            device._note("transfer", "index from the host")
            host = np.asarray(part) if np.size(part) else np.zeros(np.shape(part), np.int32)
        elif isinstance(part, (FakeArray, bool)):
            host = np.asarray(part._host if isinstance(part, FakeArray) else part)
        else:
            parts.append(part)
            continue
        if host.dtype.kind not in "iub":
            raise IndexError(f"arrays used as indices must be integers or booleans: {host.dtype}")
        kinds.append("mask" if host.dtype.kind == "b" else "integers")
        parts.append(host)
    if "mask" in kinds and len(kinds) > 1:
        raise ValueError("CuPy only supports indices with one boolean array, and no other array")
    return tuple(parts), kinds[0] if kinds else "basic"


def _delegate(name: str) -> Callable[..., Any]:
    """Make a method that does what NumPy's does, with the parameters of CuPy's."""

    def method(self: FakeArray, *args: Any, **kwargs: Any) -> Any:
        from dezero_core.testing._fake_namespace import call

        function = functools.partial(np.ptp, self._host) if name == "ptp" else None
        signature = _cupy_api.signatures("ndarray")[name]
        return call(
            self._device, name, function or getattr(self._host, name), signature, args, kwargs
        )

    method.__name__ = name
    method.__doc__ = f"Do what NumPy's `ndarray.{name}` does, with the parameters of CuPy's."
    return method


for _name in _cupy_api.signatures("ndarray"):
    if _name not in vars(FakeArray):
        setattr(FakeArray, _name, _delegate(_name))
