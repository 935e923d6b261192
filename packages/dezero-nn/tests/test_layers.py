"""Layers and models: how parameters are found, drawn, copied and moved."""

from __future__ import annotations

import copy
import gc
import importlib.metadata
import pickle
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, as_numpy, no_grad
from dezero_core.graph import build_graph, record_details
from dezero_core.protocols import ParameterSource, StatefulObject
from dezero_core.testing import fake_device
from dezero_nn import MLP, Layer, Linear, Model, Sequential, relu, softmax, softmax_cross_entropy


def paths(layer: Layer) -> list[str]:
    return [path for path, _ in layer.namedparams()]


class TwoLayers(Model):
    def __init__(self) -> None:
        self.l1 = Linear(4)
        self.l2 = Linear(3)

    def forward(self, x: Any) -> Variable:
        return self.l2(relu(self.l1(x)))


# --- the contract's figures --------------------------------------------------------------------


def test_figures_of_the_book() -> None:
    np.random.seed(0)
    model = MLP((10, 3))
    y = model(np.array([[0.2, -0.4]]))
    np.testing.assert_allclose(y.data, [[-0.61505778, -0.42790161, 0.31733289]], atol=5e-9)
    np.testing.assert_allclose(softmax(y).data, [[0.21068638, 0.25404893, 0.53526469]], atol=1e-8)
    x = np.array([[0.2, -0.4], [0.3, 0.5], [1.3, -3.2], [2.1, 0.3]])
    loss = softmax_cross_entropy(model(x), np.array([2, 0, 1, 0]))
    assert float(loss) == pytest.approx(1.49674425, abs=5e-9)


def test_weights_come_from_the_global_generator_and_are_float32() -> None:
    np.random.seed(7)
    layer = Linear(5, in_size=3)
    np.random.seed(7)
    expected = np.random.randn(3, 5).astype(np.float32) * np.float32(np.sqrt(1 / 3))
    np.testing.assert_array_equal(layer.W.data, expected)
    assert layer.W.dtype == np.float32
    assert layer.b is not None and layer.b.dtype == np.float32
    assert layer(np.ones((2, 3), np.float32)).dtype == np.float32
    assert Linear(5, dtype=np.float64, in_size=3).W.dtype == np.float64


def test_a_network_learns_a_sine() -> None:
    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
    model = MLP((10, 1))
    first = last = 0.0
    for step in range(2000):
        error = model(x) - y
        loss = (error**2).sum() / 100
        model.cleargrads()
        loss.backward()
        for parameter in model.params():
            assert parameter.grad is not None
            parameter.data -= 0.2 * parameter.grad.data
        first, last = (float(loss), float(loss)) if step == 0 else (first, float(loss))
    assert first > 0.5
    assert last < 0.25


# --- parameters --------------------------------------------------------------------------------


def test_parameters_are_found_in_order_in_layers_and_containers() -> None:
    layer = Layer()
    layer.blocks = [Linear(2), (Linear(3, nobias=True), relu), {"head": Linear(4)}]
    layer.scale = Parameter(np.ones(1))
    layer.inner = TwoLayers()
    layer.note = "no parameter"
    assert paths(layer) == [
        "scale",
        *["inner/l1/W", "inner/l1/b", "inner/l2/W", "inner/l2/b"],
        *["blocks/0/W", "blocks/0/b", "blocks/1/0/W", "blocks/2/head/W", "blocks/2/head/b"],
    ]
    layer.blocks.append(Linear(5))
    assert paths(layer)[-2:] == ["blocks/3/W", "blocks/3/b"]


def test_the_order_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from dezero_nn import Layer, Linear\n"
        "layer = Layer()\n"
        "for name in ('gamma', 'alpha', 'beta', 'delta'): setattr(layer, name, Linear(2))\n"
        "print([path for path, _ in layer.namedparams()])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {
        "['gamma/W', 'gamma/b', 'alpha/W', 'alpha/b', 'beta/W', 'beta/b', 'delta/W', 'delta/b']\n"
    }


def test_what_is_shared_is_yielded_once_and_loops_end() -> None:
    layer = Layer()
    layer.first = Linear(3, in_size=3)
    layer.again = layer.first
    layer.second = Linear(3, in_size=3)
    layer.second.W = layer.first.W
    layer.second.parent = layer
    assert paths(layer) == ["first/W", "first/b", "second/b"]
    assert len(list(layer.params())) == 3


def test_attributes_that_change_or_go_are_no_longer_parameters() -> None:
    layer = TwoLayers()
    layer.l1 = relu  # type: ignore[assignment]
    assert paths(layer) == ["l2/W", "l2/b"]
    del layer.l2
    assert paths(layer) == []


