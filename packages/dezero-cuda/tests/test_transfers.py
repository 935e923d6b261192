"""Copies that nobody waits for: their order, and the memory that they use again."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from stub_cupy import StubEvent, put_stub

import dezero_cuda
from dezero_cuda import diagnosis
from dezero_cuda.transfers import Transfers

needs_device = pytest.mark.skipif(
    not dezero_cuda.is_available(), reason=str(dezero_cuda.diagnose())
)


class Array:
    """An array over a buffer, as `cupy.ndarray` is."""

    def __init__(self, shape: Any, dtype: Any, memory: Any) -> None:
        self.shape, self.dtype, self.memory = shape, dtype, memory
        self.pointer = memory[0]

    def set(self, host: Any, stream: Any) -> None:
        stream.log.append((stream.name, "copy", self.pointer))


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(diagnosis, "_ready", False)
    monkeypatch.setattr(dezero_cuda.backend, "_n_devices", None)
    monkeypatch.setattr(dezero_cuda.backend, "_is_watched", False)
    monkeypatch.setattr(dezero_cuda.backend, "_transfers", {})
    cupy = put_stub(monkeypatch, devices=2)[0]
    assert dezero_cuda.is_available()
    cupy.ndarray = Array
    return cupy


def pinned(n: int) -> Any:
    array = dezero_cuda.backend.pinned_empty((n, 2), np.float32)
    array[...] = 1
    return array


def test_a_copy_comes_after_the_memory_is_free_and_before_it_is_used(cupy: Any) -> None:
    x = dezero_cuda.backend.asarray_async(pinned(3))
    assert (x.shape, x.dtype) == ((3, 2), np.float32)
    steps = [(stream, what) for stream, what, _ in cupy.log]
    assert steps == [
        ("compute", "record"),  # what the pool gave may still be read
        ("copy", "wait"),
        ("copy", "copy"),
        ("copy", "record"),
        ("compute", "wait"),
    ]
    assert cupy.log[0][2] is cupy.log[1][2]
    assert cupy.log[3][2] is cupy.log[4][2]
    assert cupy.waited == []


def test_two_buffers_take_turns(cupy: Any) -> None:
    seen = []
    batch = dezero_cuda.backend.asarray_async(pinned(3))
    for _ in range(6):
        ahead = dezero_cuda.backend.asarray_async(pinned(3))
        seen.append(batch.pointer)
        batch = ahead
        del ahead
        gc.collect()
    assert len(set(seen)) == 2
    assert cupy.pool.used == 2 * 24


def test_memory_is_used_again_after_all_that_was_computed_with_it(cupy: Any) -> None:
    x = dezero_cuda.backend.asarray_async(pinned(3))
    pointer = x.pointer
    cupy.log.clear()
    with cupy.cuda.Device(1):  # as another thread may be
        del x
        gc.collect()
    ((stream, what, freed),) = cupy.log
    assert (stream, what) == ("compute", "record")
    y = dezero_cuda.backend.asarray_async(pinned(3))
    assert y.pointer == pointer
    assert cupy.log[1] == ("copy", "wait", freed)
    # Another size has memory of its own.
    assert dezero_cuda.backend.asarray_async(pinned(4)).pointer != pointer


def test_pinned_memory_stays_until_it_was_read(cupy: Any) -> None:
    transfers = Transfers(cupy)
    arrays = [transfers.copy(pinned(2)) for _ in range(3)]
    assert len(transfers._under_way) == 3
    events = [event for event, _ in transfers._under_way]
    assert all(isinstance(event, StubEvent) for event in events)
    events[0].done = events[1].done = True
    arrays.append(transfers.copy(pinned(2)))
    assert len(transfers._under_way) == 2


def test_no_more_buffers_wait_than_some(cupy: Any) -> None:
    transfers = Transfers(cupy)
    arrays = [transfers.copy(pinned(2)) for _ in range(7)]
    arrays.clear()
    gc.collect()
    assert [len(waiting) for waiting in transfers._free.values()] == [Transfers.spare]
    transfers.forget()
    assert transfers._free == {}


def test_buffers_of_ever_new_sizes_go_back_to_the_pool(cupy: Any) -> None:
    transfers = Transfers(cupy)
    for n in (1, 2, 1, *range(3, 40), 1):
        array = transfers.copy(pinned(n))
        del array
        gc.collect()
    waiting = [size // 8 for size in transfers._free]
    assert waiting == [*range(25, 40), 1]


def test_each_device_has_its_own(cupy: Any) -> None:
    dezero_cuda.backend.asarray_async(pinned(2))
    with dezero_cuda.backend.device(1):
        dezero_cuda.backend.asarray_async(pinned(2))
    assert sorted(dezero_cuda.backend._transfers) == [0, 1]


def test_another_thread_copies_for_the_device_and_the_stream_of_this_one(cupy: Any) -> None:
    with dezero_cuda.backend.device(1):
        enter = dezero_cuda.backend.context()
    assert cupy.cuda.runtime.current == 0
    with enter():
        assert cupy.cuda.runtime.current == 1
        dezero_cuda.backend.asarray_async(pinned(2))
    assert cupy.cuda.runtime.current == 0
    steps = [(stream, what) for stream, what, _ in cupy.log]
    assert steps[0] == ("compute", "enter")
    assert ("compute", "wait") in steps[1 : steps.index(("compute", "exit"))]
    assert sorted(dezero_cuda.backend._transfers) == [1]


def test_nothing_to_copy(cupy: Any) -> None:
    x = dezero_cuda.backend.pinned_empty((0, 2), np.int64)
    assert (x.shape, x.dtype) == ((0, 2), np.int64)
    assert dezero_cuda.backend.asarray_async(x).shape == (0, 2)
    assert cupy.log == []


@pytest.mark.gpu
@needs_device
def test_on_a_device() -> None:
    backend = dezero_cuda.backend
    totals, wanted = [], []
    for i in range(20):
        host = backend.pinned_empty((1 << 10, 1 << 8), np.float32)
        host[...] = i
        x = backend.asarray_async(host)
        totals.append((x * 2).sum())
        wanted.append(2.0 * i * host.size)
        del x, host
    np.testing.assert_allclose([float(total) for total in totals], wanted)
