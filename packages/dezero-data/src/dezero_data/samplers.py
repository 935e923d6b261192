"""Samplers: which items an epoch has, and in which order.

A sampler is whatever can be iterated over and has a length: a list of indices will do. The order of
those here is a function of their seed and of the epoch, so a training run that goes on needs to
know no more than these. `DataLoader` tells them the epoch; without a loader, call `set_epoch`.

They are made of one another: ``DistributedSampler(WeightedSampler(weights), rank=0, world_size=4)``
is one process's share of a weighted draw.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dezero_core.typing import Array, ArrayLike
from dezero_data._arguments import check_integer, check_sampler

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "WeightedSampler",
]


@runtime_checkable
class Sampler(Protocol):
    """What a loader needs of a sampler.

    One whose order differs from epoch to epoch has ``set_epoch(epoch)`` as well, and gives the same
    order for the same epoch. One that remembers something has ``state_dict()`` and
    ``load_state_dict(state)``, which the loader's own state then includes.
    """

    def __iter__(self) -> Iterator[Any]:
        """Yield the indices of this epoch; a batch sampler, sequences of indices."""
        ...

    def __len__(self) -> int:
        """Return how many these are."""
        ...


class SequentialSampler:
    """All items in their order.

    Args:
        data: The data set, or anything else with a length.

    Raises:
        TypeError: `data` has no length.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data: Sized) -> None:
        self._data = _sized(data, "SequentialSampler")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"SequentialSampler({len(self)} items)"


