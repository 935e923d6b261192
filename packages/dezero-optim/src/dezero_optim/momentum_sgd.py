"""Gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["MomentumSGD"]


class MomentumSGD(Elementwise):
    r"""Gradient descent with momentum: each step continues the last.

    With :math:`g` the gradient and :math:`v` the last step, zero at first,

    .. math::
        v &\leftarrow \mu v - \eta g \\
        \theta &\leftarrow \theta + v

    Nesterov's variant looks ahead: :math:`\theta \leftarrow \theta + \mu v - \eta g`, with the new
    :math:`v`.

    Args:
        lr: The learning rate :math:`\eta`.
        momentum: How much of the last step is taken again, :math:`\mu`.
        nesterov: Whether to look ahead.

    Attributes:
        lr: As given, and so are `momentum` and `nesterov`; set them whenever you like. The
            learning rate is part of :math:`v`: a new one shows in full only after some steps.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite, or `momentum` is not less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = MomentumSGD(lr=0.25).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  1.5 -50. ])

    B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; I.
    Sutskever and others, "On the importance of initialization and momentum in deep learning",
    2013; Deep Learning from Scratch 3, step 46.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf, "momentum": 1.0}
    _state_names = ("v",)

    def __init__(self, lr: float = 0.01, momentum: float = 0.9, nesterov: bool = False) -> None:
        super().__init__()
        self.lr = lr
        self.momentum = momentum
        self.nesterov = nesterov
        self._check_hyperparameters()

    @property
    def _kernel(self) -> str:  # type: ignore[override]
        return "nesterov" if self.nesterov else "momentum_sgd"

    def _numbers_for(self, settings: Any) -> Numbers:
        return float(settings.lr), float(settings.momentum)

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        lr, momentum = numbers
        (v,) = state
        (s,) = work
        xp.multiply(g, lr, out=s)
        v *= momentum
        v -= s
        if self.nesterov:
            p -= s
            p += xp.multiply(v, momentum, out=s)
        else:
            p += v
