"""Numbers that formulas compute with, ready for NumPy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["constant"]


def constant(xp: Any, number: float, dtype: Any) -> Any:
    """Return a number in the form in which a namespace computes with it soonest.

    NumPy takes a Python number apart in each call, which takes a quarter of a microsecond, as long
    as to add it to a hundred others. So it gets an array without axes, which is made once.

    Args:
        xp: The namespace of what the number is to be combined with.
        number: The number.
        dtype: That of the result, which has to be given: an array of another would be widened.

    Returns:
        An array without axes that is not to be written to, or the number for other namespaces.

    Example:
        >>> import numpy as np
        >>> x = np.ones(2, np.float32)
        >>> constant(np, 0.5, x.dtype) * x
        array([0.5, 0.5], dtype=float32)
    """
    if xp is not np:
        return number
    try:
        return _made[number, dtype]
    except KeyError:
        return _make(number, dtype)


_made: dict[tuple[float, Any], Any] = {}
# A schedule may bring a new learning rate with each step.
_MOST: Final = 256


def _make(number: float, dtype: Any) -> Any:
    if len(_made) >= _MOST:
        _made.clear()
    array = _made[number, dtype] = np.array(number, dtype)
    array.flags.writeable = False
    return array
