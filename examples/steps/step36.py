"""Step 36: what double backprop is good for.

A gradient can be a part of a formula that is differentiated itself. WGAN-GP's penalty on the size
of a gradient is of this kind, and MAML's training through a step of training. So is the product of
the Hessian with a vector: the slope of v · ∇f is that product, and the matrix itself, which for a
network would be far too large, is never made (TRPO).
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable


def main() -> None:
    """Differentiate through a gradient, then multiply a Hessian with a vector."""
    x = Variable(np.array(2.0))
    y = x**2
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    z = gx**3 + y
    z.backward()
    print("slope of (dy/dx)³ + y:", x.grad)

    x = Variable(np.array([1.0, 2.0]))
    v = Variable(np.array([4.0, 5.0]))
    F.sum(x**2).backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    F.matmul(v, gx).backward()
    print("Hessian of Σx² times (4, 5):", x.grad)


if __name__ == "__main__":
    main()
