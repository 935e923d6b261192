"""Step 3: functions are composed.

What a function gives is what the next one takes, so any number of them can follow each other, and
the values in between are Variables too. This chain, (exp(x²))², stays with us up to step 9.
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


class Exp(Function):
    """y = eˣ."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.exp(x)


def main() -> None:
    """Follow 0.5 through three functions."""
    variable = Variable(np.array(0.5))
    print("x:", variable.data)
    for name, function in {"a = x²": Square(), "b = exp(a)": Exp(), "y = b²": Square()}.items():
        variable = function(variable)
        print(f"{name}: {variable.data}")


if __name__ == "__main__":
    main()
