"""Step 39: the sum.

What goes into a sum changes it by as much as it changes itself. So `backward` hands the gradient
of the result to every element that was added: it is copied, to the shape that the input had.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable


def main() -> None:
    """Sum over all axes, over one, and with the axes kept."""
    x = Variable(np.array([1, 2, 3, 4, 5, 6]))
    y = F.sum(x)
    y.backward()
    print("a vector's sum and gradient:")
    print(y)
    print(x.grad)

    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    y = F.sum(x)
    y.backward()
    print("\na matrix's:")
    print(y)
    print(x.grad)

    x.cleargrad()
    y = F.sum(x, axis=0)
    y.backward()
    print("\nover axis 0:")
    print(y)
    print(x.grad)

    x = Variable(np.random.randn(2, 3, 4, 5))
    print("\nShapes of sums of x, which has the shape", x.shape)
    print("keepdims=True:", x.sum(keepdims=True).shape)
    print("axis=(1, 3):", x.sum(axis=(1, 3)).shape)
    print("axis=-1, keepdims=True:", x.sum(axis=-1, keepdims=True).shape)


if __name__ == "__main__":
    main()
