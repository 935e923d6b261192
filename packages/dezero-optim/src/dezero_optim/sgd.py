"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.constants import constant
from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["SGD"]


class SGD(Elementwise):
    r"""Stochastic gradient descent: :math:`\theta \leftarrow \theta - \eta\, g`.

    Args:
        lr: The learning rate :math:`\eta`.

    Attributes:
        lr: As given; set it whenever you like.

    Raises:
        TypeError: `lr` is no number.
        ValueError: It is negative, infinite or nan.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = SGD(lr=0.5).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([0. 0.])

    Deep Learning from Scratch 3, step 46.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf}
    _kernel = "sgd"

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.lr = lr
        self._check_hyperparameters()

    def _numbers_for(self, settings: Any) -> Numbers:
        return (float(settings.lr),)

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        (lr,) = numbers
        (s,) = work
        xp.multiply(g, constant(xp, lr, s.dtype), out=s)
        p -= s
