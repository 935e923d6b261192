"""Data sets made of other data sets: a part of one, several in a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dezero_core.typing import Array, ArrayLike
from dezero_data._arguments import check_dataset, check_index, check_indices, check_rng
from dezero_data._batches import fetch
from dezero_data.randomness import RandomSource, current_items

__all__ = ["ConcatDataset", "Subset", "random_split"]


class Subset:
    """Some items of a data set, in an order of their own.

    Nothing is copied. A batch is asked of the data set as one, if it can do that.

    Args:
        dataset: A `Dataset`, a list of pairs, or anything with `__getitem__` and `__len__`.
        indices: The numbers of the items, integers of shape (N,). Repeated ones are repeated.

    Attributes:
        dataset: As given.
        indices: As given, int64 of shape (N,), none of them negative.

    Raises:
        TypeError: `dataset` is no data set, or `indices` are no integers in one axis.
        IndexError: There is no item of one of the indices.

    Example:
        >>> from dezero_data import Spiral
        >>> spiral = Spiral()
        >>> ones = Subset(spiral, np.flatnonzero(spiral.label == 1))
        >>> ones
        <Subset: 100 of the 300 items of Spiral>
        >>> ones[0][1].item()
        1
    """

    def __init__(self, dataset: Any, indices: ArrayLike) -> None:
        check_dataset(dataset, "Subset")
        self.dataset = dataset
        self.indices = check_indices(indices, len(dataset), "Subset")

    def __getitem__(self, index: int) -> Any:
        """Return one item.

        Args:
            index: Its number in the subset; negative ones count from the end.

        Returns:
            What the data set gives: its data and its label.

        Raises:
            TypeError: `index` is no integer.
            IndexError: There is no such item.
        """
        number = check_index(index, len(self), "Subset")
        return self.dataset[int(self.indices[number])]

    def __getitems__(self, indices: Array) -> Any:
        """Return many items as one batch.

        Args:
            indices: Their numbers in the subset, integers of shape (N,).

        Returns:
            The data, shape (N, ...), and the labels or None.

        Raises:
            TypeError: `indices` are no integers in one axis.
            IndexError: There is no item of one of the indices.
        """
        chosen = self.indices[check_indices(indices, len(self), "Subset")]
        return fetch(self.dataset, chosen, current_items())

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        size, name = len(self.dataset), type(self.dataset).__name__
        return f"<Subset: {len(self)} of the {size} items of {name}>"


class ConcatDataset:
    """Several data sets, one after the other.

    Nothing is copied. A batch is asked of each data set at most once, if it can do that.

    Args:
        datasets: The data sets, at least one.

    Attributes:
        datasets: As given, a tuple.

    Raises:
        TypeError: One of them is no data set.
        ValueError: There is none.

    Example:
        >>> from dezero_data import Spiral
        >>> both = ConcatDataset([Spiral(train=True), Spiral(train=False)])
        >>> len(both)
        600
        >>> bool((both[300][0] == Spiral(train=False)[0][0]).all())
        True
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = tuple(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: there is no data set to begin with")
        for dataset in self.datasets:
            check_dataset(dataset, "ConcatDataset")
        # Taken once: if a part grows later, the numbers of the items of the others stay.
        self._ends = np.cumsum([len(dataset) for dataset in self.datasets])

    def __getitem__(self, index: int) -> Any:
        """Return one item.

        Args:
            index: Its number, counted over all data sets; negative ones count from the end.

        Returns:
            What its data set gives: its data and its label.

        Raises:
            TypeError: `index` is no integer.
            IndexError: There is no such item.
        """
        number = check_index(index, len(self), "ConcatDataset")
        part = int(np.searchsorted(self._ends, number, side="right"))
        return self.datasets[part][number - self._start(part)]

    def __getitems__(self, indices: Array) -> Any:
        """Return many items as one batch.

        Args:
            indices: Their numbers, counted over all data sets; integers of shape (N,), N > 0.

        Returns:
            The data, shape (N, ...), and the labels, or None if no data set has any.

        Raises:
            TypeError: `indices` are no integers in one axis, or the data sets give items of
                different shapes, or some with labels and others without.
            IndexError: There is no item of one of the indices.
        """
        numbers = check_indices(indices, len(self), "ConcatDataset")
        parts = np.searchsorted(self._ends, numbers, side="right")
        current = current_items()
        batches, positions, names = [], [], []
        for part in np.unique(parts).tolist():
            chosen = np.flatnonzero(parts == part)
            streams = None if current is None else current.take(chosen)
            batches.append(fetch(self.datasets[part], numbers[chosen] - self._start(part), streams))
            positions.append(chosen)
            names.append(f"{type(self.datasets[part]).__name__} (number {part})")
        return _merge(batches, np.argsort(np.concatenate(positions)), names)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __repr__(self) -> str:
        parts = " + ".join(f"{len(each)} of {type(each).__name__}" for each in self.datasets)
        return f"<ConcatDataset: {len(self)} items, {parts}>"

    def _start(self, part: int) -> int:
        return int(self._ends[part - 1]) if part else 0


def random_split(
    dataset: Any, lengths: Sequence[float], rng: RandomSource | None = None
) -> list[Subset]:
    """Split a data set at random into parts that have no item in common.

    The parts are transformed as the data set is. To do without in one of them what augments the
    data for training, make the data set a second time, with another transform:
    ``Subset(Digits(transform=None), valid.indices)``.

    Args:
        dataset: A `Dataset`, a list of pairs, or anything with `__getitem__` and `__len__`.
        lengths: How many items each part gets: integers whose sum is the data set's length, or
            fractions whose sum is 1. Items that are left over by rounding fractions down go to the
            parts one by one, from the first on.
        rng: Where the order is drawn from. Default: NumPy's global state.

    Returns:
        The parts.

    Raises:
        TypeError: `dataset` is no data set, a length is no number, or `rng` draws no permutations.
        ValueError: A length is negative, or the lengths have another sum.

    Example:
        >>> from dezero_data import Digits
        >>> train, valid = random_split(Digits(), [0.9, 0.1], np.random.default_rng(0))
        >>> len(train), len(valid)
        (1294, 143)
    """
    check_dataset(dataset, "random_split")
    check_rng(rng, "random_split")
    counts = _counts(lengths, len(dataset))
    order = (np.random if rng is None else rng).permutation(len(dataset))
    ends = np.cumsum(counts)
    return [
        Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)
    ]


