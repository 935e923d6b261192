"""Random numbers that belong to an item, not to the process that happens to load it.

A loader's batches must not depend on how many workers it has, on which of them loads an item, or
on what was drawn before. So there is no generator that is passed on from item to item. Each item
has a stream of its own, and its numbers are a function of where they stand::

    bits(seed, epoch, index, draw, element)

with `draw` the count of draws for this item so far. The function is the finalizer of SplitMix64, a
mixer of 64 bits whose outputs over successive counters pass the usual batteries of tests. It is
cheap, and it is arithmetic on arrays: `ItemRandom` draws for all items of a batch at once, and
gives each of them what it would have got alone.

A loader says which items it is about to load with `using_item_random`. Transforms of this package
ask for the streams with `item_random`; for your own, `item_rng` gives NumPy's generator.

Source: G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators",
OOPSLA 2014; J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

from dezero_data._streams import ItemRandom

__all__ = [
    "ItemRandom",
    "RandomSource",
    "current_items",
    "item_random",
    "item_rng",
    "map_items",
    "using_item_random",
]

#: What NumPy draws random numbers with: its generator, or the one of old.
RandomSource: TypeAlias = np.random.Generator | np.random.RandomState

_CURRENT: ContextVar[ItemRandom | None] = ContextVar("dezero_data.item_random", default=None)


@contextmanager
def using_item_random(random: ItemRandom | None) -> Iterator[ItemRandom | None]:
    """Let transforms draw from the streams of certain items.

    Args:
        random: The streams of the items that are loaded within the ``with`` block; with None, it
            is as outside of a loader.

    Yields:
        `random`.

    Example:
        >>> def noisy(x):
        ...     return x + item_rng().normal()
        >>> def load(index):
        ...     with using_item_random(ItemRandom(seed=0, epoch=0, indices=[index])):
        ...         return noisy(1.0)
        >>> load(3) == load(3), load(3) == load(4)
        (True, False)
    """
    token = _CURRENT.set(random)
    try:
        yield random
    finally:
        _CURRENT.reset(token)


def current_items() -> ItemRandom | None:
    """Return the streams of the items that are being loaded, or None outside of a loader.

    For data sets that hand items on to other data sets; a transform asks `item_random`.

    Returns:
        The streams that the innermost `using_item_random` was given.

    Example:
        >>> with using_item_random(ItemRandom(seed=0, epoch=0, indices=[4, 2])):
        ...     current_items()
        <ItemRandom of 2 items>
        >>> current_items() is None
        True
    """
    return _CURRENT.get()


def item_random(n: int, rng: RandomSource | None = None) -> ItemRandom:
    """Return the streams that n items are to be transformed with.

    Args:
        n: How many items; one has n = 1.
        rng: Where to seed new streams from, one number per item, whatever is being loaded.
            None: the streams of the items that are being loaded, or outside of a loader, new ones
            that are seeded from NumPy's global state. So ``np.random.seed`` makes them repeatable.

    Returns:
        Streams of n items.

    Raises:
        RuntimeError: Another number of items than n is being loaded.

    Example:
        >>> def jitter(xs):  # of a whole batch, shape (N, D)
        ...     return xs + item_random(len(xs)).uniform(-0.1, 0.1, size=xs.shape[1:])
        >>> jitter(np.zeros((3, 4))).shape
        (3, 4)
    """
    if rng is None:
        current = _CURRENT.get()
        if current is not None:
            if len(current) != n:
                raise RuntimeError(
                    f"item_random: {len(current)} items are being loaded, but random numbers are "
                    f"wanted for {n}. A transform of single items is applied to a batch with "
                    "apply_to_batch, which gives each item its own"
                )
            return current
    # 63 bits, the most that both kinds of generator give alike in one call or in n.
    if isinstance(rng, np.random.Generator):
        seeds = rng.integers(0, 2**63 - 1, size=n, endpoint=True)
    else:
        randint = np.random.randint if rng is None else rng.randint
        seeds = randint(0, 2**63 - 1, size=n, dtype=np.int64)
    return ItemRandom.from_seeds(seeds)


def item_rng() -> np.random.Generator:
    """Return a NumPy generator for the item that is being loaded.

    For the random transforms and data sets that you write yourself: its numbers depend on the
    loader's seed, the epoch and the item's index alone, so they are the same with any number of
    workers, and after resuming. Outside of a loader, it is seeded from NumPy's global state.

    Returns:
        A generator, another one with each call.

    Raises:
        RuntimeError: A batch is being loaded, not one item. See `item_random`.

    Example:
        >>> class Noise:
        ...     def __call__(self, x):
        ...         return x + item_rng().normal(scale=0.1, size=x.shape)
        >>> Noise()(np.zeros(3)).shape
        (3,)
    """
    return item_random(1).generator()


def map_items(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Call a function on each item of a batch, with the random stream of that item.

    Args:
        function: Of one item.
        items: The items that are being loaded, in order.

    Returns:
        What it gives for each.

    Raises:
        Exception: What `function` raises, with a note that says on which item.

    Example:
        >>> map_items(abs, [-1, 2])
        [1, 2]
    """
    current = _CURRENT.get()
    results = []
    for position, item in enumerate(items):
        try:
            if current is None:
                results.append(function(item))
            else:
                with using_item_random(current.item(position)):
                    results.append(function(item))
        except Exception as error:
            where = f"position {position} of the batch"
            if current is not None and position < len(current):
                where += f", index {current.indices[position]} of the data set"
            error.add_note(f"This was at {where}.")
            raise
    return results
