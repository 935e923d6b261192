"""Step 13: functions of several inputs, backwards.

`backward` takes one gradient for each result, and gives one for each input. The slope of a sum is
1 in both directions, so an addition hands on what it gets, twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def backward(self) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting = [self.creator]
        while waiting:
            function = waiting.pop()
            if function is None:
                continue
            gxs = as_tuple(function.backward(*(y.grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx
                waiting.append(x.creator)


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

    def __call__(self, *inputs: Variable) -> Any:
        results = as_tuple(self.forward(*(x.data for x in inputs)))
        self.inputs, self.outputs = inputs, tuple(Variable(np.asarray(y)) for y in results)
        for y in self.outputs:
            y.creator = self
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


def add(x0: Variable, x1: Variable) -> Variable:
    """Return x0 + x1."""
    return Add()(x0, x1)


def square(x: Variable) -> Variable:
    """Return x²."""
    return Square()(x)


def main() -> None:
    """Differentiate z = x² + y² at (2, 3)."""
    x, y = Variable(np.array(2.0)), Variable(np.array(3.0))
    z = add(square(x), square(y))
    z.backward()
    print("z:", z.data)
    print("gradients of x and y:", x.grad, y.grad)


if __name__ == "__main__":
    main()
