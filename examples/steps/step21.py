"""Step 21: arrays and numbers on either side.

Whatever stands next to a Variable becomes one. To the right of the operator that is done by
`as_variable`. To the left, Python asks the left operand first, and when that one does not know
how, asks the Variable for `__radd__` or `__rmul__`. A NumPy array always thinks that it knows how,
element by element, unless the other says that it has the higher `__array_priority__`.
"""

from __future__ import annotations

import heapq
import weakref
from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    __array_priority__ = 200

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

    def __add__(self, other: Any) -> Variable:
        return Add()(self, other)

    def __radd__(self, other: Any) -> Variable:
        return Add()(other, self)

    def __mul__(self, other: Any) -> Variable:
        return Mul()(self, other)

    def __rmul__(self, other: Any) -> Variable:
        return Mul()(other, self)


def as_variable(x: Any) -> Variable:
    """Return x, put into a Variable if it is an array or a number."""
    return x if isinstance(x, Variable) else Variable(np.asarray(x))


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
    """From Variables, arrays or numbers to a Variable, or to a tuple of them."""

    def __call__(self, *operands: Any) -> Any:
        inputs = tuple(as_variable(x) for x in operands)
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
    """Mix Variables with arrays and numbers, on either side."""
    x = Variable(np.array(2.0))
    print("x + np.array(3.0):", x + np.array(3.0))
    print("x + 3.0:", x + 3.0)
    y = 3.0 * x + 1.0
    y.backward()
    print("3.0 * x + 1.0:", y)
    print("its slope:", x.grad)

    y = np.array([2.0]) + Variable(np.array([1.0]))
    print("np.array([2.0]) + Variable:", y)


if __name__ == "__main__":
    main()
