"""Memory: figures, limits, and an error that says who holds the most."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from stub_cupy import put_stub

import dezero_cuda
from dezero_core import Parameter, Variable
from dezero_core.testing import fake_device
from dezero_cuda import DeviceMemoryError, diagnosis, empty_cache, memory_stats, set_memory_limit
from dezero_cuda.holders import list_holders
from dezero_cuda.memory import _peaks, watch_allocations

needs_device = pytest.mark.skipif(
    not dezero_cuda.is_available(), reason=str(dezero_cuda.diagnose())
)


class Model:
    """As much of a layer as has paths."""

    def __init__(self, **inner: Any) -> None:
        self.inner = inner

    def namedlayers(self) -> Iterator[tuple[str, Any]]:
        yield "", self

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        for name, value in self.inner.items():
            if isinstance(value, Model):
                yield from ((f"{name}/{path}", p) for path, p in value.namedparams())
            else:
                yield name, value


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(diagnosis, "_ready", False)
    monkeypatch.setattr(dezero_cuda.backend, "_n_devices", None)
    monkeypatch.setattr(dezero_cuda.backend, "_is_watched", False)
    monkeypatch.setattr(_peaks, "held", {})
    return put_stub(monkeypatch, devices=2)[0]


def test_figures(cupy: Any) -> None:
    cupy.pool.used, cupy.pool.held = 1 << 20, 3 << 20
    stats = memory_stats()
    assert (stats.used, stats.held, stats.peak, stats.limit) == (1 << 20, 3 << 20, 3 << 20, None)
    assert (stats.free, stats.total) == (3 << 30, 4 << 30)
    assert str(stats) == (
        "used 1.0 MiB, held 3.0 MiB, peak 3.0 MiB, limit none, free 3072.0 MiB, total 4096.0 MiB"
    )
    assert empty_cache() == 2 << 20
    assert memory_stats(reset_peak=True).peak == 3 << 20
    assert memory_stats().peak == 1 << 20
    assert memory_stats("cuda:1").peak == 1 << 20
    assert cupy.cuda.runtime.current == 0
    assert cupy.waited == []


def test_limits(cupy: Any) -> None:
    set_memory_limit(5 << 20)
    assert memory_stats().limit == 5 << 20
    set_memory_limit(fraction=0.25)
    assert memory_stats().limit == 1 << 30
    set_memory_limit()
    assert memory_stats().limit is None


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"limit": 0}, ValueError, "a positive number of bytes, got 0"),
        ({"limit": 1.5}, TypeError, "a number of bytes, not 1.5"),
        ({"limit": True}, TypeError, "not True"),
        ({"fraction": 0.0}, ValueError, "above 0 and up to 1"),
        ({"fraction": float("nan")}, ValueError, "above 0 and up to 1"),
        ({"limit": 1, "fraction": 0.5}, ValueError, "not both"),
        ({"device": "cpu"}, ValueError, "'cpu' is no CUDA device"),
        ({"device": "cuda:7"}, RuntimeError, "set_memory_limit: there is no CUDA device 7"),
    ],
)
def test_limits_that_are_none(
    cupy: Any, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        set_memory_limit(**arguments)


def test_out_of_memory_names_the_largest_holders(cupy: Any) -> None:
    asarray = dezero_cuda.backend.asarray
    model = Model(body=Model(l1=Model(W=Parameter(asarray(np.ones((100, 50), np.float32))))))
    (W,) = (p for _, p in model.namedparams())
    W.grad = Variable(asarray(np.ones((100, 50), np.float32)))
    x = Variable(asarray(np.ones((300, 100), np.float32)), "images")
    set_memory_limit(1000)
    allocate = cupy.cuda.get_allocator()
    assert allocate(600).size == 600
    gc.collect()
    with pytest.raises(DeviceMemoryError) as caught:
        cupy.cuda.alloc(1 << 20)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("CUDA: no memory for another 1.0 MiB on device 0: used 0.0 MiB")
    assert lines[1] == "Who holds the most:"
    names = [line.partition("MiB")[2].strip() for line in lines[2:-1]]
    assert names[0] == "variable 'images' (float32[300, 100])"
    assert set(names[1:3]) == {
        "parameter Model: body/l1/W (float32[100, 50])",
        "gradient of Model: body/l1/W (float32[100, 50])",
    }
    assert "no_grad()" in lines[-1]
    assert isinstance(caught.value, MemoryError)
    del x, W


def test_the_allocator_is_wrapped_once(cupy: Any) -> None:
    before = cupy.cuda.get_allocator()
    dezero_cuda.backend.asarray([1.0])
    wrapped = cupy.cuda.get_allocator()
    assert wrapped is not before
    assert watch_allocations(cupy)
    assert cupy.cuda.get_allocator() is wrapped


def test_inside_of_using_allocator_it_waits_for_the_end(
    cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(allocate: Any) -> None:
        raise ValueError("Can't change the global allocator inside `using_allocator`")

    before = cupy.cuda.get_allocator()
    with monkeypatch.context() as inside:
        inside.setattr(cupy.cuda, "set_allocator", refuse)
        dezero_cuda.backend.asarray([1.0])
    assert cupy.cuda.get_allocator() is before
    dezero_cuda.backend.asarray([1.0])
    assert cupy.cuda.get_allocator() is not before


def test_holders_by_kind() -> None:
    with fake_device() as device:
        kind = device.array_types[0]
        x = Variable(device.asarray(np.ones((20, 30))))
        saved = device.asarray(np.ones((20, 30)))
        y = (x * saved).sum() * 2.0
        kept = device.asarray(np.ones(100))
        views = [kept[10:], kept[:10]]
        del kept
        proxy = weakref.proxy(Variable(np.ones(1)))  # of what is gone at once
        # Other tests may have left arrays of this kind, too.
        found = [(holder.name, holder.size) for holder in list_holders(kind, limit=1000)]
        with pytest.raises(ReferenceError):
            repr(proxy.data)

        def size_of(text: str) -> int:
            return sum(size for name, size in found if name.startswith(text))

        assert size_of("saved for the backward pass of multiply") >= 4800
        assert size_of("a variable (float64[20, 30])") >= 4800
        assert size_of("an array of no variable") >= 800
        assert size_of("a variable, a result of multiply (float64[])") >= 8
        assert [size for _, size in found] == sorted((size for _, size in found), reverse=True)
        assert len(list_holders(kind, limit=1)) == 1
        del x, y, saved, views


@pytest.mark.gpu
@needs_device
def test_on_a_device() -> None:
    cupy = dezero_cuda.backend.xp
    before = memory_stats().used
    x = Variable(dezero_cuda.backend.asarray(np.ones((1 << 10, 1 << 10), np.float32)), "big one")
    assert memory_stats().used - before >= 4 << 20
    with pytest.raises(DeviceMemoryError, match=r"variable 'big one' \(float32\[1024, 1024\]\)"):
        cupy.empty(1 << 50, np.uint8)
    del x
    assert memory_stats().used == before
