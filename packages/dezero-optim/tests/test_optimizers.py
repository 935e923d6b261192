"""Optimizers: their formulas, what they remember, and what they refuse."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable
from dezero_core import functions as F
from dezero_optim import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    MomentumSGD,
    Optimizer,
    RMSprop,
    _elementwise,
)

ALL = [SGD, MomentumSGD, AdaGrad, AdaDelta, RMSprop, Adam, AdamW]


def adam_by_the_book(
    p: Any, grads: list[Any], alpha: float, beta1: float, beta2: float, eps: float
) -> Any:
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        m = m + (1 - beta1) * (g - m)
        v = v + (1 - beta2) * (g * g - v)
        p = p - alpha * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps)
    return p


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.5),
        lambda: MomentumSGD(0.05),
        lambda: MomentumSGD(0.05, nesterov=True),
        lambda: AdaGrad(0.1),
        lambda: AdaDelta(eps=1e-3),
        RMSprop,
        lambda: Adam(0.02),
        lambda: AdamW(0.02),
    ],
)
def test_one_line_swaps_the_method(make: Any, new_source: Any) -> None:
    # Step 46: a network of 1-10-1 learns a noisy sine.
    rng = np.random.default_rng(0)
    x = rng.random((100, 1))
    y = np.sin(2 * np.pi * x) + rng.random((100, 1))
    source = new_source(
        rng.normal(size=(1, 10)), np.zeros(10), rng.normal(size=(10, 1)) * 0.3, np.zeros(1)
    )
    w1, b1, w2, b2 = source.parameters
    optimizer = make().setup(source)
    losses = []
    for _ in range(1500):
        hidden = 1 / (1 + F.exp(-F.matmul(x, w1) - b1))
        loss = ((F.matmul(hidden, w2) + b2 - y) ** 2).mean()
        for p in source.parameters:
            p.cleargrad()
        loss.backward()
        optimizer.update()
        losses.append(float(loss))
    # The best constant has a loss of 0.58.
    assert losses[0] > 0.5
    assert losses[-1] < 0.35


def test_sgd_follows_its_formula(new_source: Any, give_grads: Any) -> None:
    source = new_source(np.array([1.0, 2.0]), np.ones((2, 3)))
    optimizer = SGD(lr=0.5).setup(source)
    starts = [p.data.copy() for p in source.parameters]
    first = give_grads(source, 0)
    optimizer.update()
    optimizer.lr = 0.25
    second = give_grads(source, 1)
    optimizer.update()
    for p, start, g0, g1 in zip(source.parameters, starts, first, second, strict=True):
        np.testing.assert_array_equal(p.data, start - 0.5 * g0 - 0.25 * g1)
    assert SGD().lr == 0.01


@pytest.mark.parametrize("shape", [(), (3,), (40, 50)])
@pytest.mark.parametrize("arguments", [(), (0.1, 0.8, 0.95, 1e-3)])
def test_adam_follows_its_formula(
    shape: tuple[int, ...],
    arguments: tuple[float, ...],
    monkeypatch: pytest.MonkeyPatch,
    new_source: Any,
    give_grads: Any,
) -> None:
    monkeypatch.setattr(_elementwise, "_BLOCK", 600)  # so that (40, 50) is updated in four parts
    source = new_source(np.random.default_rng(0).normal(size=shape))
    start = source.parameters[0].data.copy()
    optimizer = Adam(*arguments).setup(source)
    grads = []
    for step in range(5):
        grads += give_grads(source, step)
        optimizer.update()
    expected = adam_by_the_book(start, grads, *(arguments or (0.001, 0.9, 0.999, 1e-8)))
    np.testing.assert_allclose(source.parameters[0].data, expected, rtol=1e-12)


@pytest.mark.parametrize("make", ALL)
def test_updates_in_parts_equal_updates_at_once(
    make: Any, monkeypatch: pytest.MonkeyPatch, new_source: Any, give_grads: Any
) -> None:
    start = np.random.default_rng(1).normal(size=(80, 90)).astype(np.float32)
    layouts = [start.copy(), start.copy(), np.asfortranarray(start)]
    results = []
    for block, array in zip((10_000, 500, 500), layouts, strict=True):
        monkeypatch.setattr(_elementwise, "_BLOCK", block)
        source = new_source(array)
        optimizer = make().setup(source)
        for step in range(3):
            give_grads(source, step)
            optimizer.update()
        results.append(source.parameters[0].data)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_the_learning_rate_of_adam_has_two_names() -> None:
    optimizer = Adam(alpha=0.1)
    assert optimizer.lr == optimizer.alpha == 0.1
    optimizer.lr = 0.2
    assert optimizer.alpha == 0.2
    optimizer.alpha = 0.3
    assert optimizer.lr == 0.3


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_parameters_keep_their_dtype_and_their_array(
    make: Any, dtype: Any, new_source: Any, give_grads: Any
) -> None:
    # Hyperparameters as NumPy's float64, which would turn all to float64 if they were used as such.
    optimizer = make(np.float64(0.01))
    source = new_source(np.ones((2, 3), dtype))
    array = source.parameters[0].data
    optimizer.setup(source)
    give_grads(source, 0)
    optimizer.update()
    assert source.parameters[0].data is array
    assert array.dtype == dtype
    assert np.isfinite(array).all() and (array != 1).all()
    for moment in optimizer.state_of(source.parameters[0]).values():
        assert moment.dtype == np.promote_types(dtype, np.float32)


def test_gradients_are_not_changed_and_state_is_kept(new_source: Any, give_grads: Any) -> None:
    source = new_source(np.ones((30, 40), np.float32))
    optimizer = Adam().setup(source)
    for step in range(2):
        grads = give_grads(source, step)
        before = grads[0].copy()
        optimizer.update()
        np.testing.assert_array_equal(grads[0], before)
    m = optimizer.state_of(source.parameters[0])["sum_g"]
    give_grads(source, 2)
    optimizer.update()
    assert optimizer.state_of(source.parameters[0])["sum_g"] is m


@pytest.mark.parametrize("make", ALL)
def test_what_has_no_gradient_stays(make: Any, new_source: Any) -> None:
    source = new_source(np.ones(2), None, np.ones(3), np.ones(4))
    frozen, lazy, learned, unused = source.parameters
    frozen.requires_grad = False
    learned.grad = Variable(np.ones(3))
    make().setup(source).update()
    assert frozen.data.tolist() == [1, 1]
    assert lazy.data is None
    assert (learned.data < 1).all()
    assert unused.data.tolist() == [1, 1, 1, 1]


def test_a_backward_pass_through_older_results_finds_out(new_source: Any) -> None:
    for make in ALL:
        source = new_source(np.array([1.0, 2.0]))
        (w,) = source.parameters
        loss = (w * w).sum()
        w.grad = Variable(np.ones(2))
        make().setup(source).update()
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()


def test_setup_returns_the_optimizer_and_begins_anew(new_source: Any, give_grads: Any) -> None:
    optimizer = Adam()
    source = new_source(np.ones(2))
    assert optimizer.setup(source) is optimizer
    assert optimizer.target is source
    give_grads(source, 0)
    optimizer.update()
    assert optimizer.t == 1
    first = source.parameters[0].data.copy()
    optimizer.setup(source)
    source.parameters[0].data = np.ones(2)
    give_grads(source, 0)
    optimizer.update()
    np.testing.assert_array_equal(source.parameters[0].data, first)


def test_state_belongs_to_the_parameter_not_to_its_place(new_source: Any, give_grads: Any) -> None:
    source = new_source(np.ones(2), np.ones(2))
    optimizer = Adam().setup(source)
    give_grads(source, 0)
    optimizer.update()
    first, second = (optimizer.state_of(p) for p in source.parameters)
    source.parameters.reverse()
    give_grads(source, 1)
    optimizer.update()
    assert optimizer.state_of(source.parameters[1]) is first
    assert optimizer.state_of(source.parameters[0]) is second


def test_hooks_run_in_order_on_parameters_with_gradients(new_source: Any) -> None:
    source = new_source(np.array([1.0]), np.array([5.0]))
    source.parameters[0].grad = Variable(np.array([3.0]))
    calls: list[Any] = []

    def halve(params: list[Parameter]) -> None:
        calls.append([id(p) for p in params])
        for p in params:
            assert p.grad is not None
            p.grad.data *= 0.5

    optimizer = SGD(lr=1.0).setup(source)
    optimizer.add_hook(halve)
    optimizer.add_hook(lambda params: calls.append(len(params)))
    optimizer.update()
    assert calls == [[id(source.parameters[0])], 1]
    assert source.parameters[0].data.tolist() == [-0.5]
    with pytest.raises(TypeError, match=r"SGD\.add_hook: 3 can not be called"):
        optimizer.add_hook(3)  # type: ignore[arg-type]


def test_an_optimizer_of_your_own(new_source: Any, give_grads: Any) -> None:
    class Sign(Optimizer):
        def update_one(self, param: Parameter) -> None:
            assert param.grad is not None
            param.data -= np.sign(param.grad.data)

    source = new_source(np.array([1.0, 5.0]))
    give_grads(source, 3)
    grad = source.parameters[0].grad
    assert grad is not None
    Sign().setup(source).update()
    assert (
        source.parameters[0].data.tolist() == (np.array([1.0, 5.0]) - np.sign(grad.data)).tolist()
    )
    with pytest.raises(NotImplementedError, match="Optimizer has no method update_one"):
        Optimizer().setup(source).update()


def test_misuse_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"Adam\.update: there is no target; call setup"):
        Adam().update()
    with pytest.raises(TypeError, match=r"SGD\.setup: wanted is a model .* got <class 'list'>"):
        SGD().setup([Parameter(np.ones(1))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(float("nan")), "SGD: lr must be a finite number, at least 0, got nan"),
        (lambda: SGD(-1), "SGD: lr .* got -1"),
        (lambda: Adam(alpha=float("inf")), "Adam: lr .* got inf"),
        (lambda: Adam(beta1=1), "Adam: beta1 .* less than 1, got 1"),
        (lambda: Adam(beta2=-0.1), r"Adam: beta2 .* got -0\.1"),
        (lambda: Adam(eps=-1), "Adam: eps .* got -1"),
    ],
)
def test_hyperparameters_out_of_range_are_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_hyperparameters_are_numbers() -> None:
    for lr in ("fast", "0.1"):
        with pytest.raises(TypeError, match=f"SGD: lr must be a number, got '{lr}'"):
            SGD(lr)  # type: ignore[arg-type]


def test_training_keeps_nothing_alive(new_source: Any, give_grads: Any) -> None:
    gc.disable()
    try:
        source = new_source(np.ones(3))
        optimizer = Adam().setup(source)
        give_grads(source, 0)
        optimizer.update()
        dropped = [weakref.ref(source.parameters[0]), weakref.ref(optimizer)]
        del source, optimizer
        assert [reference() for reference in dropped] == [None, None]
    finally:
        gc.enable()
