"""Step 44: a Layer collects its parameters.

What is a Parameter and is set as an attribute of a Layer, the layer finds again: nobody has to list
them. A Linear layer makes its weights when it sees its first input, so that only the size of its
output has to be said.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
import dezero.layers as L
from dezero import Layer, Parameter, Variable

LEARNING_RATE = 0.2
STEPS = 10_000


def main() -> None:
    """Look at a layer, then train two."""
    layer = Layer()
    layer.p1 = Parameter(np.array(1))
    layer.p2 = Parameter(np.array(2))
    layer.p3 = Variable(np.array(3))
    layer.p4 = "text"
    print("parameters of the layer:", [int(parameter) for parameter in layer.params()])
    product = layer.p1 * layer.p2
    print("the product of two Parameters is a", type(product).__name__)

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
    l1, l2 = L.Linear(10), L.Linear(1)
    print("\nthe weights before the first input:", l1.W.data)

    for step in range(1, STEPS + 1):
        loss = F.mean_squared_error(y, l2(F.sigmoid(l1(x))))
        if step == 1:
            print("the weights' shapes after it:", l1.W.shape, l2.W.shape)
        l1.cleargrads()
        l2.cleargrads()
        loss.backward()
        for layer in (l1, l2):
            for parameter in layer.params():
                parameter.data -= LEARNING_RATE * parameter.grad.data
        if step == 1 or step % 2000 == 0:
            print(f"step {step}: loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
