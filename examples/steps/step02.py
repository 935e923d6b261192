"""Step 2: a Function takes a Variable and gives a new one.

What all functions share is done once, in `Function.__call__`: take the array out of the box, and
put the result into a new one. What a function computes is up to its subclass, which says it with
plain arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Variable:
    """A box for one array."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data


class Function(ABC):
    """From Variable to Variable; a subclass defines `forward`."""

    def __call__(self, x: Variable) -> Variable:
        return Variable(self.forward(x.data))

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray: ...


class Square(Function):
    """y = x²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2


def main() -> None:
    """Square ten."""
    square = Square()
    y = square(Variable(np.array(10)))
    print("the result is a", type(y).__name__)
    print("square(10):", y.data)

    try:
        Function()
    except TypeError as error:
        print("Function alone computes nothing:", error)


if __name__ == "__main__":
    main()
