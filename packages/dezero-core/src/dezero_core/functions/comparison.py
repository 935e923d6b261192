"""Comparisons, choices and steps: minimum, maximum, clip, where, and what has no gradient.

Comparisons and steps are constant almost everywhere. They have no rules, so their results are
constants, and no graph is kept for them.
"""

from __future__ import annotations

from typing import Any

from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike

__all__ = [
    "ceil",
    "clip",
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
    "maximum",
    "minimum",
    "not_equal",
    "round",
    "trunc",
    "where",
]


# --- choices: gradients go where the values came from ------------------------------------------


@primitive
def maximum(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Return the larger of two elements. Where they are equal each gets half of the gradient.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The larger elements, of the broadcast shape. NaN where either is NaN.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.maximum(np.array([-1.0, 2.0]), 0.0)
        variable([0. 2.])
    """
    return xp.maximum(x0, x1)


maximum.defvjp(
    lambda xp, gy, x0, x1: xp.where(x0 == x1, gy * 0.5, gy * (x0 > x1)),
    lambda xp, gy, x0, x1: xp.where(x0 == x1, gy * 0.5, gy * (x0 < x1)),
)


@primitive
def minimum(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Return the smaller of two elements. Where they are equal each gets half of the gradient.

    Args:
        x0: A Variable, an array or a number.
        x1: Another, of a shape that broadcasts with it.

    Returns:
        The smaller elements, of the broadcast shape. NaN where either is NaN.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.minimum(np.array([-1.0, 2.0]), 0.0)
        variable([-1.  0.])
    """
    return xp.minimum(x0, x1)


minimum.defvjp(
    lambda xp, gy, x0, x1: xp.where(x0 == x1, gy * 0.5, gy * (x0 < x1)),
    lambda xp, gy, x0, x1: xp.where(x0 == x1, gy * 0.5, gy * (x0 > x1)),
)


@primitive
def where(xp: Any, condition: ArrayLike, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Choose from two arrays, element by element.

    The gradient goes to the chosen element alone, and the other gets 0. But what *led* to the
    other is still differentiated: 0 times an infinite slope is NaN. So choose before computing,
    ``log(where(x > 0, x, 1))``, not after, ``where(x > 0, log(x), 0)``.

    Args:
        condition: Truth values: a Variable or an array. No gradient flows to it.
        x0: What to take where the condition holds.
        x1: What to take elsewhere. All three broadcast.

    Returns:
        The chosen elements, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
        variable([1. 0.])
    """
    return xp.where(condition, x0, x1)


# Not gy * condition: an infinite gradient of the chosen side would be NaN on the other.
where.defvjp(
    None,
    lambda xp, gy, condition: xp.where(condition, gy, 0),
    lambda xp, gy, condition: xp.where(condition, 0, gy),
)


@primitive
def _clip(xp: Any, x: ArrayLike, x_min: ArrayLike | None, x_max: ArrayLike | None) -> Any:
    # Upper bound last, as NumPy has it where the bounds cross.
    if x_min is not None:
        x = xp.maximum(x, x_min)
    return +x if x_max is None else xp.minimum(x, x_max)


def _clip_rule(xp: Any, gy: Any, x: Any, x_min: Any, x_max: Any) -> Any:
    if x_min is not None:
        gy = xp.where(x >= x_min, gy, 0)
    return gy if x_max is None else xp.where(x <= x_max, gy, 0)


def _clip_min_rule(xp: Any, gy: Any, x: Any, x_min: Any, x_max: Any) -> Any:
    gy = xp.where(x < x_min, gy, 0)
    return gy if x_max is None else xp.where(x_min <= x_max, gy, 0)


def _clip_max_rule(xp: Any, gy: Any, x: Any, x_min: Any, x_max: Any) -> Any:
    return xp.where((x if x_min is None else xp.maximum(x, x_min)) > x_max, gy, 0)


_clip.defvjp(_clip_rule, _clip_min_rule, _clip_max_rule)


def clip(x: ArrayLike, x_min: ArrayLike | None = None, x_max: ArrayLike | None = None) -> Any:
    """Limit elements to an interval (book step 47).

    Elements inside, bounds included, get the gradient; where a bound took their place, it does.

    Args:
        x: A Variable, an array or a number.
        x_min: The lower bound, or None. Broadcasts with `x`.
        x_max: The upper bound, or None. It holds where the two cross.

    Returns:
        The limited elements, of the broadcast shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.clip(np.array([-1.0, 0.5, 2.0]), 0.0, 1.0)
        variable([0.  0.5 1. ])
    """
    return _clip(x, x_min, x_max)


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
    return xp.equal(x0, x1)


@primitive
def not_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where elements differ: what ``x0 != x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.not_equal(np.array([1, 2]), 2)
        variable([ True False])
    """
    return xp.not_equal(x0, x1)


@primitive
def less(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is smaller: what ``x0 < x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.less(np.array([1, 2]), 2)
        variable([ True False])
    """
    return xp.less(x0, x1)


@primitive
def less_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is not larger: what ``x0 <= x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.less_equal(np.array([2, 3]), 2)
        variable([ True False])
    """
    return xp.less_equal(x0, x1)


@primitive
def greater(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is larger: what ``x0 > x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.greater(np.array([2, 3]), 2)
        variable([False  True])
    """
    return xp.greater(x0, x1)


@primitive
def greater_equal(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Tell where the first is not smaller: what ``x0 >= x1`` computes.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.greater_equal(np.array([1, 2]), 2)
        variable([False  True])
    """
    return xp.greater_equal(x0, x1)


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