def test_results_of_operations_are_no_parameters() -> None:
    layer = Layer()
    layer.p = Parameter(np.ones(2))
    layer.v = Variable(np.ones(2))
    layer.result = layer.p * 2
    assert paths(layer) == ["p"]


def test_cleargrads_forgets_all_gradients() -> None:
    model = TwoLayers()
    for _ in range(2):
        model.cleargrads()
        model(np.ones((1, 2))).backward()
    assert model.l2.b is not None and model.l2.b.grad is not None
    assert model.l2.b.grad.data.tolist() == [1, 1, 1]
    model.cleargrads()
    assert [p.grad for p in model.params()] == [None] * 4


def test_flatten_params_gives_the_paths_of_the_book() -> None:
    model = TwoLayers()
    found: dict[str, Parameter] = {}
    model._flatten_params(found)
    assert list(found) == ["l1/W", "l1/b", "l2/W", "l2/b"]
    found.clear()
    model.l1._flatten_params(found, "l1")
    assert list(found) == ["l1/W", "l1/b"]


def test_layers_are_what_other_packages_expect() -> None:
    assert isinstance(MLP((3,)), ParameterSource)
    assert isinstance(MLP((3,)), StatefulObject)


# --- calling -----------------------------------------------------------------------------------


def test_calling_leaves_no_cycle_behind() -> None:
    gc.disable()
    try:
        model = TwoLayers()
        x = np.ones((5, 2), np.float32)
        y = model(x)
        softmax_cross_entropy(y, np.zeros(5, int)).backward()
        dropped = [weakref.ref(model), weakref.ref(y), weakref.ref(model.l1)]
        del model, y
        assert [reference() for reference in dropped] == [None] * 3
    finally:
        gc.enable()


def test_linear_says_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"Linear: the input is an array .* not None"):
        Linear(3)(None)
    with pytest.raises(ValueError, match="linear: x has 3 features, W takes 2"):
        Linear(3, in_size=2)(np.ones((1, 3)))
    with pytest.raises(ValueError, match="out_size must be at least 1, got 0"):
        Linear(0)
    with pytest.raises(TypeError, match=r"out_size must be an integer, got 2\.5"):
        Linear(2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="floating-point type, got int64"):
        Linear(2, dtype=np.int64)
    with pytest.raises(ValueError, match="in_size must be at least 1, got 0"):
        Linear(2)(np.ones((4, 0)))
    with pytest.raises(NotImplementedError, match="Layer has no method forward"):
        Layer()(1)


def test_linear_without_bias_and_with_more_axes() -> None:
    layer = Linear(3, nobias=True)
    assert layer(np.ones((2, 5, 4), np.float32)).shape == (2, 5, 3)
    assert (layer.in_size, layer.b, paths(layer)) == (4, None, ["W"])


def test_models_compose() -> None:
    model = Sequential(Linear(4), relu, Sequential(Linear(2)))
    assert paths(model) == ["l0/W", "l0/b", "l2/l0/W", "l2/l0/b"]
    assert model(np.ones((3, 5), np.float32)).shape == (3, 2)
    assert len(list(MLP((10, 20, 30, 40, 1)).params())) == 10
    assert MLP([2], activation=relu)(np.full((1, 3), -1.0)).shape == (1, 2)


def test_models_say_what_is_wrong() -> None:
    with pytest.raises(TypeError, match="step 1 can not be called, it is 3"):
        Sequential(relu, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="fc_output_sizes must be a tuple, got 10"):
        MLP(10)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one layer"):
        MLP(())
    with pytest.raises(TypeError, match="activation can not be called"):
        MLP((3,), activation="relu")  # type: ignore[arg-type]


def test_layers_are_copied_and_pickled_after_a_call() -> None:
    model = TwoLayers()
    x = np.ones((2, 3), np.float32)
    y = model(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(x).data, y.data)
        twin.l1.W.data[:] = 0
        np.testing.assert_array_equal(model(x).data, y.data)
        assert paths(twin) == paths(model)


def test_a_network_trains_on_a_device_without_waiting() -> None:
    with fake_device() as device:
        model = TwoLayers()
        x = device.asarray(np.ones((4, 2), np.float32))
        t = device.asarray(np.array([0, 1, 2, 0]))
        for parameter in model.params():
            if parameter.data is not None:
                parameter.data = device.asarray(parameter.data)
        model(x)  # draws the weights on the host
        with device.forbid():
            loss = softmax_cross_entropy(model(x), t)
            loss.backward()
        assert [type(p.data) for p in model.params()] == [device.array_types[0]] * 4
        assert np.isfinite(as_numpy(loss))
        model.to_cpu()
        assert [type(p.data) for p in model.params()] == [np.ndarray] * 4


