"""Adam."""

from __future__ import annotations

from math import sqrt

import numpy as np

from dezero_core import Parameter, get_array_module
from dezero_core.typing import Array
from dezero_optim._work_space import WorkSpace
from dezero_optim.optimizer import Optimizer, check_number

__all__ = ["Adam"]


class Adam(Optimizer):
    r"""Adam: steps along the mean gradient, measured by its usual size.

    With :math:`g` the gradient and :math:`t` the number of the update,

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \theta &\leftarrow \theta - \alpha \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
            \frac{m}{\sqrt{v} + \epsilon}

    The moments of parameters in half precision are kept in single precision.

    Args:
        alpha: The step size :math:`\alpha`.
        beta1: How long the mean gradient :math:`m` remembers.
        beta2: How long the mean square :math:`v` remembers.
        eps: What keeps the step finite where gradients are zero, :math:`\epsilon`. It is added
            before the bias of :math:`v` is corrected, as in the book and in the paper's section 2;
            PyTorch adds it afterwards.

    Attributes:
        alpha: As given, and so are `beta1`, `beta2` and `eps`.

    Raises:
        TypeError: An argument is no number.
        ValueError: One is negative or not finite, or a beta is not less than 1.

    Example:
        >>> import numpy as np
        >>> class Model:
        ...     weight = Parameter(np.array([3.0, -100.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = Adam(alpha=0.1).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  2.90000001 -99.9       ])

    D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2015; Deep Learning from
    Scratch 3, step 46.
    """

    def __init__(
        self, alpha: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        super().__init__()
        self.alpha = check_number("Adam: alpha", alpha)
        self.beta1 = check_number("Adam: beta1", beta1, below=1)
        self.beta2 = check_number("Adam: beta2", beta2, below=1)
        self.eps = check_number("Adam: eps", eps)
        self._work = WorkSpace()

    @property
    def lr(self) -> float:
        """The step size of this update, with both moments' bias corrected."""
        t = max(self.t, 1)
        beta1, beta2 = float(self.beta1), float(self.beta2)
        return float(self.alpha) * sqrt(1 - beta2**t) / float(1 - beta1**t)

    def new_state(self, param: Parameter) -> dict[str, Array]:
        """Make the moments, zeros (see `Optimizer.new_state`)."""
        xp = get_array_module(param)
        dtype = np.promote_types(param.dtype, np.float32)
        return {"m": xp.zeros(param.shape, dtype), "v": xp.zeros(param.shape, dtype)}

    def update_one(self, param: Parameter) -> None:
        """Change one parameter (see `Optimizer.update_one`)."""
        assert param.grad is not None
        state = self.state_of(param)
        data = param.data
        xp = get_array_module(data)
        # Python's numbers: those of NumPy would decide the dtype.
        lr, eps = self.lr, float(self.eps)
        new1, new2 = 1 - float(self.beta1), 1 - float(self.beta2)
        for p, g, m, v, s in self._work.blocks(
            state["m"].dtype, data, param.grad.data, state["m"], state["v"]
        ):
            xp.subtract(g, m, out=s)
            s *= new1
            m += s
            xp.multiply(g, g, out=s)
            s -= v
            s *= new2
            v += s
            xp.sqrt(v, out=s)
            s += eps
            xp.divide(m, s, out=s)
            s *= lr
            p -= s
        param.data = data
