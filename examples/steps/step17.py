"""Step 17: memory that is given back at once.

A function knows its outputs, and each output knows its creator: a cycle. CPython frees an object
as soon as nobody refers to it; in a cycle somebody always does, and its arrays stay until the
garbage collector comes by, which may be late. So a function refers to its outputs weakly: it can
find them, and does not keep them alive. Here the collector is off, and the memory is measured both
ways.
"""

from __future__ import annotations

import gc
import heapq
import tracemalloc
import weakref
from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None
        self.generation = 0

    def backward(self) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting: list[tuple[int, int, Function]] = []
        seen: set[Function] = set()
        push(self.creator, waiting, seen)
        while waiting:
            _, _, function = heapq.heappop(waiting)
            gxs = as_tuple(function.backward(*(y().grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                push(x.creator, waiting, seen)


def push(
    function: Function | None, waiting: list[tuple[int, int, Function]], seen: set[Function]
) -> None:
    """Put a function on the heap, the latest generation in front, unless it was there before."""
    if function is not None and function not in seen:
        seen.add(function)
        heapq.heappush(waiting, (-function.generation, len(seen), function))


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

    def __call__(self, *inputs: Variable) -> Any:
        results = as_tuple(self.forward(*(x.data for x in inputs)))
        outputs = tuple(Variable(np.asarray(y)) for y in results)
        self.generation = max(x.generation for x in inputs)
        for y in outputs:
            y.creator, y.generation = self, self.generation + 1
        self.inputs = inputs
        self.outputs = tuple(weakref.ref(y) for y in outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    @abstractmethod
    def forward(self, *xs: np.ndarray) -> Any: ...

    @abstractmethod
    def backward(self, *gys: np.ndarray) -> Any: ...


class Square(Function):
    """y = x²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: np.ndarray) -> np.ndarray:
        (x,) = self.inputs
        return 2 * x.data * gy


class CyclicSquare(Square):
    """The same with its output held fast, as all functions did up to step 16."""

    def __call__(self, x: Variable) -> Variable:
        self.output = super().__call__(x)
        return self.output


def memory_after(rounds: int, function: type[Square]) -> list[float]:
    """Compute and go back so many times; return the megabytes in use after each of them."""
    tracemalloc.start()
    used = []
    for _ in range(rounds):
        x = Variable(np.ones(100_000))
        y = function()(function()(function()(x)))
        y.backward()
        del x, y
        used.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    return used


def main() -> None:
    """Measure the memory over ten rounds, with weak references and with strong ones."""
    gc.collect()
    gc.disable()
    try:
        for name, function in {"weak": Square, "strong": CyclicSquare}.items():
            used = memory_after(10, function)
            print(f"{name} references, MB:", " ".join(f"{megabytes:.1f}" for megabytes in used))
    finally:
        gc.enable()
    print("objects that only the collector could free:", gc.collect())


if __name__ == "__main__":
    main()
