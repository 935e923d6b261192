"""Step 6: going backwards by hand.

A Variable gets a second array, `grad`: how the last result changes with it. A Function remembers
its input, and its `backward` multiplies what comes from behind by its own slope there. Whoever
computes has to call these methods in the right order, the last function first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Variable:
    """An array, and the gradient with respect to it."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None


class Function(ABC):
    """From Variable to Variable; a subclass defines `forward` and `backward`."""

    def __call__(self, x: Variable) -> Variable:
        self.input = x
        return Variable(self.forward(x.data))

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def backward(self, gy: np.ndarray) -> np.ndarray: ...


class Square(Function):
    """y = x², so dy/dx = 2x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return 2 * self.input.data * gy


class Exp(Function):
    """y = eˣ, which is its own slope."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.exp(x)

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return np.exp(self.input.data) * gy


def main() -> None:
    """Compute (exp(x²))² at 0.5, then call the backward methods from the last to the first."""
    first, second, third = Square(), Exp(), Square()
    x = Variable(np.array(0.5))
    a = first(x)
    b = second(a)
    y = third(b)

    y.grad = np.array(1.0)
    b.grad = third.backward(y.grad)
    a.grad = second.backward(b.grad)
    x.grad = first.backward(a.grad)
    print("y:", y.data)
    for name, variable in {"b": b, "a": a, "x": x}.items():
        print(f"gradient of {name}: {variable.grad}")


if __name__ == "__main__":
    main()
