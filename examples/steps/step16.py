"""Step 16: generations.

A function belongs to the generation after that of its youngest input. Going back, the function of
the latest generation is taken first. Then everything that was computed from a variable has been
dealt with before the function that made the variable has its turn, whatever the graph looks like.
A heap has the latest at hand, and a set sees to it that each function is called once.
"""

from __future__ import annotations

import heapq
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

    def backward(self) -> list[Function]:
        """Go back by generations, and return the functions in the order of their calls."""
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting: list[tuple[int, int, Function]] = []
        called: list[Function] = []
        seen: set[Function] = set()

        def add(function: Function | None) -> None:
            if function is not None and function not in seen:
                seen.add(function)
                # A heap gives its smallest entry. The count decides between equal generations.
                heapq.heappush(waiting, (-function.generation, len(seen), function))

        add(self.creator)
        while waiting:
            _, _, function = heapq.heappop(waiting)
            called.append(function)
            gxs = as_tuple(function.backward(*(y.grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                add(x.creator)
        return called


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *inputs: Variable) -> Any:
        results = as_tuple(self.forward(*(x.data for x in inputs)))
        self.inputs, self.outputs = inputs, tuple(Variable(np.asarray(y)) for y in results)
        self.generation = max(x.generation for x in inputs)
        for y in self.outputs:
            y.creator, y.generation = self, self.generation + 1
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]

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


def main() -> None:
    """Differentiate (x²)² + (x²)² at 2, as step 15 did, now in the right order."""
    x = Variable(np.array(2.0))
    a = Square("A")(x)
    y = Add("D")(Square("B")(a), Square("C")(a))
    called = y.backward()
    print("y:", y.data)
    print("called in the order", " ".join(f"{f.name} ({f.generation})" for f in called))
    print("gradient:", x.grad)

    # Paths of different lengths: A waits for the long one.
    x = Variable(np.array(2.0))
    a = Square("A")(x)
    y = Add("D")(a, Square("C")(Square("B")(a)))
    called = y.backward()
    print("x² + ((x²)²)²:", y.data)
    print("called in the order", " ".join(f"{f.name} ({f.generation})" for f in called))
    print("gradient:", x.grad)


if __name__ == "__main__":
    main()
