"""Powers and roots, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = ["cbrt", "power", "reciprocal", "sqrt", "square"]


@primitive(autocast="single")
def power(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""Raise to a power, element by element: what ``x0 ** x1`` computes.

    .. math:: \frac{\partial y}{\partial x_0} = x_1 x_0^{x_1 - 1}, \quad
        \frac{\partial y}{\partial x_1} = y \ln x_0

    With :math:`0^0 = 1` and derivatives to match: :math:`x^0` is constant, :math:`x^1` has slope 1,
    at 0 as well. A base of 0 gives the exponent no gradient; to a negative base the exponent has no
    real derivative, and gets NaN.

    Args:
        x0: The base: a Variable, an array or a number.
        x1: The exponent: another, of a shape that broadcasts with it. A number is the fast case.

    Returns:
        The powers, of the broadcast shape.

    Raises:
        ValueError: Integers are raised to negative integers: make the base floating-point.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.power(np.array([1.0, 2.0, 3.0]), 2)
        variable([1. 4. 9.])
    """
    product = _PRODUCTS.get(x1) if x1.__class__ in _NUMBERS else None
    # For a 0-d operand there is nothing to be gained, and integers would change their dtype.
    if product is not None and getattr(x0, "ndim", 0) > 0 and x0.dtype.kind == "f":
        return product(x0)
    return x0**x1


# Libraries are quick at x ** 2, x ** 0.5 and x ** -1 only. Other powers go through logarithms, and
# take some hundred times as long as a few products.
_NUMBERS = (int, float)
_PRODUCTS: dict[float, Callable[[Any], Any]] = {
    3: lambda x: x * x * x,
    4: lambda x: (x * x) ** 2,
    -2: lambda x: 1 / (x * x),
    1.5: lambda x: x * x**0.5,
    -0.5: lambda x: 1 / x**0.5,
    -1.5: lambda x: 1 / (x * x**0.5),
}


def _power_base_rule(xp: Any, gy: Any, x0: Any, x1: Any) -> Any:
    if isinstance(x1, (int, float)):
        # A number is as good as part of the operation: this is no branch on data.
        if x1 == 2:
            return gy * x0 * 2
        if x1 == 1:
            return gy
        if x1 == 0:
            return xp.zeros_like(gy)
        return gy * x1 * power.on(xp, x0, x1 - 1)
    # Where the exponent is 0 the slope is 0, but 0 ** -1 is infinite and 0 * infinity is NaN.
    # Integers have no negative powers, whatever the base.
    is_trouble = x1 == 0
    if x1.dtype.kind == "f":
        is_trouble = is_trouble * (x0 == 0)
    return gy * x1 * x0 ** (x1 + is_trouble - 1)


def _power_exponent_rule(xp: Any, gy: Any, x0: Any, y: Any) -> Any:
    if isinstance(x0, (int, float)):
        # NumPy's logarithm of a number would be a float64, and draw the gradient's dtype after it.
        if x0 == 0:
            return xp.zeros_like(gy)
        return gy * y * (math.log(x0) if x0 > 0 else math.nan)
    # log(1) where the base is 0: there 0 ** x1 is 0 for all exponents but 0.
    return gy * y * xp.log(x0 + (x0 == 0))


power.defvjp(_power_base_rule, _power_exponent_rule)


@primitive(autocast="single")
def square(xp: Any, x: ArrayLike) -> Any:
    """Square, element by element (book step 3).

    Args:
        x: A Variable, an array or a number.

    Returns:
        The squares.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.square(np.array([1.0, -2.0]))
        variable([1. 4.])
    """
    return x * x


square.defvjp(lambda xp, gy, x: gy * x * 2)


@primitive
def sqrt(xp: Any, x: ArrayLike) -> Any:
    """Return the square roots.

    The slope at 0 is infinite: NumPy warns of the division when the gradient is computed there.

    Args:
        x: A Variable, an array or a number; nothing negative, whose root is NaN.

    Returns:
        The roots that are not negative.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sqrt(np.array([4.0, 9.0]))
        variable([2. 3.])
    """
    return xp.sqrt(x)


sqrt.defvjp(lambda xp, gy, y: gy / (y + y))


@primitive
def cbrt(xp: Any, x: ArrayLike) -> Any:
    """Return the cube roots, of negative numbers too. The slope at 0 is infinite.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The real roots.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.cbrt(np.array([8.0, -27.0]))
        variable([ 2. -3.])
    """
    return xp.cbrt(x)


cbrt.defvjp(lambda xp, gy, y: gy / (y * y * 3))


@primitive(autocast="single")
def reciprocal(xp: Any, x: ArrayLike) -> Any:
    """Return one divided by each element.

    Args:
        x: A Variable, an array or a number. Of integers NumPy takes the integer part.

    Returns:
        The reciprocals, in the dtype of `x`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.reciprocal(np.array([2.0, -4.0]))
        variable([ 0.5  -0.25])
    """
    return xp.reciprocal(x)


reciprocal.defvjp(lambda xp, gy, y: -gy * y * y)
