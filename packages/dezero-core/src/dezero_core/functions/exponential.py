"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = ["exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp"]

_LN2 = math.log(2)
_LN10 = math.log(10)


@primitive(autocast="single")
def exp(xp: Any, x: ArrayLike) -> Any:
    """Return e to the power of each element (book step 3).

    Args:
        x: A Variable, an array or a number.

    Returns:
        The exponentials.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.exp(np.array([0.0, 1.0]))
        variable([1.         2.71828183])
    """
    return xp.exp(x)


exp.defvjp(lambda xp, gy, y: gy * y)


@primitive(autocast="single")
def exp2(xp: Any, x: ArrayLike) -> Any:
    """Return 2 to the power of each element.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The powers of 2.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.exp2(np.array([3.0, -1.0]))
        variable([8.  0.5])
    """
    return xp.exp2(x)


exp2.defvjp(lambda xp, gy, y: gy * y * _LN2)


@primitive(autocast="single")
def expm1(xp: Any, x: ArrayLike) -> Any:
    """Return ``exp(x) - 1``, exact for small `x` too, where the subtraction would lose digits.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The exponentials less 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.expm1(np.array([0.0, 1e-10]))
        variable([0.e+00 1.e-10])
    """
    return xp.expm1(x)


# Not y + 1, which is exp(x) with all its digits lost where y is close to -1.
expm1.defvjp(lambda xp, gy, x: gy * xp.exp(x))


@primitive(autocast="single")
def log(xp: Any, x: ArrayLike) -> Any:
    """Return the natural logarithms.

    Args:
        x: A Variable, an array or a number, positive.

    Returns:
        The logarithms.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.log(np.array([1.0, np.e]))
        variable([0. 1.])
    """
    return xp.log(x)


log.defvjp(lambda xp, gy, x: gy / x)


@primitive(autocast="single")
def log2(xp: Any, x: ArrayLike) -> Any:
    """Return the logarithms to base 2.

    Args:
        x: A Variable, an array or a number, positive.

    Returns:
        The logarithms.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.log2(np.array([8.0, 0.5]))
        variable([ 3. -1.])
    """
    return xp.log2(x)


log2.defvjp(lambda xp, gy, x: gy / (x * _LN2))


@primitive(autocast="single")
def log10(xp: Any, x: ArrayLike) -> Any:
    """Return the logarithms to base 10.

    Args:
        x: A Variable, an array or a number, positive.

    Returns:
        The logarithms.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.log10(np.array([100.0, 0.1]))
        variable([ 2. -1.])
    """
    return xp.log10(x)


log10.defvjp(lambda xp, gy, x: gy / (x * _LN10))


@primitive(autocast="single")
def log1p(xp: Any, x: ArrayLike) -> Any:
    """Return ``log(1 + x)``, exact for small `x` too, where the sum would lose digits.

    Args:
        x: A Variable, an array or a number, above -1.

    Returns:
        The logarithms.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.log1p(np.array([0.0, 1e-10]))
        variable([0.e+00 1.e-10])
    """
    return xp.log1p(x)


log1p.defvjp(lambda xp, gy, x: gy / (x + 1))


@primitive(autocast="single")
def logaddexp(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""Add numbers that are given by their logarithms.

    :math:`y = \ln(e^{x_0} + e^{x_1})`, without overflow. Where both operands are minus infinity,
    logarithms of 0, both gradients are 0.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The logarithm of the sum, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.logaddexp(np.log([1.0, 2.0]), np.log(3.0))
        variable([1.38629436 1.60943791])
    """
    return xp.logaddexp(x0, x1)


def _share_of_sum(xp: Any, x: Any, y: Any) -> Any:
    # Infinity less infinity is NaN.
    return xp.exp(x - xp.where(y == -math.inf, 0, y))


logaddexp.defvjp(
    lambda xp, gy, x0, y: gy * _share_of_sum(xp, x0, y),
    lambda xp, gy, x1, y: gy * _share_of_sum(xp, x1, y),
)
