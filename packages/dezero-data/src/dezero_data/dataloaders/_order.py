"""Where the order of an epoch comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dezero_core.typing import Array
from dezero_data._arguments import check_integer, check_rng, check_sampler
from dezero_data.dataloaders import _checks as checks
from dezero_data.dataloaders._state import load_generator, save_generator
from dezero_data.randomness import RandomSource
from dezero_data.samplers import Sampler, _set_epoch

__all__ = ["Order"]


class Order:
    """A sampler's order, or a random one, or that of the items.

    Args:
        shuffle: As `DataLoader`, and so are the others.
        rng: What draws a random order.
        seed: What a random order follows from.
        sampler: What gives the items.
        batch_sampler: What gives the batches.

    Attributes:
        seed: From which the random numbers of items follow.
        seed_is_given: Whether the order follows from it, too.
        is_random: Whether it is a random one that no sampler draws.
        sampler: What gives the items, or the batches of them; or None.
        in_batches: Whether it gives the batches.
        name: What the order is.
    """

    def __init__(
        self,
        shuffle: bool,
        rng: RandomSource | None,
        seed: int | None,
        sampler: Sampler | None,
        batch_sampler: Sampler | None,
    ) -> None:
        self.sampler: Any = sampler if batch_sampler is None else batch_sampler
        self.in_batches = batch_sampler is not None
        if self.sampler is not None:
            check_sampler(self.sampler, "DataLoader")
        self.is_random = bool(shuffle) and self.sampler is None
        self._rng = check_rng(rng, "DataLoader")
        self.seed_is_given = seed is not None
        if seed is None:
            self.seed = checks.peek_seed(rng)
        elif rng is None:
            self.seed = check_integer(seed, "seed", "DataLoader", least=0, most=2**64 - 1)
        else:
            raise ValueError("DataLoader: rng and seed both decide the order; give one of them")
        self.name = self._name()

    def _name(self) -> str:
        if self.sampler is not None:
            return f"by {type(self.sampler).__name__}"
        if not self.is_random:
            return "in order"
        if self.seed_is_given:
            return "shuffled by seed"
        return "shuffled by numpy.random" if self._rng is None else "shuffled by rng"

    @property
    def is_drawn(self) -> bool:
        """Whether it cannot be told from the number of items alone."""
        return self.is_random or self.sampler is not None

    def source(self, epoch: int) -> Any:
        """Return what has `permutation`, for a random order of an epoch."""
        if self.seed_is_given:
            return np.random.default_rng([self.seed, epoch])
        return np.random if self._rng is None else self._rng

    def draw(self, epoch: int, size: int) -> tuple[Array, Array | None]:
        """Return the items of an epoch in order, and where each batch ends if a sampler says so."""
        _set_epoch(self.sampler, epoch)
        if self.in_batches:
            return checks.read_batches(self.sampler)
        if self.sampler is not None:
            return checks.read_indices(self.sampler, type(self.sampler).__name__), None
        return (self.source(epoch).permutation(size) if self.is_random else np.arange(size)), None

    def state(self) -> dict[str, Any]:
        """Return the states of what draws the orders to come."""
        remembers = hasattr(self.sampler, "state_dict")
        return {
            "rng": save_generator(self._rng),
            "sampler": self.sampler.state_dict() if remembers else None,
        }

    def load(self, state: Mapping[str, Any], seed: int, epoch: int) -> None:
        """Set what `state` returned: all of it, or on errors nothing."""
        before = save_generator(self._rng)
        try:
            if self._rng is not None:
                load_generator(self._rng, state["rng"])
            if hasattr(self.sampler, "load_state_dict"):
                self.sampler.load_state_dict(state["sampler"])
        except Exception:
            if self._rng is not None:
                load_generator(self._rng, before)
            raise
        self.seed = seed
        _set_epoch(self.sampler, epoch)
