"""Streams of random numbers that are functions of where they stand, one for each item.

Source: G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators",
OOPSLA 2014; J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dezero_core.typing import Array, ArrayLike

__all__ = ["ItemRandom"]

# 2**64 divided by the golden ratio, made odd: multiples of it are spread evenly over 64 bits.
_STEP = np.uint64(0x9E3779B97F4A7C15)
# Sets the keys of children apart from the starts of draws, which are made of the same key.
_CHILD = np.uint64(0xD1B54A32D192ED03)


class ItemRandom:
    """The random streams of the items of a batch, one per item.

    Every method draws for all items at once; row i of the result is item i's, and depends neither
    on the other items nor on how many there are. Draws advance the streams: the same call again
    gives new numbers.

    Args:
        seed: Which family of streams; 0 or more.
        epoch: Which pass over the data; 0 or more.
        indices: The numbers of the items in the data set, integers of shape (N,).

    Attributes:
        indices: As given, int64 of shape (N,).

    Raises:
        TypeError: `seed` or `epoch` is no integer, or `indices` are none.
        ValueError: `seed` or `epoch` is negative, or `indices` have more than one axis.

    Example:
        >>> batch = ItemRandom(seed=0, epoch=2, indices=[7, 8, 9])
        >>> drawn = batch.integers(0, 100, size=2)
        >>> drawn.shape
        (3, 2)
        >>> alone = ItemRandom(seed=0, epoch=2, indices=[8])
        >>> np.array_equal(alone.integers(0, 100, size=2)[0], drawn[1])
        True
    """

    __slots__ = ("_draws", "_keys", "_make_keys", "indices")

    def __init__(self, seed: int, epoch: int, indices: ArrayLike) -> None:
        items = np.asarray(indices)
        if items.dtype.kind not in "iu" and items.size:
            raise TypeError(f"ItemRandom: indices are integers, not {items.dtype}")
        if items.ndim != 1:
            raise ValueError(f"ItemRandom: indices have shape (N,), not {items.shape}")
        items = items.astype(np.int64)
        self.indices = items
        origin, where = _natural(seed, "seed"), _natural(epoch, "epoch")

        def make_keys() -> Array:
            key = _mix(_mix(origin + _STEP) + _STEP * where)
            return _mix(key + _STEP * items.view(np.uint64))

        self._make_keys = make_keys

    def __getattr__(self, name: str) -> Any:
        # A slot that is still empty. Most batches are loaded without a single random draw, and are
        # spared the mixing.
        if name == "_keys":
            self._keys: Array = self._make_keys()
        elif name == "_draws":
            # Of each item, since a transform that runs item by item may draw for some only.
            self._draws: Array = np.zeros(len(self), np.uint64)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self, name)

    @classmethod
    def _of_keys(cls, make_keys: Callable[[], Array], indices: Array) -> ItemRandom:
        streams = cls.__new__(cls)
        streams._make_keys = make_keys
        streams.indices = indices
        return streams

    @classmethod
    def from_seeds(cls, seeds: Array) -> ItemRandom:
        """Return the streams of items that have a seed each.

        Args:
            seeds: int64 of shape (N,).

        Returns:
            Streams of N items, numbered from 0.
        """
        return cls._of_keys(lambda: _mix(seeds.view(np.uint64)), np.arange(len(seeds)))

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<ItemRandom of {len(self)} items>"

    def uniform(
        self, low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: int | Sequence[int] = ()
    ) -> Array:
        """Draw numbers evenly from ``low <= u < high``.

        Args:
            low: One bound, or an array that broadcasts against ``(N, *size)``.
            high: As `low`.
            size: How many for each item.

        Returns:
            float64 of shape ``(N, *size)``.
        """
        unit = (self._bits(size) >> np.uint64(11)) * 2.0**-53
        if _is(low, 0) and _is(high, 1):
            return unit
        bottom = np.asarray(low, np.float64)
        return bottom + (np.asarray(high, np.float64) - bottom) * unit

    def integers(self, low: ArrayLike, high: ArrayLike, size: int | Sequence[int] = ()) -> Array:
        """Draw integers evenly from ``low <= k < high``.

        Args:
            low: One bound, or an array that broadcasts against ``(N, *size)``.
            high: As `low`.
            size: How many for each item.

        Returns:
            int64 of shape ``(N, *size)``.

        Raises:
            ValueError: There is no integer between the bounds.
        """
        bottom, top = np.asarray(low, np.int64), np.asarray(high, np.int64)
        if np.any(bottom >= top):
            raise ValueError(f"ItemRandom.integers: nothing is at least {low} and below {high}")
        # The remainder favors no number by more than one part in 2**64 / (high - low).
        count = (top - bottom).astype(np.uint64)
        return bottom + (self._bits(size) % count).view(np.int64)

    def normal(self, size: int | Sequence[int] = ()) -> Array:
        """Draw numbers of mean 0 and standard deviation 1.

        Args:
            size: How many for each item.

        Returns:
            float64 of shape ``(N, *size)``.
        """
        shape = _shape(size)
        # Box and Muller: from two uniform numbers, a radius and an angle, one coordinate.
        pairs = self.uniform(size=(2, *shape))
        return np.sqrt(-2.0 * np.log1p(-pairs[:, 0])) * np.cos(2.0 * np.pi * pairs[:, 1])

    def item(self, position: int) -> ItemRandom:
        """Return the stream of one item; what is drawn from it counts as drawn here, too.

        Args:
            position: Which item of the batch, from 0 to N - 1.

        Returns:
            Streams of N = 1.

        Raises:
            IndexError: There is no such item.
        """
        if not 0 <= position < len(self):
            raise IndexError(f"ItemRandom: no item {position} among {len(self)}")
        here = slice(position, position + 1)
        one = ItemRandom._of_keys(lambda: self._keys[here], self.indices[here])
        one._draws = self._draws[here]  # a view: both count the same draws
        return one

    def take(self, positions: ArrayLike) -> ItemRandom:
        """Return the streams of some of the items, from where they are now.

        Unlike with `item`, what is drawn from them does not count as drawn here.

        Args:
            positions: Which items of the batch, integers of shape (M,).

        Returns:
            Streams of M items.
        """
        chosen = np.asarray(positions, dtype=np.intp)
        some = ItemRandom._of_keys(lambda: self._keys[chosen], self.indices[chosen])
        some._draws = self._draws[chosen]
        return some

    def child(self, key: int) -> ItemRandom:
        """Return streams of the same items that are independent of these, from their beginning.

        Args:
            key: Which ones; 0 or more. The same key gives the same streams.

        Returns:
            Streams of the same N items.
        """
        branch = _STEP * (_natural(key, "key") + np.uint64(1))
        return ItemRandom._of_keys(lambda: _mix((self._keys ^ _CHILD) + branch), self.indices)

    def generator(self) -> np.random.Generator:
        """Return a NumPy generator whose seed is the next draw of the only item.

        Returns:
            A generator, another one with each call.

        Raises:
            ValueError: These are the streams of more items than one, or of none.
        """
        if len(self) != 1:
            raise ValueError(
                f"ItemRandom.generator: one item has one generator, but these are {len(self)}; "
                "take one with item(position)"
            )
        return np.random.Generator(np.random.Philox(key=self._bits(2)[0]))

    def _bits(self, size: int | Sequence[int]) -> Array:
        """Draw 64 random bits for each element of each item, uint64 of shape ``(N, *size)``."""
        shape = _shape(size)
        starts = _mix(self._keys + _STEP * self._draws)
        self._draws += np.uint64(1)
        elements = _STEP * np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        return _mix(starts[:, np.newaxis] + elements).reshape(len(self), *shape)


def _mix(x: Array) -> Array:
    """Scramble 64 bits, one to one, so that each bit depends on all (Stafford's variant 13)."""
    x = x ^ (x >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def _natural(value: int, name: str) -> Array:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"ItemRandom: {name} is an integer, not {value!r}") from None
    if not 0 <= number < 2**64:
        raise ValueError(f"ItemRandom: {name} is from 0 to 2**64 - 1, not {number}")
    # With an axis, since arrays wrap around where scalars warn.
    return np.array([number], np.uint64)


def _shape(size: int | Sequence[int]) -> tuple[int, ...]:
    return (operator.index(size),) if isinstance(size, (int, np.integer)) else tuple(size)


def _is(value: ArrayLike, number: int) -> bool:
    return isinstance(value, (int, float)) and value == number
