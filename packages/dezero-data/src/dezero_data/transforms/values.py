"""Transforms of an item's values and dtype, whatever it is an item of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_data._pillow import is_pillow

__all__ = ["AsType", "Flatten", "Normalize", "ToFloat", "ToInt"]


class Flatten:
    """Lay out an item's values in one axis.

    Example:
        >>> Flatten()(np.ones((1, 28, 28))).shape
        (784,)
    """

    def __call__(self, x: Array) -> Array:
        """Return the values of an item in one axis, as a copy."""
        _refuse_pillow("Flatten", x)
        return x.flatten()

    def batch(self, xs: Array) -> Array:
        """Flatten each item of a batch: (N, ...) becomes (N, D)."""
        return xs.reshape(len(xs), math.prod(xs.shape[1:]))

    def __repr__(self) -> str:
        return "Flatten()"


class AsType:
    """Give an item a dtype.

    Args:
        dtype: The dtype.

    Raises:
        TypeError: NumPy does not know such a dtype.

    Example:
        >>> AsType(np.int64)(np.array([1.7, -1.7]))
        array([ 1, -1])
    """

    def __init__(self, dtype: DTypeLike = np.float32) -> None:
        self.dtype = np.dtype(dtype)

    def __call__(self, x: ArrayLike) -> Array:
        """Return an item in the dtype; the same array if it has it already."""
        _refuse_pillow(type(self).__name__, x)
        return np.asarray(x).astype(self.dtype, copy=False)

    def batch(self, xs: Array) -> Array:
        """Give a batch of any shape the dtype."""
        return self(xs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dtype})"


class ToFloat(AsType):
    """Give an item a floating dtype: `AsType` under the book's name.

    Example:
        >>> ToFloat()(np.array([1, 2]))
        array([1., 2.], dtype=float32)
    """


class ToInt(AsType):
    """Give an item an integer dtype: `AsType` under the book's name. Fractions are cut off.

    Args:
        dtype: The dtype.

    Raises:
        TypeError: NumPy does not know such a dtype.

    Example:
        >>> ToInt()(np.array([1.7, -1.7]))
        array([ 1, -1])
    """

    def __init__(self, dtype: DTypeLike = np.int64) -> None:
        super().__init__(dtype)


class Normalize:
    """Subtract a mean, then divide by a standard deviation: ``(x - mean) / std``.

    Floating items keep their dtype, others become float32.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        mean: One number, or one per channel, the first axis of an item.
        std: As `mean`. Not zero.

    Raises:
        TypeError: `mean` or `std` is neither a number nor a sequence of numbers.
        ValueError: `std` is zero; in a call, the item has another number of channels.

    Example:
        >>> normalize = Normalize(mean=(0.0, 1.0), std=(1.0, 2.0))
        >>> normalize(np.full((2, 1, 2), 5.0))
        array([[[5., 5.]],
        <BLANKLINE>
               [[2., 2.]]])
    """

    def __init__(self, mean: ArrayLike = 0, std: ArrayLike = 1) -> None:
        self.mean = _number_or_channels(mean, "mean")
        self.std = _number_or_channels(std, "std")
        if np.any(np.equal(self.std, 0)):
            raise ValueError(f"Normalize: std is {std!r}, and nothing can be divided by zero")

    def __call__(self, x: ArrayLike) -> Array:
        """Normalize one item."""
        _refuse_pillow("Normalize", x)
        x = np.asarray(x)
        return self._normalize(x, x.shape)

    def batch(self, xs: Array) -> Array:
        """Normalize the items of a batch, shape (N, ...)."""
        return self._normalize(xs, xs.shape[1:])

    def _batch_over(self, xs: Array) -> Array:
        """Do as `batch`, but in the memory of `xs` if its dtype allows that."""
        return self._normalize(xs, xs.shape[1:], ours=True)

    def _normalize(self, x: Array, item_shape: tuple[int, ...], ours: bool = False) -> Array:
        """Normalize; `ours` says that x may be written over."""
        if x.dtype.kind not in "fc":
            x, ours = x.astype(np.float32), True
        # A pass over the data less, where there is nothing to do.
        if not _is_number(self.mean, 0.0):
            mean = self._shaped(self.mean, x.dtype, item_shape)
            x, ours = np.subtract(x, mean, out=x if ours else None), True
        if not _is_number(self.std, 1.0):
            std = self._shaped(self.std, x.dtype, item_shape)
            x = np.divide(x, std, out=x if ours else None)
        return x

    def _shaped(self, value: Any, dtype: DTypeLike, item_shape: tuple[int, ...]) -> Any:
        if isinstance(value, float):
            return value
        if not item_shape or len(value) not in (1, item_shape[0]):
            raise ValueError(
                f"Normalize: {len(value)} channels of mean or std, "
                f"but the item has shape {item_shape}"
            )
        return value.astype(dtype).reshape(-1, *(1,) * (len(item_shape) - 1))

    def __repr__(self) -> str:
        mean, std = (v if isinstance(v, float) else v.tolist() for v in (self.mean, self.std))
        return f"Normalize(mean={mean}, std={std})"


def _number_or_channels(value: ArrayLike, name: str) -> Any:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = None
    # NumPy takes None for not-a-number.
    if array is None or array.ndim > 1 or not np.isfinite(array).all():
        raise TypeError(f"Normalize: {name} is a finite number, or one per channel, not {value!r}")
    # A Python number is weak: it leaves float32 what it is.
    return float(array) if array.ndim == 0 else array


def _refuse_pillow(name: str, x: Any) -> None:
    # It would pass for an array, of shape (H, W, C).
    if is_pillow(x):
        raise TypeError(f"{name}: an image of Pillow's is no array; put ToArray() before it")


def _is_number(value: Any, number: float) -> bool:
    return isinstance(value, float) and value == number
