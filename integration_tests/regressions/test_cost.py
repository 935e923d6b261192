"""What cost too much in DeZero 0.0.13, and what leaks in others; no clock is read."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, grad
from dezero_core import functions as F
from dezero_nn import MLP, softmax_cross_entropy
from dezero_optim import SGD, Adam


def calls_in(f: Callable[[], Any]) -> int:
    """Return how many functions are called, Python's and those in C."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        f()
    finally:
        sys.setprofile(None)
    return calls


def test_backward_through_a_sum_of_n_terms_does_not_sort_all_of_them_n_times() -> None:
    def calls(n: int) -> int:
        x = Variable(np.array(1.0))
        y: Any = 0.0
        for _ in range(n):
            y = y + x * x
        found = calls_in(y.backward)
        assert x.grad is not None and float(x.grad) == 2.0 * n
        return found

    # All terms wait at once: here the order of the waiting is what costs.
    few, many = calls(250), calls(1000)
    assert many < 4.2 * few
    assert many < 60 * 1000


def test_a_gradient_that_can_be_differentiated_again_leaks_nothing() -> None:
    x = Variable(np.linspace(-1.0, 1.0, 10_000))  # 80 kB

    def step() -> None:
        gx = grad(lambda x: F.sum(F.tanh(x) ** 2), create_graph=True)(x)
        assert x.grad is None
        F.sum(gx * gx).backward()
        x.cleargrad()

    step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(5):
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(40):
            step()
        # Not one array in forty steps.
        assert tracemalloc.get_traced_memory()[0] - before < x.data.nbytes
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()


def test_a_functional_gradient_is_freed_with_its_graph() -> None:
    x = Variable(np.ones(3))
    gc.collect()
    gc.disable()
    try:
        gx = grad(lambda x: F.sum(F.exp(x) * x), create_graph=True)(x)
        reference = weakref.ref(gx)
        del gx
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("make", [SGD, Adam])
def test_training_leaves_no_garbage_and_no_growth(make: Any) -> None:
    np.random.seed(0)
    model = MLP((8, 3))
    optimizer = make().setup(model)
    x, t = np.random.rand(6, 4).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])

    def step() -> None:
        loss = softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()

    step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(100):
            step()
        growths = []
        for _ in range(3):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(200):
                step()
            growths.append(tracemalloc.get_traced_memory()[0] - before)
        # A leak shows in each of them; what Python keeps at hand comes and goes in one.
        assert min(growths) < 4096
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
