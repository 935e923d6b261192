"""Gradient descent."""

from __future__ import annotations

from dezero_core import Parameter, get_array_module
from dezero_optim._work_space import WorkSpace
from dezero_optim.optimizer import Optimizer, check_number

__all__ = ["SGD"]

# Below so many elements new memory costs less than a look for the work space.
_SMALL = 4096


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
        self._work = WorkSpace()
        self.lr = check_number("SGD: lr", lr)

    def update_one(self, param: Parameter) -> None:
        """Change one parameter (see `Optimizer.update_one`)."""
        grad = param.grad
        assert grad is not None
        # A Python number, whatever it was: a float64 one of NumPy's would be computed with as such.
        lr = float(self.lr)
        data = param.data
        if data.size < _SMALL:
            data -= lr * grad.data
        else:
            xp = get_array_module(data)
            for p, g, s in self._work.blocks(data.dtype, data, grad.data):
                xp.multiply(g, lr, out=s)
                p -= s
        param.data = data
