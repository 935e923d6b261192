"""The core and optimizers minimize a function: no network in sight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dezero_core import Parameter, Variable
from dezero_optim import LBFGS, Adam


class Rosenbrock:
    """Anything with `params` can be optimized."""

    def __init__(self) -> None:
        self.x = Parameter(np.array([0.0, 2.0]))

    def params(self) -> Iterator[Parameter]:
        yield self.x

    def loss(self) -> Variable:
        x0, x1 = self.x
        return 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2


problem = Rosenbrock()
adam = Adam(alpha=0.1).setup(problem)
for _ in range(1000):
    loss = problem.loss()
    problem.x.cleargrad()
    loss.backward()
    adam.update()
assert float(problem.loss()) < 0.01  # from 401

problem = Rosenbrock()
lbfgs = LBFGS().setup(problem)
for _ in range(40):
    lbfgs.update(problem.loss)
assert np.allclose(problem.x.data, 1.0, atol=1e-6)
