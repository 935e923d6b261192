"""A training run that goes on from a checkpoint ends where one ends that was never interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_nn import BatchNorm, Checkpoint, Dropout, Linear, Sequential, relu
from dezero_nn import softmax_cross_entropy as cross_entropy
from dezero_optim import (
    SGD,
    Adam,
    AdamW,
    ClipGrad,
    CosineDecay,
    ExponentialMovingAverage,
    LinearWarmup,
    MomentumSGD,
    RMSprop,
)

X = np.random.default_rng(0).normal(size=(24, 5)).astype(np.float32)
T = np.random.default_rng(1).integers(0, 3, 24)


class Run:
    """A model, and all that trains it."""

    def __init__(self, kind: Any, seed: int) -> None:
        np.random.seed(seed)
        self.model = Sequential(Linear(8), BatchNorm(), relu, Dropout(0.3), Linear(3))
        self.optimizer = kind().setup(self.model)
        self.optimizer.add_hook(ClipGrad(1.0))
        self.schedule = LinearWarmup(3).then(CosineDecay(12)).setup(self.optimizer)
        self.losses: list[float] = []

    @property
    def checkpoint(self) -> Checkpoint:
        # The schedule first: models are restored before all others, in whatever order they stand.
        return Checkpoint(schedule=self.schedule, optimizer=self.optimizer, model=self.model)

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for batch in np.random.permutation(len(X)).reshape(3, 8):
                loss = cross_entropy(self.model(X[batch]), T[batch])
                self.model.cleargrads()
                loss.backward()
                self.optimizer.update()
                self.schedule.update()
                self.losses.append(float(loss))


@pytest.mark.parametrize("kind", [SGD, MomentumSGD, RMSprop, Adam, AdamW])
def test_two_epochs_and_two_epochs_are_four(tmp_path: Path, kind: Any) -> None:
    whole = Run(kind, 0)
    whole.train(4)
    first = Run(kind, 0)
    first.train(2)
    first.checkpoint.save(tmp_path / "run.npz", epoch=2)
    second = Run(kind, 1)
    assert second.checkpoint.load(tmp_path / "run.npz") == {"epoch": 2}
    second.train(2)
    assert first.losses + second.losses == whole.losses
    wanted = whole.model.state_dict()
    for path, array in second.model.state_dict().items():
        np.testing.assert_array_equal(array, wanted[path])
    assert second.optimizer.lr == whole.optimizer.lr


def test_averaged_weights_are_restored(tmp_path: Path) -> None:
    run = Run(Adam, 0)
    run.train(1)
    average = ExponentialMovingAverage(run.model)
    run.train(1)
    average.update()
    Checkpoint(model=run.model, average=average).save(tmp_path / "run.npz")
    other = Run(Adam, 1)
    other.train(1)
    twin = ExponentialMovingAverage(other.model)
    Checkpoint(model=other.model, average=twin).load(tmp_path / "run.npz")
    wanted = average.state_dict()
    found = twin.state_dict()
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)