def test_to_moves_every_parameter_and_its_gradient() -> None:
    model = MLP((3, 2))
    loss = model(np.ones((1, 4), np.float32)).sum()
    loss.backward()
    values = {path: as_numpy(p).copy() for path, p in model.namedparams()}
    gradients = {path: as_numpy(p.grad).copy() for path, p in model.namedparams()}
    twin = model.copy()
    with fake_device() as device:
        assert model.to("fake") is model
        for path, p in model.namedparams():
            assert isinstance(p.data, device.array_types)
            assert p.grad is not None and isinstance(p.grad.data, device.array_types)
            np.testing.assert_array_equal(as_numpy(p), values[path], strict=True)
            np.testing.assert_array_equal(as_numpy(p.grad), gradients[path], strict=True)
        assert [type(p.data) for p in twin.params()] == [np.ndarray] * 4
        model.to_cpu()
    assert [type(p.data) for p in model.params()] == [np.ndarray] * 4
    with pytest.raises(LookupError, match=r"^MLP\.to: there is no device 'tpu'"):
        model.to("tpu")


# --- drawing -----------------------------------------------------------------------------------


def test_plot_hands_the_graph_to_the_plotter_with_paths_for_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}
    model = TwoLayers()

    def plotter(output: Variable, *, verbose: bool, to_file: Any) -> str:
        seen["names"] = [p.name for p in model.params()]
        seen["shape"], seen["recorded"] = output.shape, output.requires_grad
        seen["file"] = to_file
        return f"verbose={verbose}"

    monkeypatch.setattr("dezero_nn.models.model.get_plotter", lambda name: plotter)
    with no_grad():
        result = model.plot(np.ones((1, 5), np.float32), to_file=tmp_path / "model.svg")
    assert result == "verbose=True"
    assert seen["names"] == ["l1/W", "l1/b", "l2/W", "l2/b"]
    assert seen["shape"] == (1, 3) and seen["recorded"]
    assert seen["file"] == tmp_path / "model.svg"
    assert [p.name for p in model.params()] == ["W", "b", "W", "b"]


def test_operations_know_the_path_of_their_layer_where_that_is_recorded() -> None:
    shared = Linear(4, in_size=4)

    class Net(Model):
        def __init__(self) -> None:
            self.stem = Linear(4)
            self.blocks = [Sequential(shared, relu), Sequential(shared)]

        def forward(self, x: Any) -> Variable:
            x = relu(self.stem(x))
            for block in self.blocks:
                x = block(x)
            return x

    model = Net()
    paths = {layer: path for path, layer in model.namedlayers()}
    with record_details():
        y = model(np.ones((2, 3), np.float32))
    graph = build_graph(y)
    scopes = [(operation.name, operation.scope) for operation in graph.operations]
    assert scopes == [
        ("linear", "stem"),
        ("relu", ""),
        ("linear", "blocks/0/l0"),
        ("relu", "blocks/0"),
        ("linear", paths[shared]),
    ]
    assert dict(graph.layers) == {
        "": "Net",
        "stem": "Linear",
        "blocks/0": "Sequential",
        "blocks/0/l0": "Linear",
        "blocks/1": "Sequential",
    }
    assert {o.scope for o in build_graph(model(np.ones((2, 3)))).operations} == {""}


def test_the_plot_is_recorded_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def plotter(output: Variable, **settings: Any) -> list[str]:
        return [operation.scope for operation in build_graph(output).operations]

    monkeypatch.setattr("dezero_nn.models.model.get_plotter", lambda name: plotter)
    assert TwoLayers().plot(np.ones((1, 5), np.float32)) == ["l1", "", "l2"]


def test_plot_without_a_plotter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [])
    with pytest.raises(LookupError, match="pip install dezero-viz"):
        MLP((2,)).plot(np.ones((1, 2)))


def test_models_join_only_what_is_theirs_to_join() -> None:
    class Doubled(Linear):
        def forward(self, x: Any, activation: Any = None) -> Any:
            return super().forward(x) * 2

    def last(y: Any) -> str:
        return str(build_graph(y).operations[-1].name)

    x = np.ones((2, 3), np.float32)
    with fake_device() as device:
        there = device.asarray(x)
        for first, activation, name in (
            (Linear(4), relu, "linear_activation"),
            (Linear(4), lambda y: relu(y), "relu"),
            (Doubled(4), relu, "relu"),
        ):
            model = MLP((4, 2), activation=activation)
            model.l0 = first
            wanted = model(x)
            hidden = activation(first(x))
            model.to(device.name)
            np.testing.assert_allclose(as_numpy(model(there)), wanted.data, rtol=1e-6)
            y = Sequential(first, activation)(there)
            np.testing.assert_allclose(as_numpy(y), hidden.data, rtol=1e-6)
            assert last(y) == name
