"""Array libraries, found by the type of their arrays.

Everything that DeZero computes goes through a backend's `xp`, a namespace with NumPy's names.
NumPy's backend is built in. Others register themselves, or are found through the entry-point
group ``dezero.backends`` the first time that an unknown array type or name turns up, never at
import. No array moves from one backend to another unless somebody asks for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from inspect import getattr_static
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dezero_core.errors import describe
from dezero_core.plugins import load_plugins

__all__ = [
    "Backend",
    "as_numpy",
    "backend_of",
    "backends",
    "get_array_module",
    "get_backend",
    "kernels_of",
    "register_backend",
]


class Backend(Protocol):
    """What DeZero asks of an array library.

    What only some of them can do are optional methods, which are looked for by name:

    - ``require(operation, number)``: raises a RuntimeError that says what is missing where no
      array can be made here, or not on the device of this number (None for any), beginning with
      the operation's name.
    - ``device(number)``: a context manager; within it, arrays are made on that device. For
      libraries that know several devices.
    - ``check_devices(arrays, operation)``: raises a TypeError where the operands of an operation,
      all of this backend, lie on several devices, or on another one than the current.
    - ``context()``: a function that returns a context manager, within which another thread is on
      the device, and in the queue of work, that the caller of ``context`` is on.
    - ``mark()``: a point in the work of the device, and ``seconds_between(first, second)``, the
      time between two of them, once both have passed; ``push_range(name)`` and ``pop_range()``,
      named ranges for the tools of the device's maker; ``memory_used()``, the bytes that arrays
      take. They are what `dezero_core.profile` measures with.
    - ``pinned_empty(shape, dtype)``: a `numpy.ndarray`, not initialized, in memory from which a
      device can copy by itself.
    - ``asarray_async(x)``: as `asarray`, of such an array, but without waiting until it is copied.
      What is computed with the result comes after the copy. The backend keeps `x` until then, and
      nobody writes to it any more.

    `pinned_empty` and `asarray_async` come together.

    Attributes:
        name: The name under which `get_backend` finds it, such as ``"cuda"``.
        xp: A namespace with NumPy's names and signatures. May be imported on first use.
        array_types: The classes of its arrays. Asked whenever an array of an unknown type turns
            up, so it may be empty until the library has been imported.
        kernels: Faster implementations of primitives, by the primitive's name (``"tanh"``), and
            of their rules (``"tanh.vjp.x"``; ``"lstm.vjp"`` of joint ones), with the signature of
            what they replace. A kernel returns NotImplemented for operands that it does not
            support, of another dtype, say: then the general implementation runs. These are the
            names of primitives that are defined in dezero_core and dezero_nn. For all others they
            begin with the module: ``"their_package.activations:relu"``, ``"__main__:relu.vjp.x"``
            (see `Primitive.kernel_name`).

            Under ``"optimizer.NAME"``, with a NAME such as ``"adam"``, updates of all parameters
            at once: ``kernel(xp, numbers, params, grads, states)``. `numbers` are those of the
            optimizer, `params` and `grads` lists of arrays, `states` a list of lists, one for each
            kind of state; where parameters are in half precision, the last of these are their
            masters in single precision. It changes parameters and states in place, or changes
            nothing and returns NotImplemented: then parameters are updated one by one. Where a
            loss was scaled, two more arguments follow: a boolean, an array without axes, that says
            whether to change nothing; and what to multiply Adam's rate by, in double precision, or
            None.

            Under ``"gradients.NAME"``, what a scaled loss takes. ``scale(xp, grads, factor)``
            multiplies all arrays in place and returns a boolean, whether an element was not finite.
            ``adapt_scale(xp, scale, good, found, interval, growth, backoff, smallest, largest)``
            returns the next scale and count. ``adam_factor(xp, skipped, t, beta1, beta2, before)``
            returns Adam's correction for t - skipped updates, divided by `before`. Each of them
            may decline by NotImplemented.

            Under ``"batch_norm.running"``, the change of running statistics:
            ``kernel(xp, mean, var, new_mean, new_var, n, decay)``, the former two in place, the
            latter those of a batch with n elements a channel; or NotImplemented.
    """

    @property
    def name(self) -> str:
        """Return the name under which `get_backend` finds it."""
        ...

    @property
    def xp(self) -> Any:
        """Return the namespace, importing it on first use."""
        ...

    @property
    def array_types(self) -> tuple[type, ...]:
        """Return the classes of its arrays."""
        ...

    @property
    def kernels(self) -> Mapping[str, Callable[..., Any]]:
        """Return the faster implementations, by name."""
        ...

    def is_available(self) -> bool:
        """Tell whether arrays can be made here and now. Never raises."""
        ...

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Return `x`, from the host or from this backend, as an array of this backend."""
        ...

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        """Return `x`, an array of this backend, as an array on the host."""
        ...

    def synchronize(self) -> None:
        """Wait until all work that was queued is done."""
        ...


