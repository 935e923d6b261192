"""Where batches go."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from dezero_core.backend import Backend, get_backend
from dezero_core.typing import Array

__all__ = ["Device"]


class Device:
    """A device by name, and the way there.

    A backend that can copy while it computes says so with the optional methods that
    `dezero_core.backend.Backend` describes: `pinned_empty` and `asarray_async`. One that has
    several devices has `device`.

    Args:
        name: A backend's name, and after a colon the number of the device: ``"cuda:0"``.

    Raises:
        TypeError: `name` is no text.
        ValueError: It is not of that form, or the backend has no numbered devices.
        LookupError: There is no such backend.
        RuntimeError: It cannot be used here.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f'DataLoader: a device is a text like "cuda:0", not {name!r}')
        self.name = name
        backend, colon, number = name.partition(":")
        if colon and not (number.isascii() and number.isdigit()):
            raise ValueError(f'DataLoader: a device is a text like "cuda:0", not {name!r}')
        try:
            self._backend: Backend = get_backend(backend)
        except LookupError as error:
            raise LookupError(f"DataLoader: there is no {name!r} to load to. {error}") from error
        self._number = int(number) if colon else None
        if self._number is not None and not hasattr(self._backend, "device"):
            raise ValueError(
                f"DataLoader: {name}: the devices of {self._backend!r} have no numbers; "
                f"its name is {backend!r} alone"
            )
        # Made for the error's sake: the backend says what this machine lacks, and better here than
        # in the first batch.
        with self._chosen():
            self._backend.asarray(np.zeros(0))

    def place(self, batch: Any) -> Any:
        """Return a batch with its arrays on the device, or on their way there."""
        with self._chosen():
            return self._place(batch)

    def _chosen(self) -> AbstractContextManager[Any]:
        if self._number is None:
            return nullcontext()
        chosen: AbstractContextManager[Any] = self._backend.device(self._number)  # type: ignore[attr-defined]
        return chosen

    def _place(self, batch: Any) -> Any:
        if isinstance(batch, np.ndarray):
            return self._copy(batch) if batch.dtype.kind in "biufc" else batch
        if isinstance(batch, tuple):
            parts = [self._place(part) for part in batch]
            return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
        if isinstance(batch, list):
            return [self._place(part) for part in batch]
        if isinstance(batch, Mapping):
            return {key: self._place(part) for key, part in batch.items()}
        return batch

    def _copy(self, array: Array) -> Array:
        pinned_empty = getattr(self._backend, "pinned_empty", None)
        asarray_async = getattr(self._backend, "asarray_async", None)
        if pinned_empty is None or asarray_async is None:
            return self._backend.asarray(array)
        # Memory that the system does not move can be read by the device itself, while this process
        # goes on.
        pinned = pinned_empty(array.shape, array.dtype)
        np.copyto(pinned, array)
        return asarray_async(pinned)
