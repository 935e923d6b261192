"""Step 33: Newton's method without paper.

The same function and the same steps as in step 29, but f'' comes from differentiating f'. The
gradient has to be cleared in between: otherwise f'' would be added to f'.
"""

from __future__ import annotations

import numpy as np

from dezero import Variable


def f(x: Variable) -> Variable:
    """Return x⁴ - 2x², with minima at 1 and -1."""
    return x**4 - 2 * x**2


def main() -> None:
    """Go down from 2."""
    x = Variable(np.array(2.0))
    for i in range(10):
        print(i, x)
        x.cleargrad()
        f(x).backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        gx.backward()
        x.data = x.data - gx.data / x.grad.data


if __name__ == "__main__":
    main()
