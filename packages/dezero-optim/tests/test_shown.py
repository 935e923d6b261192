"""What is printed of optimizers, hooks and schedules, and what an update without gradients says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import dezero_optim as optim
from dezero_core import Parameter


class Source:
    def __init__(self) -> None:
        self.x = Parameter(np.array([1.0, 2.0]))

    def params(self) -> Iterator[Parameter]:
        yield self.x


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (optim.SGD(), "SGD(lr=0.01)"),
        (optim.MomentumSGD(0.1), "MomentumSGD(lr=0.1, momentum=0.9, nesterov=False)"),
        (optim.Adam(), "Adam(alpha=0.001, beta1=0.9, beta2=0.999, eps=1e-08)"),
        (optim.AdaDelta(), "AdaDelta(rho=0.95, eps=1e-06, lr=1.0)"),
        (optim.LBFGS(), "LBFGS(lr=1.0, history=10, max_evaluations=25)"),
        (optim.Newton(damping=0.5), "Newton(lr=1.0, damping=0.5)"),
        (optim.WeightDecay(1e-4), "WeightDecay(rate=0.0001)"),
        (optim.ClipGrad(5.0), "ClipGrad(max_norm=5.0)"),
        (optim.FreezeParam(Source()), "<FreezeParam: 1 parameter(s)>"),
        (optim.StepDecay(10), "StepDecay(every=10, rate=0.1)"),
        (
            optim.LinearWarmup(5).then(optim.CosineDecay(20)),
            "LinearWarmup(steps=5, start=0.0).then(CosineDecay(steps=20, end=0.0))",
        ),
        (
            optim.ExponentialDecay(0.5).then(optim.StepDecay(3), at=7),
            "ExponentialDecay(rate=0.5).then(StepDecay(every=3, rate=0.1), at=7)",
        ),
        (
            optim.ExponentialDecay(0.5) * optim.LinearWarmup(4),
            "ExponentialDecay(rate=0.5) * LinearWarmup(steps=4, start=0.0)",
        ),
        (
            optim.ExponentialMovingAverage(Source(), 0.9),
            "ExponentialMovingAverage(decay=0.9, warmup=False)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_printed(thing: object, text: str) -> None:
    assert repr(thing) == text


def test_a_number_is_shown_as_it_is_now() -> None:
    optimizer = optim.Adam()
    optimizer.lr = np.float32(0.5)
    assert repr(optimizer).startswith("Adam(alpha=0.5, ")


def test_ones_own_optimizer() -> None:
    class Signs(optim.Optimizer):
        def __init__(self, size: float, *, name: str) -> None:
            super().__init__()
            self.size = size

    assert repr(Signs(0.5, name="mine")).endswith("Signs(size=0.5)")


def test_an_update_before_any_backward() -> None:
    source = Source()
    optimizer = optim.SGD(lr=0.5).setup(source)
    with pytest.warns(RuntimeWarning, match=r"SGD\.update: no parameter has a gradient.*backward"):
        optimizer.update()
    assert source.x.data.tolist() == [1.0, 2.0]
    (source.x**2).sum().backward()
    optimizer.update()
    assert source.x.data.tolist() == [0.0, 0.0]
