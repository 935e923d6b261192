"""Step 40: broadcasting, and the sum that undoes it.

NumPy repeats the smaller of two arrays until the shapes agree. An element that was repeated is used
several times, so its gradient is a sum over the copies. `broadcast_to` and `sum_to` are each
other's way back, and arithmetic with different shapes comes by itself.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable


def main() -> None:
    """Repeat, sum up, and add what has different shapes."""
    x = Variable(np.array([1, 2, 3]))
    y = F.broadcast_to(x, (2, 3))
    y.backward()
    print("broadcast_to (2, 3), and the gradient: each element is used twice")
    print(y)
    print(x.grad)

    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    for shape in ((1, 3), (2, 1)):
        x.cleargrad()
        y = F.sum_to(x, shape)
        y.backward()
        print(f"\nsum_to {shape}, and the gradient")
        print(y)
        print(x.grad)

    x0, x1 = Variable(np.array([1, 2, 3])), Variable(np.array([10]))
    y = x0 + x1
    y.backward()
    print("\nx0 + x1 for the shapes (3,) and (1,), and the two gradients")
    print(y)
    print(x0.grad)
    print(x1.grad)


if __name__ == "__main__":
    main()
