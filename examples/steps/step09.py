"""Step 9: easier to use.

Three things. Functions are called as Python functions, without making an instance first.
`backward` begins with a gradient of ones by itself, in the data's shape and dtype. And a Variable
takes arrays only, so that a number by mistake is told at once; as NumPy turns the result of
computing with a 0-d array into a scalar, `as_array` makes it an array again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array or None, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray | None) -> None:
        if data is not None and not isinstance(data, np.ndarray):
            raise TypeError(f"{type(data)} is not supported; wrap it: np.array({data!r})")
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def backward(self) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting = [self.creator]
        while waiting:
            function = waiting.pop()
            if function is not None:
                x, y = function.input, function.output
                x.grad = function.backward(y.grad)
                waiting.append(x.creator)


def as_array(x: Any) -> np.ndarray:
    """Return x, made an array if it is a number."""
    return np.array(x) if np.isscalar(x) else x


class Function(ABC):
    """From Variable to Variable; remembers both."""

    def __call__(self, x: Variable) -> Variable:
        y = Variable(as_array(self.forward(x.data)))
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


def square(x: Variable) -> Variable:
    """Return x²."""
    return Square()(x)


def exp(x: Variable) -> Variable:
    """Return eˣ."""
    return Exp()(x)


def main() -> None:
    """Write a composition as one would in mathematics, and try what a Variable takes."""
    x = Variable(np.array(0.5))
    y = square(exp(square(x)))
    y.backward()
    print("gradient of x:", x.grad)

    x = Variable(np.array(0.5, dtype=np.float32))
    square(x).backward()
    print("of float32 data it is", x.grad.dtype)

    print("x**2 of a 0-d array is a", type(np.array(1.0) ** 2).__name__, "to NumPy")
    print("square(x).data is an", type(square(x).data).__name__)

    print("Variable(None) holds", Variable(None).data)
    try:
        Variable(1.0)
    except TypeError as error:
        print("Variable(1.0):", error)


if __name__ == "__main__":
    main()
