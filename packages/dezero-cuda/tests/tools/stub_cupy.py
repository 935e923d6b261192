"""A module in CuPy's place: as much of a device, its pool and its streams as tests need."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np

from dezero_core.testing import FakeArray, FakeDevice


class StubRuntime:
    """What `cupy.cuda.runtime` answers."""

    def __init__(self, driver: int = 12080, devices: int | Exception = 1) -> None:
        self.current = 0
        self.driver = driver
        self.devices = devices

    def driverGetVersion(self) -> int:
        return self.driver

    def runtimeGetVersion(self) -> int:
        return 12090

    def getDevice(self) -> int:
        return self.current

    def getDeviceCount(self) -> int:
        if isinstance(self.devices, Exception):
            raise self.devices
        return self.devices

    def memGetInfo(self) -> tuple[int, int]:
        return 3 << 30, 4 << 30


class OutOfMemoryError(MemoryError):
    """Named as CuPy's is."""


class StubPool:
    """A memory pool that counts."""

    def __init__(self) -> None:
        self.used = 0
        self.held = 0
        self.limit = 0

    def used_bytes(self) -> int:
        return self.used

    def total_bytes(self) -> int:
        return self.held

    def get_limit(self) -> int:
        return self.limit

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self.limit = size if fraction is None else int(fraction * (4 << 30))  # type: ignore[assignment]

    def free_all_blocks(self) -> None:
        self.held = self.used

    def malloc(self, size: int) -> Any:
        if self.limit and self.used + size > self.limit:
            raise OutOfMemoryError(f"Out of memory allocating {size} bytes")
        self.used += size
        self.held = max(self.held, self.used)
        return types.SimpleNamespace(ptr=1000 + self.used, size=size)


class StubEvent:
    """An event that is over when somebody says so."""

    def __init__(self, log: list[Any], **_: Any) -> None:
        self.log = log
        self.done = False

    def record(self) -> None:
        self.log.append(("compute", "record", self))

    def synchronize(self) -> None:
        self.done = True


class StubStream:
    """A stream that writes down what is put into it."""

    def __init__(self, log: list[Any], name: str) -> None:
        self.log = log
        self.name = name

    def __enter__(self) -> StubStream:
        self.log.append((self.name, "enter", None))
        return self

    def __exit__(self, *_: Any) -> None:
        self.log.append((self.name, "exit", None))

    def record(self, event: StubEvent) -> StubEvent:
        self.log.append((self.name, "record", event))
        return event

    def wait_event(self, event: StubEvent) -> None:
        self.log.append((self.name, "wait", event))


class StubDevice:
    """A device, as a context manager."""

    def __init__(self, runtime: StubRuntime, waited: list[None], number: int | None) -> None:
        self.runtime = runtime
        self.waited = waited
        self.id = runtime.current if number is None else number

    def __enter__(self) -> StubDevice:
        self.before, self.runtime.current = self.runtime.current, self.id
        return self

    def __exit__(self, *_: Any) -> None:
        self.runtime.current = self.before

    def synchronize(self) -> None:
        self.waited.append(None)


def put_stub(monkeypatch: Any, **answers: Any) -> tuple[Any, FakeDevice]:
    """Put a module in CuPy's place, whose arrays are the strict fake device's."""
    device = FakeDevice()
    cupy: Any = types.ModuleType("cupy")
    cupy.ndarray = FakeArray
    for name in ("asarray", "asnumpy", "arange", "empty", "zeros"):
        setattr(cupy, name, getattr(device.xp, name))
    cupy.waited = []
    cupy.log = []
    cupy.pool, cupy.pinned = StubPool(), StubPool()
    cupy.get_default_memory_pool = lambda: cupy.pool
    cupy.get_default_pinned_memory_pool = lambda: cupy.pinned
    runtime = StubRuntime(**answers)
    allocator = [cupy.pool.malloc]
    current = StubStream(cupy.log, "compute")
    cupy.cuda = types.SimpleNamespace(
        runtime=runtime,
        cublas=types.SimpleNamespace(),
        memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        Device=lambda number=None: StubDevice(runtime, cupy.waited, number),
        Stream=lambda non_blocking: StubStream(cupy.log, "copy"),
        Event=lambda **settings: StubEvent(cupy.log, **settings),
        get_elapsed_time=lambda first, second: 1.0,
        UnownedMemory=lambda pointer, size, owner: (pointer, size, owner),
        MemoryPointer=lambda memory, offset: memory,
        get_current_stream=lambda: current,
        get_allocator=lambda: allocator[0],
        set_allocator=lambda new: allocator.__setitem__(0, new),
        alloc=lambda size: allocator[0](size),
        alloc_pinned_memory=lambda size: np.zeros(size, np.uint8),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy, device
