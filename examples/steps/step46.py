"""Step 46: optimizers update the parameters.

How parameters follow from gradients is a matter of its own: an Optimizer is set up with a model,
and `update()` changes all of its parameters. Another method is another name on one line. Hooks see
the gradients first: they shrink them, add a decay, or hold some parameters still.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import optimizers
from dezero.models import MLP

# The methods with the steps they are given. SGD and its number are the book's.
METHODS = (
    (optimizers.SGD(0.2), 10_000),
    (optimizers.MomentumSGD(0.2), 3000),
    (optimizers.AdaGrad(0.1), 3000),
    (optimizers.AdaDelta(), 10_000),
    (optimizers.Adam(0.02), 3000),
)


def main() -> None:
    """Train the same network with each method, then with hooks."""
    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)

    print("the loss of the same network (the noise alone is 1/12 = 0.083):")
    for optimizer, steps in METHODS:
        np.random.seed(1)
        model = MLP((10, 1))
        optimizer.setup(model)
        for _ in range(steps):
            loss = F.mean_squared_error(y, model(x))
            model.cleargrads()
            loss.backward()
            optimizer.update()
        print(f"{type(optimizer).__name__}, {steps} steps: {float(loss):.4f}")

    print("\nOne step of SGD with hooks:")
    model = MLP((10, 1))
    optimizer = optimizers.SGD(1.0).setup(model)  # `setup` returns the optimizer
    model(x)  # the first input makes the weights
    optimizer.add_hook(optimizers.WeightDecay(1e-2))
    optimizer.add_hook(optimizers.ClipGrad(1e-3))
    optimizer.add_hook(optimizers.FreezeParam(model.l0))
    before = {path: parameter.data.copy() for path, parameter in model.namedparams()}
    F.mean_squared_error(y, model(x)).backward()
    optimizer.update()
    moved = {path: parameter.data - before[path] for path, parameter in model.namedparams()}
    first = np.concatenate([moved["l0/W"].ravel(), moved["l0/b"].ravel()])
    second = np.concatenate([moved["l1/W"].ravel(), moved["l1/b"].ravel()])
    print(f"the first layer is frozen and moved by {np.linalg.norm(first):.4f}")
    print(f"all gradients are clipped to a length of 0.001: {np.linalg.norm(second):.4f}")


if __name__ == "__main__":
    main()
