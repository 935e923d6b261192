"""Adam."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, sqrt
from typing import Any, ClassVar

from dezero_core.backend import backend_of
from dezero_core.typing import Array
from dezero_optim._elementwise import Elementwise, Numbers, Work

__all__ = ["Adam"]


class Adam(Elementwise):
    r"""Adam: steps along the mean gradient, measured by its usual size.

    With :math:`g` the gradient and :math:`t` the number of the update,

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \theta &\leftarrow \theta - \alpha \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
            \frac{m}{\sqrt{v} + \epsilon}

    The state holds :math:`m / (1 - \beta_1)` and :math:`v / (1 - \beta_2)`, weighted sums where the
    moments are weighted means: that saves two of twelve passes over memory. It is kept in single
    precision at least.

    Args:
        alpha: The learning rate :math:`\alpha`.
        beta1: How long the mean gradient :math:`m` remembers.
        beta2: How long the mean square :math:`v` remembers.
        eps: What keeps the step finite where gradients are zero, :math:`\epsilon`. It is added
            before the bias of :math:`v` is corrected, as in the book and in the paper's section 2;
            PyTorch adds it afterwards.

    Attributes:
        lr: The learning rate, `alpha`; set it whenever you like, and so `beta1`, `beta2`, `eps`.

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
        >>> optimizer = Adam(alpha=0.1).setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([  2.90000001 -99.9       ])

    D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2015; Deep Learning from
    Scratch 3, step 46.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {
        "lr": inf,
        "beta1": 1.0,
        "beta2": 1.0,
        "eps": inf,
    }
    _state_names = ("sum_g", "sum_g2")
    _kernel = "adam"
    _rate_place = 2

    def __init__(
        self, alpha: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        super().__init__()
        self.lr = alpha
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self._check_hyperparameters()

    @property
    def alpha(self) -> float:
        """The learning rate under the book's name: another name for `lr`."""
        return self.lr

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        self.lr = alpha

    def _numbers_for(self, settings: Any) -> Numbers:
        lr, beta1, beta2 = float(settings.lr), float(settings.beta1), float(settings.beta2)
        # sqrt(v) + eps is this times sqrt(sum_g2) + eps / this.
        root = sqrt(1 - beta2)
        rate = lr * _bias(sqrt, beta1, beta2, self._t) * (1 - beta1) / root
        return beta1, beta2, rate, float(settings.eps) / root

    def _rate_factor(self, xp: Any, settings: Any, skipped: Array) -> Array:
        betas = float(settings.beta1), float(settings.beta2)
        before = _bias(sqrt, *betas, self._t)
        kernel = backend_of(skipped).kernels.get("gradients.adam_factor")
        factor = NotImplemented
        if kernel is not None:
            factor = kernel(xp, skipped, self._t, *betas, before)
        if factor is NotImplemented:
            factor = _bias(xp.sqrt, *betas, self._t - skipped) / before
        return factor

    def _step(
        self, xp: Any, numbers: Numbers, p: Array, g: Array, work: Work, *state: Array
    ) -> None:
        beta1, beta2, rate, eps = numbers
        sum_g, sum_g2 = state
        (s,) = work
        sum_g *= beta1
        sum_g += g
        sum_g2 *= beta2
        sum_g2 += xp.multiply(g, g, out=s)
        xp.sqrt(sum_g2, out=s)
        s += eps
        xp.divide(sum_g, s, out=s)
        s *= rate
        p -= s


def _bias(sqrt: Any, beta1: float, beta2: float, t: Any) -> Any:
    """Return what the means of t gradients, the first and the second, lack in size."""
    return sqrt(1 - beta2**t) / (1 - beta1**t)
