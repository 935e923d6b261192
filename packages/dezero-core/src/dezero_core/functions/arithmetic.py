"""Sums, products, quotients, powers and roots, element by element.

The forward functions use Python's operators where they can: on NumPy's scalars, which is what
small programs compute with, they are several times faster than the functions of the same names.
"""

from __future__ import annotations

import math
from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = [
    "abs",
    "absolute",
    "add",
    "cbrt",
    "divide",
    "floor_divide",
    "multiply",
    "negative",
    "positive",
    "power",
    "reciprocal",
    "remainder",
    "sign",
    "sqrt",
    "square",
    "subtract",
]


@primitive
def add(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Add, element by element: what ``x0 + x1`` computes.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The sum, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.add(np.array([1.0, 2.0]), 3.0)
        variable([4. 5.])
    """
    return x0 + x1


add.defvjp(lambda xp, gy: gy, lambda xp, gy: gy)


@primitive
def subtract(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Subtract, element by element: what ``x0 - x1`` computes.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The difference, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.subtract(2.0, np.array([1.0, 2.0]))
        variable([1. 0.])
    """
    return x0 - x1


subtract.defvjp(lambda xp, gy: gy, lambda xp, gy: -gy)


@primitive
def multiply(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Multiply, element by element: what ``x0 * x1`` computes.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The product, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.multiply(np.array([1.0, 2.0]), 3.0)
        variable([3. 6.])
    """
    return x0 * x1


multiply.defvjp(lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: gy * x0)


@primitive
def divide(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Divide, element by element: what ``x0 / x1`` computes.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The quotient, of the broadcast shape; floating-point numbers for integers too.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.divide(np.array([1.0, 2.0]), 4.0)
        variable([0.25 0.5 ])
    """
    return x0 / x1


# The square of x1 would overflow, or vanish, long before the quotient does.
divide.defvjp(lambda xp, gy, x1: gy / x1, lambda xp, gy, x1, y: -gy * y / x1)


@primitive
def floor_divide(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Divide and round down: what ``x0 // x1`` computes. A step function, without gradient.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The largest integers that are not above the quotient, in the operands' dtype.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.floor_divide(np.array([7.0, -7.0]), 2.0)
        variable([ 3. -4.])
    """
    return x0 // x1


@primitive
def remainder(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""What is left by `floor_divide`: what ``x0 % x1`` computes.

    :math:`y = x_0 - \lfloor x_0 / x_1 \rfloor x_1`. The gradient takes the floor as constant: it
    is right everywhere but at the jumps.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The remainder, with the sign of `x1`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.remainder(np.array([7.0, -7.0]), 4.0)
        variable([3. 1.])
    """
    return x0 % x1


remainder.defvjp(lambda xp, gy: gy, lambda xp, gy, x0, x1: -gy * (x0 // x1))


@primitive
def negative(xp: Any, x: ArrayLike) -> Any:
    """Change the sign: what ``-x`` computes.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The opposite numbers.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.negative(np.array([1.0, -2.0]))
        variable([-1.  2.])
    """
    return -x


negative.defvjp(lambda xp, gy: -gy)


@primitive
def positive(xp: Any, x: ArrayLike) -> Any:
    """Return the same numbers: what ``+x`` computes.

    Args:
        x: A Variable, an array or a number.

    Returns:
        A copy.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.positive(np.array([1.0, -2.0]))
        variable([ 1. -2.])
    """
    return +x


positive.defvjp(lambda xp, gy: gy)


@primitive
def absolute(xp: Any, x: ArrayLike) -> Any:
    """Return the absolute values: what ``abs(x)`` computes.

    The gradient at 0 is 0, in the middle between those on either side.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The distances from 0.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.absolute(np.array([1.0, -2.0]))
        variable([1. 2.])
    """
    return xp.absolute(x)


absolute.defvjp(lambda xp, gy, x: gy * xp.sign(x))

#: The name that is more common in programs; NumPy has both.
abs = absolute


@primitive
def sign(xp: Any, x: ArrayLike) -> Any:
    """Return 1, 0 or -1, after the sign. A step function, without gradient.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The signs, in the dtype of `x`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sign(np.array([3.0, 0.0, -2.0]))
        variable([ 1.  0. -1.])
    """
    return xp.sign(x)


@primitive
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
    return x0**x1


def _power_base_rule(xp: Any, gy: Any, x0: Any, x1: Any) -> Any:
    if isinstance(x1, (int, float)):
        # A number is as good as part of the operation: this is no branch on data.
        if x1 == 2:
            return gy * x0 * 2
        if x1 == 1:
            return gy
        if x1 == 0:
            return xp.zeros_like(gy)
        return gy * x1 * x0 ** (x1 - 1)
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


@primitive
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


@primitive
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
