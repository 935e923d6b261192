"""Profiles: what is counted, whose time it is, and the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Function, Variable, detect_anomaly, no_grad, profile
from dezero_core import functions as F
from dezero_core.backend import _unregister_backend, register_backend
from dezero_core.config import current
from dezero_core.details import layer_call
from dezero_core.graph import build_graph, record_details
from dezero_core.testing import FakeDevice


class Layer:
    """As much of a layer as the profile knows."""

    def __init__(self, function: Any, **inner: Layer) -> None:
        self.function = function
        self.inner = inner

    def namedlayers(self) -> Iterator[tuple[str, Layer]]:
        yield "", self
        for name, layer in self.inner.items():
            for path, found in layer.namedlayers():
                yield f"{name}/{path}".rstrip("/"), found

    def __call__(self, x: Any) -> Any:
        with layer_call(self):
            return self.function(x)


@pytest.fixture
def model() -> Layer:
    square = Layer(lambda x: x * x)
    double = Layer(lambda x: x + x)
    return Layer(lambda x: F.exp(double(square(x))), square=square, double=double)


def counts(found: Any, by: Any = "operation") -> dict[tuple[str, str], int]:
    return {(row.name, row.phase): row.count for row in found.rows(by)}


def test_operations_both_ways() -> None:
    x = Variable(np.ones((3, 4)))
    with profile("cpu") as found:
        y = F.exp(x * 2.0) + F.exp(x)
        y.sum().backward()
    assert counts(found) == {
        ("multiply", "forward"): 1,
        ("exp", "forward"): 2,
        ("add", "forward"): 1,
        ("sum", "forward"): 1,
        ("multiply", "backward"): 1,
        ("exp", "backward"): 2,
        ("add", "backward"): 1,
        ("sum", "backward"): 1,
    }
    sizes = {(row.name, row.phase): row.size for row in found.rows()}
    assert sizes["exp", "forward"] == 2 * 3 * 4 * 8
    assert sizes["sum", "forward"] == 8
    assert all(row.host > 0 and row.device is None for row in found.rows())
    assert sum(row.host for row in found.rows()) <= found.seconds
    assert found.device == "cpu"
    assert found.peak is None
    assert current().watcher is None


def test_layers_and_what_computes_their_gradients(model: Layer) -> None:
    x = Variable(np.ones(3))
    with profile("cpu") as found:
        model(x).sum().backward()
    assert counts(found, "layer") == {
        ("square (Layer)", "forward"): 1,
        ("square (Layer)", "backward"): 1,
        ("double (Layer)", "forward"): 1,
        ("double (Layer)", "backward"): 1,
        ("(Layer)", "forward"): 1,
        ("(Layer)", "backward"): 1,
        ("(outside of layers)", "forward"): 1,
        ("(outside of layers)", "backward"): 1,
    }
    spans = [event for event in found.events if event.phase == "layer"]
    assert [event.layer for event in spans] == ["square (Layer)", "double (Layer)", "(Layer)"]
    outer = spans[-1]
    assert all(outer.start <= event.start for event in spans)
    assert outer.host >= spans[0].host + spans[1].host


def test_nested_operations_are_counted_once() -> None:
    x = Variable(np.array([1.0, 2.0]))
    with profile("cpu") as found:
        (x**3).sum().backward(create_graph=True)
    for event in found.events:
        assert 0 <= event.host_alone <= event.host
    (outer,) = (e for e in found.events if (e.name, e.phase) == ("power", "backward"))
    assert outer.host_alone < outer.host
    alone = sum(event.host_alone for event in found.events)
    tops = [e for e in found.events if e.phase == "backward" or e.name in ("power", "sum")]
    assert alone <= sum(event.host for event in tops)


def test_without_a_graph_and_with_functions_of_the_book() -> None:
    class Half(Function):
        def forward(self, x: Any) -> Any:
            return x / 2

        def backward(self, gy: Variable) -> Variable:
            return gy / 2

    with profile("cpu") as found, no_grad():
        F.exp(np.ones(3))
        Half()(np.ones(2))
    assert counts(found) == {("exp", "forward"): 1, ("Half", "forward"): 1}
    x = Variable(np.ones(2))
    with profile("cpu") as found:
        Half()(x).sum().backward()
    # What its backward() calls is inside of it.
    assert counts(found)["divide", "forward"] == 1
    assert counts(found)["Half", "backward"] == 1


def test_an_operation_that_fails(model: Layer) -> None:
    with profile("cpu") as found:
        with pytest.raises(ValueError, match="add"):
            F.add(np.ones(2), np.ones(3))
        with pytest.raises(ZeroDivisionError):
            Layer(lambda x: 1 // 0)(1.0)
        F.exp(np.ones(2))
    assert counts(found) == {("exp", "forward"): 1}
    assert [event.layer for event in found.events if event.phase == "forward"] == [
        "(outside of layers)"
    ]


def test_beside_other_watchers() -> None:
    x = Variable(np.ones(3), "x")
    with record_details(), profile("cpu") as found, detect_anomaly():
        y = F.exp(x)
        y.sum().backward()
    assert counts(found)["exp", "backward"] == 1
    (operation,) = build_graph(y).operations
    assert operation.source is not None


def test_the_table(model: Layer) -> None:
    x = Variable(np.ones((100, 100)))
    with profile("cpu") as found:
        for _ in range(3):
            model(x).sum().backward()
    lines = str(found).splitlines()
    assert lines[0].split() == ["operation", "pass", "count", "host", "ms", "share", "made", "MiB"]
    assert set(lines[1]) == {"-"}
    assert len(lines) == 2 + 8 + 2
    assert "of which" in lines[-1] and "in 24 operations" in lines[-1]
    hosts = [row.host for row in found.rows()]
    assert hosts == sorted(hosts, reverse=True)
    assert [row.name for row in found.rows(sort="name")][:2] == ["add", "add"]
    sizes = [row.size for row in found.rows(sort="size")]
    assert sizes == sorted(sizes, reverse=True)
    short = found.table("layer", "count", limit=2).splitlines()
    assert short[0].startswith("layer")
    assert short[4] == "... and 6 more"
    assert repr(found) == f"<profile of {24 + 9} events on 'cpu'>"
    with pytest.raises(ValueError, match="by is 'operation' or 'layer', got 'line'"):
        found.rows("line")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"sort is .*, got 'x'"):
        found.table(sort="x")  # type: ignore[arg-type]


def test_nothing_ran() -> None:
    with profile("cpu") as found:
        pass
    assert found.rows() == []
    assert "in 0 operations" in str(found)


def test_the_trace(model: Layer, tmp_path: Path) -> None:
    with profile("cpu") as found:
        model(Variable(np.ones(3))).sum().backward()
    found.save_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == len(found.events)
    assert {span["cat"] for span in spans} == {"forward", "backward", "layer"}
    for span, event in zip(spans, found.events, strict=True):
        assert span["ts"] == pytest.approx(event.start * 1e6)
        assert span["dur"] == pytest.approx(event.host * 1e6)
        assert span["name"]
    outer = next(span for span in spans if span["name"] == "(Layer)")
    inner = next(span for span in spans if span["name"] == "square")
    assert outer["ts"] <= inner["ts"]
    assert inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]


class Measured(FakeDevice):
    """A device whose clock ticks once for each mark."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.ranges: list[str] = []
        self.depth = 0

    def mark(self) -> int:
        self.ticks += 1
        return self.ticks

    def seconds_between(self, first: int, second: int) -> float:
        return (second - first) * 1e-3

    def push_range(self, name: str) -> None:
        self.ranges.append(name)
        self.depth += 1

    def pop_range(self) -> None:
        self.depth -= 1

    def memory_used(self) -> int:
        return 5 << 20 if self.ticks < 5 else 3 << 20


@pytest.mark.parametrize("device", ["fake", None])
def test_on_a_device(device: Any, model: Layer) -> None:
    fake = Measured()
    register_backend(fake)
    try:
        x = Variable(fake.asarray([1.0, 2.0]))
        with fake.forbid(), profile(device) as found:
            model(x).sum().backward()
        assert found.device == "fake"
    finally:
        _unregister_backend("fake")
    assert fake.depth == 0
    assert fake.ranges[:3] == ["(Layer)", "square (Layer)", "multiply forward"]
    assert "multiply backward" in fake.ranges
    rows = {(row.name, row.phase): row.device for row in found.rows()}
    assert rows["multiply", "forward"] == pytest.approx(1e-3)
    assert found.peak == 5 << 20
    assert "device ms" in str(found)
    assert "on fake; at most 5.0 MiB of arrays" in str(found)


def test_a_device_that_is_not_there() -> None:
    with (
        pytest.raises(LookupError, match=r"^profile: there is no device 'tpu'"),
        profile("tpu"),
    ):
        pass