def _counts(lengths: Sequence[float], size: int) -> list[int]:
    if not isinstance(lengths, Iterable):
        raise TypeError(
            f"random_split: lengths are a list with one for each part, such as [0.9, 0.1], "
            f"not {lengths!r}"
        )
    wanted = list(lengths)
    for length in wanted:
        real = isinstance(length, (int, float, np.integer, np.floating))
        if not real or isinstance(length, bool):
            raise TypeError(f"random_split: a length is a number, not {length!r}")
        if not length >= 0:
            raise ValueError(f"random_split: a length is not negative, as {length} is")
    if all(isinstance(length, (int, np.integer)) for length in wanted) and sum(wanted) == size:
        return [int(length) for length in wanted]
    if not math.isclose(sum(wanted), 1, rel_tol=1e-9):
        raise ValueError(
            f"random_split: lengths are integers of sum {size}, the data set's length, "
            f"or fractions of sum 1; {wanted} have the sum {sum(wanted)}"
        )
    # A hair more, since 0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996.
    counts = [math.floor(fraction * size + 1e-9) for fraction in wanted]
    for part in range(size - sum(counts)):
        counts[part % len(counts)] += 1
    return counts


def _merge(batches: Sequence[Any], order: Array, names: Sequence[str]) -> Any:
    """Make one batch of several, in a certain order, whatever they are built of."""
    first = batches[0]
    for name, batch in zip(names, batches, strict=True):
        if type(batch) is not type(first) or _form(batch) != _form(first):
            raise TypeError(
                f"ConcatDataset: {names[0]} gives {_describe(first)}, but {name} gives "
                f"{_describe(batch)}: what goes into one batch is alike"
            )
    if first is None:
        return None
    if isinstance(first, Mapping):
        return {key: _merge([each[key] for each in batches], order, names) for key in first}
    if isinstance(first, tuple):
        fields = [_merge(column, order, names) for column in zip(*batches, strict=True)]
        return type(first)(*fields) if hasattr(first, "_fields") else tuple(fields)
    if isinstance(first, list):
        values = [value for each in batches for value in each]
        return [values[position] for position in order.tolist()]
    return np.concatenate(batches)[order]


def _form(batch: Any) -> Any:
    if isinstance(batch, np.ndarray):
        return batch.shape[1:]
    if isinstance(batch, Mapping):
        return sorted(map(str, batch))
    return len(batch) if isinstance(batch, tuple) else None


def _describe(batch: Any) -> str:
    if batch is None:
        return "no labels"
    if isinstance(batch, np.ndarray):
        return f"items of shape {batch.shape[1:]}"
    return f"a {type(batch).__name__} of {_form(batch)}"
