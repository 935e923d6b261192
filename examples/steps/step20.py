"""Step 20: + and *.

Python lets a class say what its operators do. `__add__` and `__mul__` call the functions, and a
formula for Variables looks like any other formula.
"""

from __future__ import annotations

import heapq
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

    def __repr__(self) -> str:
        text = str(self.data).replace("\n", "\n" + " " * len("variable("))
        return f"variable({text})"

    def cleargrad(self) -> None:
        self.grad = None

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

    def __add__(self, other: Variable) -> Variable:
        return Add()(self, other)

    def __mul__(self, other: Variable) -> Variable:
        return Mul()(self, other)


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


class Add(Function):
    """y = x0 + x1."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 + x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return gy, gy


class Mul(Function):
    """y = x0 x1: the slope along one is the other."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 * x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x0, x1 = self.inputs
        return gy * x1.data, gy * x0.data


def main() -> None:
    """Compute ab + c at (3, 2, 1) and its slopes."""
    a, b, c = (Variable(np.array(number)) for number in (3.0, 2.0, 1.0))
    y = a * b + c
    y.backward()
    print("a * b + c:", y)
    for name, variable in {"a": a, "b": b, "c": c}.items():
        print(f"gradient of {name}: {variable.grad}")


if __name__ == "__main__":
    main()
