"""Where batches go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dezero_core import Device
from dezero_core.typing import Array

__all__ = ["Destination"]


class Destination:
    """A device that batches go to.

    A backend that can copy while it computes says so with the optional methods that
    `dezero_core.backend.Backend` describes: `pinned_empty` and `asarray_async`.

    Args:
        device: The device, or its name.
        operation: Who asks, for the error message.

    Raises:
        Exception: What `dezero_core.Device` raises.
    """

    def __init__(self, device: str | Device, operation: str) -> None:
        self.device = Device(device, operation)
        self._backend = self.device.backend

    def place(self, batch: Any) -> Any:
        """Return a batch with its arrays on the device, or on their way there."""
        with self.device.active():
            return self._place(batch)

    def from_here(self) -> Callable[[Any], Any]:
        """Return a `place` for another thread, which puts arrays where this one computes.

        That is on this thread's device, if none was named, and in the order of its work.
        """
        context = getattr(self._backend, "context", None)
        if context is None:
            return self.place
        with self.device.active():
            enter = context()

        def place(batch: Any) -> Any:
            with enter():
                return self._place(batch)

        return place

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
