"""Memory: what the graph holds, when it lets go, and that nothing grows."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_core.gradients import gradients_of


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def growth(step: Callable[[], Any], times: int) -> int:
    """Return how many bytes more are in use after many steps than after some."""
    tracemalloc.start()
    try:
        # Caches of Python and NumPy fill up at first.
        for _ in range(times // 4):
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(times):
            step()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_training_steps_leave_nothing_behind() -> None:
    rng = np.random.default_rng(0)
    w1, b1 = Parameter(rng.normal(size=(4, 8)) * 0.1), Parameter(np.zeros(8))
    w2 = Parameter(rng.normal(size=(8, 1)) * 0.1)
    x, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 1))
    parameters = (w1, b1, w2)

    def step() -> None:
        for parameter in parameters:
            parameter.cleargrad()
        y = F.tanh(F.matmul(x, w1) + b1)
        loss = F.sum((F.matmul(y, w2) - t) ** 2)
        loss.backward()
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.data -= 0.001 * parameter.grad.data

    assert growth(step, 2000) < 4096


def test_double_backprop_leaves_nothing_behind() -> None:
    x = Variable(np.array([0.5, -1.0]))

    def step() -> None:
        x.cleargrad()
        y = F.sum(F.tanh(x) ** 2)
        y.backward(create_graph=True)
        gx = x.grad
        assert gx is not None
        x.cleargrad()
        F.sum(gx * gx).backward()

    assert growth(step, 1000) < 4096


def test_functional_gradients_leave_nothing_behind() -> None:
    x = Variable(np.array([0.5, -1.0]))

    def step() -> None:
        y = F.exp(x) * x
        (gx,) = gradients_of([(y, Variable(np.ones(2)))], [x], create_graph=True)
        assert gx is not None
        gradients_of([(gx, np.ones(2))], [x])

    assert growth(step, 1000) < 4096
    assert x.grad is None


def test_failures_leave_nothing_behind() -> None:
    x = Variable(np.ones(1000))

    def step() -> None:
        y = x * 2.0
        try:
            F.add(F.exp(y), np.ones(3))
        except ValueError:
            return
        raise AssertionError("nothing failed")

    assert growth(step, 1000) < 4096


@pytest.mark.parametrize("retain_grad", [False, True])
def test_there_are_no_cycles(retain_grad: bool) -> None:
    gc.collect()
    x = Variable(np.ones(3))
    y = F.exp(x) * x + 1.0
    z, w = F.tanh(y) * y, y * 2
    (z + w).backward(retain_grad=retain_grad)
    references = [weakref.ref(variable) for variable in (x, y, z, w)]
    del x, y, z, w
    assert [reference() for reference in references] == [None] * 4
    assert gc.collect() == 0


def test_a_recorded_gradient_that_is_dropped_is_freed() -> None:
    # The gradient depends on x, which holds it: cleargrad() undoes this circle.
    gc.collect()
    x = Variable(np.ones(3))
    y = F.exp(x) * x
    y.backward(create_graph=True)
    x.cleargrad()
    references = [weakref.ref(x), weakref.ref(y)]
    del x, y
    assert [reference() for reference in references] == [None] * 2
    assert gc.collect() == 0


def test_a_dropped_intermediate_is_freed_during_the_forward_pass() -> None:
    x = Variable(np.ones(3))
    a = x * 2.0
    b = a + 1.0
    reference = weakref.ref(a)
    array = weakref.ref(a.data)
    del a
    assert reference() is None
    assert array() is None
    b.backward()
    assert x.grad is not None
    assert x.grad.data.tolist() == [2.0, 2.0, 2.0]


MEGABYTE = 1 << 20


def peak_in_arrays(run: Callable[[], Any], size: int) -> float:
    """Return the peak of the memory that a function takes, in arrays of a size."""
    tracemalloc.start()
    try:
        result = run()
        peak = tracemalloc.get_traced_memory()[1]
        del result
        return peak / size
    finally:
        tracemalloc.stop()


def test_a_chain_of_additions_keeps_no_array() -> None:
    x = Variable(np.ones(MEGABYTE))  # 8 MB

    def run() -> None:
        y = x
        for _ in range(100):
            y = y + 1
        y.backward()

    assert peak_in_arrays(run, x.data.nbytes) < 6
    assert x.grad is not None and float(x.grad.data[0]) == 1.0


def test_without_recording_nothing_is_kept() -> None:
    x = Variable(np.ones(MEGABYTE))

    def run() -> None:
        with no_grad():
            y = x
            for _ in range(20):
                y = F.exp(y * 0.001)

    assert peak_in_arrays(run, x.data.nbytes) < 4


def test_backward_frees_nothing_that_is_needed_again_but_keeps_no_gradient() -> None:
    x = Variable(np.ones(MEGABYTE))

    def run() -> None:
        y = x
        for _ in range(20):
            y = F.negative(y)
        y.backward()
        y.backward()

    assert peak_in_arrays(run, x.data.nbytes) < 7


def test_a_million_operations_in_a_chain() -> None:
    x = Variable(np.array(1.0))
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    assert float(y) == 1_000_001.0
    assert float(x.grad) == 1.0  # type: ignore[arg-type]
    reference = weakref.ref(y)
    del y
    assert reference() is None


def test_a_long_chain_can_be_cut_and_freed_in_the_middle() -> None:
    x = Variable(np.array(1.0))
    y = x
    for _ in range(100_000):
        y = F.negative(y)
    y.unchain_backward()
    y.backward()
    assert x.grad is None


def test_a_long_chain_can_be_differentiated_twice() -> None:
    x = Variable(np.array(1.0))
    y = x
    for _ in range(5_000):
        y = y * 1.0
    z = y * y
    z.backward(create_graph=True)
    gx = x.grad
    assert gx is not None
    x.cleargrad()
    gx.backward()
    assert float(x.grad) == 2.0  # type: ignore[arg-type]


_FAULTS = """
import resource
import numpy as np
from dezero_core.memory import keep_memory

def step():
    arrays = [np.ones(1 << 20) for _ in range(8)]  # 8 MB each, 2048 pages

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_memory()
step()
print(faults())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only the GNU C library is told to keep memory"
)
def test_memory_is_kept_from_step_to_step() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _FAULTS], capture_output=True, text=True, check=True
    )
    # A step would take 16384 of them.
    assert int(run.stdout) < 1000
