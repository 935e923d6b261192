"""Step 22: the other operators.

Subtraction, division, powers and the sign: the same three things each time, a Function with its
slope and the methods that call it. Where the order matters, the method for the right side swaps the
two. With this file the first two stages end; from the next step on, all of it comes from the
package.
"""

from __future__ import annotations

import heapq
import weakref
from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Variable:
    """An array, its gradient, and the function that made it, if one did."""

    __array_priority__ = 200

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.grad: np.ndarray | None = None
        self.creator: Function | None = None
        self.generation = 0

    def __repr__(self) -> str:
        text = str(self.data).replace("\n", "\n" + " " * len("variable("))
        return f"variable({text})"

    def cleargrad(self) -> None:
        self.grad = None

    def backward(self) -> None:
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        waiting: list[tuple[int, int, Function]] = []
        seen: set[Function] = set()
        push(self.creator, waiting, seen)
        while waiting:
            _, _, function = heapq.heappop(waiting)
            gxs = as_tuple(function.backward(*(y().grad for y in function.outputs)))
            for x, gx in zip(function.inputs, gxs, strict=True):
                x.grad = gx if x.grad is None else x.grad + gx
                push(x.creator, waiting, seen)

    def __add__(self, other: Any) -> Variable:
        return Add()(self, other)

    def __radd__(self, other: Any) -> Variable:
        return Add()(other, self)

    def __mul__(self, other: Any) -> Variable:
        return Mul()(self, other)

    def __rmul__(self, other: Any) -> Variable:
        return Mul()(other, self)

    def __neg__(self) -> Variable:
        return Neg()(self)

    def __sub__(self, other: Any) -> Variable:
        return Sub()(self, other)

    def __rsub__(self, other: Any) -> Variable:
        return Sub()(other, self)

    def __truediv__(self, other: Any) -> Variable:
        return Div()(self, other)

    def __rtruediv__(self, other: Any) -> Variable:
        return Div()(other, self)

    def __pow__(self, exponent: float) -> Variable:
        return Pow(exponent)(self)


def as_variable(x: Any) -> Variable:
    """Return x, put into a Variable if it is an array or a number."""
    return x if isinstance(x, Variable) else Variable(np.asarray(x))


def push(
    function: Function | None, waiting: list[tuple[int, int, Function]], seen: set[Function]
) -> None:
    """Put a function on the heap, the latest generation in front, unless it was there before."""
    if function is not None and function not in seen:
        seen.add(function)
        heapq.heappush(waiting, (-function.generation, len(seen), function))


def as_tuple(x: Any) -> tuple[Any, ...]:
    """Return x, put into a tuple if it is none."""
    return x if isinstance(x, tuple) else (x,)


class Function(ABC):
    """From Variables, arrays or numbers to a Variable, or to a tuple of them."""

    def __call__(self, *operands: Any) -> Any:
        inputs = tuple(as_variable(x) for x in operands)
        results = as_tuple(self.forward(*(x.data for x in inputs)))
        outputs = tuple(Variable(np.asarray(y)) for y in results)
        self.generation = max(x.generation for x in inputs)
        for y in outputs:
            y.creator, y.generation = self, self.generation + 1
        self.inputs = inputs
        self.outputs = tuple(weakref.ref(y) for y in outputs)
        return outputs if len(outputs) > 1 else outputs[0]

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


class Mul(Function):
    """y = x0 x1: the slope along one is the other."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 * x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x0, x1 = self.inputs
        return gy * x1.data, gy * x0.data


class Neg(Function):
    """y = -x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return -x

    def backward(self, gy: np.ndarray) -> np.ndarray:
        return -gy


class Sub(Function):
    """y = x0 - x1."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 - x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return gy, -gy


class Div(Function):
    """y = x0 / x1, with slopes 1 / x1 and -x0 / x1²."""

    def forward(self, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        return x0 / x1

    def backward(self, gy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x0, x1 = self.inputs
        return gy / x1.data, -gy * x0.data / x1.data**2


class Pow(Function):
    """y = xᶜ for a number c, with slope c xᶜ⁻¹."""

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**self.exponent

    def backward(self, gy: np.ndarray) -> np.ndarray:
        (x,) = self.inputs
        return self.exponent * x.data ** (self.exponent - 1) * gy


def main() -> None:
    """Compute with each operator at 2, and differentiate."""
    x = Variable(np.array(2.0))
    for name, y in {
        "-x": -x,
        "2.0 - x": 2.0 - x,
        "x - 1.0": x - 1.0,
        "x / 2.0": x / 2.0,
        "1.0 / x": 1.0 / x,
        "x ** 3": x**3,
    }.items():
        x.cleargrad()
        y.backward()
        print(f"{name}: {y}, slope {x.grad}")


if __name__ == "__main__":
    main()
