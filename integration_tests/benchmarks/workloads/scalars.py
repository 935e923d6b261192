"""Scalars: what an operation costs when there is nothing to compute."""

from __future__ import annotations

from typing import Any

from harness.workload import Call, Comparison

__all__ = ["HigherDerivatives", "Rosenbrock"]


class Rosenbrock(Comparison):
    """100 (x1 - x0²)² + (x0 - 1)² and its gradient, float64 (book step 28)."""

    name = "rosenbrock"
    title = "Rosenbrock, value and gradient"
    reach = 0.3

    def ours(self) -> Call:
        import numpy as np

        from dezero_core import Variable

        x0, x1 = Variable(np.array(0.5)), Variable(np.array(2.0))

        def call() -> tuple[object, ...]:
            x0.cleargrad()
            x1.cleargrad()
            y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
            y.backward()
            return y, x0.grad, x1.grad

        return call

    def torch(self) -> Call:
        import torch

        x0 = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        x1 = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

        def call() -> tuple[object, ...]:
            x0.grad = None
            x1.grad = None
            y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
            y.backward()
            return y, x0.grad, x1.grad

        return call

    def released(self) -> Call:
        import numpy as np

        from dezero import Variable

        x0: Any = Variable(np.array(0.5))
        x1: Any = Variable(np.array(2.0))

        def call() -> tuple[object, ...]:
            x0.cleargrad()
            x1.cleargrad()
            y = 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2
            y.backward()
            return y.data, x0.grad.data, x1.grad.data

        return call


class HigherDerivatives(Comparison):
    """tanh and its first five derivatives at 1, one through the other's graph (book step 35)."""

    name = "tanh5"
    title = "tanh to its 5th derivative"
    reach = 0.5

    def ours(self) -> Call:
        import numpy as np

        from dezero_core import Variable
        from dezero_core import functions as F

        x = Variable(np.array(1.0))

        def call() -> tuple[object, ...]:
            y: Any = F.tanh(x)
            for _ in range(5):
                x.cleargrad()
                y.backward(create_graph=True)
                y = x.grad
            return (y,)

        return call

    def torch(self) -> Call:
        import torch

        x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

        def call() -> tuple[object, ...]:
            y = torch.tanh(x)
            for _ in range(5):
                (y,) = torch.autograd.grad(y, x, create_graph=True)
            return (y,)

        return call

    def released(self) -> Call:
        import numpy as np

        import dezero.functions as F
        from dezero import Variable

        x = Variable(np.array(1.0))

        def call() -> tuple[object, ...]:
            y: Any = F.tanh(x)  # type: ignore[attr-defined, unused-ignore]
            for _ in range(5):
                x.cleargrad()
                y.backward(create_graph=True)
                y = x.grad
            return (y.data,)

        return call
