"""Step 30: what is missing for a second derivative.

A function that meets Variables leaves a record, its creator link. A plain `backward` leaves none:
the gradient that it finds is a number that came from nowhere, and there is no way back from it. To
differentiate a gradient, going backwards must be a computation like any other, on Variables.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Function, Variable


class Sin(Function):
    """y = sin x. Backwards it computes with Variables, so that there is something to record."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.sin(x)

    def backward(self, gy: Variable) -> Variable:
        (x,) = self.inputs
        return gy * F.cos(x)


def made_by(variable: Variable) -> str:
    """Return the name of the function that made a variable, if one did."""
    return "nothing" if variable.creator is None else type(variable.creator).__name__


def main() -> None:
    """Differentiate a sine, and look where its results come from."""
    x = Variable(np.array(1.0))
    y = Sin()(x)
    y.backward()
    print(f"sin(1): {y}, made by {made_by(y)}")
    print(f"its slope: {x.grad}, made by {made_by(x.grad)}")


if __name__ == "__main__":
    main()
