"""Copies to a device that nobody waits for, from memory that the system does not move.

Each device has a stream for copies. What is computed on the stream that was current when a copy
was asked for comes after the copy, by an event; and what overwrites the memory of an array that
was dropped comes after all that was computed with it, by another. The host waits for neither.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from typing import Any

import numpy as np

from dezero_core.typing import Array, DTypeLike, Shape

__all__ = ["Transfers", "pinned_empty"]


class Transfers:
    """The way from pinned memory to one device.

    Memory on the device that arrays have left is used again: with a loader that is one batch
    ahead, two buffers of each size take turns.

    Args:
        cupy: The module. The device is the current one.
    """

    #: How many buffers of one size wait to be used again, and of how many sizes, those that were
    #: used last. The others go back to the pool: with sentences each batch may have a new size.
    spare = 4
    sizes = 16

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._device = cupy.cuda.Device()
        self._stream = cupy.cuda.Stream(non_blocking=True)
        # An array may be dropped at any time, also while this thread is in here.
        self._lock = threading.RLock()
        self._free: OrderedDict[int, list[tuple[Any, Any]]] = OrderedDict()
        # Pinned memory must stay until it was read.
        self._under_way: deque[tuple[Any, Array]] = deque()

    def copy(self, pinned: Array) -> Any:
        """Copy an array to the device, without waiting.

        Args:
            pinned: A C-contiguous array in pinned memory. Nobody writes to it any more.

        Returns:
            An array on the device, of which the values come later.
        """
        cupy = self._cupy
        if not pinned.size:
            return cupy.empty(pinned.shape, pinned.dtype)
        compute = cupy.cuda.get_current_stream()
        memory = self._take(pinned.nbytes, compute)
        # The array stands for the buffer: when the last view of it goes, the buffer is free.
        token = _Token()
        weakref.finalize(token, self._give_back, memory, pinned.nbytes, compute).atexit = False
        pointer = cupy.cuda.MemoryPointer(
            cupy.cuda.UnownedMemory(memory.ptr, pinned.nbytes, token), 0
        )
        array = cupy.ndarray(pinned.shape, pinned.dtype, pointer)
        array.set(pinned, stream=self._stream)
        done = self._stream.record(_event(cupy))
        compute.wait_event(done)
        with self._lock:
            self._under_way.append((done, pinned))
            while self._under_way and self._under_way[0][0].done:
                self._under_way.popleft()
        return array

    def _take(self, size: int, compute: Any) -> Any:
        """Return memory that the next copy may write to."""
        with self._lock:
            waiting = self._free.get(size)
            memory, freed = waiting.pop(0) if waiting else (None, None)
        if memory is None:
            memory = self._cupy.cuda.alloc(size)
            # The pool may give what kernels that were queued still read.
            freed = compute.record(_event(self._cupy))
        self._stream.wait_event(freed)
        return memory

    def _give_back(self, memory: Any, size: int, compute: Any) -> None:
        with self._device:  # whatever the device is of the thread that drops the array
            freed = compute.record(_event(self._cupy))
        with self._lock:
            waiting = self._free.setdefault(size, [])
            self._free.move_to_end(size)
            if len(waiting) < self.spare:
                waiting.append((memory, freed))
            if len(self._free) > self.sizes:
                self._free.popitem(last=False)

    def forget(self) -> None:
        """Let go of the buffers that nobody uses."""
        with self._lock:
            self._free.clear()


class _Token:
    """Something that goes when an array on the device goes."""


def pinned_empty(cupy: Any, shape: Shape, dtype: DTypeLike) -> Array:
    """Return a host array, not initialized, in pinned memory.

    Args:
        cupy: The module.
        shape: The shape.
        dtype: The dtype.
    """
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    memory = cupy.cuda.alloc_pinned_memory(max(1, count * dtype.itemsize))
    array: Array = np.frombuffer(memory, dtype, count).reshape(shape)
    return array


def _event(cupy: Any) -> Any:
    # Without a time stamp it costs less.
    return cupy.cuda.Event(disable_timing=True)
