"""The checks of labels, for all that compares scores with them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray  # a module's own names are found sooner

from dezero_core import Variable
from dezero_core.backend import backend_of
from dezero_core.errors import describe
from dezero_core.typing import Array, ArrayLike, Shape

__all__ = ["check_labels", "check_one_device"]


def check_one_device(name: str, *operands: ArrayLike) -> None:
    """Make sure that operands lie on one device.

    Args:
        name: Who asks, for the message.
        *operands: Variables, arrays and numbers.

    Raises:
        TypeError: They do not. The message names them.
    """
    arrays = [x.data if isinstance(x, Variable) else x for x in operands]
    for x in arrays:
        if type(x) is not ndarray:
            backend_of(*arrays, operation=name)
            return


def check_labels(name: str, x: ArrayLike, t: ArrayLike, *, may_be_empty: bool = False) -> Array:
    """Make sure that there is one label for each row of scores, and a score for each label.

    Args:
        name: Who asks, for messages.
        x: Scores, of shape (N, C).
        t: Labels, of shape (N,). Their values are looked at on the host alone.
        may_be_empty: Whether there may be no rows.

    Returns:
        The labels as an array.

    Raises:
        TypeError: The labels are no integers.
        ValueError: The shapes do not fit, there are no rows, or a label is out of range.
    """
    if isinstance(t, Variable):
        t = t.data
    shape: Shape = getattr(x, "shape", ())
    if len(shape) != 2:
        raise ValueError(f"{name}: scores have the shape (N, C), got {describe(x)}")
    dtype = getattr(t, "dtype", None)
    if dtype is None or dtype.kind not in "iu":
        got = f"{describe(t)}{_advice(t, shape)}"
        raise TypeError(f"{name}: labels are an array of integers, got {got}")
    if t.shape != shape[:1]:
        raise ValueError(
            f"{name}: labels have the shape (N,), one for each row of the scores; "
            f"got {describe(t)} for scores {describe(x)}{_advice(t, shape)}"
        )
    if not shape[0] and not may_be_empty:
        raise ValueError(f"{name}: there is no mean over an empty batch, got {describe(x)}")
    check_one_device(name, x, t)
    if isinstance(t, ndarray) and t.size:
        classes = shape[1]
        # Read as unsigned, a negative label is a huge one: one look finds both ends.
        unsigned = t.view(_unsigned(t.dtype))
        if unsigned[unsigned.argmax()] >= classes:
            wrong = int(np.flatnonzero((t < 0) | (t >= classes))[0])
            raise ValueError(
                f"{name}: label {t[wrong]} at position {wrong} is out of range; "
                f"for scores {describe(x)} labels go from 0 to {classes - 1}"
            )
    # With signed numbers NumPy adds up those of 64 bits without a sign as floating-point ones.
    return t.astype(np.int64) if t.dtype.kind == "u" and t.dtype.itemsize == 8 else t


def _advice(t: object, shape: Shape) -> str:
    return "; of one-hot rows take argmax(axis=1)" if getattr(t, "shape", None) == shape else ""


@lru_cache(maxsize=16)
def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype.str.replace("i", "u"))
