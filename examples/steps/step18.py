"""Step 18: two more ways to use less memory.

The gradients of the values in between are seldom wanted: `backward` drops each as soon as it has
been handed on, unless `retain_grad=True`. And who only wants a result needs no way back: under
`no_grad()` nothing is linked, so each value in between goes when the next one is there.
"""

from __future__ import annotations

import contextlib
import heapq
import tracemalloc
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np


class Config:
    """What holds for the whole program."""

    enable_backprop = True


@contextlib.contextmanager
def using_config(name: str, value: Any) -> Iterator[None]:
    """Change a setting for the length of a with block, and put it back whatever happens there."""
    before = getattr(Config, name)
    setattr(Config, name, value)
    try:
        yield
    finally:
        setattr(Config, name, before)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Compute without the links that lead back."""
    return using_config("enable_backprop", False)


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None
        self.generation = 0

    def backward(self, retain_grad: bool = False) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting: list[tuple[int, int, Function]] = []
        seen: set[Function] = set()
        push(self.creator, waiting, seen)
        while waiting:
            _, _, function = heapq.heappop(waiting)
            outputs = [y() for y in function.outputs]
            gxs = as_tuple(function.backward(*(y.grad for y in outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                push(x.creator, waiting, seen)
            if not retain_grad:
                for y in outputs:
                    y.grad = None


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
        if Config.enable_backprop:
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


class Add(Function):
    """y = x0 + x1."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 + x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return gy, gy


class Square(Function):
    """y = x²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: np.ndarray) -> np.ndarray:
        (x,) = self.inputs
        return 2 * x.data * gy


def add(x0: Variable, x1: Variable) -> Variable:
    """Return x0 + x1."""
    return Add()(x0, x1)


def square(x: Variable) -> Variable:
    """Return x²."""
    return Square()(x)


def peak_of_a_chain() -> float:
    """Square an array of 0.8 MB ten times in a row; return the most megabytes in use."""
    tracemalloc.start()
    x = Variable(np.ones(100_000))
    for _ in range(10):
        x = square(x)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def main() -> None:
    """Show which gradients stay, and what the links cost."""
    for retain_grad in (False, True):
        x0, x1 = Variable(np.array(1.0)), Variable(np.array(1.0))
        t = add(x0, x1)
        y = add(x0, t)
        y.backward(retain_grad)
        print(f"retain_grad={retain_grad}: y {y.grad}, t {t.grad}; x0 {x0.grad}, x1 {x1.grad}")

    print(f"with links: {peak_of_a_chain():.1f} MB")
    with no_grad():
        print(f"without: {peak_of_a_chain():.1f} MB")
        print("creator without links:", square(Variable(np.array(2.0))).creator)

    try:
        with no_grad():
            raise ValueError("something went wrong in the block")
    except ValueError:
        print("after an error in the block, links are on:", Config.enable_backprop)


if __name__ == "__main__":
    main()
