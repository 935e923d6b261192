"""Step 14: the same variable more than once.

In x + x two gradients come back to x, and they add up. So `backward` adds to a gradient that is
there already, and `cleargrad` takes it away before the next computation. It makes a new sum and
does not write `+=` into the array: an addition hands the same array to both of its inputs, and
so what is added to one would be added to the other, and to the result's own gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None

    def cleargrad(self) -> None:
        self.grad = None

    def backward(self) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting = [self.creator]
        while waiting:
            function = waiting.pop()
            if function is None:
                continue
            gxs = as_tuple(function.backward(*(y.grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                waiting.append(x.creator)


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables to a Variable, or to a tuple of them."""

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


def add(x0: Variable, x1: Variable) -> Variable:
    """Return x0 + x1."""
    return Add()(x0, x1)


def main() -> None:
    """Add x to itself, once and twice, with and without clearing in between."""
    x = Variable(np.array(3.0))
    y = add(x, x)
    y.backward()
    print("x + x:", x.grad)
    print("and y's own gradient is still:", y.grad)

    add(add(x, x), x).backward()
    print("x + x + x, not cleared:", x.grad)

    x.cleargrad()
    add(add(x, x), x).backward()
    print("x + x + x, cleared:", x.grad)


if __name__ == "__main__":
    main()