class _SeededSampler(ABC):
    """An order for each epoch, drawn from a generator that the seed and the epoch determine."""

    def __init__(self, seed: int, num_samples: int | None) -> None:
        name = type(self).__name__
        self.seed = check_integer(seed, "seed", name, least=0)
        self.epoch = 0
        if num_samples is not None:
            num_samples = check_integer(num_samples, "num_samples", name, least=1)
        self._num_samples = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Give the order of an epoch from now on.

        Args:
            epoch: Its number; the first one is 0.
        """
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        indices: list[int] = self._draw(np.random.default_rng([self.seed, self.epoch])).tolist()
        return iter(indices)

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> Array:
        """Draw the order of an epoch."""


class RandomSampler(_SeededSampler):
    """Items in random order, each once; or drawn one by one, so that some come more often.

    Args:
        data: The data set, or anything else with a length.
        num_samples: How many items an epoch has. Default: as many as there are.
        replacement: Whether an item that was drawn may be drawn again.
        seed: Which orders; 0 or more.

    Attributes:
        seed: As given.
        epoch: Of which the order is.

    Raises:
        TypeError: `data` has no length, or a number is no integer.
        ValueError: `seed` is negative, `num_samples` is below 1, or it is more than there are and
            there is no replacement.

    Example:
        >>> sampler = RandomSampler(range(5), seed=1)
        >>> first = list(sampler)
        >>> sorted(first), list(sampler) == first
        ([0, 1, 2, 3, 4], True)
        >>> sampler.set_epoch(1)
        >>> list(sampler) == first
        False
    """

    def __init__(
        self,
        data: Sized,
        *,
        num_samples: int | None = None,
        replacement: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(seed, num_samples)
        self._data = _sized(data, "RandomSampler")
        self.replacement = replacement
        if not replacement and len(self) > len(data):
            raise ValueError(
                f"RandomSampler: {num_samples} of {len(data)} items are too many, "
                "unless with replacement=True"
            )

    def _draw(self, rng: np.random.Generator) -> Array:
        if self.replacement:
            return rng.integers(0, len(self._data), len(self))
        return rng.permutation(len(self._data))[: len(self)]

    def __len__(self) -> int:
        return len(self._data) if self._num_samples is None else self._num_samples

    def __repr__(self) -> str:
        how = ", with replacement" if self.replacement else ""
        return f"RandomSampler({len(self)} of {len(self._data)} items{how}, seed={self.seed})"


class WeightedSampler(_SeededSampler):
    """Items drawn with probabilities in proportion to their weights.

    Without replacement, a heavy item comes earlier, but no item comes twice.

    Source: P. S. Efraimidis, P. G. Spirakis, "Weighted Random Sampling with a Reservoir",
    Information Processing Letters 97, 2006, for drawing without replacement.

    Args:
        weights: One per item, shape (N,); not negative, in any unit.
        num_samples: How many items an epoch has. Default: N with replacement, without it as many
            as have a weight.
        replacement: Whether an item that was drawn may be drawn again.
        seed: Which draws; 0 or more.

    Attributes:
        seed: As given.
        epoch: Of which the order is.

    Raises:
        TypeError: The weights are no numbers, or a number is no integer.
        ValueError: A weight is negative or not finite, all are zero, or `num_samples` is below 1,
            or is more than have a weight and there is no replacement.

    Example:
        >>> drawn = list(WeightedSampler([0, 1, 3], num_samples=4000, seed=0))
        >>> [drawn.count(item) for item in range(3)]
        [0, 1014, 2986]
    """

    def __init__(
        self,
        weights: ArrayLike,
        *,
        num_samples: int | None = None,
        replacement: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(seed, num_samples)
        self.replacement = replacement
        self._weights = _check_weights(weights)
        self._cumulative = np.cumsum(self._weights)
        if not replacement:
            possible = int(np.count_nonzero(self._weights))
            self._num_samples = possible if num_samples is None else self._num_samples
            if len(self) > possible:
                raise ValueError(
                    f"WeightedSampler: {num_samples} items are too many, for {possible} have a "
                    "weight; unless with replacement=True"
                )

    def _draw(self, rng: np.random.Generator) -> Array:
        if self.replacement:
            points = rng.random(len(self)) * self._cumulative[-1]
            # To the right, so that an item without weight is never met.
            return np.searchsorted(self._cumulative, points, side="right")
        # The times at which items come, if each comes at a rate that is its weight.
        times = np.full(len(self._weights), np.inf)
        np.divide(
            rng.standard_exponential(len(times)), self._weights, out=times, where=self._weights > 0
        )
        return np.argsort(times, kind="stable")[: len(self)]

    def __len__(self) -> int:
        return len(self._weights) if self._num_samples is None else self._num_samples

    def __repr__(self) -> str:
        how = "with" if self.replacement else "without"
        return (
            f"WeightedSampler({len(self)} of {len(self._weights)} items, "
            f"{how} replacement, seed={self.seed})"
        )


class DistributedSampler:
    """The share of one of several processes in what another sampler gives.

    All processes draw the same order, and process `rank` takes the items `rank`,
    `rank + world_size` and so on of it. So the other sampler needs the same seed everywhere.

    Args:
        sampler: What is shared, the same in all processes.
        rank: The number of this process, from 0 to `world_size` - 1.
        world_size: How many processes there are.
        drop_last: All shares have the same length. Where the items do not suffice for that, those
            at the end are left out; or else, some from the beginning come twice.

    Attributes:
        rank: As given, and so are `world_size` and `drop_last`.

    Raises:
        TypeError: `sampler` is none, or a number is no integer.
        ValueError: `world_size` is below 1, or `rank` is none of its processes.

    Example:
        >>> for rank in range(2):
        ...     list(DistributedSampler(SequentialSampler("abcde"), rank, world_size=2))
        [0, 2, 4]
        [1, 3, 0]
    """

    def __init__(
        self, sampler: Sampler, rank: int, world_size: int, *, drop_last: bool = False
    ) -> None:
        name = "DistributedSampler"
        self._sampler = check_sampler(sampler, name)
        self.world_size = check_integer(world_size, "world_size", name, least=1)
        self.rank = check_integer(rank, "rank", name, least=0)
        if self.rank >= self.world_size:
            raise ValueError(
                f"{name}: rank is from 0 to {self.world_size - 1} where world_size is "
                f"{self.world_size}, not {self.rank}"
            )
        self.drop_last = drop_last

    def set_epoch(self, epoch: int) -> None:
        """Give the order of an epoch from now on.

        Args:
            epoch: Its number; the first one is 0.
        """
        _set_epoch(self._sampler, epoch)

    def __iter__(self) -> Iterator[Any]:
        order = list(self._sampler)
        total = len(self) * self.world_size
        if order and total > len(order):
            order *= math.ceil(total / len(order))
        return iter(order[self.rank : total : self.world_size])

    def __len__(self) -> int:
        share, rest = divmod(len(self._sampler), self.world_size)
        return share if self.drop_last or not rest else share + 1

    def __repr__(self) -> str:
        return (
            f"DistributedSampler({self._sampler!r}, rank={self.rank}, world_size={self.world_size})"
        )


class BatchSampler:
    """What another sampler gives, in batches: for ``DataLoader(..., batch_sampler=...)``.

    A batch sampler of your own yields sequences of indices, and may make batches of any size, such
    as of sentences of like length.

    Args:
        sampler: What is put together.
        batch_size: How many items a batch has. The last one may have fewer.
        drop_last: Whether to leave out the last batch if it has fewer items than the others.

    Attributes:
        batch_size: As given, and so is `drop_last`.

    Raises:
        TypeError: `sampler` is none, or `batch_size` is no integer.
        ValueError: `batch_size` is below 1.

    Example:
        >>> list(BatchSampler(SequentialSampler("abcde"), batch_size=2))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler, batch_size: int, *, drop_last: bool = False) -> None:
        self._sampler = check_sampler(sampler, "BatchSampler")
        self.batch_size = check_integer(batch_size, "batch_size", "BatchSampler", least=1)
        self.drop_last = drop_last

    def set_epoch(self, epoch: int) -> None:
        """Give the order of an epoch from now on.

        Args:
            epoch: Its number; the first one is 0.
        """
        _set_epoch(self._sampler, epoch)

    def __iter__(self) -> Iterator[list[Any]]:
        order = list(self._sampler)
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def __len__(self) -> int:
        full, rest = divmod(len(self._sampler), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __repr__(self) -> str:
        return f"BatchSampler({self._sampler!r}, batch_size={self.batch_size})"


def _set_epoch(sampler: Any, epoch: int) -> None:
    """Tell a sampler the epoch, if it wants to know."""
    if hasattr(sampler, "set_epoch"):
        sampler.set_epoch(epoch)


def _sized(data: Any, whose: str) -> Sized:
    if not isinstance(data, Sized):
        raise TypeError(
            f"{whose}: {data!r} has no length; give the data set, or range(n) for n items"
        )
    return data


def _check_weights(weights: ArrayLike) -> Array:
    try:
        array = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1 or not len(array):
        raise TypeError("WeightedSampler: weights are numbers of shape (N,), one per item")
    if not np.isfinite(array).all() or (array < 0).any() or not array.any():
        raise ValueError(
            "WeightedSampler: weights are finite, not negative, and not all zero; "
            f"these go from {array.min()} to {array.max()}"
        )
    return array
