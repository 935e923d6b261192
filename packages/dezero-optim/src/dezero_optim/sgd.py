"""Gradient descent."""

from __future__ import annotations

from dezero_core import Parameter
from dezero_optim.optimizer import Optimizer, check_number

__all__ = ["SGD"]


class SGD(Optimizer):
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
        >>> class Model:
        ...     weight = Parameter(np.array(3.0))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = SGD(lr=0.5).setup(model)
        >>> (model.weight**2).backward()
        >>> optimizer.update()
        >>> model.weight
        variable(0.0)

    Deep Learning from Scratch 3, step 46.
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.lr = check_number("SGD: lr", lr)

    def update_one(self, param: Parameter) -> None:
        """Change one parameter (see `Optimizer.update_one`)."""
        assert param.grad is not None
        # A Python number, whatever it was: a float64 one of NumPy's would be computed with as such.
        param.data -= float(self.lr) * param.grad.data
