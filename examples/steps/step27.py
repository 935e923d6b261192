"""Step 27: sine, in two ways.

As a Function of our own, whose slope we know to be cosine. And as its Taylor series, a loop that
goes on until the next term is too small to matter: how many there are depends on x, and the graph
has as many. Whatever loops and branches the program takes, what it did is what is differentiated.
"""

from __future__ import annotations

import math

import numpy as np

import dezero.functions as F
from dezero import Function, Variable


class Sin(Function):
    """y = sin x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.sin(x)

    def backward(self, gy: Variable) -> Variable:
        (x,) = self.inputs
        return gy * F.cos(x)


def taylor_sin(x: Variable, threshold: float) -> tuple[Variable, int]:
    """Add up x - x³/3! + x⁵/5! - ... until a term is below the threshold; also count the terms."""
    total, count = 0, 0
    while True:
        n = 2 * count + 1
        term = (-1) ** count * x**n / math.factorial(n)
        total, count = total + term, count + 1
        if abs(term.data) < threshold:
            return total, count


def main() -> None:
    """Compute the sine of π/4 and its slope, both √½."""
    x = Variable(np.array(np.pi / 4))
    y = Sin()(x)
    y.backward()
    print(f"sin: {y.data}, slope {x.grad.data}")

    for threshold in (1e-4, 1e-150):
        x.cleargrad()
        y, count = taylor_sin(x, threshold)
        y.backward()
        print(f"series to {threshold:g}: {y.data}, slope {x.grad.data}, {count} terms")


if __name__ == "__main__":
    main()
