"""What arguments may be, for everything that takes them: one check and one wording for each."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from dezero_core.typing import Array, ArrayLike
from dezero_data.randomness import RandomSource

__all__ = [
    "check_dataset",
    "check_index",
    "check_indices",
    "check_integer",
    "check_rng",
    "check_sampler",
]


def check_dataset(dataset: Any, whose: str) -> Any:
    """Return what items can be had from by index; `whose` argument it is stands in the errors."""
    if isinstance(dataset, type):
        name = dataset.__name__
        raise TypeError(f"{whose}: {name} is a class, not a data set; {name}(...) makes one")
    for needed in ("__getitem__", "__len__"):
        if not hasattr(dataset, needed):
            raise TypeError(
                f"{whose}: a {type(dataset).__name__} is no data set, "
                f"it has no {needed}; wanted is a Dataset or a sequence of pairs"
            )
    return dataset


def check_sampler(sampler: Any, whose: str) -> Any:
    """Return a sampler, or say what it lacks."""
    for needed, why in (("__iter__", "yields nothing"), ("__len__", "has no length")):
        if not hasattr(sampler, needed):
            raise TypeError(
                f"{whose}: a {type(sampler).__name__} is no sampler, it {why} (no {needed}). "
                "A list of indices is one, and so is RandomSampler(dataset)"
            )
    if isinstance(sampler, (str, bytes)) or not isinstance(sampler, Iterable):
        raise TypeError(f"{whose}: a {type(sampler).__name__} is no sampler")
    return sampler


def check_integer(value: Any, name: str, whose: str, least: int, most: int | None = None) -> int:
    """Return an integer that is not too small and not too large."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{whose}: {name} is an integer, not {value!r}") from None
    if number < least:
        raise ValueError(f"{whose}: {name} is at least {least}, not {number}")
    if most is not None and number > most:
        raise ValueError(f"{whose}: {name} is at most {most}, not {number}")
    return number


def check_rng(rng: Any, whose: str) -> RandomSource | None:
    """Return a random generator of NumPy, or None."""
    if rng is not None and not isinstance(rng, (np.random.Generator, np.random.RandomState)):
        raise TypeError(
            f"{whose}: rng is a numpy.random.Generator or RandomState, "
            f"not {rng!r}; try numpy.random.default_rng(seed)"
        )
    return rng


def check_index(index: Any, size: int, whose: str) -> int:
    """Return the number of one of `size` items, a negative one counted from the end."""
    try:
        number = operator.index(index)
    except TypeError:
        raise TypeError(f"{whose}: an index is one integer, not a {type(index).__name__}") from None
    if not -size <= number < size:
        raise IndexError(f"{whose}: no item {number} among {size}")
    return number % size


def check_indices(indices: ArrayLike, size: int, whose: str) -> Array:
    """Return the numbers of items as int64 of shape (N,), none of them negative."""
    given = np.asarray(indices)
    if given.size == 0 and given.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise TypeError(
            f"{whose}: indices are integers of shape (N,), not {given.dtype} of shape {given.shape}"
        )
    if given.min() < -size or given.max() >= size:
        wrong = given[(given < -size) | (given >= size)][0]
        raise IndexError(f"{whose}: no item {wrong} among {size}")
    return given.astype(np.int64) % size
