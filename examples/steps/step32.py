"""Step 32: backward that can be differentiated.

Every gradient is a Variable, and every `backward` method computes with Variables. With
`create_graph=True` that computation is recorded; without it, recording is off while it runs, as
under `no_grad()`, and costs nothing.
"""

from __future__ import annotations

import numpy as np

from dezero import Config, Function, Variable


class Square(Function):
    """y = x²; says whether it is recorded while it goes back."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x**2

    def backward(self, gy: Variable) -> Variable:
        print("  in backward, recording is", "on" if Config.enable_backprop else "off")
        (x,) = self.inputs
        return 2 * x * gy


def f(x: Variable) -> Variable:
    """Return x⁴ - 2x²."""
    return x**4 - 2 * x**2


def main() -> None:
    """Show what is recorded, and differentiate x⁴ - 2x² at 2 twice."""
    for create_graph in (False, True):
        x = Variable(np.array(3.0))
        print(f"create_graph={create_graph}")
        Square()(x).backward(create_graph=create_graph)
        print("  the gradient has a creator:", x.grad.creator is not None)

    x = Variable(np.array(2.0))
    f(x).backward(create_graph=True)
    gx = x.grad
    print("first derivative:", gx)
    gx.backward()
    print("second derivative, added to the first:", x.grad)

    x.cleargrad()
    f(x).backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    gx.backward()
    print("second derivative:", x.grad)


if __name__ == "__main__":
    main()
