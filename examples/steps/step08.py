"""Step 8: a loop instead of a method that calls itself.

Recursion is as deep as the chain is long, and Python allows about a thousand calls in each other;
a network over a long sequence has more functions than that. A list of the functions that are still
to do takes any number. Later it lets us choose which one is next (step 16).
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def backward(self) -> None:
        waiting = [self.creator]
        while waiting:
            function = waiting.pop()
            if function is not None:
                x, y = function.input, function.output
                x.grad = function.backward(y.grad)
                waiting.append(x.creator)


class Function(ABC):
    """From Variable to Variable; remembers both."""

    def __call__(self, x: Variable) -> Variable:
        y = Variable(self.forward(x.data))
        y.creator = self
        self.input, self.output = x, y
        return y

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def backward(self, gy: np.ndarray) -> np.ndarray: ...


class Square(Function):
    """y = x²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return 2 * self.input.data * gy


class Exp(Function):
    """y = eˣ."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.exp(x)

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return np.exp(self.input.data) * gy


class Negate(Function):
    """y = -x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return -x

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return -gy


def main() -> None:
    """Go back through (exp(x²))², then through a chain that recursion could not take."""
    x = Variable(np.array(0.5))
    y = Square()(Exp()(Square()(x)))
    y.grad = np.array(1.0)
    y.backward()
    print("gradient of x:", x.grad)

    length = 10 * sys.getrecursionlimit() + 1
    y = x = Variable(np.array(0.5))
    for _ in range(length):
        y = Negate()(y)
    y.grad = np.array(1.0)
    y.backward()
    print("through ten times as many functions as can call each other:", x.grad)


if __name__ == "__main__":
    main()