class _NumPyBackend:
    name = "numpy"
    xp: Any = np
    array_types: tuple[type, ...] = (np.ndarray,)
    kernels: Mapping[str, Callable[..., Any]] = MappingProxyType({})

    def is_available(self) -> bool:
        return True

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return np.asarray(x, dtype=dtype)

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        return np.asarray(x)

    def synchronize(self) -> None:
        """Do nothing: NumPy is done when it returns."""

    def __repr__(self) -> str:
        return "<backend 'numpy'>"


_NUMPY: Backend = _NumPyBackend()
_PACKAGES = {"cuda": "pip install 'dezero-cuda[cuda12]' (or [cuda13], after your driver)"}
_MEMBERS = (
    "name",
    "xp",
    "array_types",
    "kernels",
    "is_available",
    "asarray",
    "to_numpy",
    "synchronize",
)

_lock = threading.RLock()
_backends: dict[str, Backend] = {"numpy": _NUMPY}
_discovered = False

# Exact type of an operand -> its backend, or None for numbers, which belong to any. Filled as
# types turn up, subclasses included. The dictionary stays the same object for ever.
_KNOWN_TYPES: dict[type, Backend | None] = {
    np.ndarray: _NUMPY,
    bool: None,
    int: None,
    float: None,
    complex: None,
}
_of_type: dict[type, Backend | None] = dict(_KNOWN_TYPES)
_UNSEEN: Any = object()


def backend_of(*arrays: Any, operation: str | None = None) -> Backend:
    """Return the backend that the arrays live on.

    Args:
        *arrays: Arrays of one backend, and numbers. Python's and NumPy's scalars belong to any
            backend: beside an array they follow it, alone they are NumPy's.
        operation: Who asks, for the error message.

    Returns:
        The common backend; NumPy's when there is no array among the arguments.

    Raises:
        TypeError: The arrays live on different backends, or something is no array at all.

    Example:
        >>> backend_of(np.ones(3), 2.0).name
        'numpy'
    """
    found: Backend | None = None
    for array in arrays:
        kind = type(array)
        backend: Backend | None = _of_type.get(kind, _UNSEEN)
        if backend is _UNSEEN:
            backend = _resolve(kind, operation)
        if backend is not found and backend is not None:
            if found is not None:
                raise TypeError(_explain_mixing(arrays, operation))
            found = backend
    return _NUMPY if found is None else found


def get_array_module(*xs: Any) -> Any:
    """Return the namespace, shaped like NumPy, that works on the arguments.

    Args:
        *xs: Arrays of one backend, Variables that hold such arrays, and numbers.

    Returns:
        `numpy`, or the `xp` of the backend that the arrays live on.

    Raises:
        TypeError: As `backend_of` does.

    Example:
        >>> get_array_module(np.ones(3)) is np
        True
    """
    return backend_of(*map(_unwrap, xs), operation="get_array_module").xp


def as_numpy(x: Any) -> npt.NDArray[Any]:
    """Return an array, a number or a Variable's data as an array on the host.

    Args:
        x: An array of any backend, a Variable, or a number.

    Returns:
        The values as `numpy.ndarray`; the same object if it is one already.

    Raises:
        TypeError: `x` is none of these.

    Example:
        >>> as_numpy(2.0)
        array(2.)
    """
    array = _unwrap(x)
    return backend_of(array, operation="as_numpy").to_numpy(array)


def register_backend(backend: Backend) -> None:
    """Make a backend known under its name and for the types of its arrays.

    A distribution need not call this: an entry point in the group ``dezero.backends`` does it.

    Args:
        backend: The backend. Registering the same object twice changes nothing.

    Raises:
        TypeError: The object lacks a member of `Backend`.
        ValueError: Another backend has this name.
    """
    reason = _why_no_backend(backend)
    if reason is not None:
        raise TypeError(f"register_backend: {reason}")
    with _lock:
        if _backends.get(backend.name, backend) is not backend:
            raise ValueError(
                f"register_backend: there is a backend {backend.name!r} already: "
                f"{_backends[backend.name]!r}"
            )
        _backends[backend.name] = backend
        _forget_types()


