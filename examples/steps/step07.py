"""Step 7: backward by itself.

Each Variable remembers its creator, the function that made it, and each function its input. These
links are made while the result is computed (define by run), and they are the way back: ask the
result for its creator, that one for its input, the input for its creator, until there is none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def backward(self) -> None:
        # Step 8 says what is wrong with a method that calls itself.
        if self.creator is not None:
            x = self.creator.input
            x.grad = self.creator.backward(self.grad)
            x.backward()


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


def main() -> None:
    """Compute (exp(x²))², walk the links back to x, and let `backward` do the same."""
    x = Variable(np.array(0.5))
    y = Square()(Exp()(Square()(x)))

    way, variable = [], y
    while variable.creator is not None:
        way.append(type(variable.creator).__name__)
        variable = variable.creator.input
    print("from y back:", ", ".join(way))
    print("where it ends is x:", variable is x)

    y.grad = np.array(1.0)
    y.backward()
    print("gradient of x:", x.grad)


if __name__ == "__main__":
    main()
