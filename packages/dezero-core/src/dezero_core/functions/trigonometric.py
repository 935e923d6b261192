"""Trigonometric functions and their inverses. Angles are in radians."""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = ["arccos", "arcsin", "arctan", "arctan2", "cos", "sin", "tan"]


@primitive
def sin(xp: Any, x: ArrayLike) -> Any:
    """Return the sines (book step 27).

    Args:
        x: Angles: a Variable, an array or a number.

    Returns:
        The sines.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.sin(np.array([0.0, np.pi / 2]))
        variable([0. 1.])
    """
    return xp.sin(x)


sin.defvjp(lambda xp, gy, x: gy * xp.cos(x))


@primitive
def cos(xp: Any, x: ArrayLike) -> Any:
    """Return the cosines (book step 34).

    Args:
        x: Angles: a Variable, an array or a number.

    Returns:
        The cosines.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.cos(np.array([0.0, np.pi]))
        variable([ 1. -1.])
    """
    return xp.cos(x)


cos.defvjp(lambda xp, gy, x: gy * -xp.sin(x))


@primitive(autocast="single")
def tan(xp: Any, x: ArrayLike) -> Any:
    """Return the tangents.

    Args:
        x: Angles: a Variable, an array or a number.

    Returns:
        The tangents.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.tan(np.array([0.0, 1.0]))
        variable([0.         1.55740772])
    """
    return xp.tan(x)


tan.defvjp(lambda xp, gy, y: gy * (1 + y * y))


@primitive(autocast="single")
def arcsin(xp: Any, x: ArrayLike) -> Any:
    """Return the angles that have these sines. The slope at -1 and 1 is infinite.

    Args:
        x: A Variable, an array or a number, from -1 to 1.

    Returns:
        Angles from -pi/2 to pi/2.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arcsin(np.array([0.0, 1.0]))
        variable([0.         1.57079633])
    """
    return xp.arcsin(x)


# (1 - x) * (1 + x) keeps the digits that 1 - x * x loses close to 1, where they matter.
arcsin.defvjp(lambda xp, gy, x: gy / xp.sqrt((1 - x) * (1 + x)))


@primitive(autocast="single")
def arccos(xp: Any, x: ArrayLike) -> Any:
    """Return the angles that have these cosines. The slope at -1 and 1 is infinite.

    Args:
        x: A Variable, an array or a number, from -1 to 1.

    Returns:
        Angles from 0 to pi.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arccos(np.array([1.0, 0.0]))
        variable([0.         1.57079633])
    """
    return xp.arccos(x)


arccos.defvjp(lambda xp, gy, x: -gy / xp.sqrt((1 - x) * (1 + x)))


@primitive
def arctan(xp: Any, x: ArrayLike) -> Any:
    """Return the angles that have these tangents.

    Args:
        x: A Variable, an array or a number.

    Returns:
        Angles from -pi/2 to pi/2.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arctan(np.array([0.0, 1.0]))
        variable([0.         0.78539816])
    """
    return xp.arctan(x)


arctan.defvjp(lambda xp, gy, x: gy / (1 + x * x))


@primitive
def arctan2(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Return the angle of the point with abscissa `x1` and ordinate `x0`.

    At the origin there is no angle, and the gradient is NaN.

    Args:
        x0: Ordinates: a Variable, an array or a number.
        x1: Abscissas, of a shape that broadcasts with that of `x0`.

    Returns:
        Angles from -pi to pi, counted from the positive axis of `x1`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.arctan2(np.array([1.0, 0.0]), np.array([1.0, -1.0]))
        variable([0.78539816 3.14159265])
    """
    return xp.arctan2(x0, x1)


def _arctan2_rule(
    xp: Any, gy: Any, needs: tuple[bool, bool], x0: Any, x1: Any
) -> tuple[Any | None, Any | None]:
    g = gy / (x0 * x0 + x1 * x1)
    return g * x1 if needs[0] else None, g * -x0 if needs[1] else None


arctan2.defvjp_joint(_arctan2_rule)
