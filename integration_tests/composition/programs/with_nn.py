"""The core and networks: a step of gradient descent needs no optimizer (book step 44)."""

from __future__ import annotations

import numpy as np

from dezero_nn import MLP, mean_squared_error

np.random.seed(0)
x = np.random.rand(100, 1)
y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
model = MLP((10, 1))
losses = []
for _ in range(2000):
    loss = mean_squared_error(model(x), y)
    model.cleargrads()
    loss.backward()
    for parameter in model.params():
        parameter.data -= 0.2 * parameter.grad.data
    losses.append(float(loss))

assert losses[0] > 0.5
assert losses[-1] < 0.25
assert [path for path, _ in model.namedparams()] == ["l0/W", "l0/b", "l1/W", "l1/b"]
