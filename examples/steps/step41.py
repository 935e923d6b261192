"""Step 41: the product of matrices.

With y = xW, the gradients are products again: gx = gy Wᵀ and gW = xᵀ gy. There is no need to
remember where the transposes go: only one order of the factors fits the shapes.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable
from dezero.utils import gradient_check


def main() -> None:
    """Multiply, look at the shapes of the gradients, and compare them with differences."""
    a, b = Variable(np.array([1, 2, 3])), Variable(np.array([4, 5, 6]))
    print("the inner product of two vectors:", F.matmul(a, b))
    print("the product of two matrices:")
    print(F.matmul(Variable(np.array([[1, 2], [3, 4]])), Variable(np.array([[5, 6], [7, 8]]))))

    np.random.seed(0)
    x, W = Variable(np.random.randn(2, 3)), Variable(np.random.randn(3, 4))
    y = F.matmul(x, W)
    y.backward()
    print(f"\n{x.shape} times {W.shape} is {y.shape}; the gradients' shapes:")
    print(x.grad.shape)
    print(W.grad.shape)

    # y.backward() started from ones, so the gradient for x is ones times W transposed.
    print("gx is the product of gy and W.T:", np.allclose(x.grad.data, np.ones((2, 4)) @ W.data.T))
    print("gW is that of x.T and gy:", np.allclose(W.grad.data, x.data.T @ np.ones((2, 4))))
    print("both agree with differences:", gradient_check(F.matmul, x.data, W.data))


if __name__ == "__main__":
    main()
