"""Step 47: softmax and cross entropy, for telling classes apart.

A network gives each class a score. Softmax makes probabilities of them: positive, and 1 together.
The loss is the negative logarithm of the probability of the class that is right, on average. Its
gradient needs one element of each row, which is why slices have gradients first.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable, as_variable
from dezero.models import MLP


def softmax1d(x: np.ndarray | Variable) -> Variable:
    """Softmax of a single example, as its formula says. `F.softmax` also takes large scores."""
    y = F.exp(as_variable(x))
    return y / F.sum(y)


def main() -> None:
    """Cut slices, make probabilities, compute the loss."""
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
    y = F.get_item(x, 1)
    y.backward()
    print("row 1, and its gradient:")
    print(y)
    print(x.grad)

    x.cleargrad()
    rows = F.get_item(x, np.array([0, 0, 1]))
    rows.backward()
    print("\nrows 0, 0 and 1: what is taken twice has twice the gradient")
    print(rows)
    print(x.grad)
    print("x[1] and x[:, 2]:", x[1], x[:, 2])

    np.random.seed(0)  # the book's figures come from this seed
    model = MLP((10, 3))
    y = model(np.array([[0.2, -0.4]]))
    print("\nscores, probabilities, their sum:")
    print(y)
    print(softmax1d(y))
    print(float(F.sum(F.softmax(y))))

    x = np.array([[0.2, -0.4], [0.3, 0.5], [1.3, -3.2], [2.1, 0.3]])
    t = np.array([2, 0, 1, 0])
    y = model(x)
    print("\nthe probabilities of four rows, and their loss, as one function and composed:")
    print(F.softmax(y))
    print(F.softmax_cross_entropy(y, t))
    print(F.softmax_cross_entropy_simple(y, t))

    large = np.array([[1000.0, 0.0, -1000.0]])
    print(
        "\nwith scores of a thousand:",
        F.softmax(large),
        F.softmax_cross_entropy(large, np.array([1])),
    )


if __name__ == "__main__":
    main()
