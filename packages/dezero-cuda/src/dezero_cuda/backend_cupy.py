"""CuPy as a backend of dezero_core."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dezero_cuda.diagnosis import CudaUnavailableError, diagnose, import_cupy

__all__ = ["CudaBackend", "is_available"]


class CudaBackend:
    """Arrays on a CUDA device, through CuPy.

    `dezero_core.backend` finds the one instance, `dezero_cuda.backend`, by its entry point.

    Attributes:
        name: ``"cuda"``.
        kernels: Faster implementations of primitives, by name.
    """

    name = "cuda"
    kernels: Mapping[str, Callable[..., Any]] = MappingProxyType({})

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
    def array_types(self) -> tuple[type, ...]:
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
        _require_device("asarray")
        return self.xp.asarray(x, dtype=dtype)

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
        _require_device("device")
        count = self.xp.cuda.runtime.getDeviceCount()
        if not 0 <= number < count:
            raise CudaUnavailableError(
                f"device: there is no CUDA device {number}; they are numbered from 0 to {count - 1}"
            )
        chosen: AbstractContextManager[Any] = self.xp.cuda.Device(number)
        return chosen

    def synchronize(self) -> None:
        """Wait until the current device has done all that was queued.

        Raises:
            CudaUnavailableError: There is no CuPy, driver or device.
        """
        _require_device("synchronize")
        self.xp.cuda.Device().synchronize()


def is_available() -> bool:
    """Tell whether this process can compute on a CUDA device. Never raises.

    Example:
        >>> is_available() == (diagnose() is None)
        True
    """
    return diagnose() is None


def _require_device(operation: str) -> None:
    reason = diagnose()
    if reason is not None:
        raise CudaUnavailableError(f"{operation}: {reason}")
