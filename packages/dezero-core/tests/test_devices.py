"""Devices by name: what there is, what is missing, and what moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dezero_core import Device, Variable
from dezero_core import backend as core_backend
from dezero_core.backend import get_backend
from dezero_core.devices import beside, device_of
from dezero_core.testing import FakeArray, fake_device


class Several:
    """A backend of three devices, or of none."""

    name = "cuda"
    xp = np
    kernels: dict[str, Any] = {}  # noqa: RUF012

    class Array:
        dtype = np.dtype(float)

        def __init__(self, values: Any, number: int) -> None:
            self.values = np.array(values, float)
            self.shape = self.values.shape
            self.device = SimpleNamespace(id=number)

    array_types = (Array,)

    def __init__(self) -> None:
        self.current = 0

    def is_available(self) -> bool:
        return True

    def require(self, operation: str, number: int | None = None) -> None:
        if number is not None and number > 2:
            raise RuntimeError(f"{operation}: there is no device {number}")

    @contextmanager
    def device(self, number: int) -> Iterator[None]:
        before, self.current = self.current, number
        try:
            yield
        finally:
            self.current = before

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if isinstance(x, self.Array):
            return x if x.device.id == self.current else self.Array(x.values, self.current)
        return self.Array(x, self.current)

    def to_numpy(self, x: Any) -> Any:
        return x.values

    def synchronize(self) -> None:
        pass


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    backend = Several()
    monkeypatch.setattr(core_backend, "_backends", {**core_backend._backends, "cuda": backend})
    monkeypatch.setattr(core_backend, "_discovered", True)
    core_backend._forget_types()
    yield backend
    core_backend._forget_types()


@pytest.mark.parametrize(
    "name", ["", ":1", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:\u0661"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=r'^to: a device is a text like "cpu", "cuda" or "cuda:1"'):
        Device(name, "to")
    with pytest.raises(TypeError, match="not 1"):
        Device(1)  # type: ignore[arg-type]


def test_the_host() -> None:
    x = np.ones(2)
    for device in (Device("cpu"), Device("numpy"), device_of(x), device_of(Variable(x))):
        assert (device.name, repr(device)) == ("cpu", "Device('cpu')")
        assert device.asarray(x) is x
        assert device == Device(device)
        assert hash(device) == hash(Device("cpu"))
        with device.active():
            assert device.asarray([1, 2]).tolist() == [1, 2]
    assert Device("cpu") != "cpu"
    with pytest.raises(ValueError, match=r"cpu:0: the devices of .*numpy.* have no numbers"):
        Device("cpu:0")


@pytest.mark.parametrize(
    ("name", "words"), [("gpu", "Is 'cuda' meant?"), ("CPU", "Is 'cpu' meant?"), ("tpu:1", "'cpu'")]
)
def test_unknown_devices(several: Several, name: str, words: str) -> None:
    with pytest.raises(LookupError) as caught:
        Variable(np.ones(2)).to(name)
    assert str(caught.value).startswith(f"Variable.to: there is no device {name!r}; there is 'cpu'")
    assert words in str(caught.value)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_backend, "_backends", {"numpy": get_backend("numpy")})
    monkeypatch.setattr(core_backend, "_discovered", True)
    with pytest.raises(LookupError, match=r"^Variable\.to_gpu: .* pip install 'dezero-cuda"):
        Variable(np.ones(2)).to_gpu()


def test_a_backend_that_cannot_be_used() -> None:
    with fake_device() as fake:
        fake.is_available = lambda: False  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="to: fake cannot be used here"):
            Device("fake", "to")


def test_by_number(several: Several) -> None:
    x = Device("cuda:1").asarray(np.ones(2))
    assert device_of(x) == Device("cuda:1")
    assert device_of(x) != Device("cuda:2")
    moved = Device("cuda:2").asarray(x)
    assert (moved.device.id, moved.values.tolist()) == (2, [1.0, 1.0])
    assert moved.values is not x.values
    assert Device("cuda:1").asarray(x) is x
    assert Device("cpu").asarray(x).tolist() == [1.0, 1.0]
    assert beside(moved, x).device.id == 1
    assert beside(np.zeros(1), x).device.id == 1
    with pytest.raises(RuntimeError, match="Device: there is no device 3"):
        Device("cuda:3")
    with Device("cuda:2").active():
        assert several.current == 2
    assert several.current == 0


def test_a_variable_and_its_gradient_move() -> None:
    x = Variable(np.array([1.0, 2.0]))
    (x * x).sum().backward()
    host, gradient = x.data, x.grad
    with fake_device() as fake:
        assert x.to("fake") is x
        assert isinstance(x.data, FakeArray)
        assert x.grad is gradient is not None
        assert isinstance(x.grad.data, FakeArray)
        x.data += 1.0
        assert host.tolist() == [1.0, 2.0]
        fake.reset()
        x.to("fake")
        assert fake.traffic == []
        x.cleargrad()
        (x * x).sum().backward()
        x.to_cpu()
        assert fake.transfers == 2
    assert x.data.tolist() == [2.0, 3.0]
    assert x.grad is not None
    assert x.grad.data.tolist() == [4.0, 6.0]
    empty = Variable(None)
    assert empty.to("cpu").data is None


def test_from_one_backend_to_another(several: Several) -> None:
    with fake_device() as fake:
        x = Device("cuda:1").asarray(fake.asarray([1.0, 2.0]))
        assert (x.device.id, x.values.tolist()) == (1, [1.0, 2.0])
        assert fake.transfers == 2


def test_operands_of_a_backend_with_several_devices(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(arrays: Any, operation: str) -> None:
        raise TypeError(f"{operation}: {[x.device.id for x in arrays]}")

    monkeypatch.setattr(several, "check_devices", check, raising=False)
    x, y = (Variable(Device(f"cuda:{i}").asarray([1.0])) for i in (0, 1))
    with pytest.raises(TypeError, match=r"add: \[0, 1\]"):
        x + y
    # Rules compute on the current device as well: who calls backward() may be elsewhere by then.
    with pytest.raises(TypeError, match=r"backward: \[1\]"):
        y.backward()
    assert y.grad is None
