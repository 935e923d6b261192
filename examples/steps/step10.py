"""Step 10: tests.

A derivative that is wrong still gives numbers, and a network that learns with them only learns
badly. So each function is tested: its value, its slope where we know it, and, at inputs drawn by
chance, its slope against the numerical one. The last needs no knowledge of the function, which is
why it tests all later ones too.
"""

from __future__ import annotations

import sys
import unittest
from abc import ABC, abstractmethod
from collections.abc import Callable

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
            if function is not None:
                x, y = function.input, function.output
                x.grad = function.backward(y.grad)
                waiting.append(x.creator)


class Function(ABC):
    """From Variable to Variable; remembers both."""

    def __call__(self, x: Variable) -> Variable:
        y = Variable(np.asarray(self.forward(x.data)))
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


class WrongSquare(Square):
    """A square whose author forgot the 2."""

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return self.input.data * gy


def numerical_diff(f: Callable[[Variable], Variable], x: Variable, eps: float = 1e-4) -> np.ndarray:
    """Return the slope of f at x by the central difference."""
    above, below = f(Variable(x.data + eps)), f(Variable(x.data - eps))
    return (above.data - below.data) / (2 * eps)


def gradient_check(f: Callable[[Variable], Variable], x: Variable) -> bool:
    """Tell whether backward and the central difference agree on the slope of f at x."""
    f(x).backward()
    return np.allclose(x.grad, numerical_diff(f, x))


class SquareTest(unittest.TestCase):
    """What holds for a square."""

    def test_forward(self) -> None:
        y = Square()(Variable(np.array(2.0)))
        self.assertEqual(y.data, 4.0)

    def test_backward(self) -> None:
        x = Variable(np.array(3.0))
        Square()(x).backward()
        self.assertEqual(x.grad, 6.0)

    def test_gradient_check(self) -> None:
        x = Variable(np.random.default_rng().uniform(size=5))
        self.assertTrue(gradient_check(Square(), x))

    def test_gradient_check_finds_a_mistake(self) -> None:
        x = Variable(np.random.default_rng().uniform(0.1, 1.0, size=5))
        self.assertFalse(gradient_check(WrongSquare(), x))


def main() -> None:
    """Run the tests; `python -m unittest examples/steps/step10.py` does the same."""
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(SquareTest)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    if not result.wasSuccessful():
        sys.exit(1)


if __name__ == "__main__":
    main()
