"""What one pass over the data consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dezero_core.typing import Array
from dezero_data.randomness import ItemRandom

__all__ = ["Epoch", "random_of"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """The batches of one epoch, and the random streams of their items, as numbers only.

    Whoever loads a batch, this process, a thread or a worker, gets the same one from it.

    Args:
        number: Which epoch; the first one is 0.
        seed: Of the random streams.
        data_size: How many items the data set has.
        index: The items of all batches, one after the other, integers of shape (M,).
        ends: Where in `index` each batch ends; or how many items all but the last one have.
        length: How many batches there are.
        repeats: Whether an item may occur more than once.
    """

    number: int
    seed: int
    data_size: int
    index: Array
    ends: Array | int
    length: int
    repeats: bool = False
    _streams: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        streams = self.index
        if self.repeats:
            # An item that comes again must not be cropped and turned as it was the first time.
            streams = self.index + self.data_size * _occurrences(self.index)
        object.__setattr__(self, "_streams", streams)

    def __len__(self) -> int:
        return self.length

    def items(self, batch: int) -> tuple[Array, Array]:
        """Return a batch's items, and the numbers of their random streams; shapes (N,)."""
        if isinstance(self.ends, int):
            place = slice(batch * self.ends, (batch + 1) * self.ends)
        else:
            place = slice(self.ends[batch - 1] if batch else 0, self.ends[batch])
        return self.index[place], self._streams[place]


def random_of(seed: int, epoch: int, indices: Array, streams: Array) -> ItemRandom:
    """Return the random streams of the items of a batch."""
    random = ItemRandom(seed, epoch, streams)
    random.indices = indices  # what errors name
    return random


def _occurrences(index: Array) -> Array:
    """Count for each entry how often it stood there before: [5, 3, 5, 5] becomes [0, 0, 1, 2]."""
    order = np.argsort(index, kind="stable")
    ranked = index[order]
    place = np.arange(len(index))
    begins = np.append(True, ranked[1:] != ranked[:-1])[: len(index)]
    first = np.maximum.accumulate(np.where(begins, place, 0))
    counts = np.empty_like(place)
    counts[order] = place - first
    return counts
