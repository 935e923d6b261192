"""Step 29: a minimum by Newton's method, with a second derivative by hand.

Where gradient descent only knows the slope, Newton's method also knows how the slope changes: it
takes the function for a parabola and goes straight to the parabola's lowest point, to
x - f'(x) / f''(x). `backward` gives f'. For f'' somebody has to sit down and differentiate twice;
step 33 does without.
"""

from __future__ import annotations

import numpy as np

from dezero import Variable


def f(x: Variable) -> Variable:
    """Return x⁴ - 2x², with minima at 1 and -1."""
    return x**4 - 2 * x**2


def second_derivative(x: np.ndarray) -> np.ndarray:
    """Return what we found on paper for f."""
    return 12 * x**2 - 4


def main() -> None:
    """Go down from 2 in a few steps, and count how many gradient descent needs."""
    x = Variable(np.array(2.0))
    for i in range(10):
        print(i, x)
        x.cleargrad()
        f(x).backward()
        x.data = x.data - x.grad.data / second_derivative(x.data)

    x, steps = Variable(np.array(2.0)), 0
    while abs(x.data - 1.0) > 0.001:
        x.cleargrad()
        f(x).backward()
        x.data = x.data - 0.01 * x.grad.data
        steps += 1
    print(f"gradient descent with rate 0.01 is within 0.001 after {steps} steps")


if __name__ == "__main__":
    main()
