"""Step 4: the derivative by differences.

The slope of f at x is about (f(x + h) - f(x - h)) / 2h for a small h. That works for whatever can
be computed, and needs no calculus, but has two faults. It is never exact: with a large h the curve
is not a straight line, with a small one nearly all digits of the two values cancel. And a function
of a million inputs has to be computed two million times. Its use is to check the better way, which
begins with step 5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

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


class Exp(Function):
    """y = eˣ."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.exp(x)


def numerical_diff(f: Callable[[Variable], Variable], x: Variable, eps: float = 1e-4) -> np.ndarray:
    """Return the slope of f at x by the central difference, with an error of about eps²."""
    above, below = f(Variable(x.data + eps)), f(Variable(x.data - eps))
    return (above.data - below.data) / (2 * eps)


def composed(x: Variable) -> Variable:
    """Return (exp(x²))²: what is differentiated need not be a Function."""
    return Square()(Exp()(Square()(x)))


def main() -> None:
    """Differentiate a function and a composition, and see what h does to the error."""
    print("slope of x² at 2:", numerical_diff(Square(), Variable(np.array(2.0))))
    x = Variable(np.array(0.5))
    print("slope of (exp(x²))² at 0.5:", numerical_diff(composed, x))

    exact = 4 * 0.5 * np.exp(2 * 0.5**2)  # the derivative of exp(2x²) is 4x exp(2x²)
    print("\nHow far off the second one is, from step to step:")
    for eps in (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12):
        error = abs(numerical_diff(composed, x, eps) - exact)
        print(f"eps {eps:.0e}: error {error:.1e}")


if __name__ == "__main__":
    main()
