"""Loaders and devices: by name, by number, and asynchronously where a backend offers that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest

from dezero_core import backend as core_backend
from dezero_core.testing import fake_device
from dezero_data import DataLoader

PAIRS = [(np.full(2, float(i)), i) for i in range(4)]


class Plain:
    """As much of a backend as a loader needs."""

    name = "cuda"
    xp = np
    kernels: dict[str, Any] = {}  # noqa: RUF012

    class Array:
        def __init__(self, values: Any, device: int = 0) -> None:
            self.values = values
            self.device = device

    array_types = (Array,)
    lacks = ""

    def is_available(self) -> bool:
        return not self.lacks

    def require(self, operation: str, number: int | None = None) -> None:
        if self.lacks:
            raise RuntimeError(f"{operation}: {self.lacks}")

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return self.Array(x)

    def to_numpy(self, x: Any) -> Any:
        return x.values

    def synchronize(self) -> None:
        pass


class Full(Plain):
    """A backend with several devices, that copies from memory of its own while it computes."""

    def __init__(self) -> None:
        self.current = 0
        self.pinned: list[Any] = []
        self.under_way: list[Any] = []

    @contextmanager
    def device(self, number: int) -> Iterator[None]:
        before, self.current = self.current, number
        try:
            yield
        finally:
            self.current = before

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        assert not np.asarray(x).size, "a copy that the host waits for"
        return self.Array(x)

    def pinned_empty(self, shape: Any, dtype: Any) -> Any:
        self.pinned.append(np.empty(shape, dtype))
        return self.pinned[-1]

    def asarray_async(self, x: Any) -> Any:
        assert any(x is memory for memory in self.pinned)
        self.under_way.append(self.Array(x, self.current))
        return self.under_way[-1]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Plain:
    backend = Plain()
    monkeypatch.setattr(core_backend, "_backends", {"cuda": backend})
    return backend


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    backend = Full()
    monkeypatch.setattr(core_backend, "_backends", {"cuda": backend})
    return backend


class TestGPU:
    def test_to_gpu_and_back(self, plain: Plain) -> None:
        loader = DataLoader(PAIRS * 2, 2, shuffle=False, gpu=True)
        assert loader.gpu
        assert loader.device == "cuda"
        x, t = next(loader)
        assert isinstance(x, Plain.Array)
        assert isinstance(t, Plain.Array)
        assert x.values.tolist() == [[0, 0], [1, 1]]
        loader.to_cpu()
        assert loader.device == "cpu"
        assert isinstance(next(loader)[0], np.ndarray)
        assert not DataLoader(PAIRS, 4).gpu
        loader.to_gpu()
        assert isinstance(next(loader)[0], Plain.Array)

    def test_without_labels(self, plain: Plain) -> None:
        assert next(DataLoader([(1.0, None)], 1, gpu=True))[1] is None

    def test_without_a_device(self, plain: Plain) -> None:
        plain.lacks = "no driver"
        with pytest.raises(RuntimeError, match=r"^DataLoader: no driver"):
            DataLoader(PAIRS, 4, gpu=True)
        loader = DataLoader(PAIRS, 4)
        with pytest.raises(RuntimeError, match=r"^DataLoader\.to_gpu: no driver"):
            loader.to_gpu()
        assert not loader.gpu

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core_backend, "_backends", {})
        monkeypatch.setattr(core_backend, "_discovered", True)
        with pytest.raises(LookupError, match=r"DataLoader: .* no device 'cuda'.*dezero-cuda"):
            DataLoader(PAIRS, 4, gpu=True)

    def test_without_numbers(self, plain: Plain) -> None:
        with pytest.raises(ValueError, match="its name is 'cuda' alone"):
            DataLoader(PAIRS, 4, device="cuda:0")


class TestAsynchronousCopies:
    @pytest.mark.parametrize("prefetch", [0, 2])
    def test_from_pinned_memory_to_the_chosen_device(self, full: Full, prefetch: int) -> None:
        loader = DataLoader(PAIRS, 2, shuffle=False, device="cuda:1", prefetch=prefetch)
        batches = list(loader)
        assert [t.values.tolist() for _, t in batches] == [[0, 1], [2, 3]]
        assert batches[1][0].values.tolist() == [[2, 2], [3, 3]]
        assert {array.device for array in full.under_way} == {1}
        assert full.current == 0

    def test_a_batch_is_under_way_before_it_is_asked_for(self, full: Full) -> None:
        loader = DataLoader(PAIRS, 1, shuffle=False, device="cuda:1", prefetch=1)
        for done in range(1, 5):
            next(loader)
            # Another thread may be at it, so at least the one that we have.
            assert len(full.under_way) >= 2 * done
        assert len(full.under_way) == 8


@pytest.mark.parametrize(("device", "wanted"), [("cuda", 2), ("cuda:1", 1)])
def test_a_thread_that_is_ahead_copies_for_the_one_that_computes(
    device: str, wanted: int, full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def context() -> Any:
        threads.append(threading.current_thread().name)
        return partial(full.device, full.current)

    monkeypatch.setattr(full, "context", context, raising=False)
    loader = DataLoader(PAIRS, 2, device=device, prefetch=1)
    with full.device(2):
        batches = [next(loader)]
    batches.append(next(loader))
    assert [x.device for x, _ in batches] == [wanted] * 2
    assert threads == [threading.current_thread().name]
    # Without a thread, batches are for whoever asks for one.
    loader = DataLoader(PAIRS, 2, device="cuda")
    with full.device(2):
        assert next(loader)[0].device == 2
    assert next(loader)[0].device == 0
    assert len(threads) == 1


def test_what_is_no_number_stays_on_the_host(full: Full) -> None:
    items = [{"x": np.ones(2), "name": "a", "raw": np.array("b"), "pair": [1, (2, None)]}]
    batch = next(DataLoader(items, 1, device="cuda:0"))
    assert isinstance(batch["x"], Plain.Array)
    assert batch["name"] == ["a"]
    assert batch["raw"].tolist() == ["b"]
    assert isinstance(batch["pair"][0], Plain.Array)
    assert batch["pair"][1][1] is None


def test_one_transfer_for_each_array() -> None:
    with fake_device() as device:
        loader = DataLoader(PAIRS, 2, shuffle=False, device="fake")
        device.reset()
        x, t = next(loader)
        assert (device.transfers, device.syncs) == (2, 0)
        assert device.to_numpy(x).tolist() == [[0, 0], [1, 1]]
        assert device.to_numpy(t).tolist() == [0, 1]
