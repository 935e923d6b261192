"""What is done to the items of a data set on their way out.

A transform is anything that can be called with one item and returns what becomes of it. One that
can do a whole batch at once has a method ``batch(xs)`` besides: it takes the items stacked along a
new first axis and returns what calling it on each of them and stacking would. A data set then asks
once per batch, not once per item; `apply_to_batch` is how. Functions without that method work just
as well, item by item.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from dezero_core.typing import Array, ArrayLike, DTypeLike
from dezero_data._batches import stack

__all__ = ["AsType", "Compose", "Flatten", "Normalize", "ToFloat", "Transform", "apply_to_batch"]

#: From one item to what becomes of it.
Transform: TypeAlias = Callable[[Any], Any]


def apply_to_batch(transform: Transform, xs: Array) -> Array:
    """Apply a transform to a batch: at once if it can, else item by item.

    Args:
        transform: A function of one item, with or without a method `batch`.
        xs: The items, shape (N, ...).

    Returns:
        What becomes of them, shape (N, ...).

    Raises:
        ValueError: The transformed items differ in shape.

    Example:
        >>> xs = np.arange(4, dtype=np.uint8).reshape(2, 1, 2)
        >>> apply_to_batch(Flatten(), xs)
        array([[0, 1],
               [2, 3]], dtype=uint8)
        >>> apply_to_batch(lambda x: x.sum(), xs)
        array([1, 5], dtype=uint64)
    """
    batch = getattr(transform, "batch", None)
    if batch is not None:
        return batch(xs)
    return stack([transform(x) for x in xs], _name_of(transform))


class Compose:
    """One transform after the other.

    Source: Deep Learning from Scratch 3, step 49.

    Args:
        transforms: The transforms, the first one first. None at all leaves items as they are.

    Raises:
        TypeError: One of them cannot be called.

    Example:
        >>> unit = Compose([ToFloat(), Normalize(mean=0.0, std=255.0)])
        >>> unit(np.array([0, 51, 255], dtype=np.uint8))
        array([0. , 0.2, 1. ], dtype=float32)
    """

    def __init__(self, transforms: Sequence[Transform] = ()) -> None:
        self.transforms = tuple(transforms)
        for position, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(
                    f"Compose: transforms[{position}] is a {type(transform).__name__}, "
                    "which cannot be called"
                )

    def __call__(self, x: Any) -> Any:
        """Transform one item."""
        for transform in self.transforms:
            x = transform(x)
        return x

    def batch(self, xs: Array) -> Array:
        """Transform the items of a batch, shape (N, ...)."""
        # All or nothing: what passes between two transforms of single items need not be an array.
        if not all(hasattr(transform, "batch") for transform in self.transforms):
            return stack([self(x) for x in xs], repr(self))
        for transform in self.transforms:
            xs = transform.batch(xs)  # type: ignore[attr-defined]
        return xs

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(_name_of, self.transforms))}])"


class Flatten:
    """Lay out an item's values in one axis.

    Example:
        >>> Flatten()(np.ones((1, 28, 28))).shape
        (784,)
    """

    def __call__(self, x: Array) -> Array:
        """Return the values of an item in one axis, as a copy."""
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
        x = np.asarray(x)
        return self._normalize(x, x.shape)

    def batch(self, xs: Array) -> Array:
        """Normalize the items of a batch, shape (N, ...)."""
        return self._normalize(xs, xs.shape[1:])

    def _normalize(self, x: Array, item_shape: tuple[int, ...]) -> Array:
        if x.dtype.kind not in "fc":
            x = x.astype(np.float32)
        # A pass over the data less, where there is nothing to do.
        if not _is_number(self.mean, 0.0):
            x = x - self._shaped(self.mean, x.dtype, item_shape)
        if not _is_number(self.std, 1.0):
            x = x / self._shaped(self.std, x.dtype, item_shape)
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


def _is_number(value: Any, number: float) -> bool:
    return isinstance(value, float) and value == number


def _name_of(transform: Transform) -> str:
    return getattr(transform, "__name__", None) or repr(transform)