def get_backend(name: str) -> Backend:
    """Return the backend of a name. It may still say that it is not available here.

    Args:
        name: Such as ``"numpy"`` or ``"cuda"``.

    Returns:
        The backend.

    Raises:
        LookupError: There is none of this name. The message lists those there are.

    Example:
        >>> get_backend("numpy").xp is np
        True
    """
    found = _backends.get(name)
    if found is None:
        _discover()
        found = _backends.get(name)
    if found is None:
        known = ", ".join(map(repr, sorted(_backends)))
        advice = f". To get it: {_PACKAGES[name]}" if name in _PACKAGES else ""
        raise LookupError(f"get_backend: no backend {name!r}; there is {known}{advice}")
    return found


def backends() -> dict[str, Backend]:
    """Return all backends that are registered or installed, by name.

    Returns:
        A new dictionary. A backend in it may still not be available on this machine.
    """
    _discover()
    return dict(_backends)


def _unregister_backend(name: str) -> None:
    with _lock:
        _backends.pop(name, None)
        _forget_types()


def _forget_types() -> None:
    # Update before removing: another thread may look up ndarray at any moment.
    _of_type.update(_KNOWN_TYPES)
    for kind in list(_of_type):
        if kind not in _KNOWN_TYPES:
            _of_type.pop(kind, None)


def _discover() -> None:
    """Load the installed plug-ins, the first time only."""
    global _discovered
    with _lock:
        if not _discovered:
            # Set first: a plug-in may well ask for backends while it is imported.
            _discovered = True
            load_plugins("dezero.backends", _accept_plugin)


def _accept_plugin(name: str, candidate: Any) -> str | None:
    reason = _why_no_backend(candidate)
    if reason is not None:
        return reason
    if candidate.name != name:
        return f"the backend calls itself {candidate.name!r}"
    if _backends.setdefault(name, candidate) is not candidate:
        return f"there is a backend {name!r} already: {_backends[name]!r}"
    _forget_types()
    return None


def _why_no_backend(candidate: Any) -> str | None:
    # Static look-ups: reading `xp` may import a whole library.
    missing = [name for name in _MEMBERS if getattr_static(candidate, name, _UNSEEN) is _UNSEEN]
    if missing:
        return f"a {type(candidate).__name__} is no backend, it lacks {', '.join(missing)}"
    return None


def _resolve(kind: type, operation: str | None) -> Backend | None:
    """Find the backend of a type that was not seen before, and remember it."""
    if issubclass(kind, (int, float, complex, np.generic)):
        _of_type[kind] = None
        return None
    for installed in (False, True):
        if installed:
            _discover()
        for backend in tuple(_backends.values()):
            if issubclass(kind, backend.array_types):
                _of_type[kind] = backend
                return backend
    known = ", ".join(map(repr, sorted(_backends)))
    # numpy.asarray would take the values of Variables, and lose their graph.
    is_sequence = issubclass(kind, (list, tuple))
    advice = (
        "functions.stack(x) if it holds Variables"
        if is_sequence
        else "install the package of its backend"
    )
    raise TypeError(
        f"{_prefix(operation)}a {kind.__module__}.{kind.__qualname__} is an array of no backend; "
        f"there is {known}. Pass numpy.asarray(x), or {advice}"
    )


def _unwrap(x: Any) -> Any:
    """Return the array that a Variable holds, and anything else as it is."""
    # Known by what only a Variable has: importing its class here would close a circle.
    return x.data if hasattr(x, "cleargrad") else x


def _explain_mixing(arrays: tuple[Any, ...], operation: str | None) -> str:
    places = []
    for position, array in enumerate(arrays):
        backend = _of_type.get(type(array))
        if backend is not None:
            places.append(f"operand {position} ({describe(array)}) on {backend.name!r}")
    return (
        f"{_prefix(operation)}the operands live on different backends: {', '.join(places)}. "
        "Nothing is moved by itself: bring them together with x.to(device), "
        "get_backend(name).asarray(x) or as_numpy(x)"
    )


def _prefix(operation: str | None) -> str:
    return f"{operation}: " if operation else ""


def kernels_of(xp: Any) -> Mapping[str, Callable[..., Any]]:
    """Return the kernels of the registered backend whose namespace is `xp`, or none."""
    for backend in tuple(_backends.values()):
        # Without array types its library is not imported yet, and reading `xp` might fail.
        if backend.array_types and backend.xp is xp:
            return backend.kernels
    return MappingProxyType({})
