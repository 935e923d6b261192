"""Functions that arrange the same elements in another shape, or convert them to another dtype."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dezero_core.functions._axes import as_shape, normalize_axes, normalize_axis, shape_of
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Axis, DTypeLike, Shape
from dezero_core.variable import Variable

__all__ = [
    "astype",
    "expand_dims",
    "flatten",
    "moveaxis",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "transpose",
]

# --- the same elements in another shape ---------------------------------------------------------


@primitive
def _reshape(xp: Any, x: ArrayLike, *, shape: Shape) -> Any:
    return xp.asarray(x).reshape(shape)


_reshape.defvjp(lambda xp, gy, x_shape: gy.reshape(x_shape))


def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Variable:
    """Give the elements, in their order, another shape (book step 38).

    Args:
        x: Any shape.
        shape: The new shape. One length may be -1: it follows from the others.

    Returns:
        The same elements, of shape `shape`.

    Raises:
        ValueError: The elements do not fill the shape.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.reshape(np.arange(6), (2, -1))
        variable([[0 1 2]
                  [3 4 5]])
    """
    return _reshape(x, shape=as_shape(shape))


def ravel(x: ArrayLike) -> Variable:
    """Put all elements in one row.

    Args:
        x: Any shape.

    Returns:
        Shape ``(size,)``.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.ravel(np.ones((2, 3))).shape
        (6,)
    """
    return reshape(x, -1)


def flatten(x: ArrayLike) -> Variable:
    """Put the elements of each sample in one row: the first axis stays.

    The book's package has it so. NumPy's method, ``x.flatten()``, is `ravel`.

    Args:
        x: ``(N, ...)``.

    Returns:
        Shape ``(N, size / N)``.

    Raises:
        ValueError: `x` has no axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.flatten(np.ones((10, 3, 4))).shape
        (10, 12)
    """
    shape = shape_of("flatten", x)
    if not shape:
        raise ValueError("flatten: expected an operand of shape (N, ...), got one of shape []")
    return reshape(x, (shape[0], math.prod(shape[1:])))


def expand_dims(x: ArrayLike, axis: Axis) -> Variable:
    """Insert axes of length one.

    Args:
        x: Any shape.
        axis: Where, counted in the result; several may be given.

    Returns:
        The same elements, with these axes.

    Raises:
        AxisError: The result has no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.expand_dims(np.ones((2, 3)), 1).shape
        (2, 1, 3)
    """
    rest = iter(shape_of("expand_dims", x))
    n_new = len(axis) if isinstance(axis, (tuple, list)) else 1
    result = (*shape_of("expand_dims", x), *[1] * n_new)
    new = normalize_axes("expand_dims", axis, result) or ()
    return reshape(x, [1 if i in new else next(rest) for i in range(len(result))])


def squeeze(x: ArrayLike, axis: Axis = None) -> Variable:
    """Take away axes of length one.

    Args:
        x: Any shape.
        axis: Which; None for all of length one.

    Returns:
        The same elements, without these axes.

    Raises:
        ValueError: The length of an axis that is named is not one.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.squeeze(np.ones((2, 1, 3))).shape
        (2, 3)
    """
    shape = shape_of("squeeze", x)
    axes = normalize_axes("squeeze", axis, shape)
    if axes is None:
        axes = tuple([i for i, n in enumerate(shape) if n == 1])
    if any(shape[i] != 1 for i in axes):
        raise ValueError(
            f"squeeze: axis={axis!r} names an axis of another length than one, "
            f"for an operand of shape {list(shape)}"
        )
    return reshape(x, [n for i, n in enumerate(shape) if i not in axes])


# --- the axes in another order ------------------------------------------------------------------


@primitive
def _transpose(xp: Any, x: ArrayLike, *, axes: tuple[int, ...] | None) -> Any:
    return xp.asarray(x).transpose(axes)


def _transpose_back(xp: Any, gy: Any, axes: tuple[int, ...] | None) -> Any:
    if axes is None:
        return gy.T
    return gy.transpose([axes.index(i) for i in range(len(axes))])


_transpose.defvjp(_transpose_back)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Variable:
    """Put the axes in another order (book step 38).

    Args:
        x: Any shape.
        axes: For each axis of the result, which of `x` it is; None reverses them.

    Returns:
        A result of shape ``[x.shape[i] for i in axes]``.

    Raises:
        ValueError: `axes` does not name each axis once.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.transpose(np.ones((2, 3, 4)), (1, 0, 2)).shape
        (3, 2, 4)
    """
    if axes is not None:
        shape = shape_of("transpose", x)
        order = tuple([normalize_axis("transpose", axis, shape) for axis in axes])
        if sorted(order) != list(range(len(shape))):
            raise ValueError(
                f"transpose: axes={axes!r} must name each of the {len(shape)} axes once, "
                f"for an operand of shape {list(shape)}"
            )
        axes = order
    return _transpose(x, axes=axes)


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Variable:
    """Exchange two axes.

    Args:
        x: Any shape.
        axis1: One axis.
        axis2: The other.

    Returns:
        The same elements, with these two axes exchanged.

    Raises:
        AxisError: There is no such axis.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.swapaxes(np.ones((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    shape = shape_of("swapaxes", x)
    i, j = (normalize_axis("swapaxes", axis, shape) for axis in (axis1, axis2))
    order = list(range(len(shape)))
    order[i], order[j] = j, i
    return transpose(x, order)


def moveaxis(
    x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]
) -> Variable:
    """Move axes to other places; the rest keep their order.

    Args:
        x: Any shape.
        source: The axes to move.
        destination: Where each of them goes, counted in the result.

    Returns:
        The same elements, with their axes in this order.

    Raises:
        ValueError: `source` and `destination` differ in number, or name an axis twice.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    shape = shape_of("moveaxis", x)
    sources, places = (
        [normalize_axis("moveaxis", axis, shape) for axis in as_shape(axes)]
        for axes in (source, destination)
    )
    if len(sources) != len(places) or len({*sources}) + len({*places}) < 2 * len(sources):
        raise ValueError(
            f"moveaxis: source={source!r} and destination={destination!r} must name equally many "
            f"axes, each once, for an operand of shape {list(shape)}"
        )
    order = [i for i in range(len(shape)) if i not in sources]
    for place, i in sorted(zip(places, sources, strict=True)):
        order.insert(place, i)
    return transpose(x, order)


# --- another dtype ------------------------------------------------------------------------------


@primitive
def _astype(xp: Any, x: ArrayLike, *, dtype: DTypeLike) -> Any:
    return xp.asarray(x).astype(dtype)


_astype.defvjp(lambda xp, gy: gy)  # the engine gives it the dtype of x


def astype(x: ArrayLike, dtype: DTypeLike) -> Variable:
    """Convert to another dtype.

    Args:
        x: Any shape.
        dtype: A type of floating-point numbers, of integers or booleans. Gradients flow back in the
            dtype of `x`, but not from integers to fractions: rounding is a step function.

    Returns:
        The converted elements.

    Raises:
        TypeError: `dtype` is a type of something else.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.astype(np.array([1.5, 2.5]), np.int64)
        variable([1 2])
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "fVbiu":
        raise TypeError(
            f"astype: {dtype} is not supported; use floating-point numbers, integers or booleans"
        )
    if dtype.kind not in "fV" and isinstance(x, Variable) and x.dtype.kind in "fV":
        x = x.detach()
    return _astype(x, dtype=dtype)
