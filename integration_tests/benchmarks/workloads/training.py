"""Training steps: forward, loss, backward, update, batch after batch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

from harness.workload import Call, Comparison
from workloads.inputs import (
    WEIGHT_SEED,
    digit_batches,
    initial_weights,
    spiral_batches,
)

__all__ = ["DIGITS_ADAM", "DIGITS_SGD", "SPIRAL"]


class MLPTraining(Comparison):
    """A step of training an MLP with softmax cross entropy.

    Args:
        name: As `Comparison`, and so are `title` and `reach`.
        title: See above.
        reach: See above.
        sizes: The widths of the layers, from the input's to the number of classes.
        activation: ``"sigmoid"`` or ``"relu"``.
        optimizer: ``"SGD"`` or ``"Adam"``.
        lr: The learning rate.
        tolerance: As `Comparison`.
        batches: Makes the batches, which are used again and again.
    """

    def __init__(
        self,
        name: str,
        title: str,
        *,
        reach: float,
        sizes: tuple[int, ...],
        activation: str,
        optimizer: str,
        lr: float,
        tolerance: float = 1e-4,
        batches: Callable[[], list[tuple[Any, Any]]],
    ) -> None:
        self.name = name
        self.title = title
        self.reach = reach
        self.tolerance = tolerance
        self._sizes = sizes
        self._activation = activation
        self._optimizer = optimizer
        self._lr = lr
        self._batches = batches

    def ours(self) -> Call:
        import numpy as np

        import dezero_nn.functions as F
        from dezero_nn import MLP
        from dezero_optim import SGD, Adam

        np.random.seed(WEIGHT_SEED)
        model = MLP(self._sizes[1:], activation=getattr(F, self._activation))
        optimizer = {"SGD": SGD, "Adam": Adam}[self._optimizer](self._lr).setup(model)
        batches = cycle(self._batches())

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return (loss,)

        return call

    def torch(self) -> Call:
        import torch
        from torch import nn
        from torch.nn import functional as F

        layers: list[nn.Module] = []
        for weights in initial_weights(self._sizes):
            n_in, n_out = weights.shape
            linear = nn.Linear(n_in, n_out)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weights.T))
                linear.bias.zero_()
            layers += [linear, nn.Sigmoid() if self._activation == "sigmoid" else nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        optimizer = getattr(torch.optim, self._optimizer)(model.parameters(), lr=self._lr)
        batches = cycle([(torch.from_numpy(x), torch.from_numpy(t)) for x, t in self._batches()])

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            loss = F.cross_entropy(model(x), t)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return (loss.detach(),)

        return call

    def released(self) -> Call:
        import numpy as np

        import dezero.functions as F
        from dezero.models import MLP
        from dezero.optimizers import SGD, Adam

        np.random.seed(WEIGHT_SEED)
        model = MLP(self._sizes[1:], activation=getattr(F, self._activation))
        optimizer = {"SGD": SGD, "Adam": Adam}[self._optimizer](self._lr).setup(model)
        batches = cycle(self._batches())

        def call() -> tuple[object, ...]:
            x, t = next(batches)
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return (loss.data,)

        return call


SPIRAL = MLPTraining(
    "spiral",
    "spiral MLP 2-10-3, sigmoid, SGD, batch 30",
    reach=0.4,
    sizes=(2, 10, 3),
    activation="sigmoid",
    optimizer="SGD",
    lr=1.0,
    batches=spiral_batches,
)

DIGITS_SGD = MLPTraining(
    "mnist-sgd",
    "MLP 784-1000-10, sigmoid, SGD, batch 100",
    reach=0.95,
    sizes=(784, 1000, 10),
    activation="sigmoid",
    optimizer="SGD",
    lr=0.01,
    batches=digit_batches,
)

DIGITS_ADAM = MLPTraining(
    "mnist-adam",
    "MLP 784-1000-1000-10, ReLU, Adam, batch 100",
    reach=0.95,
    sizes=(784, 1000, 1000, 10),
    activation="relu",
    optimizer="Adam",
    lr=0.001,
    # PyTorch adds epsilon after the bias correction, the book before it.
    tolerance=1e-2,
    batches=digit_batches,
)
