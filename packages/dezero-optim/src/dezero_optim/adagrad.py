"""AdaGrad."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["AdaGrad"]


class AdaGrad(Elementwise):
    r"""AdaGrad: each element has its own step size, which shrinks with the gradients it has seen.

    With :math:`g` the gradient and :math:`h` zero at first,

    .. math::
        h &\leftarrow h + g^2 \\
        \theta &\leftarrow \theta - \eta\, \frac{g}{\sqrt{h} + \epsilon}

    Args:
        lr: The learning rate :math:`\eta`.
        eps: What keeps the step finite where all gradients were zero, :math:`\epsilon`.

    Attributes:
        lr: As given, and so is `eps`; set them whenever you like.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = AdaGrad(lr=0.5).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  2.5 -99.5])

    J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", 2011; Deep Learning from Scratch 3, step 46.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf, "eps": inf}
    _state_names = ("h",)

    def __init__(self, lr: float = 0.001, eps: float = 1e-8) -> None:
        super().__init__()
        self.lr = lr
        self.eps = eps
        self._check_hyperparameters()

    def _numbers_for(self, settings: Any) -> Numbers:
        return float(settings.lr), float(settings.eps)

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        lr, eps = numbers
        (h,) = state
        (s,) = work
        h += xp.multiply(g, g, out=s)
        xp.sqrt(h, out=s)
        s += eps
        xp.divide(g, s, out=s)
        s *= lr
        p -= s
