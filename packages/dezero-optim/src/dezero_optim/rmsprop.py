"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["RMSprop"]


class RMSprop(Elementwise):
    r"""RMSprop: steps measured by the usual size of recent gradients.

    With :math:`g` the gradient, :math:`v` and :math:`b` zero at first,

    .. math::
        v &\leftarrow \rho v + (1 - \rho)\, g^2 \\
        b &\leftarrow \mu b + \eta\, \frac{g}{\sqrt{v} + \epsilon} \\
        \theta &\leftarrow \theta - b

    Args:
        lr: The learning rate :math:`\eta`.
        rho: How long the mean square remembers, :math:`\rho`.
        eps: What keeps the step finite where gradients are zero, :math:`\epsilon`.
        momentum: How much of the last step is taken again, :math:`\mu`.
        centered: Measure by the spread of gradients instead: under the root, the square of their
            mean is taken off :math:`v`.

    Attributes:
        lr: As given, and so are `rho`, `eps` and `momentum`; set them whenever you like. Without
            momentum at first, :math:`b` is not kept: give a number above 0 to the constructor if
            you mean to use it later.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite, or `rho` or `momentum` is not less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = RMSprop(lr=0.5, rho=0.75).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  2. -99.])

    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning, 2012.
    Centered: A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {
        "lr": inf,
        "rho": 1.0,
        "eps": inf,
        "momentum": 1.0,
    }

    def __init__(
        self,
        lr: float = 0.01,
        rho: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__()
        self.lr = lr
        self.rho = rho
        self.eps = eps
        self.momentum = momentum
        self.centered = centered
        self._check_hyperparameters()
        self._state_names = ("v", *["mean"] * centered, *["b"] * (momentum > 0))

    def _numbers_for(self, settings: Any) -> Numbers:
        if settings.momentum > 0 and "b" not in self._state_names:
            raise ValueError(
                "RMSprop: there is no momentum to be had later without any at first; "
                "use RMSprop(momentum=...) with a number above 0"
            )
        return tuple(map(float, (settings.lr, settings.rho, settings.eps, settings.momentum)))

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        lr, rho, eps, momentum = numbers
        v, *others = state
        (s,) = work
        xp.multiply(g, g, out=s)
        s *= 1 - rho
        v *= rho
        v += s
        if self.centered:
            mean = others[0]
            xp.multiply(g, 1 - rho, out=s)
            mean *= rho
            mean += s
            xp.multiply(mean, mean, out=s)
            xp.subtract(v, s, out=s)
            # Rounding may leave less than nothing of a variance near 0.
            xp.maximum(s, 0, out=s)
            xp.sqrt(s, out=s)
        else:
            xp.sqrt(v, out=s)
        s += eps
        xp.divide(g, s, out=s)
        s *= lr
        if "b" in self._state_names:
            b = others[-1]
            b *= momentum
            b += s
            p -= b
        else:
            p -= s
