"""CuPy as a backend of dezero_core."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from dezero_core.errors import describe
from dezero_core.typing import DTypeLike, Shape
from dezero_cuda.diagnosis import CudaUnavailableError, diagnose, import_cupy
from dezero_cuda.kernels import KERNELS
from dezero_cuda.memory import watch_allocations
from dezero_cuda.transfers import Transfers, pinned_empty

__all__ = ["CudaBackend", "is_available"]


class CudaBackend:
    """Arrays on a CUDA device, through CuPy.

    `dezero_core.backend` finds the one instance, `dezero_cuda.backend`, by its entry point.

    Attributes:
        name: ``"cuda"``.
        kernels: Faster implementations of primitives, by name.
    """

    name = "cuda"
    kernels: Mapping[str, Callable[..., Any]] = KERNELS

    def __init__(self) -> None:
        self._n_devices: int | None = None
        self._transfers: dict[int, Transfers] = {}
        self._is_watched = False

    def __repr__(self) -> str:
        return "<backend 'cuda'>"

    @property
    def xp(self) -> Any:
        """The module `cupy`, imported on first use.

        Raises:
            CudaUnavailableError: CuPy is not installed, or cannot be imported.
        """
        return import_cupy()

    @property
    def array_types(self) -> tuple[type[Any], ...]:
        """CuPy's array class; nothing as long as nobody imported CuPy."""
        ndarray = getattr(sys.modules.get("cupy"), "ndarray", None)
        return () if ndarray is None else (ndarray,)

    def is_available(self) -> bool:
        """Tell whether arrays can be made on a device. Never raises."""
        return diagnose() is None

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Return `x` as an array on the current device.

        Args:
            x: An array on the host or on a device, a number, or nested lists of numbers.
            dtype: The result's dtype. As it is, when None.

        Returns:
            `x` itself if nothing had to be done, otherwise a copy on the device.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        self.require("asarray")
        cupy = self.xp
        if isinstance(x, self.array_types) and self._is_elsewhere(x):
            x = x.copy()  # onto the current device
        return cupy.asarray(x, dtype=dtype)

    def _is_elsewhere(self, x: Any) -> bool:
        return self._count_devices() > 1 and x.device.id != self.xp.cuda.runtime.getDevice()

    def to_numpy(self, x: Any) -> npt.NDArray[Any]:
        """Return a copy on the host, once the work that `x` depends on is done.

        Args:
            x: An array on a device. One on the host is returned as it is.

        Returns:
            The array on the host.
        """
        if not isinstance(x, self.array_types):
            return np.asarray(x)
        host: npt.NDArray[Any] = self.xp.asnumpy(x)
        return host

    def device(self, number: int) -> AbstractContextManager[Any]:
        """Return a context manager within which arrays are made on a certain device.

        Args:
            number: The device's number, from 0 on.

        Returns:
            The device, as CuPy has it.

        Raises:
            CudaUnavailableError: There is no CuPy or driver, or no such device.
        """
        self.require("device", number)
        chosen: AbstractContextManager[Any] = self.xp.cuda.Device(number)
        return chosen

    def context(self) -> Callable[[], AbstractContextManager[Any]]:
        """Return what brings another thread onto this one's current device and stream.

        Returns:
            A function that returns a context manager.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        self.require("context")
        cuda = self.xp.cuda
        number, stream = cuda.runtime.getDevice(), cuda.get_current_stream()

        @contextmanager
        def enter() -> Iterator[None]:
            with cuda.Device(number), stream:
                yield

        return enter

    def require(self, operation: str, number: int | None = None) -> None:
        """Make sure that arrays can be made here.

        Args:
            operation: Who asks, for the error message.
            number: On which device; None for the current one.

        Raises:
            CudaUnavailableError: There is no CuPy or driver, no device, or not so many.
        """
        reason = diagnose()
        if reason is not None:
            raise CudaUnavailableError(f"{operation}: {reason}")
        if not self._is_watched:
            self._is_watched = watch_allocations(self.xp)
        if number is not None and not 0 <= number < (count := self._count_devices()):
            raise CudaUnavailableError(
                f"{operation}: there is no CUDA device {number}; "
                + (
                    "there is one, number 0"
                    if count == 1
                    else f"they are numbered from 0 to {count - 1}"
                )
                + ". CUDA_VISIBLE_DEVICES says which of them a process sees"
            )

    def check_devices(self, arrays: Sequence[Any], operation: str) -> None:
        """Make sure that operands lie on the current device: on another one CuPy is slow, or fails.

        Args:
            arrays: The operands. What is no array of CuPy's does not matter.
            operation: The operation, for the error message.

        Raises:
            TypeError: They lie on several devices, or on another one than the current.
        """
        if self._count_devices() < 2:
            return
        kinds = self.array_types
        places = {i: x.device.id for i, x in enumerate(arrays) if isinstance(x, kinds)}
        current = self.xp.cuda.runtime.getDevice()
        if set(places.values()) <= {current}:
            return
        named = [f"operand {i} ({describe(arrays[i])}) on 'cuda:{n}'" for i, n in places.items()]
        if len(set(places.values())) > 1:
            raise TypeError(
                f"{operation}: the operands live on different devices: {', '.join(named)}. "
                "Nothing is moved by itself: bring them together with x.to(device)"
            )
        (number,) = set(places.values())
        raise TypeError(
            f"{operation}: {', '.join(named)}, while the current device is 'cuda:{current}'. "
            f'Compute inside of "with Device("cuda:{number}").active():"'
        )

    def _count_devices(self) -> int:
        if self._n_devices is None:
            self._n_devices = int(self.xp.cuda.runtime.getDeviceCount())
        return self._n_devices

    def pinned_empty(self, shape: Shape, dtype: DTypeLike) -> npt.NDArray[Any]:
        """Return a host array, not initialized, from which a device can copy by itself.

        Args:
            shape: The shape.
            dtype: The dtype.

        Returns:
            The array, in pinned memory.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        self.require("pinned_empty")
        host: npt.NDArray[Any] = pinned_empty(self.xp, shape, dtype)
        return host

    def asarray_async(self, x: npt.NDArray[Any]) -> Any:
        """Return an array of `pinned_empty` as an array on the current device, without waiting.

        What is computed with it on the current stream comes after the copy.

        Args:
            x: The array. It is kept until it was copied; nobody may write to it any more.

        Returns:
            The array on the device.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        self.require("asarray_async")
        number = self.xp.cuda.runtime.getDevice()
        transfers = self._transfers.get(number)
        if transfers is None:
            transfers = self._transfers.setdefault(number, Transfers(self.xp))
        return transfers.copy(x)

    def synchronize(self) -> None:
        """Wait until the current device has done all that was queued.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        self.require("synchronize")
        self.xp.cuda.Device().synchronize()

    # --- what dezero_core.profile measures with ---------------------------------------------------

    def mark(self) -> Any:
        """Return a point in the work of the current stream."""
        event = self.xp.cuda.Event()
        event.record()
        return event

    def seconds_between(self, first: Any, second: Any) -> float:
        """Return the time between two marks, once the device has passed both."""
        second.synchronize()
        return float(self.xp.cuda.get_elapsed_time(first, second)) / 1e3

    def push_range(self, name: str) -> None:
        """Begin a named range, an NVTX range, that NVIDIA's tools show."""
        self.xp.cuda.nvtx.RangePush(name)

    def pop_range(self) -> None:
        """End the range that was begun last."""
        self.xp.cuda.nvtx.RangePop()

    def memory_used(self) -> int:
        """Return how many bytes arrays take on the current device."""
        return int(self.xp.get_default_memory_pool().used_bytes())


def is_available() -> bool:
    """Tell whether this process can compute on a CUDA device. Never raises.

    Example:
        >>> is_available() == (diagnose() is None)
        True
    """
    return diagnose() is None
