"""The doctor on models of dezero-nn, with optimizers of dezero-optim and data of dezero-data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core.testing import fake_device
from dezero_data import Digits
from dezero_nn import (
    LSTM,
    MLP,
    BatchNorm,
    Conv2d,
    Dropout,
    Embedding,
    Linear,
    Model,
    Sequential,
    mean_squared_error,
    pooling,
    relu,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
)
from dezero_optim import SGD, Adam, MomentumSGD
from dezero_viz import diagnose


class Images(Model):
    """Convolutions and batch normalization."""

    def __init__(self) -> None:
        self.conv1 = Conv2d(8, 3, pad=1)
        self.norm = BatchNorm()
        self.conv2 = Conv2d(16, 3, pad=1)
        self.last = Linear(10)

    def forward(self, x: Any) -> Any:
        x = relu(self.norm(self.conv1(x.reshape(-1, 1, 8, 8))))
        x = pooling(relu(self.conv2(x)), 2, 2)
        return self.last(x.reshape(len(x), -1))


class Words(Model):
    """A memory, that is, which keeps a state."""

    def __init__(self) -> None:
        self.embedding = Embedding(50, 16)
        self.memory = LSTM(32)
        self.last = Linear(50)

    def forward(self, words: Any) -> Any:
        for i in range(words.shape[1]):
            h = self.memory(self.embedding(words[:, i]))
        return self.last(h)


@pytest.fixture
def digits() -> tuple[Any, Any]:
    np.random.seed(0)
    data = [Digits()[i] for i in range(64)]
    return np.stack([x for x, _ in data]).reshape(64, 64), np.array([t for _, t in data])


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        (MLP((200, 10), activation=relu), Adam(0.003)),
        (MLP((100, 10)), SGD(0.1)),
        (MLP((100, 100, 10), activation=relu), MomentumSGD(0.01)),
        (Sequential(Linear(200), relu, Dropout(0.5), Linear(10)), Adam()),
        (Images(), Adam()),
    ],
    ids=["relu", "sigmoid", "deeper", "dropout", "images"],
)
def test_healthy_models(model: Any, optimizer: Any, digits: Any) -> None:
    optimizer.setup(model)
    before = [p.data for p in model.params()]
    report = diagnose(model, softmax_cross_entropy, digits, optimizer=optimizer, show=False)
    assert report.findings == (), str(report)
    assert "update / weight" in report.facts
    assert all(p.data is data for p, data in zip(model.params(), before, strict=True))
    assert optimizer.t == 0 and optimizer.target is model


def test_a_healthy_model_of_words() -> None:
    np.random.seed(0)
    words = np.random.default_rng(0).integers(0, 50, (32, 7))
    batch = (words[:, :6], words[:, 6])
    report = diagnose(Words(), softmax_cross_entropy, batch, optimizer=Adam(), show=False)
    assert report.findings == (), str(report)


def test_a_model_that_was_trained_stays_healthy(digits: Any) -> None:
    model = MLP((100, 10), activation=relu)
    optimizer = Adam(0.003).setup(model)
    for _ in range(20):
        loss = softmax_cross_entropy(model(digits[0]), digits[1])
        model.cleargrads()
        loss.backward()
        optimizer.update()
    before = model.state_dict()
    report = diagnose(model, softmax_cross_entropy, digits, optimizer=optimizer, show=False)
    assert [f for f in report.findings if f.severity != "note"] == [], str(report)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[path])
    assert optimizer.t == 20


def test_sick_models(digits: Any) -> None:
    x, t = digits

    def checks(*arguments: Any, **options: Any) -> set[str]:
        report = diagnose(*arguments, show=False, steps=0, **options)
        return {finding.check for finding in report.findings}

    twice = Sequential(Linear(10), softmax)
    assert checks(twice, softmax_cross_entropy, (x, t)) == {"softmax twice"}
    yes_or_no = (x, (t % 2).reshape(-1, 1))
    assert checks(Sequential(Linear(1), sigmoid), sigmoid_cross_entropy, yes_or_no) == {
        "sigmoid twice"
    }
    assert checks(MLP((9, 1)), sigmoid_cross_entropy, yes_or_no) == set()
    deep = MLP((20,) * 12 + (10,))
    assert checks(deep, softmax_cross_entropy, (x, t)) == {"gradient sizes"}
    assert checks(MLP((9,)), softmax_cross_entropy, (x, t)) == {"labels"}
    assert checks(MLP((1,)), mean_squared_error, (x, t.astype(np.float32))) == {"shapes"}
    assert "updates" in checks(MLP((50, 10)), softmax_cross_entropy, (x, t), optimizer=SGD(1000.0))
    dead = MLP((50, 10), activation=relu)
    dead(x)
    dead.l0.b.data -= 50
    report = diagnose(dead, softmax_cross_entropy, (x, t), show=False, steps=0)
    (found,) = [f for f in report.findings if f.check == "dead units"]
    assert found.where.startswith("relu after l0")


def test_layers_are_named_by_their_paths(digits: Any) -> None:
    model = Sequential(Sequential(Linear(30), relu), Linear(10), np.log)
    report = diagnose(model, softmax_cross_entropy, digits, show=False, steps=0)
    (found,) = [f for f in report.findings if f.check == "not finite"]
    assert found.where == "log after l1"


def test_activations_that_a_device_joins_with_products_are_found(digits: Any) -> None:
    x, t = digits
    dead, saturated = MLP((50, 10), activation=relu), MLP((50, 10))
    for model in (dead, saturated):
        model(x)
        model.l0.b.data -= 50
    twice = Sequential(Linear(1), sigmoid)
    t2 = (t % 2).reshape(-1, 1)
    with fake_device() as device:
        found = {}
        for model, loss, labels in (
            (dead, softmax_cross_entropy, t),
            (saturated, softmax_cross_entropy, t),
            (twice, sigmoid_cross_entropy, t2),
        ):
            model.to(device.name)
            batch = (device.asarray(x), device.asarray(labels))
            report = diagnose(model, loss, batch, show=False, steps=0)
            found |= {finding.check: finding.where for finding in report.findings}
    assert found["dead units"].startswith("relu in l0")
    assert found["saturation"].startswith("sigmoid in l0")
    assert found["sigmoid twice"].startswith("sigmoid in l0")
