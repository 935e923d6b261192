"""What is given to plots, as NumPy arrays: Variables, arrays of any device, sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from dezero_core.backend import as_numpy
from dezero_core.devices import device_of
from dezero_core.typing import Array

__all__ = ["class_names", "class_numbers", "finite_or_nan", "real_array", "where_given"]


def real_array(
    operation: str, name: str, x: Any, wanted: str, ndims: Iterable[int] | None = None
) -> npt.NDArray[np.float64]:
    """Return real numbers as a float64 array, or say what is wrong with them.

    Args:
        operation: The public function that speaks in errors.
        name: The argument that was given.
        x: An array of any backend, a Variable, or a sequence of numbers or of these.
        wanted: What the argument should be, for the error: ``"an array of shape (N, 2)"``.
        ndims: The numbers of axes that it may have. Any when None.

    Raises:
        TypeError: These are no real numbers.
        ValueError: There are none, or they have another number of axes.
    """
    try:
        if isinstance(x, list | tuple):
            x = [as_numpy(item) if hasattr(item, "shape") else item for item in x]
            array = np.asarray(x)
        else:
            array = as_numpy(x)
        if array.dtype.kind not in "biufV":  # V: half-precision types that NumPy does not know
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        kind = getattr(x, "dtype", None)
        raise TypeError(
            f"{operation}: {name} must be {wanted}, of real numbers, got "
            f"{type(x).__name__}{'' if kind is None else f' of {kind}'}"
        ) from None
    if ndims is not None and array.ndim not in ndims:
        raise ValueError(f"{operation}: {name} must be {wanted}, got the shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{operation}: {name} is empty, of shape {array.shape}; want {wanted}")
    return array


def where_given(array: npt.NDArray[Any], x: Any) -> Array:
    """Return an array of the host on the device of what the user gave, for the user's functions."""
    return array if isinstance(x, list | tuple) else device_of(x).asarray(array)


def finite_or_nan(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the array with NaN, which plots leave out, for what is infinite."""
    return np.where(np.isfinite(array), array, np.nan)


def class_numbers(operation: str, name: str, x: Any, count: int | None = None) -> Any:
    """Return classes as integers from 0.

    Args:
        operation: The public function that speaks in errors.
        name: The argument that was given.
        x: Classes of shape (N,), or (N, 1).
        count: The N that it must have, or None.
    """
    wanted = "an array of classes, of shape (N,)"
    array = real_array(operation, name, x, wanted, (1, 2))
    if array.ndim == 2 and array.shape[1] != 1:
        raise ValueError(f"{operation}: {name} must be {wanted}, got the shape {array.shape}")
    array = array.reshape(-1)
    if not (np.isfinite(array) & (array == np.round(array)) & (array >= 0)).all():
        raise ValueError(f"{operation}: {name} must hold whole numbers from 0, the classes")
    if count is not None and len(array) != count:
        raise ValueError(f"{operation}: {name} has {len(array)} classes for {count} examples")
    return array.astype(np.int64)


def class_names(operation: str, names: Any, count: int) -> list[str]:
    """Return the name of each class: the numbers where `names` is None."""
    if names is None:
        return [str(number) for number in range(count)]
    found = [str(name) for name in names]
    if isinstance(names, str) or len(found) < count:
        raise ValueError(
            f"{operation}: names must have one for each of the {count} classes, got {names!r:.80}"
        )
    return found
