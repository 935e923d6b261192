"""Devices by name, and the way there: what ``to(device)`` of everything goes through."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dezero_core.backend import Backend, backend_of, backends, get_backend
from dezero_core.typing import Array

__all__ = ["Device", "beside", "device_of"]

_FORM = 'a device is a text like "cpu", "cuda" or "cuda:1"'


class Device:
    """A device: a backend, and of a backend that has several devices possibly the number of one.

    Making one makes sure that it is there, so that what is missing is told before anything moves.

    A thread has a current device, ``cuda:0`` at first, on which all is computed. Operations on
    arrays of ``cuda:1`` belong into ``with Device("cuda:1").active():``.

    What a backend can do for it are the optional methods ``require`` and ``device`` that
    `dezero_core.backend.Backend` describes.

    Args:
        name: ``"cpu"``, or a backend's name, and after a colon the number of the device. Or a
            Device, which is taken as it is.
        operation: Who asks, for the error message.

    Attributes:
        name: The name.
        backend: The backend.
        number: The number, or None: then it is the thread's current device.

    Raises:
        TypeError: `name` is no text.
        ValueError: It is not of that form, or the backend has no numbered devices.
        LookupError: There is no such backend. The message says what to install, where that is
            known.
        RuntimeError: It cannot be used here. The message says what is missing.

    Example:
        >>> import numpy as np
        >>> Device("cpu").asarray([1.0, 2.0])
        array([1., 2.])
        >>> Device("tpu")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        LookupError: Device: there is no device 'tpu'; there is 'cpu'...
    """

    def __init__(self, name: str | Device, operation: str = "Device") -> None:
        text = name.name if isinstance(name, Device) else name
        if not isinstance(text, str):
            raise TypeError(f"{operation}: {_FORM}, not {name!r}")
        kind, colon, number = text.partition(":")
        if not kind or (colon and not (number.isascii() and number.isdigit())):
            raise ValueError(f"{operation}: {_FORM}, not {name!r}")
        self.number = int(number) if colon else None
        self.backend = _find(kind, text, operation)
        self.name: str = text if self.backend.name != "numpy" else "cpu"
        if self.number is not None and not hasattr(self.backend, "device"):
            raise ValueError(
                f"{operation}: {text}: the devices of {self.backend!r} have no numbers; "
                f"its name is {kind!r} alone"
            )
        require = getattr(self.backend, "require", None)
        if require is not None:
            require(operation, self.number)
        elif not self.backend.is_available():
            raise RuntimeError(f"{operation}: {text} cannot be used here")

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Device):
            return NotImplemented
        return (self.backend, self.number) == (other.backend, other.number)

    def __hash__(self) -> int:
        return hash((self.backend.name, self.number))

    def asarray(self, x: Any) -> Array:
        """Return an array on this device.

        Args:
            x: An array of any backend, a number, or nested lists of numbers.

        Returns:
            `x` itself if it lies here; otherwise a copy, which shares nothing with it.
        """
        known = not isinstance(x, (list, tuple))
        with self.active():
            if known and (source := backend_of(x)) is not self.backend:
                x = source.to_numpy(x)
            return self.backend.asarray(x)

    def active(self) -> AbstractContextManager[Any]:
        """Return a context manager within which arrays are made, and computed, on this device."""
        if self.number is None:
            return nullcontext()
        active: AbstractContextManager[Any] = self.backend.device(self.number)  # type: ignore[attr-defined]
        return active


def device_of(x: Any) -> Device:
    """Return the device that an array, or a Variable's array, lies on.

    Args:
        x: An array of any backend, or a Variable that holds one.

    Returns:
        The device.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> import numpy as np
        >>> device_of(np.ones(3))
        Device('cpu')
    """
    array = x.data if hasattr(x, "cleargrad") else x
    backend = backend_of(array, operation="device_of")
    if backend.name == "numpy":
        return Device("cpu")
    number = getattr(getattr(array, "device", None), "id", None)
    numbered = number is not None and hasattr(backend, "device")
    return Device(f"{backend.name}:{number}" if numbered else backend.name)


def beside(x: Array, like: Array) -> Array:
    """Return an array on the device of another one.

    Args:
        x: An array of any backend.
        like: The array that it shall lie beside.

    Returns:
        `x` itself if it does already; otherwise a copy.

    Example:
        >>> import numpy as np
        >>> x = np.ones(3)
        >>> beside(x, np.zeros(2)) is x
        True
    """
    if type(x) is type(like) and (x.device is like.device or x.device == like.device):
        return x
    return device_of(like).asarray(x)


def _find(kind: str, name: str, operation: str) -> Backend:
    if kind == "cpu":
        return backend_of()
    try:
        return get_backend(kind)
    except LookupError as error:
        known = ["cpu", *sorted(set(backends()) - {"numpy"})]
        listed = ", ".join(map(repr, known))
        _, dot, advice = str(error).partition(". ")  # what to install, if the backend is known
        import difflib  # here, for it takes time that only this error needs

        guesses = difflib.get_close_matches(kind.lower(), known, 1)
        guess = "cuda" if kind.lower() == "gpu" else guesses[0] if guesses else None
        if not dot and guess in known:
            dot, advice = ". ", f"Is {guess!r} meant?"
        raise LookupError(
            f"{operation}: there is no device {name!r}; there is {listed}{dot}{advice}"
        ) from error
