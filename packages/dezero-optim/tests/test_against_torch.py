"""Fifty steps on the same problem, here and in PyTorch; and the schedules' values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import functions as F
from dezero_optim import (
    LBFGS,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    ClipGrad,
    CosineDecay,
    ExponentialDecay,
    LinearWarmup,
    MomentumSGD,
    OneCycle,
    ReduceOnPlateau,
    RMSprop,
    StepDecay,
    WeightDecay,
)

torch = pytest.importorskip("torch")
optim = torch.optim

rng = np.random.default_rng(0)
X, T = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
W, B = rng.normal(size=(4, 3)), rng.normal(size=3)


def our_loss(source: Any) -> Any:
    w, b = source.parameters
    return ((F.tanh(F.matmul(X, w) + b) - T) ** 2).sum()


def torch_loss(w: Any, b: Any) -> Any:
    return ((torch.tanh(torch.from_numpy(X) @ w + b) - torch.from_numpy(T)) ** 2).sum()


def torch_params() -> list[Any]:
    return [torch.tensor(array, requires_grad=True) for array in (W, B)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: SGD(0.02), lambda p: optim.SGD(p, lr=0.02)),
        (lambda: MomentumSGD(0.01, 0.8), lambda p: optim.SGD(p, lr=0.01, momentum=0.8)),
        (
            lambda: MomentumSGD(0.01, 0.8, nesterov=True),
            lambda p: optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True),
        ),
        (lambda: AdaGrad(0.1, eps=1e-6), lambda p: optim.Adagrad(p, lr=0.1, eps=1e-6)),
        (lambda: AdaDelta(0.9), lambda p: optim.Adadelta(p, eps=1e-6)),
        (
            lambda: AdaDelta(0.9, 1e-4, lr=0.5),
            lambda p: optim.Adadelta(p, lr=0.5, rho=0.9, eps=1e-4),
        ),
        (lambda: RMSprop(), lambda p: optim.RMSprop(p)),
        (
            lambda: RMSprop(0.02, rho=0.9, eps=1e-3, momentum=0.7, centered=True),
            lambda p: optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-3, momentum=0.7, centered=True),
        ),
        # Where epsilon is added differs; so small it does not count.
        (lambda: Adam(eps=1e-20), lambda p: optim.Adam(p, eps=1e-20)),
        (
            lambda: Adam(0.05, 0.8, 0.95, 1e-20),
            lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-20),
        ),
        (
            lambda: AdamW(0.05, eps=1e-20, weight_decay=0.3),
            lambda p: optim.AdamW(p, lr=0.05, eps=1e-20, weight_decay=0.3),
        ),
    ],
)
def test_fifty_steps(ours: Any, theirs: Any, new_source: Any) -> None:
    source, params = new_source(W.copy(), B.copy()), torch_params()
    optimizer, other = ours().setup(source), theirs(params)
    for _ in range(50):
        for p in source.parameters:
            p.cleargrad()
        our_loss(source).backward()
        optimizer.update()
        other.zero_grad()
        torch_loss(*params).backward()
        other.step()
    for p, q, start in zip(source.parameters, params, (W, B), strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9, atol=1e-12)
        assert abs(p.data - start).max() > 0.01


def test_hooks(new_source: Any) -> None:
    source, params = new_source(W.copy(), B.copy()), torch_params()
    optimizer = SGD(0.02).setup(source)
    optimizer.add_hook(ClipGrad(1.5))
    optimizer.add_hook(WeightDecay(0.1))
    other = optim.SGD(params, lr=0.02, weight_decay=0.1)
    for _ in range(50):
        for p in source.parameters:
            p.cleargrad()
        our_loss(source).backward()
        optimizer.update()
        other.zero_grad()
        torch_loss(*params).backward()
        torch.nn.utils.clip_grad_norm_(params, 1.5)
        other.step()
    for p, q in zip(source.parameters, params, strict=True):
        np.testing.assert_allclose(
            p.data, q.detach().numpy(), rtol=1e-4
        )  # they add 1e-6 to the norm


def test_lbfgs_finds_the_same_minimum(new_source: Any) -> None:
    source, params = new_source(W.copy(), B.copy()), torch_params()

    def our_convex_loss() -> Any:
        w, b = source.parameters
        return ((F.matmul(X, w) + b - T) ** 4).sum() + (w**2).sum()

    def torch_convex_loss() -> Any:
        w, b = params
        return ((torch.from_numpy(X) @ w + b - torch.from_numpy(T)) ** 4).sum() + (w**2).sum()

    optimizer = LBFGS().setup(source)
    for _ in range(60):
        loss = optimizer.update(our_convex_loss)
    other = optim.LBFGS(
        params, max_iter=200, line_search_fn="strong_wolfe", tolerance_change=0, tolerance_grad=1e-9
    )

    def closure() -> Any:
        other.zero_grad()
        value = torch_convex_loss()
        value.backward()
        return value

    other.step(closure)
    assert loss == pytest.approx(torch_convex_loss().item(), rel=1e-12)
    for p, q in zip(source.parameters, params, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: StepDecay(7, 0.3), lambda o, s: s.StepLR(o, 7, 0.3)),
        (lambda: ExponentialDecay(0.93), lambda o, s: s.ExponentialLR(o, 0.93)),
        (lambda: CosineDecay(50, end=0.1), lambda o, s: s.CosineAnnealingLR(o, 50, 0.05)),
        (lambda: LinearWarmup(20, start=0.1), lambda o, s: s.LinearLR(o, 0.1, 1.0, 20)),
        (
            lambda: OneCycle(51),
            lambda o, s: s.OneCycleLR(o, 0.5, total_steps=51, cycle_momentum=False),
        ),
        (
            lambda: OneCycle(51, rise=0.5, start=0.1, end=0.01),
            lambda o, s: s.OneCycleLR(
                o,
                0.5,
                total_steps=51,
                pct_start=0.5,
                cycle_momentum=False,
                div_factor=10,
                final_div_factor=10,
            ),
        ),
        (
            lambda: LinearWarmup(10, start=0.1).then(CosineDecay(40)),
            lambda o, s: s.SequentialLR(
                o, [s.LinearLR(o, 0.1, 1.0, 10), s.CosineAnnealingLR(o, 40)], [10]
            ),
        ),
        (
            lambda: StepDecay(7, 0.3) * ExponentialDecay(0.93),
            lambda o, s: s.ChainedScheduler([s.StepLR(o, 7, 0.3), s.ExponentialLR(o, 0.93)]),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_schedules(ours: Any, theirs: Any) -> None:
    optimizer, other = SGD(0.5), optim.SGD(torch_params(), lr=0.5)
    schedule, their = ours().setup(optimizer), theirs(other, optim.lr_scheduler)
    for _ in range(50):
        assert optimizer.lr == pytest.approx(other.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        schedule.update()
        other.step()
        their.step()


@pytest.mark.parametrize("maximize", [False, True])
def test_plateaus(maximize: bool) -> None:
    optimizer, other = SGD(0.5), optim.SGD(torch_params(), lr=0.5)
    settings = {"patience": 2, "threshold": 0.01, "cooldown": 1}
    schedule = ReduceOnPlateau(0.5, floor=0.05, maximize=maximize, **settings).setup(optimizer)
    mode = "max" if maximize else "min"
    their = optim.lr_scheduler.ReduceLROnPlateau(other, mode, 0.5, min_lr=0.025, **settings)
    rates = []
    for metric in np.random.default_rng(1).normal(size=60).cumsum() + 20:
        schedule.update(metric)
        their.step(metric)
        rates.append(optimizer.lr)
        assert optimizer.lr == other.param_groups[0]["lr"]
    assert len(set(rates)) > 2
