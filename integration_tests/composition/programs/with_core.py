"""The core alone: gradient descent on Rosenbrock's function (book step 28)."""

from __future__ import annotations

import numpy as np

from dezero_core import Variable

x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))
gradients = []
for _ in range(999):
    y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
    x0.cleargrad()
    x1.cleargrad()
    y.backward()
    gradients.append((float(x0.grad), float(x1.grad)))
    x0.data -= 0.001 * x0.grad.data
    x1.data -= 0.001 * x1.grad.data

assert gradients[0] == (-2.0, 400.0)
assert np.allclose([float(x0), float(x1)], [0.68349178, 0.4656506])
