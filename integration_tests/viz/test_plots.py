"""Plots of what dezero-nn's layers compute, and of dezero-optim's schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import functions as F
from dezero_core.testing import fake_device
from dezero_nn import LSTM, MLP, Conv2d, Linear, Model, ResNet50, Sequential, pooling, relu
from dezero_optim import SGD, CosineDecay, LinearWarmup, ReduceOnPlateau
from dezero_viz import grad_cam, layer_outputs, plot_histograms, plot_schedule


class Net(Model):
    """Two convolutions, and a mean over what they find."""

    def __init__(self) -> None:
        self.conv1 = Conv2d(4, 3, pad=1)
        self.conv2 = Conv2d(5, 3, pad=1)
        self.head = Linear(3)

    def forward(self, x: Any) -> Any:
        x = pooling(relu(self.conv1(x)), 2, 2)
        return self.head(F.mean(relu(self.conv2(x)), axis=(2, 3)))


@pytest.fixture
def images() -> Any:
    np.random.seed(0)
    return np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)


def test_the_layers_of_a_perceptron_and_of_a_sequence() -> None:
    x = np.ones((4, 3), dtype=np.float32)
    model = MLP((6, 2), activation=relu)
    outputs = layer_outputs(model, x)
    assert list(outputs) == ["l0", "relu(l0)", "l1"]
    np.testing.assert_array_equal(outputs["l1"], model(x).data)
    np.testing.assert_array_equal(outputs["relu(l0)"], np.maximum(outputs["l0"], 0))
    assert list(layer_outputs(Sequential(Linear(2), relu, Linear(3)), x)) == [
        "l0",
        "relu(l0)",
        "l2",
    ]


def test_a_recurrent_layer_has_all_its_steps() -> None:
    layer, head = LSTM(5), Linear(1)

    class Steps(Model):
        def __init__(self) -> None:
            self.layer, self.head = layer, head

        def forward(self, x: Any) -> Any:
            return sum(self.head(self.layer(x)) for _ in range(3))

    outputs = layer_outputs(Steps(), np.ones((2, 4), dtype=np.float32))
    assert outputs["layer"].shape == (6, 5)
    assert outputs["head"].shape == (6, 1)


def test_a_residual_network(images: Any) -> None:
    model = ResNet50()
    x = np.repeat(np.repeat(images.repeat(3, axis=1), 4, axis=2), 4, axis=3)
    outputs = layer_outputs(model, x)
    paths = {path for path, _ in model.namedlayers()}
    known = [name for name in outputs if "(" not in name]
    assert set(known) <= paths
    convolutions = [
        path for path, layer in model.namedlayers() if isinstance(layer, Conv2d) and path in outputs
    ]
    assert len(convolutions) == 53
    few = {name: outputs[name] for name in convolutions[:4]}
    assert len(plot_histograms(few).axes) == 4


def test_grad_cam_takes_no_part_in_training(images: Any) -> None:
    model = Net()
    before = model(images).data.copy()
    cam = grad_cam(model, images, "conv2")
    assert cam.shape == (2, 4, 4)
    assert cam.dtype == np.float32
    assert (cam >= 0).all()
    assert all(p.grad is None for p in model.params())
    np.testing.assert_array_equal(model(images).data, before)
    # It is that of the class with the highest score.
    best = before.argmax(axis=1)
    np.testing.assert_array_equal(grad_cam(model, images, "conv2", best), cam)


def test_on_a_device(images: Any) -> None:
    model = Net()
    model(images)
    wanted = grad_cam(model, images, "conv2", 1), layer_outputs(model, images)
    with fake_device() as device:
        for parameter in model.params():
            parameter.data = device.asarray(parameter.data)
        x = device.asarray(images)
        found = grad_cam(model, x, "conv2", 1), layer_outputs(model, x)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4, atol=1e-6)
    assert list(found[1]) == list(wanted[1])
    for name, array in found[1].items():
        np.testing.assert_allclose(array, wanted[1][name], rtol=1e-4, atol=1e-5)


def test_schedules_are_asked_and_do_not_move() -> None:
    schedule = LinearWarmup(2).then(CosineDecay(4)).setup(SGD(lr=0.5))
    (axes,) = plot_schedule(schedule).axes
    drawn = axes.get_lines()[0].get_ydata()
    assert schedule.t == 0
    rates = []
    for _ in range(7):
        rates.append(schedule.optimizer.lr)
        schedule.update()
    np.testing.assert_allclose(drawn, rates)


def test_a_schedule_without_an_end() -> None:
    with pytest.raises(ValueError, match="no schedule has an end; say how many steps"):
        plot_schedule(ReduceOnPlateau())
    (axes,) = plot_schedule(ReduceOnPlateau(), steps=3, lr=0.1).axes
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), 0.1)
