"""Models on a device, trained a step and used, and weights that travel between devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero_nn
from dezero_core import as_numpy, no_grad, test_mode
from dezero_nn import accuracy, models, softmax_cross_entropy
from dezero_optim import MomentumSGD

from .conftest import Place


def images(size: int) -> Any:
    return np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "MLP": (lambda: models.MLP((6, 10)), images(4).reshape(2, -1)),
    "ResNet18": (models.ResNet18, images(33)),
    "SqueezeNet": (models.SqueezeNet, images(35)),
}
LABELS = np.array([3, 5])


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step(name: str, place: Place) -> None:
    make, x = MODELS[name]
    np.random.seed(0)
    model = make()
    with no_grad(), test_mode():
        model(x)
    twin = model.copy().to(place.name)
    moved, labels = place.put(x, LABELS)

    def step(model: Any, optimizer: Any, x: Any, t: Any) -> list[Any]:
        y = model(x)
        loss = softmax_cross_entropy(y, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        return [loss, accuracy(y, t)]

    optimizer = MomentumSGD(1e-3).setup(twin)
    with place.quiet():
        found = [step(twin, optimizer, moved, labels) for _ in range(2)]
    if name == "SqueezeNet":  # it draws for dropout, each library in its own way
        return
    optimizer = MomentumSGD(1e-3).setup(model)
    wanted = [step(model, optimizer, x, LABELS) for _ in range(2)]
    for pair, expected in zip(found, wanted, strict=True):
        place.assert_same(pair[0], expected[0], "the loss")
        place.assert_same(pair[1], expected[1], "accuracy")


def test_vgg16_predicts(place: Place) -> None:
    np.random.seed(0)
    model, x = models.VGG16(), images(224)[:1]
    with no_grad(), test_mode():
        wanted = model(x)
        model.to(place.name)
        moved = place.put(x)
        with place.quiet():
            y = model(moved)
    place.assert_same(y, wanted, "scores")


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_weights_of_a_device_load_on_the_host(ending: str, place: Place, tmp_path: Path) -> None:
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    model = dezero_nn.Sequential(dezero_nn.Linear(4), dezero_nn.BatchNorm()).to(place.name)
    x = place.put(images(4).reshape(2, -1))
    model(x)
    path = tmp_path / f"weights.{ending}"
    model.save_weights(path)
    twin = dezero_nn.Sequential(dezero_nn.Linear(4), dezero_nn.BatchNorm())
    twin.load_weights(path)
    state = model.state_dict()
    assert state.keys() == twin.state_dict().keys()
    for key, array in twin.state_dict().items():
        np.testing.assert_array_equal(array, state[key], strict=True)
    assert all(isinstance(p.data, np.ndarray) for p in twin.params())
    # And back: what is loaded into a model on a device stays there.
    for p in model.params():
        p.data = p.data * 0
    model.load_weights(path)
    assert all(place.holds(p) for p in model.params())
    place.assert_same(model.l0.W, twin.l0.W, "W")
    # Nothing is shared.
    twin.l0.W.data += 1
    assert not np.allclose(as_numpy(model.l0.W), twin.l0.W.data)


def test_a_copy_shares_nothing(place: Place) -> None:
    model = models.MLP((3, 2)).to(place.name)
    model(place.put(images(4).reshape(2, -1)))
    twin = model.copy()
    before = as_numpy(model.l0.W).copy()
    for p in twin.params():
        assert place.holds(p)
        p.data += 1
    np.testing.assert_array_equal(as_numpy(model.l0.W), before)
