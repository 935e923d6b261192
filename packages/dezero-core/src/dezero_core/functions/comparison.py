"""Comparisons and steps: functions without gradient.

They are constant almost everywhere. They have no rules, so their results are
constants, and no graph is kept for them.
"""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = [
    "ceil",
    "equal",
    "floor",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "not_equal",
    "round",
    "trunc",
]


# --- comparisons: truth values, without gradient -------------------------------------------------


@primitive
def equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where elements are equal: what ``x0 == x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.equal(np.array([1, 2]), 2)
        variable([False  True])
    """
    return x0 == x1


@primitive
def not_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where elements differ: what ``x0 != x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.not_equal(np.array([1, 2]), 2)
        variable([ True False])
    """
    return x0 != x1


@primitive
def less(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is smaller: what ``x0 < x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.less(np.array([1, 2]), 2)
        variable([ True False])
    """
    return x0 < x1


@primitive
def less_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is not larger: what ``x0 <= x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.less_equal(np.array([2, 3]), 2)
        variable([ True False])
    """
    return x0 <= x1


@primitive
def greater(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is larger: what ``x0 > x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.greater(np.array([2, 3]), 2)
        variable([False  True])
    """
    return x0 > x1


@primitive
def greater_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is not smaller: what ``x0 >= x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.greater_equal(np.array([1, 2]), 2)
        variable([False  True])
    """
    return x0 >= x1


@primitive
def isnan(xp: Any, x: ArrayLike) -> Any:
    """Tell where elements are NaN.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.isnan(np.array([1.0, np.nan]))
        variable([False  True])
    """
    return xp.isnan(x)


@primitive
def isinf(xp: Any, x: ArrayLike) -> Any:
    """Tell where elements are infinite, of either sign.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.isinf(np.array([1.0, -np.inf]))
        variable([False  True])
    """
    return xp.isinf(x)


@primitive
def isfinite(xp: Any, x: ArrayLike) -> Any:
    """Tell where elements are neither infinite nor NaN.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.isfinite(np.array([1.0, np.inf, np.nan]))
        variable([ True False False])
    """
    return xp.isfinite(x)


@primitive
def logical_and(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where both are true.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.logical_and(np.array([True, False]), True)
        variable([ True False])
    """
    return xp.logical_and(x0, x1)


@primitive
def logical_or(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where at least one is true.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.logical_or(np.array([True, False]), False)
        variable([ True False])
    """
    return xp.logical_or(x0, x1)


@primitive
def logical_not(xp: Any, x: ArrayLike) -> Any:
    """Tell where elements are false.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.logical_not(np.array([True, False]))
        variable([False  True])
    """
    return xp.logical_not(x)


# --- steps: rounding, without gradient ------------------------------------------------------------


@primitive
def floor(xp: Any, x: ArrayLike) -> Any:
    """Round down, without gradient.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.floor(np.array([1.7, -1.2]))
        variable([ 1. -2.])
    """
    return xp.floor(x)


@primitive
def ceil(xp: Any, x: ArrayLike) -> Any:
    """Round up, without gradient.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.ceil(np.array([1.7, -1.2]))
        variable([ 2. -1.])
    """
    return xp.ceil(x)


@primitive
def trunc(xp: Any, x: ArrayLike) -> Any:
    """Round towards 0, without gradient.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.trunc(np.array([1.7, -1.2]))
        variable([ 1. -1.])
    """
    return xp.trunc(x)


@primitive
def _round(xp: Any, x: ArrayLike, *, decimals: int) -> Any:
    return xp.around(x, decimals)


def round(x: ArrayLike, decimals: int = 0) -> Any:
    """Round to the nearest number of so many decimals, halves to even, without gradient.

    Args:
        x: A Variable, an array or a number.
        decimals: Digits to keep after the point; before it, if negative.

    Returns:
        The rounded numbers.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.round(np.array([1.25, 2.5]), 1)
        variable([1.2 2.5])
    """
    return _round(x, decimals=decimals)
