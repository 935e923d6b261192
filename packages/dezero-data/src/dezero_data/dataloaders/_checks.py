"""What loaders take beside `dezero_data._arguments`, and what samplers may give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data.randomness import RandomSource

__all__ = [
    "check_timeout",
    "peek_seed",
    "read_batches",
    "read_indices",
]


def check_timeout(timeout: float | None) -> float | None:
    """Return a positive number of seconds, or None."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"DataLoader: timeout is a number of seconds or None, not {timeout!r}")
    if not timeout > 0:
        raise ValueError(f"DataLoader: timeout is more than 0 seconds, not {timeout!r}")
    return float(timeout)


def peek_seed(rng: RandomSource | None) -> int:
    """Return a seed that the state of a generator determines, and leave that state what it is.

    So everything can be repeated after ``numpy.random.seed``, and what is drawn afterwards does
    not depend on whether a loader was made.
    """
    if isinstance(rng, np.random.Generator):
        twin = type(rng.bit_generator)()
        twin.state = rng.bit_generator.state
        return int(np.random.Generator(twin).integers(2**63))
    copy = np.random.RandomState(0)
    copy.set_state(np.random.get_state() if rng is None else rng.get_state())
    return int(copy.randint(2**63 - 1, dtype=np.int64))


def read_indices(indices: Iterable[Any], whose: str) -> Array:
    """Return the indices that a sampler gives.

    Raises:
        TypeError: One of them is no integer.
    """
    listed = indices if isinstance(indices, np.ndarray) else list(indices)
    try:
        array = np.asarray(listed)
        fits = array.dtype.kind in "iu" and array.ndim == 1
    except (ValueError, OverflowError):
        fits = False
    if not fits and len(listed):
        place, wrong = next(
            (pair for pair in enumerate(listed) if not _is_index(pair[1])), (0, listed[0])
        )
        raise TypeError(
            f"DataLoader: an index is an integer, but {whose} gave {wrong!r}, "
            f"a {type(wrong).__name__}, as number {place}"
        )
    return array.astype(np.int64) if len(listed) else np.empty(0, np.int64)


def read_batches(batch_sampler: Iterable[Any]) -> tuple[Array, Array]:
    """Return the indices that a batch sampler gives, in one axis, and where each batch ends.

    Raises:
        TypeError: It gives something else than sequences of integers.
        ValueError: A batch is empty.
    """
    batches = []
    for number, batch in enumerate(batch_sampler):
        if isinstance(batch, (str, bytes)) or not isinstance(batch, Iterable):
            raise TypeError(
                "DataLoader: batch_sampler gives sequences of indices, not a "
                f"{type(batch).__name__} ({batch!r}, as number {number}). For single indices, "
                "there is sampler"
            )
        batches.append(read_indices(batch, f"batch {number} of {type(batch_sampler).__name__}"))
        if not len(batches[-1]):
            raise ValueError(f"DataLoader: batch_sampler gave an empty batch, as number {number}")
    if not batches:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(batches), np.cumsum([len(batch) for batch in batches])


def _is_index(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
