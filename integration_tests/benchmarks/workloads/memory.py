"""How time and memory grow with the graph: figures, each in a process that has done nothing."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.workload import Figure
from workloads.images import random_images, torch_vgg16
from workloads.training import SPIRAL

__all__ = ["Growth", "LongChain", "PeakArrays", "SumOfTerms", "VGG16Memory"]


class SumOfTerms(Figure):
    """Backward through a sum of 4000 products, relative to one of 1000: linear is 4."""

    name = "sum-of-terms"
    title = "sum of n terms: backward of 4000 / of 1000"
    unit = "x"
    reach = 5.0

    def ours(self) -> list[float]:
        import numpy as np

        from dezero_core import Variable

        return _growth_of_backward(lambda: Variable(np.array(2.0)), repeats=15)

    def torch(self) -> list[float]:
        import torch

        return _growth_of_backward(lambda: torch.tensor(2.0, requires_grad=True), repeats=15)

    def released(self) -> list[float]:
        import numpy as np

        from dezero import Variable

        return _growth_of_backward(lambda: Variable(np.array(2.0)), repeats=3)


def _growth_of_backward(make: Callable[[], Any], repeats: int) -> list[float]:
    def seconds(terms: int) -> float:
        x = make()
        y = x * x
        for _ in range(terms - 1):
            y = y + x * x
        start = time.perf_counter()
        y.backward()
        return time.perf_counter() - start

    seconds(100)
    # Neighbors share what else the machine is doing.
    return [seconds(4000) / seconds(1000) for _ in range(repeats)]


class PeakArrays(Figure):
    """Peak memory of 1000 chained ``x + 1`` with the gradient, in arrays of 8 MB.

    The released package keeps every intermediate result, so its arrays are 0.8 MB.
    """

    name = "peak-arrays"
    title = "1000 chained x + 1 on 8 MB, peak of memory"
    unit = "arrays"
    reach = 6.0

    def ours(self) -> list[float]:
        import numpy as np

        from dezero_core import Variable

        return _peak_of_chain(lambda n: Variable(np.ones(n)))

    def torch(self) -> list[float]:
        import torch

        return _peak_of_chain(lambda n: torch.ones(n, dtype=torch.float64, requires_grad=True))

    def released(self) -> list[float]:
        import numpy as np

        from dezero import Variable

        return _peak_of_chain(lambda n: Variable(np.ones(n)), elements=100_000)


def _peak_of_chain(make: Callable[[int], Any], elements: int = 1_000_000) -> list[float]:
    def chain(x: Any) -> Any:
        y = x
        for _ in range(1000):
            y = y + 1
        return y.sum()

    chain(make(10)).backward()  # loads what is loaded once
    before = _resident("VmRSS")
    x = make(elements)
    chain(x).backward()
    assert x.grad is not None
    return [(_resident("VmHWM") - before) / (8 * elements)]


def _resident(what: str) -> int:
    """Return the process's memory in bytes, now (VmRSS) or at its peak (VmHWM), on Linux."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) * 1024
    raise LookupError(what)


class LongChain(Figure):
    """A chain of a million operations: forward, backward, and the graph freed.

    The released package manages it too, in half a minute, which is left out.
    """

    name = "long-chain"
    title = "a million operations: forward, backward, freed"
    unit = "s"

    def ours(self) -> list[float]:
        import numpy as np

        from dezero_core import Variable

        return _time_chain(Variable(np.array(1.0)))

    def torch(self) -> list[float]:
        import torch

        return _time_chain(torch.tensor(1.0, dtype=torch.float64, requires_grad=True))


def _time_chain(x: Any) -> list[float]:
    start = time.perf_counter()
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.backward()
    del y
    elapsed = time.perf_counter() - start
    assert float(x.grad.data) == 1.0
    return [elapsed]


class Growth(Figure):
    """What 10 000 training steps add to Python's memory with the garbage collector off.

    PyTorch's arrays are not Python's, so it has no figure here.
    """

    name = "growth"
    title = "10 000 training steps without gc: growth"
    unit = "B"
    # Nothing, but for what comes and goes: one forgotten object a step would be half a megabyte.
    reach = 1000.0

    def ours(self) -> list[float]:
        return _growth(SPIRAL.ours())

    def released(self) -> list[float]:
        return _growth(SPIRAL.released())


def _growth(step: Callable[[], Any]) -> list[float]:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    for _ in range(500):
        step()
    for _ in range(2):  # so that `before` counts the memory of `before` itself
        before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        step()
    return [float(tracemalloc.get_traced_memory()[0] - before)]


class VGG16Memory(Figure):
    """Peak memory of training VGG16 with SGD on 4 images of 224x224: weights, and three steps.

    What was there before the model is left out, and so is what drawing the first weights takes.
    """

    name = "vgg16-memory"
    title = "VGG16 training step, batch 4, peak of memory"
    unit = "GB"
    is_relative = True
    reach = 1.0

    def ours(self) -> list[float]:
        import numpy as np

        import dezero_nn.functions as F
        from dezero_nn.models import VGG16
        from dezero_optim import SGD

        x, t = random_images(4), np.arange(4)
        before = _resident("VmRSS")
        model = VGG16()
        optimizer = SGD(0.001).setup(model)

        def step() -> None:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()

        return _peak(step, before)

    def torch(self) -> list[float]:
        import torch
        from torch.nn import functional as F

        x, t = torch.from_numpy(random_images(4)), torch.arange(4)
        before = _resident("VmRSS")
        model = torch_vgg16()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)

        def step() -> None:
            loss = F.cross_entropy(model(x), t)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

        return _peak(step, before)


def _peak(step: Any, before: int) -> list[float]:
    step()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    for _ in range(3):
        step()
    return [(_resident("VmHWM") - before) / 1e9]
