"""Step 12: functions of several inputs, as one would like to call and to write them.

For who calls: the inputs are arguments, and a single result is given without a list around it. For
who writes a function: `forward` has its arrays by name, and returns one array, or a tuple of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """A box for one array."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.creator: Function | None = None


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

    def __call__(self, *inputs: Variable) -> Any:
        results = self.forward(*(x.data for x in inputs))
        if not isinstance(results, tuple):
            results = (results,)
        self.inputs, self.outputs = inputs, tuple(Variable(np.asarray(y)) for y in results)
        for y in self.outputs:
            y.creator = self
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]

    @abstractmethod
    def forward(self, *xs: np.ndarray) -> Any: ...


class Add(Function):
    """y = x0 + x1."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 + x1


class DivMod(Function):
    """The quotient of two arrays, rounded down, and the remainder."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x0 // x1, x0 % x1


def add(x0: Variable, x1: Variable) -> Variable:
    """Return x0 + x1."""
    return Add()(x0, x1)


def main() -> None:
    """Do what step 11 did, without a list."""
    y = add(Variable(np.array(2)), Variable(np.array(3)))
    print("2 + 3:", y.data)

    quotient, remainder = DivMod()(Variable(np.array(17)), Variable(np.array(5)))
    print("17 divided by 5:", quotient.data, "remainder", remainder.data)


if __name__ == "__main__":
    main()
