"""The memory of a device: how much there is, who has it, and what is said when it runs out.

CuPy takes memory from the driver in blocks and keeps what is freed in a pool, so that the next
array of this size costs nothing. All figures are of that pool, in bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any

from dezero_core import Device
from dezero_cuda.holders import list_holders

__all__ = [
    "DeviceMemoryError",
    "MemoryStats",
    "empty_cache",
    "memory_stats",
    "set_memory_limit",
    "watch_allocations",
]


class DeviceMemoryError(MemoryError):
    """There is not enough memory on the device. The message names who holds the most of it."""


@dataclass(frozen=True)
class MemoryStats:
    """What a device's memory is taken by, in bytes. Print it to see it in MiB.

    Attributes:
        used: What arrays take.
        held: What the pool has from the driver: what arrays take, and what is kept for the next.
        peak: The most that `held` was since the backend first looked, or since ``reset_peak``.
        limit: How much the pool may take; None for as much as there is.
        free: What the driver has left, for this process and all others.
        total: What the device has.
    """

    used: int
    held: int
    peak: int
    limit: int | None
    free: int
    total: int

    def __str__(self) -> str:
        values = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return ", ".join(f"{name} {_mib(value)}" for name, value in values)


class _Peaks:
    """The largest pool seen of each device. A pool only grows when it asks the driver."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def note(self, number: int, held: int) -> int:
        peak = self.held[number] = max(held, self.held.get(number, 0))
        return peak


_peaks = _Peaks()


def memory_stats(device: str | Device = "cuda", *, reset_peak: bool = False) -> MemoryStats:
    """Tell what a device's memory is taken by. It does not wait for the device.

    Args:
        device: The device; ``"cuda"`` is the current one.
        reset_peak: Whether the peak begins anew afterwards.

    Returns:
        The figures.

    Raises:
        RuntimeError: There is no CuPy, driver or device.
        ValueError: It is no CUDA device.
    """
    cupy, active = _cupy_on(device, "memory_stats")
    with active:
        pool = cupy.get_default_memory_pool()
        free, total = cupy.cuda.runtime.memGetInfo()
        number = cupy.cuda.runtime.getDevice()
        held = pool.total_bytes()
        stats = MemoryStats(
            used=pool.used_bytes(),
            held=held,
            peak=_peaks.note(number, held),
            limit=pool.get_limit() or None,
            free=free,
            total=total,
        )
        if reset_peak:
            _peaks.held[number] = held
    return stats


def set_memory_limit(
    limit: int | None = None, *, fraction: float | None = None, device: str | Device = "cuda"
) -> None:
    """Limit how much of a device's memory the pool may take.

    Args:
        limit: In bytes; None, without `fraction`, for no limit.
        fraction: In place of it the share of the device's memory, above 0 and up to 1.
        device: The device; ``"cuda"`` is the current one.

    Raises:
        TypeError: `limit` is no whole number.
        ValueError: It is negative, `fraction` is not a share, or both are given.
        RuntimeError: There is no CuPy, driver or device.
    """
    if limit is not None and fraction is not None:
        raise ValueError("set_memory_limit: give limit or fraction, not both")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
        raise TypeError(f"set_memory_limit: limit is a number of bytes, not {limit!r}")
    if limit is not None and limit <= 0:
        raise ValueError(f"set_memory_limit: limit is a positive number of bytes, got {limit}")
    if fraction is not None and not 0 < fraction <= 1:
        raise ValueError(f"set_memory_limit: fraction is above 0 and up to 1, got {fraction}")
    cupy, active = _cupy_on(device, "set_memory_limit")
    with active:
        pool = cupy.get_default_memory_pool()
        if fraction is not None:
            pool.set_limit(fraction=fraction)
        else:
            pool.set_limit(size=limit or 0)


def empty_cache(device: str | Device = "cuda") -> int:
    """Give back to the driver what the pool keeps for the next arrays.

    Other processes can have it then. This process becomes no faster by it, since the next array
    asks the driver again.

    Args:
        device: The device; ``"cuda"`` is the current one.

    Returns:
        How many bytes were given back.

    Raises:
        RuntimeError: There is no CuPy, driver or device.
    """
    cupy, active = _cupy_on(device, "empty_cache")
    with active:
        pool = cupy.get_default_memory_pool()
        number, before = cupy.cuda.runtime.getDevice(), pool.total_bytes()
        _peaks.note(number, before)
        pool.free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()
        given: int = before - pool.total_bytes()
    return given


def watch_allocations(cupy: Any) -> bool:
    """Let CuPy's allocator explain itself when memory runs out.

    The allocator that is set stays what allocates. Calling this again changes nothing.

    Args:
        cupy: The module.

    Returns:
        Whether it does. Inside of `cupy.cuda.using_allocator` none can be set for good.
    """
    allocate = cupy.cuda.get_allocator()
    if isinstance(allocate, _Explaining):
        return True
    try:
        cupy.cuda.set_allocator(_Explaining(cupy, allocate))
    except ValueError:
        return False
    return True


class _Explaining:
    """An allocator that says who holds the memory when there is none left."""

    def __init__(self, cupy: Any, allocate: Callable[[int], Any]) -> None:
        self._cupy = cupy
        self._allocate = allocate

    def __call__(self, size: int) -> Any:
        try:
            return self._allocate(size)
        except self._cupy.cuda.memory.OutOfMemoryError as error:
            reason = self._explain(size)
            raise DeviceMemoryError(reason) from error

    def _explain(self, size: int) -> str:
        cupy = self._cupy
        try:
            stats = str(memory_stats())
        except Exception as error:
            stats = f"({type(error).__name__}: {error})"
        lines = [
            f"CUDA: no memory for another {_mib(size)} on device "
            f"{cupy.cuda.runtime.getDevice()}: {stats}."
        ]
        found = list_holders(cupy.ndarray)
        if found:
            lines.append("Who holds the most:")
            lines += [f"  {_mib(holder.size):>12}  {holder.name}" for holder in found]
        lines.append(
            "Take smaller batches, drop results that are not needed (a loss that is kept keeps its "
            "graph: float(loss) does not), predict under no_grad(), or raise set_memory_limit"
        )
        return "\n".join(lines)


def _cupy_on(device: str | Device, operation: str) -> tuple[Any, AbstractContextManager[Any]]:
    chosen = Device(device, operation)
    if chosen.backend.name != "cuda":
        raise ValueError(f"{operation}: {chosen.name!r} is no CUDA device")
    return chosen.backend.xp, chosen.active()


def _mib(size: int | None) -> str:
    return "none" if size is None else f"{size / 2**20:.1f} MiB"
