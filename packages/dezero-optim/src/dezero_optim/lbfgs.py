"""L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from dezero_core import Parameter, as_numpy, get_array_module
from dezero_core.devices import beside
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim._checks import check_count
from dezero_optim._line_search import Point, strong_wolfe
from dezero_optim._named import Problems, number_in
from dezero_optim._whole import Closure, WholeOptimizer, gradients, join, put

__all__ = ["LBFGS"]

_Self = TypeVar("_Self", bound="LBFGS")


class LBFGS(WholeOptimizer):
    r"""L-BFGS: Newton's method with a Hessian guessed from the last few steps.

    With :math:`g` the gradient of all parameters as one vector, each update goes along
    :math:`-H g`, as far as a line search finds good (strong Wolfe conditions). :math:`H` is what
    the last steps :math:`s_i` and changes of the gradient :math:`y_i` tell of the Hessian's
    inverse; it is never formed.

    For a loss without noise: the whole data set, no dropout. An update costs a few evaluations of
    the loss and its gradient, and about :math:`4 n` numbers times `history` of memory and time.
    On a GPU it waits for the device at each evaluation.

    Args:
        lr: The step to try first. 1 is right for nearly all problems.
        history: How many steps to remember.
        max_evaluations: How often an update may ask for the loss, at most, besides the first time.

    Attributes:
        lr: As given; set it whenever you like.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is out of range.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Rosenbrock:
        ...     x = Parameter(np.array([0.0, 2.0]))
        ...
        ...     def params(self):
        ...         yield self.x
        ...
        ...     def loss(self):
        ...         return 100 * (self.x[1] - self.x[0] ** 2) ** 2 + (self.x[0] - 1) ** 2
        >>> problem = Rosenbrock()
        >>> optimizer = LBFGS().setup(problem)
        >>> for _ in range(40):
        ...     loss = optimizer.update(problem.loss)
        >>> problem.x
        variable([1. 1.])

    D. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
    """

    def __init__(self, lr: float = 1.0, history: int = 10, max_evaluations: int = 25) -> None:
        super().__init__()
        self.lr = lr
        self.history = check_count("LBFGS: history", history)
        self.max_evaluations = check_count("LBFGS: max_evaluations", max_evaluations)
        self._check()
        # Pairs of a step and the change of the gradient along it, the oldest first.
        self._pairs: list[tuple[Array, Array]] = []

    def setup(self: _Self, target: ParameterSource) -> _Self:
        """Choose whose parameters to change, and begin anew (see `Optimizer.setup`)."""
        self._pairs = []
        return super().setup(target)

    def update(self, closure: Closure) -> float:
        """Go one step, towards where the loss is lower.

        Args:
            closure: Computes the loss, a Variable, with the parameters as they are. It is called
                several times. It need call neither ``backward()`` nor ``cleargrads()``; the
                parameters' `grad` stays as it is.

        Returns:
            The loss before the step.

        Raises:
            RuntimeError: `setup` was not called.
            TypeError: The closure returns no Variable of one element.
            FloatingPointError: The loss, or its gradient, is infinite or nan where the update
                begins. As with any error, the parameters are as they were.
        """
        params, loss, value = self._begin(closure)
        if not params:
            return value
        gradient = _gradient(loss, params)
        del loss  # its graph
        xp = get_array_module(gradient)
        size = float(abs(gradient).sum())
        if not np.isfinite(size):
            raise FloatingPointError(f"LBFGS.update: the gradient is {size}; nothing was changed")
        self.t += 1
        if size == 0:
            return value
        self._pairs = [(beside(s, gradient), beside(y, gradient)) for s, y in self._pairs]
        direction = self._direction(gradient)
        slope = float(xp.dot(direction, gradient))
        if not slope < 0:
            # What the last steps told is wrong here.
            self._pairs = []
            direction, slope = -gradient, -float(xp.dot(gradient, gradient))
        step = float(self.lr) * (1.0 if self._pairs else min(1.0, 1 / size))
        start = join([param.data for param in params], params)

        def evaluate(step: float) -> Point:
            put(start + step * direction, params)
            loss = self._loss(closure)
            gradient = _gradient(loss, params)
            return Point(step, float(loss), float(xp.dot(direction, gradient)), gradient)

        try:
            found = strong_wolfe(
                evaluate, Point(0.0, value, slope, gradient), step, self.max_evaluations
            )
        except BaseException:
            put(start, params)
            raise
        put(start + found.step * direction, params)
        s, y = found.step * direction, found.gradient - gradient
        if found.step == 0:
            self._pairs = []
        elif float(xp.dot(s, y)) > 1e-10 * float(xp.dot(y, y)):
            self._pairs = [*self._pairs, (s, y)][-self.history :]
        return value

    def _direction(self, gradient: Array) -> Array:
        """Return the gradient times the guessed inverse of the Hessian, downhill."""
        dot = get_array_module(gradient).dot
        d = -gradient
        kept = []
        for s, y in reversed(self._pairs):
            rho = 1 / dot(s, y)
            a = rho * dot(s, d)
            d = d - a * y
            kept.append((s, y, rho, a))
        if self._pairs:
            s, y = self._pairs[-1]
            d = d * (dot(s, y) / dot(y, y))
        for s, y, rho, a in reversed(kept):
            d = d + (a - rho * dot(y, d)) * s
        return d

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, apart from the parameters themselves.

        Returns:
            The numbers ``"t"`` and ``"lr"``, and NumPy arrays ``"steps"`` and ``"changes"``, a row
            for each step that is remembered.
        """
        steps, changes = (
            np.stack([as_numpy(pair[i]) for pair in self._pairs])
            if self._pairs
            else np.empty((0, 0))
            for i in (0, 1)
        )
        return {"t": self.t, "lr": self.lr, "steps": steps, "changes": changes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Args:
            state: Numbers and arrays by name.

        Raises:
            ValueError: Something is missing, unexpected, or does not fit. The message lists all of
                it, and nothing was changed.
        """
        problems = Problems("LBFGS")
        problems.keys(state, ("t", "lr", "steps", "changes"))
        t = number_in(state, "t", problems, whole=True)
        lr = number_in(state, "lr", problems)
        rows = [np.array(as_numpy(state.get(key, 0))) for key in ("steps", "changes")]
        if any(a.ndim != 2 or a.dtype.kind != "f" or a.shape != rows[0].shape for a in rows):
            problems.lines.append("steps and changes: wanted are two arrays of one shape, of rows")
        elif self.target is not None and len(rows[0]):
            n = sum(p.size for p in self.target.params() if p.requires_grad and p.data is not None)
            if rows[0].shape[1] != n:
                problems.lines.append(
                    f"steps and changes: {rows[0].shape[1]} numbers each, wanted {n}"
                )
        problems.raise_if_any()
        self.t, self.lr = t, lr
        self._pairs = list(zip(*rows, strict=True))[-self.history :]


def _gradient(loss: Any, params: list[Parameter]) -> Array:
    found = gradients(loss, params)
    return join([None if g is None else g.data for g in found], params)
