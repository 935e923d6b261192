"""Newton's method."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

import numpy as np

from dezero_core import Parameter, Variable, get_array_module
from dezero_core.gradients import gradients_of
from dezero_core.typing import Array
from dezero_optim._named import Problems, number_in
from dezero_optim._whole import Closure, WholeOptimizer, gradients, join, put

__all__ = ["Newton"]

# A Hessian of so many rows, in double precision, takes 134 MB.
_MOST = 4096


class Newton(WholeOptimizer):
    r"""Newton's method: straight to where the loss would be flat, were it quadratic.

    With :math:`g` the gradient of all parameters as one vector, and :math:`H` the Hessian,

    .. math::
        \theta \leftarrow \theta - \eta\, (H + \lambda I)^{-1} g

    For few parameters: it goes back through the gradient once for each of them. Near a minimum it
    doubles the number of right digits at each step. Far from one it may go anywhere, uphill too;
    then damping makes it more like gradient descent, or `LBFGS` is the better choice.

    For parts of the method see `dezero_core.hessian`, `dezero_core.hvp`.

    Args:
        lr: How much of the step to take, :math:`\eta`.
        damping: What is added to the Hessian's diagonal, :math:`\lambda`.

    Attributes:
        lr: As given, and so is `damping`; set them whenever you like.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Problem:
        ...     x = Parameter(np.array(2.0))
        ...
        ...     def params(self):
        ...         yield self.x
        ...
        ...     def loss(self):
        ...         return self.x**4 - 2 * self.x**2
        >>> problem = Problem()
        >>> optimizer = Newton().setup(problem)
        >>> for _ in range(3):
        ...     loss = optimizer.update(problem.loss)
        ...     print(problem.x)
        variable(1.4545454545454546)
        variable(1.1510467893775467)
        variable(1.0253259289766978)

    Deep Learning from Scratch 3, steps 29 and 33.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf, "damping": inf}

    def __init__(self, lr: float = 1.0, damping: float = 0.0) -> None:
        super().__init__()
        self.lr = lr
        self.damping = damping
        self._check()

    def update(self, closure: Closure) -> float:
        """Go one step.

        Args:
            closure: Computes the loss, a Variable, with the parameters as they are. It is called
                once. It need call neither ``backward()`` nor ``cleargrads()``; the parameters'
                `grad` stays as it is.

        Returns:
            The loss before the step.

        Raises:
            RuntimeError: `setup` was not called.
            TypeError: The closure returns no Variable of one element.
            ValueError: There are too many parameters for a Hessian.
            FloatingPointError: The loss is infinite or nan, or the Hessian is singular: damping
                helps. The parameters are as they were.
        """
        params, loss, value = self._begin(closure)
        if not params:
            return value
        n = sum(param.size for param in params)
        if n > _MOST:
            raise ValueError(
                f"Newton.update: {n} parameters have a Hessian of {n} x {n} numbers, too many; "
                f"{_MOST} is the most. LBFGS is for more"
            )
        g, h = _derivatives(loss, params)
        xp = get_array_module(g)
        h += float(self.damping) * xp.eye(n, dtype=h.dtype)
        try:
            step = xp.linalg.solve(h, g)
        except np.linalg.LinAlgError:
            step = xp.full_like(g, np.nan)  # as a device has it
        if not bool(xp.isfinite(step).all()):
            raise FloatingPointError(
                "Newton.update: the Hessian is singular or not finite, so there is no step; "
                "nothing was changed. Try damping, a number above 0"
            )
        put(join([param.data for param in params], params) - float(self.lr) * step, params)
        self.t += 1
        return value

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here: the numbers ``t``, ``lr``, ``damping``."""
        return {"t": self.t, "lr": self.lr, "damping": self.damping}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Args:
            state: Numbers by name.

        Raises:
            ValueError: Something is missing, unexpected, or no number. The message lists all of
                it, and nothing was changed.
        """
        problems = Problems("Newton")
        problems.keys(state, ("t", "lr", "damping"))
        t = number_in(state, "t", problems, whole=True)
        lr, damping = (number_in(state, key, problems) for key in ("lr", "damping"))
        problems.raise_if_any()
        self.t, self.lr, self.damping = t, lr, damping


def _derivatives(loss: Variable, params: list[Parameter]) -> tuple[Array, Array]:
    """Return the gradient, a vector, and the Hessian, a matrix."""
    first = gradients(loss, params, create_graph=True)
    rows = []
    for param, gradient in zip(params, first, strict=True):
        xp = get_array_module(param)
        for unit in xp.eye(param.size, dtype=param.dtype):
            seeds = [] if gradient is None else [(gradient, unit.reshape(param.shape))]
            second = gradients_of(seeds, list(params))
            rows.append(join([None if g is None else g.data for g in second], params))
    g = join([None if gradient is None else gradient.data for gradient in first], params)
    return g, get_array_module(g).stack(rows)
