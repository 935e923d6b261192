"""Step 24: functions with long formulas.

Functions that methods of optimization are tried on. The last has dozens of operations; nobody would
like to differentiate it by hand. We write down the formula, and that is all.
"""

from __future__ import annotations

import numpy as np

from dezero import Variable


def sphere(x: Variable, y: Variable) -> Variable:
    """Return the squared distance from the origin."""
    return x**2 + y**2


def matyas(x: Variable, y: Variable) -> Variable:
    """Return Matyas' function: a long, nearly flat valley."""
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


def goldstein_price(x: Variable, y: Variable) -> Variable:
    """Return the function of Goldstein and Price: several minima, and values up to a million."""
    s, d = x + y + 1, 2 * x - 3 * y
    left = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    right = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return (1 + s**2 * left) * (30 + d**2 * right)


def main() -> None:
    """Differentiate each of them at (1, 1)."""
    for function in (sphere, matyas, goldstein_price):
        x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
        function(x, y).backward()
        print(f"{function.__name__}: {x.grad.data} {y.grad.data}")


if __name__ == "__main__":
    main()
