"""AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar

from dezero_core.typing import Array
from dezero_optim._elementwise import Numbers, Work
from dezero_optim.adam import Adam

__all__ = ["AdamW"]


class AdamW(Adam):
    r"""Adam with weight decay apart from the gradient, which the moments would measure it by.

    Before each step of `Adam`, with :math:`\lambda` the weight decay,

    .. math::
        \theta \leftarrow (1 - \alpha \lambda)\, \theta

    Weight decay that Adam sees is the hook `WeightDecay`. Biases and the scales of normalization
    usually are better off without: give them a group, with ``weight_decay=0``.

    Args:
        lr: The learning rate :math:`\alpha`.
        beta1: As of `Adam`.
        beta2: As of `Adam`.
        eps: As of `Adam`.
        weight_decay: How much of a parameter decays, times the learning rate, :math:`\lambda`.

    Attributes:
        lr: As given, and so are the others; set them whenever you like.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite, or a beta is not less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = AdamW(lr=0.1, weight_decay=0.5).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  2.75000001 -94.9       ])

    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {**Adam.hyperparameters, "weight_decay": inf}
    _kernel = "adamw"
    _rate_place = 3

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        # Set first, for Adam's constructor checks all.
        self.weight_decay = weight_decay
        super().__init__(lr, beta1, beta2, eps)

    def _numbers_for(self, settings: Any) -> Numbers:
        keep = 1 - float(settings.lr) * float(settings.weight_decay)
        return keep, *super()._numbers_for(settings)

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        keep, *of_adam = numbers
        if keep != 1:
            p *= keep
        super()._step(xp, tuple(of_adam), p, g, work, *state)
