"""AdaDelta."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["AdaDelta"]


class AdaDelta(Elementwise):
    r"""AdaDelta: steps in the parameter's own unit, with no learning rate to tune.

    With :math:`g` the gradient, :math:`u` and :math:`w` zero at first,

    .. math::
        u &\leftarrow \rho u + (1 - \rho)\, g^2 \\
        d &= \sqrt{\frac{w + \epsilon}{u + \epsilon}}\; g \\
        w &\leftarrow \rho w + (1 - \rho)\, d^2 \\
        \theta &\leftarrow \theta - \eta\, d

    Args:
        rho: How long the mean squares remember, :math:`\rho`.
        eps: What the first steps grow from, :math:`\epsilon`.
        lr: A factor of each step, :math:`\eta`. The paper has none; schedules turn it.

    Attributes:
        lr: As given, and so are `rho` and `eps`; set them whenever you like.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite, or `rho` is not less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = AdaDelta(rho=0.75, eps=1.0).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  1.1026334  -98.00009999])

    M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012; Deep Learning from Scratch 3,
    step 46.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf, "rho": 1.0, "eps": inf}
    _state_names = ("mean_g2", "mean_step2")
    _n_work = 2

    def __init__(self, rho: float = 0.95, eps: float = 1e-6, lr: float = 1.0) -> None:
        super().__init__()
        self.rho = rho
        self.eps = eps
        self.lr = lr
        self._check_hyperparameters()

    def _numbers_for(self, settings: Any) -> Numbers:
        return float(settings.lr), float(settings.rho), float(settings.eps)

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        lr, rho, eps = numbers
        mean_g2, mean_step2 = state
        d, s = work
        xp.multiply(g, g, out=s)
        s *= 1 - rho
        mean_g2 *= rho
        mean_g2 += s
        xp.add(mean_step2, eps, out=d)
        d /= xp.add(mean_g2, eps, out=s)
        xp.sqrt(d, out=d)
        d *= g
        xp.multiply(d, d, out=s)
        s *= 1 - rho
        mean_step2 *= rho
        mean_step2 += s
        d *= lr
        p -= d
