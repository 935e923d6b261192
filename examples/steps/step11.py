"""Step 11: functions of several inputs, with several results (forward).

An addition takes two Variables, and splitting an array gives several. To begin with, all go in as
a list and come out as a list, of which a plain function is one with a single entry. It works, and
reads badly; step 12 is about that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Variable:
    """A box for one array."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.creator: Function | None = None


class Function(ABC):
    """From a list of Variables to a list of Variables."""

    def __call__(self, inputs: list[Variable]) -> list[Variable]:
        results = self.forward([x.data for x in inputs])
        self.inputs, self.outputs = inputs, [Variable(np.asarray(y)) for y in results]
        for y in self.outputs:
            y.creator = self
        return self.outputs

    @abstractmethod
    def forward(self, xs: list[np.ndarray]) -> list[np.ndarray]: ...


class Add(Function):
    """y = x0 + x1."""

    def forward(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        x0, x1 = xs
        return [x0 + x1]


class DivMod(Function):
    """The quotient of two arrays, rounded down, and the remainder."""

    def forward(self, xs: list[np.ndarray]) -> list[np.ndarray]:
        x0, x1 = xs
        return [x0 // x1, x0 % x1]


def main() -> None:
    """Add two numbers, and divide them into two."""
    inputs = [Variable(np.array(2)), Variable(np.array(3))]
    outputs = Add()(inputs)
    print("2 + 3:", outputs[0].data)

    quotient, remainder = DivMod()([Variable(np.array(17)), Variable(np.array(5))])
    print("17 divided by 5:", quotient.data, "remainder", remainder.data)


if __name__ == "__main__":
    main()
