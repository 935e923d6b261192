"""Relatives of relu, element by element: x where it is large, and about 0 where it is negative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from dezero_core import Variable
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._blocks import in_blocks
from dezero_nn.functions._normal import normal_cdf, normal_pdf
from dezero_nn.functions.activations import sigmoid

__all__ = ["elu", "gelu", "leaky_relu", "silu", "softplus"]

# --- with a kink -------------------------------------------------------------------------------


@primitive
def _leaky_relu(xp: Any, x: ArrayLike, *, slope: float) -> Any:
    # Not 0 * x, which is NaN where x is infinite.
    low = x * slope if slope else 0
    return xp.maximum(x, low) if slope <= 1 else xp.minimum(x, low)


# The result, not x: the next layer keeps it anyway, and it is positive where x is.
def _leaky_relu_vjp(xp: Any, gy: Any, y: Any, slope: float) -> Any:
    return in_blocks(xp, lambda xp, y, gy: xp.where(y > 0, gy, gy * slope), y, gy)


_leaky_relu.defvjp(_leaky_relu_vjp)


def leaky_relu(x: ArrayLike, slope: float = 0.2) -> Variable:
    r"""Rectified linear unit with a leak: :math:`y = x` where x is positive, elsewhere a x.

    Its derivative at 0 is `slope`.

    Args:
        x: Of any shape.
        slope: The factor a of negative elements, 0 or more.

    Returns:
        A Variable of the same shape.

    Raises:
        ValueError: `slope` is negative, or no finite number.

    Example:
        >>> import numpy as np
        >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
        variable([-0.2  0.   2. ])

    A. Maas, A. Hannun, A. Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    2013.
    """
    return _leaky_relu(x, slope=_check("leaky_relu", "slope", slope, slope >= 0))


@primitive
def _elu(xp: Any, x: ArrayLike, *, alpha: float) -> Any:
    return in_blocks(xp, lambda xp, x: xp.maximum(x, 0) + alpha * xp.expm1(xp.minimum(x, 0)), x)


def _elu_vjp(xp: Any, gy: Any, y: Any, alpha: float) -> Any:
    # Where x is negative, alpha * exp(x) = y + alpha.
    return gy * in_blocks(xp, lambda xp, y: xp.where(y > 0, 1.0, y + alpha), y)


_elu.defvjp(_elu_vjp)


def elu(x: ArrayLike, alpha: float = 1.0) -> Variable:
    r"""Exponential linear unit: :math:`y = x` where x is positive, elsewhere a (exp(x) - 1).

    Its derivative at 0 is `alpha`.

    Args:
        x: Of any shape.
        alpha: The factor a, positive: the result is never below -a.

    Returns:
        A Variable of the same shape.

    Raises:
        ValueError: `alpha` is not positive, or no finite number.

    Example:
        >>> import numpy as np
        >>> elu(np.array([-1000.0, 0.0, 2.0]))
        variable([-1.  0.  2.])

    D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and Accurate Deep Network Learning by
    Exponential Linear Units", 2015.
    """
    return _elu(x, alpha=_check("elu", "alpha", alpha, alpha > 0))


def _check(function: str, name: str, value: float, is_right: bool) -> float:
    if not is_right or math.isinf(value):
        limit = "0 or more" if name == "slope" else "positive"
        raise ValueError(f"{function}: {name} must be a finite number, {limit}; got {value}")
    return value


# --- smooth ------------------------------------------------------------------------------------


def _single(x: Any, loop: str) -> str | None:
    """Return the name of a loop, if it is for such x: in double precision NumPy is the faster."""
    return loop if getattr(x, "dtype", None) == np.float32 else None


def _gradient_by(slope: Callable[..., Any], loop: str) -> Callable[..., Any]:
    """Return the rule of a gradient: gy times a slope, or a compiled loop for both."""

    def gradient(xp: Any, gy: Any, x: Any) -> Any:
        return in_blocks(xp, lambda xp, gy, x: gy * slope(xp, x), gy, x, loop=_single(x, loop))

    return gradient


@primitive(autocast="single")
def _softplus(xp: Any, x: ArrayLike) -> Any:
    return in_blocks(xp, lambda xp, x: xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.absolute(x))), x)


_softplus.defvjp(lambda xp, gy, x: gy * sigmoid.on(xp, x))


def softplus(x: ArrayLike, beta: float = 1.0) -> Variable:
    r"""Smooth relu: :math:`y = \frac{1}{\beta} \log (1 + e^{\beta x})`.

    Its derivative is `sigmoid`. It neither overflows nor loses the digits of small results.

    Args:
        x: Of any shape.
        beta: How sharp the bend is, positive.

    Returns:
        A Variable of the same shape.

    Raises:
        ValueError: `beta` is not positive, or no finite number.

    Example:
        >>> import numpy as np
        >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
        variable([0.00000000e+00 6.93147181e-01 1.00000000e+03])

    C. Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing",
    2000.
    """
    if _check("softplus", "beta", beta, beta > 0) == 1:
        return _softplus(x)
    return _softplus(x * beta) / beta


# A rule of its own: composed, it would keep the sigmoid too, which is quickly made again.
@primitive
def silu(xp: Any, x: ArrayLike) -> Any:
    r"""Sigmoid-weighted linear unit, also called swish: :math:`y = x / (1 + e^{-x})`.

    Args:
        x: Of any shape.

    Returns:
        A Variable of the same shape.

    Example:
        >>> import numpy as np
        >>> silu(np.array([-1000.0, 0.0, 1.0]))
        variable([-0.          0.          0.73105858])

    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-Weighted Linear Units for Neural Network Function
    Approximation in Reinforcement Learning", 2017.
    """
    return in_blocks(xp, lambda xp, x: x * sigmoid.on(xp, x), x, loop=_single(x, "silu"))


def _slope_of_silu(xp: Any, x: Any) -> Any:
    y = sigmoid.on(xp, x)
    return y * (1 + x * (1 - y))


silu.defvjp(_gradient_by(_slope_of_silu, "silu_gradient"))


@primitive
def _gelu(xp: Any, x: Array) -> Any:
    return in_blocks(xp, lambda xp, x: x * normal_cdf.on(xp, x), x, loop=_single(x, "gelu"))


def _slope_of_gelu(xp: Any, x: Any) -> Any:
    return normal_cdf.on(xp, x) + x * normal_pdf.on(xp, x)


_gelu.defvjp(_gradient_by(_slope_of_gelu, "gelu_gradient"))

_ROOT = math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _ROOT
# Here the hyperbolic tangent is 1 in double precision, and the square of x does not overflow.
_FLAT = 10.0


@primitive
def _gelu_by_tanh(xp: Any, x: Array) -> Any:
    return in_blocks(xp, _gelu_formula, x, loop=_single(x, "gelu_by_tanh"))


def _gelu_formula(xp: Any, x: Any) -> Any:
    near = xp.clip(x, -_FLAT, _FLAT)
    return x * (0.5 + 0.5 * xp.tanh(near * (_ROOT + _CUBIC * (near * near))))


def _slope_of_gelu_formula(xp: Any, x: Any) -> Any:
    near = xp.clip(x, -_FLAT, _FLAT)
    square = near * near
    y = xp.tanh(near * (_ROOT + _CUBIC * square))
    return 0.5 * (1 + y) + near * ((1 - y * y) * (0.5 * _ROOT + 1.5 * _CUBIC * square))


_gelu_by_tanh.defvjp(_gradient_by(_slope_of_gelu_formula, "gelu_by_tanh_gradient"))


def gelu(x: ArrayLike, approximate: Literal["none", "tanh"] = "none") -> Variable:
    r"""Gaussian error linear unit: :math:`y = x \Phi(x)`.

    :math:`\Phi` is the probability that a standard normal number is less than x.

    Args:
        x: Of any shape.
        approximate: ``"none"`` for the exact value, in both tails too. ``"tanh"`` for
            :math:`\frac{x}{2} (1 + \tanh(\sqrt{2 / \pi} (x + 0.044715 x^3)))`, with which some
            models were trained, and which differs by up to 0.0005.

    Returns:
        A Variable of the same shape.

    Raises:
        ValueError: `approximate` is something else.

    Example:
        >>> import numpy as np
        >>> gelu(np.array([-1.0, 0.0, 1.0]))
        variable([-0.15865525  0.          0.84134475])
        >>> gelu(np.array([-1.0, 0.0, 1.0]), approximate="tanh")
        variable([-0.15880801  0.          0.84119199])

    D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return _gelu(x) if approximate == "none" else _gelu_by_tanh(x)
