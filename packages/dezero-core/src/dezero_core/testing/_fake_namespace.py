"""The fake device's namespace: NumPy's functions under CuPy's names and restrictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dezero_core.testing._cupy_api import Signature, names, signatures
from dezero_core.testing._fake_array import SCALARS, FakeArray, unwrap, wrap

if TYPE_CHECKING:
    from dezero_core.testing.fake_device import FakeDevice

_MISSING = object()
# What needs more than NumPy's function: data may come from the host, memory is poisoned.
_SPECIAL = "array asarray asanyarray ascontiguousarray asfortranarray asnumpy empty empty_like"
_SINGULAR = ("Singular matrix", "Matrix is not positive definite")


def call(
    device: FakeDevice,
    name: str,
    function: Callable[..., Any],
    signature: Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """Call NumPy's function on the memory behind the arguments, under CuPy's conditions."""
    bound = signature.bind(args, kwargs)
    given = {parameter for parameter, value in bound if value is not None}
    if name in names("syncs") or (name == "where" and not given & {"x", "y"}):
        device._note("sync", name)
    values = [_argument(device, name, parameter, value) for parameter, value in bound]
    keywords = dict(zip(kwargs, values[len(args) :], strict=True))
    with np.errstate(all="ignore"):
        result = function(*values[: len(args)], **keywords)
    if name in names("host"):
        return result
    if isinstance(result, (bool, int, float, complex)):
        result = np.asarray(result)
    return wrap(device, result)


def _argument(device: FakeDevice, name: str, parameter: str, value: Any) -> Any:
    if isinstance(value, FakeArray) and (parameter in names("settings") or name == "arange"):
        raise TypeError(f"{name}: {parameter} is a setting, a number on the host, not an array")
    if name == "take" and parameter == "indices" and isinstance(value, (list, tuple, np.ndarray)):
        device._note("transfer", "take with indices from the host")
        return np.asarray(value)
    if name in names("pairs") and parameter in ("b", "x2"):
        _require_array(name, parameter, value)
    return unwrap(name, value)


class FakeUfunc:
    """A function that works element by element, with what CuPy's ufuncs offer.

    No ``where``, no ``order``, and ``at``, ``reduce`` and their like for few functions only.
    """

    def __init__(self, device: FakeDevice, name: str) -> None:
        self._device = device
        self._function: Callable[..., Any] = getattr(np, name)
        self.name = name
        self.__name__ = name
        self.nin: int = getattr(self._function, "nin", 1)
        self.nout: int = getattr(self._function, "nout", 1)
        self.nargs = self.nin + self.nout

    def __repr__(self) -> str:
        return f"<fake ufunc {self.name!r}>"

    def __call__(
        self, *args: Any, out: Any = None, dtype: Any = None, casting: Any = None, **others: Any
    ) -> Any:
        if others:
            raise TypeError(f"{self.name}: CuPy's ufuncs take no argument {next(iter(others))!r}")
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"{self.name}: takes {self.nin} operands, got {len(args)}")
        if out is not None and (self.nout != 1 or len(args) == self.nargs):
            raise ValueError(f"{self.name}: CuPy takes no out= here, only one output")
        for operand in (*args, *(() if out is None else (out,))):
            if not isinstance(operand, (FakeArray, *SCALARS)):
                unwrap(self.name, operand)
                raise TypeError(f"{self.name}: Unsupported type {type(operand)}")
        for output in (*args[self.nin :], *(() if out is None else (out,))):
            if not isinstance(output, FakeArray):
                raise TypeError(f"{self.name}: the output must be an array on the device")
        keywords = {"out": out, "dtype": dtype, "casting": casting}
        keywords = {key: unwrap(self.name, v) for key, v in keywords.items() if v is not None}
        with np.errstate(all="ignore"):
            result = self._function(*(unwrap(self.name, operand) for operand in args), **keywords)
        if out is None and len(args) == self.nin:
            # CuPy's new arrays are in C order, whatever the operands' is.
            parts = result if isinstance(result, tuple) else (result,)
            parts = tuple(np.asarray(part, order="C") for part in parts)
            result = parts if isinstance(result, tuple) else parts[0]
        return wrap(self._device, result)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        """Update in place at the indices; repeated ones add up."""
        self._require("at")
        if not isinstance(a, FakeArray):
            raise TypeError(f"{self.name}.at: expected an array on the device, got {type(a)}")
        a._scatter(self.name, indices, b)

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        """Combine the elements along an axis."""
        settings = {"dtype": dtype, "keepdims": keepdims}
        return self._method("reduce", array, axis=axis, out=out, **settings)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """Combine the elements along an axis, keeping each step."""
        return self._method("accumulate", array, axis=axis, dtype=dtype, out=out)

    def reduceat(
        self, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        """Combine the elements of slices that begin at the indices."""
        return self._method("reduceat", array, indices, axis=axis, dtype=dtype, out=out)

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        """Apply the function to all pairs of elements."""
        xp = self._device.xp
        return self(xp.reshape(A, A.shape + (1,) * B.ndim), B, **kwargs)

    def _method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        self._require(method)
        if not isinstance(args[0], FakeArray):
            raise TypeError(f"{self.name}.{method}: expected an array on the device")
        operands = [unwrap(self.name, arg) for arg in args]
        kwargs["out"] = unwrap(self.name, kwargs["out"])
        return wrap(self._device, getattr(self._function, method)(*operands, **kwargs))

    def _require(self, method: str) -> None:
        if self.name not in names(f"ufunc.{method}"):
            raise NotImplementedError(f"CuPy has no {self.name}.{method}")


class _Module:
    """A namespace whose functions are made on first use."""

    def __init__(self, device: FakeDevice, section: str, host: Any) -> None:
        self._device = device
        self._section = section
        self._host = host

    def __repr__(self) -> str:
        return f"<fake device: CuPy's namespace {self._section!r}>"

    def __getattr__(self, name: str) -> Any:
        value = _MISSING if name.startswith("_") else self._make(name)
        if value is _MISSING:
            raise AttributeError(
                f"the fake device has no {self._section} {name!r}: CuPy has none either, "
                "or it is not modeled"
            )
        setattr(self, name, value)
        return value

    def _make(self, name: str) -> Any:
        signature = signatures(self._section).get(name)
        return _MISSING if signature is None else self._function(name, signature)

    def _function(self, name: str, signature: Signature) -> Callable[..., Any]:
        host = getattr(self._host, name)

        def function(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(args, kwargs)
            if bound and bound[0][0] in names("operands") and name not in names("host"):
                _require_array(name, *bound[0])
            try:
                return call(self._device, name, host, signature, args, kwargs)
            except np.linalg.LinAlgError as error:
                if str(error) not in _SINGULAR:
                    raise
                # A device says nothing, since it would have to wait. What comes out is junk.
                like = args[-1]
                dtype = np.result_type(like.dtype, np.float32)
                return self._device.xp.full(like.shape, np.nan, dtype)

        function.__name__ = function.__qualname__ = name
        return function


class FakeNamespace(_Module):
    """What `FakeDevice.xp` is: the names that CuPy and NumPy share, and ``asnumpy``."""

    def __init__(self, device: FakeDevice) -> None:
        super().__init__(device, "function", np)
        self.ndarray = FakeArray
        self.linalg = _Module(device, "linalg", np.linalg)
        self.fft = _Module(device, "fft", np.fft)
        self.random = FakeRandom(device)

    def _make(self, name: str) -> Any:
        if name in names("same"):
            return getattr(np, name)
        if name in names("ufunc"):
            return FakeUfunc(self._device, name)
        signature = signatures("function").get(name)
        special = getattr(self, f"_{name}", self._array) if name in _SPECIAL.split() else None
        if signature is None or special is None:
            return super()._make(name)

        def function(*args: Any, **kwargs: Any) -> Any:
            signature.bind(args, kwargs)
            return special(name, *args, **kwargs)

        return function

    def _array(self, name: str, obj: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("blocking", None)
        on_device = _holds_device_arrays(obj)
        if on_device:
            obj = unwrap(name, obj)
        elif np.ndim(obj) > 0:
            self._device._note("transfer", name)
        host = getattr(np, name)(obj, *args, **kwargs)
        if isinstance(obj, np.ndarray) and not on_device and np.may_share_memory(host, obj):
            # A device never shares the host's memory.
            host = host.copy()
        return wrap(self._device, host)

    def _asnumpy(self, name: str, a: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(a, FakeArray):
            return a.get(*args, **kwargs)
        return np.asarray(a)

    def _empty(self, name: str, *args: Any, **kwargs: Any) -> Any:
        array = super()._make(name)(*args, **kwargs)
        _poison(array._host)
        return array

    _empty_like = _empty


class FakeRandom(_Module):
    """Random draws with the parameters of CuPy's, from NumPy's generators."""

    def __init__(self, device: FakeDevice) -> None:
        super().__init__(device, "random", np.random.RandomState())

    def _make(self, name: str) -> Any:
        if name == "default_rng":
            return lambda seed=None: _FakeGenerator(self._device, seed)
        return super()._make(name)

    def _function(self, name: str, signature: Signature) -> Callable[..., Any]:
        same = {"random": "random_sample", "ranf": "random_sample", "sample": "random_sample"}
        host = getattr(self._host, same.get(name, name))

        def draw(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
            drawn = host(*args, **kwargs)
            return drawn if dtype is None else np.asarray(drawn, dtype)

        def function(*args: Any, **kwargs: Any) -> Any:
            return call(self._device, name, draw, signature, args, kwargs)

        return function


class _FakeGenerator(_Module):
    def __init__(self, device: FakeDevice, seed: Any) -> None:
        super().__init__(device, "generator", np.random.default_rng(seed))


def _require_array(name: str, parameter: str, value: Any) -> None:
    operands = value if parameter == "tup" and isinstance(value, (list, tuple)) else [value]
    for operand in operands:
        if not isinstance(operand, FakeArray):
            unwrap(name, operand)
            raise TypeError(
                f"{name}: {parameter} must be an array on the device, got {type(operand)}"
            )


def _holds_device_arrays(obj: Any) -> bool:
    if isinstance(obj, (list, tuple)):
        return any(map(_holds_device_arrays, obj))
    return isinstance(obj, FakeArray)


def _poison(host: Any) -> None:
    """Fill with what nobody can take for a result."""
    if host.dtype.kind in "iu":
        host.fill(np.iinfo(host.dtype).max - 1)
    elif host.dtype.kind == "b":
        host.fill(True)
    else:
        host.fill(np.nan)
