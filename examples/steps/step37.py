"""Step 37: tensors. Elementwise functions take them as they are, and so does backpropagation.

Up to here a Variable held one number. With an array in it, `x + c` adds element by element, and a
gradient has one number for each element: how much the result changes with that element alone. That
the result is a single number, a sum at the end, is all that learning needs.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable


def main() -> None:
    """Add two matrices, sum up, and go back."""
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    print("the sine of each element:")
    print(F.sin(x))

    c = Variable(np.array([[10, 20, 30], [40, 50, 60]]))
    t = x + c
    y = F.sum(t)
    print("\nx + c, and the sum of its elements:")
    print(t)
    print(y)

    # Only leaves keep their gradients, unless one asks for those in between.
    y.backward(retain_grad=True)
    print("\nEach element goes into the sum once, so all gradients are ones of the data's dtype:")
    for name, variable in {"y": y, "t": t, "x": x, "c": c}.items():
        print(f"{name}.grad, {variable.grad.dtype}:")
        print(variable.grad)


if __name__ == "__main__":
    main()
