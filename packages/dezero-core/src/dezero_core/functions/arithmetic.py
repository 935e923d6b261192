"""Sums, products and quotients, element by element.

The forward functions use Python's operators where they can: on NumPy's scalars, which is what
small programs compute with, they are several times faster than the functions of the same names.
"""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = [
    "abs",
    "absolute",
    "add",
    "divide",
    "floor_divide",
    "multiply",
    "negative",
    "positive",
    "remainder",
    "sign",
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
