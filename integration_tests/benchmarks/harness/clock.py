"""Times, launches and memory of a library on a device, from inside of its process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Clock"]

_Call = Callable[[], Sequence[Any]]


class Clock:
    """Measures calls of one library.

    On a GPU the time is that between two events around all calls of a batch, so that nothing waits
    in between; on the host it is the clock's.

    Args:
        library: ``"ours"`` or ``"torch"``.
        device: ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, library: str, device: str) -> None:
        self._library = library
        self._is_cuda = device.startswith("cuda")
        if self._is_cuda and library == "ours":
            import dezero_cuda

            self._cupy = dezero_cuda.backend.xp

    def seconds(self, call: _Call, calls: int) -> float:
        """Return the time of one call, of so many."""
        if not self._is_cuda:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            return (time.perf_counter() - start) / calls
        first, last = self._event(), self._event()
        self.wait()
        first.record()
        for _ in range(calls):
            call()
        last.record()
        last.synchronize()
        if self._library == "torch":
            return float(first.elapsed_time(last)) / 1e3 / calls
        return float(self._cupy.cuda.get_elapsed_time(first, last)) / 1e3 / calls

    def _event(self) -> Any:
        if self._library == "torch":
            import torch

            return torch.cuda.Event(enable_timing=True)
        return self._cupy.cuda.Event()

    def wait(self) -> None:
        """Wait until the device has done all."""
        if not self._is_cuda:
            return
        if self._library == "torch":
            import torch

            torch.cuda.synchronize()
        else:
            self._cupy.cuda.Device().synchronize()

    def peak_memory(self, call: _Call) -> int | None:
        """Return the most bytes that arrays took during a call; None on the host."""
        if not self._is_cuda:
            return None
        if self._library == "torch":
            import torch

            torch.cuda.reset_peak_memory_stats()
            call()
            return int(torch.cuda.max_memory_allocated())
        pool = self._cupy.get_default_memory_pool()

        class Peak(self._cupy.cuda.MemoryHook):  # type: ignore[name-defined, misc]
            name = "Peak"
            bytes = 0

            def malloc_postprocess(self, **_: Any) -> None:
                self.bytes = max(self.bytes, pool.used_bytes())

        with Peak() as peak:
            call()
        return int(peak.bytes)

    def launches(self, call: _Call) -> int | None:
        """Return how many kernels a call starts; None on the host, or where nobody can count.

        PyTorch's profiler sees all kernels of a process, whoever starts them.
        """
        if not self._is_cuda:
            return None
        try:
            import torch
            from torch.profiler import ProfilerActivity
        except ImportError:
            return None
        self.wait()
        with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as profiler:
            call()
            self.wait()
        kinds = (str(event.device_type) for event in profiler.events())
        names = [event.name.lower() for event in profiler.events()]
        on_device = [kind.endswith("CUDA") for kind in kinds]
        return sum(
            is_there and not name.startswith(("memcpy", "memset"))
            for is_there, name in zip(on_device, names, strict=True)
        )
