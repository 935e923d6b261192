"""Every layer on a device: the host's values and gradients, and nothing moves or waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dezero_nn
from dezero_core import Variable, as_numpy, no_grad, test_mode
from dezero_nn import layers as L

from .conftest import Place

_Make = Callable[[], Any]
IMAGES = np.random.default_rng(0).normal(size=(2, 4, 8, 8)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
SEQUENCES = np.random.default_rng(2).normal(size=(5, 3, 4)).astype(np.float32)
IDS = np.array([[0, 2, 1], [3, 0, 0]])

LAYERS: dict[str, tuple[_Make, Any]] = {
    "Linear": (lambda: L.Linear(3), ROWS),
    "Linear of sequences": (lambda: L.Linear(3), SEQUENCES),
    "Linear without bias": (lambda: L.Linear(3, nobias=True), ROWS),
    "Conv1d": (lambda: L.Conv1d(3, 3, pad=1), SEQUENCES),
    "Conv2d": (lambda: L.Conv2d(3, 3, stride=2, pad=1), IMAGES),
    "Conv2d of 1x1": (lambda: L.Conv2d(3, 1), IMAGES),
    "Conv2d that Winograd could do": (lambda: L.Conv2d(8, 3, pad=1), IMAGES),
    "Conv2d depthwise": (lambda: L.Conv2d(4, 3, groups=4), IMAGES),
    "Conv2d in groups, dilated": (lambda: L.Conv2d(6, 3, groups=2, dilation=2), IMAGES),
    "Deconv1d": (lambda: L.Deconv1d(3, 3, stride=2), SEQUENCES),
    "Deconv2d": (lambda: L.Deconv2d(3, 4, stride=2, pad=1), IMAGES),
    "Pooling": (lambda: L.Pooling(3, 2), IMAGES),
    "Pooling side by side": (lambda: L.Pooling(2, 2), IMAGES),
    "AveragePooling": (lambda: L.AveragePooling(3, 2, 1), IMAGES),
    "BatchNorm": (L.BatchNorm, IMAGES),
    "BatchNorm of rows": (L.BatchNorm, ROWS),
    "LayerNorm": (L.LayerNorm, SEQUENCES),
    "RMSNorm": (L.RMSNorm, SEQUENCES),
    "GroupNorm": (lambda: L.GroupNorm(2), IMAGES),
    "Embedding": (lambda: L.Embedding(4, 3), IDS),
    "Dropout": (L.Dropout, ROWS),
    "RNN": (lambda: L.RNN(5), SEQUENCES),
    "RNN by steps": (lambda: L.RNN(5, activation="relu"), ROWS),
    "LSTM": (lambda: L.LSTM(5), SEQUENCES),
    "LSTM by steps": (lambda: L.LSTM(5), ROWS),
    "GRU": (lambda: L.GRU(5), SEQUENCES),
    "GRU by steps": (lambda: L.GRU(5), ROWS),
    "Bidirectional": (lambda: L.Bidirectional(L.LSTM(5), L.GRU(5)), SEQUENCES),
    "MultiHeadAttention": (lambda: L.MultiHeadAttention(4, 2), SEQUENCES),
    "TransformerBlock": (lambda: L.TransformerBlock(4, 2, causal=True), SEQUENCES),
    "LayerList": (lambda: dezero_nn.Sequential(L.Linear(3), dezero_nn.relu, L.Linear(2)), ROWS),
}
NO_LAYERS = {"Layer", "LayerDict", "LoadReport", "Persistent", "reset_states"}


def test_all_layers_are_here() -> None:
    named = {name.split()[0] for name in LAYERS}
    assert set(L.__all__) - NO_LAYERS == named


def run(layer: Any, x: Any, *, wants_input: bool) -> dict[str, Any]:
    """Return the values, and all gradients, of one call."""
    for part in (inner for _, inner in layer.namedlayers()):
        if hasattr(part, "reset_state"):
            part.reset_state()
    x = Variable(x) if wants_input else x
    y = layer(x)
    y = y[0] if isinstance(y, tuple) else y
    layer.cleargrads()
    (y * y * y + y).sum().backward()
    found = {"y": y.data, **{path: p.grad.data for path, p in layer.namedparams()}}
    return found | ({"x": x.grad.data} if wants_input else {})


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, place: Place) -> None:
    make, x = LAYERS[name]
    np.random.seed(0)
    layer = make()
    wants_input = x.dtype.kind == "f"
    run(layer, x, wants_input=wants_input)  # it takes its shapes
    twin = layer.copy().to(place.name)
    moved = place.put(x)
    with place.quiet():
        np.random.seed(1)
        found = run(twin, moved, wants_input=wants_input)
    np.random.seed(1)
    wanted = run(layer, x, wants_input=wants_input)
    assert found.keys() == wanted.keys()
    for what, value in found.items():
        assert place.holds(value), what
        if name != "Dropout":
            place.assert_same(value, wanted[what], f"{name}: {what}")
    with place.quiet(), no_grad(), test_mode():
        y = twin(moved)
    with no_grad(), test_mode():
        expected = layer(x)
    y, expected = (part[0] if isinstance(part, tuple) else part for part in (y, expected))
    place.assert_same(y, expected, f"{name}: in use")
    # Running statistics are where the layer is, and went on as on the host.
    state, expected_state = twin.state_dict(), layer.state_dict()
    for path, value in state.items():
        place.assert_same(value, expected_state[path], f"{name}: {path}")


@pytest.mark.parametrize("name", LAYERS)
def test_a_lazy_layer_takes_its_shapes_on_the_device(name: str, place: Place) -> None:
    make, x = LAYERS[name]
    layer = make().to(place.name)
    y = layer(place.put(x))
    assert place.holds(y[0] if isinstance(y, tuple) else y)
    assert all(place.holds(p) for p in layer.params())


def test_what_is_fed_from_elsewhere_is_named(place: Place) -> None:
    layer = L.Linear(3, in_size=4).to(place.name)
    with pytest.raises(TypeError) as caught:
        layer(ROWS)
    message = str(caught.value)
    assert message.startswith("linear: the operands live on different backends: ")
    assert "operand 0 (float32[3, 4]) on 'numpy'" in message
    assert f"operand 1 (float32[4, 3]) on '{place.name}'" in message
    assert as_numpy(layer(place.put(ROWS))).shape == (3, 3)
