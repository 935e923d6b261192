"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = ["arccosh", "arcsinh", "arctanh", "cosh", "sinh", "tanh"]


@primitive(autocast="single")
def sinh(xp: Any, x: ArrayLike) -> Any:
    """Return the hyperbolic sines.

    Args:
        x: A Variable, an array or a number.

    Returns:
        ``(exp(x) - exp(-x)) / 2``.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sinh(np.array([0.0, 1.0]))
        variable([0.         1.17520119])
    """
    return xp.sinh(x)


sinh.defvjp(lambda xp, gy, x: gy * xp.cosh(x))


@primitive(autocast="single")
def cosh(xp: Any, x: ArrayLike) -> Any:
    """Return the hyperbolic cosines.

    Args:
        x: A Variable, an array or a number.

    Returns:
        ``(exp(x) + exp(-x)) / 2``.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.cosh(np.array([0.0, 1.0]))
        variable([1.         1.54308063])
    """
    return xp.cosh(x)


cosh.defvjp(lambda xp, gy, x: gy * xp.sinh(x))


@primitive
def tanh(xp: Any, x: ArrayLike) -> Any:
    """Return the hyperbolic tangents (book step 35).

    Args:
        x: A Variable, an array or a number.

    Returns:
        ``sinh(x) / cosh(x)``, between -1 and 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.tanh(np.array([0.0, 1.0]))
        variable([0.         0.76159416])
    """
    return xp.tanh(x)


@primitive
def _slope_of_tanh(xp: Any, tanh_x: ArrayLike) -> Any:
    return 1 - tanh_x * tanh_x


# One operation, where a square and a difference are two: graphs of higher derivatives of tanh,
# which repeat it over and over, have 80 nodes for the fifth instead of 128.
_slope_of_tanh.defvjp(lambda xp, gy, tanh_x: gy * (-2 * tanh_x))

tanh.defvjp(lambda xp, gy, y: gy * _slope_of_tanh.on(xp, y))


@primitive
def arcsinh(xp: Any, x: ArrayLike) -> Any:
    """Return the numbers that have these hyperbolic sines.

    Args:
        x: A Variable, an array or a number.

    Returns:
        The inverse hyperbolic sines.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arcsinh(np.array([0.0, 1.0]))
        variable([0.         0.88137359])
    """
    return xp.arcsinh(x)


arcsinh.defvjp(lambda xp, gy, x: gy / xp.sqrt(1 + x * x))


@primitive
def arccosh(xp: Any, x: ArrayLike) -> Any:
    """Return the numbers that have these hyperbolic cosines. The slope at 1 is infinite.

    Args:
        x: A Variable, an array or a number, from 1 on.

    Returns:
        The inverse hyperbolic cosines that are not negative.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arccosh(np.array([1.0, 2.0]))
        variable([0.        1.3169579])
    """
    return xp.arccosh(x)


# Products of differences keep digits that differences of squares lose.
arccosh.defvjp(lambda xp, gy, x: gy / xp.sqrt((x - 1) * (x + 1)))


@primitive
def arctanh(xp: Any, x: ArrayLike) -> Any:
    """Return the numbers that have these hyperbolic tangents. Infinite at -1 and 1.

    Args:
        x: A Variable, an array or a number, between -1 and 1.

    Returns:
        The inverse hyperbolic tangents.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arctanh(np.array([0.0, 0.5]))
        variable([0.         0.54930614])
    """
    return xp.arctanh(x)


arctanh.defvjp(lambda xp, gy, x: gy / ((1 - x) * (1 + x)))
