"""Parts of an array by index, and what takes their gradients back to the whole.

Reading at an index and adding at an index are adjoint: each is the derivative of the other, so
both can be differentiated as often as you like.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero_core.backend import backend_of
from dezero_core.functions._axes import normalize_axis, shape_of
from dezero_core.functions.shape import ravel
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Shape
from dezero_core.variable import Variable

__all__ = ["get_item", "take_along_axis"]

_Index = tuple[Any, ...]


@primitive
def _get_item(xp: Any, x: ArrayLike, *, index: _Index) -> Any:
    x = xp.asarray(x)
    if len(index) == 1 and _is_integers(index[0]):
        return x.take(index[0], axis=0)  # twice as fast for rows
    return x[index]


@primitive
def _add_at(xp: Any, x: ArrayLike, *, index: _Index, shape: Shape) -> Any:
    """Add `x` at an index to zeros of a shape. Where an element is named repeatedly, all add up."""
    y = xp.zeros(shape, x.dtype)
    if not any(map(_is_integers, index)):
        y[index] = x  # slices and masks name no element twice
    elif xp is np and len(index) == 1 and len(shape) > 1:
        _add_rows(y, index[0], x)
    else:
        _add_elements(xp, y, index, x)
    return y


_get_item.defvjp(lambda xp, gy, x_shape, index: _add_at.on(xp, gy, index=index, shape=x_shape))
_add_at.defvjp(lambda xp, gy, index: _get_item.on(xp, gy, index=index))


def get_item(x: ArrayLike, index: Any) -> Variable:
    """Take a part of an array, ``x[index]`` (book step 47).

    Where an index names an element repeatedly, its gradients add up.

    Args:
        x: Any shape, but at least one axis to take from.
        index: All that NumPy takes: integers, slices, ``...``, None, arrays or lists of integers
            or of booleans, Variables that hold them, or a tuple of such.

    Returns:
        The elements, in the shape that NumPy gives them.

    Raises:
        IndexError: The index is out of range, or nothing that can be an index.
        TypeError: The array lies on the host, and the index on a device.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> x = Variable(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        >>> y = F.get_item(x, np.array([0, 0, 1]))
        >>> y.backward()
        >>> x.grad
        variable([[2. 2. 2.]
                  [1. 1. 1.]])
    """
    shape_of("get_item", x)
    parts = index if type(index) is tuple else (index,)
    parts = tuple([_as_index(part) for part in parts])
    try:
        return _get_item(x, index=parts)
    except TypeError:
        data = x._data if isinstance(x, Variable) else x
        if isinstance(data, np.ndarray):
            # A device takes indices from the host; the host takes none from a device.
            foreign = [part for part in parts if hasattr(part, "dtype")]
            backend_of(data, *foreign, operation="get_item")
        raise


# --- along an axis ------------------------------------------------------------------------------


@primitive
def _take_along_axis(xp: Any, x: ArrayLike, indices: ArrayLike, *, axis: int) -> Any:
    return xp.take_along_axis(x, indices, axis)


@primitive
def _add_along_axis(xp: Any, x: ArrayLike, indices: ArrayLike, *, axis: int, shape: Shape) -> Any:
    """Add `x` along an axis, at indices, to zeros of a shape."""
    ndim, n = len(shape), shape[axis]
    indices = indices.astype(xp.int64)
    # The place of each element in a row of all: NumPy is quick at adding there.
    places = xp.where(indices < 0, indices + n, indices) * math.prod(shape[axis + 1 :])
    for i in range(ndim):
        if i != axis and shape[i] > 1:
            steps = xp.arange(shape[i]) * math.prod(shape[i + 1 :])
            places = places + steps.reshape((-1,) + (1,) * (ndim - 1 - i))
    y = xp.zeros(math.prod(shape), x.dtype)
    _add_elements(xp, y, places.reshape(-1), x.reshape(-1))
    return y.reshape(shape)


_take_along_axis.defvjp(
    lambda xp, gy, x_shape, indices, axis: _add_along_axis.on(
        xp, gy, indices, axis=axis, shape=x_shape
    )
)
_add_along_axis.defvjp(
    lambda xp, gy, indices, axis: _take_along_axis.on(xp, gy, indices, axis=axis)
)


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Variable:
    """Take from each row along an axis the elements at indices of the row's own.

    With the results of `argmax`, or of NumPy's argsort, it takes the extremes or sorts.

    Args:
        x: Any shape.
        indices: Integers, of as many axes as `x`; all but the one at `axis` broadcast against
            those of `x`.
        axis: The axis to take along; None takes from all elements in a row.

    Returns:
        The elements, in the shape of `indices`, broadcast.

    Raises:
        IndexError: An index is out of range, or no integer.
        ValueError: The numbers of axes differ.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.take_along_axis(np.array([[1, 5, 3], [6, 4, 2]]), np.array([[1], [0]]), axis=1)
        variable([[5]
                  [6]])
    """
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis("take_along_axis", axis, shape_of("take_along_axis", x))
    return _take_along_axis(x, indices, axis=axis)


# --- kinds of index -----------------------------------------------------------------------------


def _as_index(part: Any) -> Any:
    """Return one part of an index as the array library takes it, out of reach of changes."""
    if isinstance(part, Variable):
        part = part.data
    if part is None or part is Ellipsis or isinstance(part, (int, slice)):
        return part
    if isinstance(part, (list, tuple)):
        try:
            part = np.asarray(part) if len(part) else np.empty(0, np.intp)
        except ValueError as error:
            raise IndexError(f"get_item: the index {part!r} is no array: {error}") from None
    dtype = getattr(part, "dtype", None)
    if dtype is None:
        return part  # the array library will say what is wrong
    if isinstance(part, (np.ndarray, np.generic)):
        if dtype.kind in "iu":
            return np.array(part, np.intp) if part.ndim else int(part)
        return np.array(part)
    return part.copy()


def _is_integers(part: Any) -> bool:
    return hasattr(part, "dtype") and part.dtype.kind in "iu"


def _add_elements(xp: Any, y: Any, index: Any, x: Any) -> None:
    if xp is not np and x.dtype == np.int64:
        # A GPU adds unsigned integers only; the bits of the sums are the same.
        y, x = y.view(xp.uint64), x.view(xp.uint64)
    xp.add.at(y, index, x)


def _add_rows(y: Any, rows: Any, x: Any) -> None:
    """Add the rows of `x` to the given rows of `y`, several times faster than ``np.add.at``.

    That is quick only where a single array of indices names single elements, so these are named.
    """
    width = math.prod(y.shape[1:])
    starts = np.where(rows < 0, rows + len(y), rows) * width
    places = starts.reshape(-1, 1) + np.arange(width)
    np.add.at(y.reshape(-1), places.reshape(-1), x.reshape(-1))
