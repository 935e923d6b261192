"""Step 38: functions that change the shape.

`reshape` and `transpose` compute nothing: elements only move. So on the way back the gradient's
elements move to where they came from, and the gradient gets the shape of the input.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable


def main() -> None:
    """Give a matrix other shapes, and go back."""
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    y = F.reshape(x, (6,))
    y.backward(retain_grad=True)
    print("reshape to (6,), and the gradient, which has x's shape:")
    print(y)
    print(x.grad)

    x = Variable(np.random.randn(1, 2, 3))
    shapes = {
        "x.reshape((2, 3))": x.reshape((2, 3)).shape,
        "x.reshape([2, 3])": x.reshape([2, 3]).shape,
        "x.reshape(2, 3)": x.reshape(2, 3).shape,
        "x.reshape(3, -1)": x.reshape(3, -1).shape,
    }
    print("\nThe method takes a tuple, a list or several numbers; -1 is what is left:")
    for call, shape in shapes.items():
        print(f"{call}: {shape}")

    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    y = F.transpose(x)
    y.backward()
    print("\ntranspose, and its gradient:")
    print(y)
    print(x.grad)
    print("x.T is the same:", np.array_equal(x.T.data, y.data))

    x = Variable(np.random.randn(1, 2, 3, 4))
    y = x.transpose(1, 0, 3, 2)
    y.backward()
    print(f"\nAxes in another order, (1, 0, 3, 2): {x.shape} to {y.shape}, back to {x.grad.shape}")


if __name__ == "__main__":
    main()
