"""Step 15: why the order matters.

              +--> B --> b --+
    x --> A --> a            D --> y        A, B, C square; D adds
              +--> C --> c --+

The way forks at a, so two gradients come back to it. A must wait for both. The list
of step 14 does not: it takes whatever was put there last, reaches x by one branch before it has
been through the other, and then goes there again with what it has handed on already. This script
makes that mistake and shows it; step 16 puts it right.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def backward(self) -> list[Function]:
        """Go back last in, first out, and return the functions in the order of their calls."""
        self.grad = np.ones_like(self.data)
        waiting, called = [self.creator], []
        while waiting:
            function = waiting.pop()
            if function is None:
                continue
            called.append(function)
            gxs = as_tuple(function.backward(*(y.grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                waiting.append(x.creator)
        return called


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *inputs: Variable) -> Any:
        results = as_tuple(self.forward(*(x.data for x in inputs)))
        self.inputs, self.outputs = inputs, tuple(Variable(np.asarray(y)) for y in results)
        for y in self.outputs:
            y.creator = self
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]

    @abstractmethod
    def forward(self, *xs: np.ndarray) -> Any: ...

    @abstractmethod
    def backward(self, *gys: np.ndarray) -> Any: ...


class Add(Function):
    """y = x0 + x1."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 + x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return gy, gy


class Square(Function):
    """y = x²."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: np.ndarray) -> np.ndarray:
        (x,) = self.inputs
        return 2 * x.data * gy


def forked(x: Variable) -> Variable:
    """Return (x²)² + (x²)²."""
    a = Square("A")(x)
    return Add("D")(Square("B")(a), Square("C")(a))


def numerical_diff(f: Callable[[Variable], Variable], x: Variable, eps: float = 1e-4) -> np.ndarray:
    """Return the slope of f at x by the central difference."""
    above, below = f(Variable(x.data + eps)), f(Variable(x.data - eps))
    return (above.data - below.data) / (2 * eps)


def main() -> None:
    """Differentiate (x²)² + (x²)² at 2 in the wrong order, and tell what is right."""
    x = Variable(np.array(2.0))
    y = forked(x)
    called = y.backward()
    print("y:", y.data)
    print("called in the order", " ".join(function.name for function in called), "(A is the first)")
    print("gradient, wrong:", x.grad)
    print(f"slope by differences: {numerical_diff(forked, x):.4f}")


if __name__ == "__main__":
    main()
