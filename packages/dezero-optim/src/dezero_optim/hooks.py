"""Hooks: what optimizers do with gradients before each update (book step 46).

Gradients are changed in place. A hook is added with `Optimizer.add_hook`; hooks run in the order
in which they were added.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, sqrt
from typing import Any

import numpy as np

from dezero_core import Parameter, get_array_module
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim._checks import check_number
from dezero_optim._elementwise import Blocks
from dezero_optim._shown import shown

__all__ = ["ClipGrad", "FreezeParam", "WeightDecay"]


class WeightDecay:
    r"""Adds :math:`\lambda \theta` to the gradient, as a loss of :math:`\lambda \theta^2 / 2` does.

    Args:
        rate: How strongly parameters are drawn to zero, :math:`\lambda`.
        where: Says of a parameter whether it decays; all do by default. Biases and the scales of
            normalization usually should not: ``where=lambda p: p.ndim > 1``.

    Raises:
        TypeError: `rate` is no number.
        ValueError: `rate` is negative or not finite.

    Example:
        >>> from dezero_optim import SGD
        >>> optimizer = SGD(lr=0.1)
        >>> optimizer.add_hook(WeightDecay(1e-4))

    A. Krogh, J. Hertz, "A Simple Weight Decay Can Improve Generalization", 1991; Deep Learning from
    Scratch 3, step 46.
    """

    def __init__(self, rate: float, where: Callable[[Parameter], bool] | None = None) -> None:
        self.rate = check_number("WeightDecay: rate", rate)
        self.where = where
        self._blocks = Blocks()

    def __repr__(self) -> str:
        return shown(self)

    def __call__(self, params: list[Parameter]) -> None:
        """Change the gradients of `params`."""
        rate = float(self.rate)
        for param in params:
            if param.grad is not None and (self.where is None or self.where(param)):
                grad, data = param.grad.data, param.data
                xp = get_array_module(data)
                for _, (g, p), (s,) in self._blocks.parts((grad, data), [grad.dtype]):
                    xp.multiply(p, rate, out=s)
                    g += s
                param.grad.data = grad


class ClipGrad:
    r"""Scales all gradients down together where their norm is too large.

    With :math:`n` the norm of all gradients as one vector, each is multiplied by
    :math:`\min(1,\; n_{max} / n)`.

    A norm that is not finite has no remedy here, and an update with it would spoil parameters and
    moments for good: on the host it is an error, raised before anything but gradients was changed.
    On a GPU the norm stays on the device, so that nothing waits for it.

    Args:
        max_norm: The largest norm to leave alone, :math:`n_{max}`.
        check: Whether to look for a norm that is not finite: None for on the host alone, where it
            costs nothing. On a GPU True waits for the device once in each update. Where nobody
            looks, nan spreads as it would without the hook.

    Raises:
        TypeError: `max_norm` is no number.
        ValueError: `max_norm` is negative or not finite.

    Example:
        >>> from dezero_optim import SGD
        >>> optimizer = SGD(lr=0.1)
        >>> optimizer.add_hook(ClipGrad(5.0))

    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """

    def __init__(self, max_norm: float, check: bool | None = None) -> None:
        self.max_norm = check_number("ClipGrad: max_norm", max_norm)
        self.check = check

    def __repr__(self) -> str:
        return shown(self)

    def __call__(self, params: list[Parameter]) -> None:
        """Change the gradients of `params`.

        Raises:
            FloatingPointError: Gradients are infinite or nan. They stay as they are.
        """
        arrays = [param.grad.data for param in params if param.grad is not None]
        if not arrays:
            return
        max_norm = float(self.max_norm)
        xp = get_array_module(*arrays)
        squares = [_square_sum(xp, array) for array in arrays]
        # Single numbers of the host are added in double precision.
        total = sum(map(float, squares)) if xp is np else sum(squares[1:], squares[0])
        is_checked = xp is np if self.check is None else self.check
        if xp is not np and not is_checked:
            norm = xp.sqrt(total)
            # nan is neither larger nor smaller, so it remains.
            rate: Any = xp.minimum(max_norm / norm, 1)
            rate = xp.where(norm == 0, xp.ones_like(norm), rate)
        else:
            norm = sqrt(float(total))
            if not isfinite(norm):
                norm = self._large_norm(xp, params, is_checked)
            if norm <= max_norm:
                return
            rate = max_norm / norm
        for param in params:
            if param.grad is not None:
                param.grad.data *= rate

    def _large_norm(self, xp: Any, params: list[Parameter], is_checked: bool) -> float:
        """Return a norm of which the squares are too large for single precision."""
        largest = 0.0
        strange = []
        for place, param in enumerate(params):
            if param.grad is not None and param.size:
                size = float(abs(param.grad.data).max())
                largest = max(largest, size)
                if not isfinite(size):
                    label = param.name or f"number {place}"
                    strange.append(f"{label} ({param.dtype}{list(param.shape)})")
        if strange and is_checked:
            raise FloatingPointError(
                "ClipGrad: gradients are infinite or nan, those of parameter "
                f"{', '.join(strange)}; nothing was updated. dezero_core.detect_anomaly() finds "
                "the operation that they come from"
            )
        scaled = [param.grad.data / largest for param in params if param.grad is not None]
        return largest * sqrt(sum(float(_square_sum(xp, array)) for array in scaled))


class FreezeParam:
    """Keeps parameters as they are, by removing their gradients.

    To save computing the gradients too, set ``requires_grad = False`` on the parameters instead.

    Args:
        *layers: Parameters, and layers or other things with ``params()``.

    Raises:
        TypeError: One is neither.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> from dezero_optim import SGD
        >>> bias = Parameter(np.zeros(3))
        >>> optimizer = SGD(lr=0.1)
        >>> optimizer.add_hook(FreezeParam(bias))

    Deep Learning from Scratch 3, step 46.
    """

    def __init__(self, *layers: Parameter | ParameterSource) -> None:
        self.params: list[Parameter] = []
        for layer in layers:
            if isinstance(layer, Parameter):
                self.params.append(layer)
            elif callable(getattr(layer, "params", None)):
                self.params += layer.params()
            else:
                raise TypeError(f"FreezeParam: wanted are parameters or layers, got {type(layer)}")

    def __repr__(self) -> str:
        return f"<FreezeParam: {len(self.params)} parameter(s)>"

    def __call__(self, params: list[Parameter]) -> None:
        """Remove the gradients of the frozen parameters."""
        for param in self.params:
            param.cleargrad()


def _square_sum(xp: Any, array: Array) -> Any:
    """Return the sum of squares, at least in single precision."""
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):  # where the sum is too large, the caller looks again
        return xp.dot(flat, flat)
