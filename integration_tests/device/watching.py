"""What looks on while examples run, and does not count what it looks at itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import as_numpy
from dezero_core.testing import FakeDevice
from dezero_optim import Optimizer

from .conftest import Place

EXAMPLES = Path(__file__).parents[2] / "examples"
#: What goes up to the device, what comes down, and what is waited for.
Crossings = tuple[int, int, int]
NOTHING = (0, 0, 0)


@contextmanager
def unseen(place: Place) -> Iterator[None]:
    """Let the test itself look at arrays, without counting that."""
    if not isinstance(place.backend, FakeDevice):
        yield
        return
    before = list(place.backend.traffic)
    try:
        yield
    finally:
        place.backend.traffic[:] = before


class HostsChance:
    """In place of a device's `random`: the numbers that the host's global generator gives."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def __getattr__(self, name: str) -> Any:
        def draw(*args: Any, **settings: Any) -> Any:
            with unseen(self.place):
                return self.place.put(getattr(np.random, name)(*args, **settings))

        return np.random.seed if name == "seed" else draw


class Watch:
    """Looks on while a script runs: where its updates lie, and the first gradients of each."""

    def __init__(self, place: Place | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gradients: list[list[Any]] = []
        self.optimizers: list[Any] = []
        self.marks: list[int] = []
        self.device = place.backend if place and isinstance(place.backend, FakeDevice) else None
        look = nullcontext if place is None else lambda: unseen(place)
        update = Optimizer.update

        def watched(optimizer: Any) -> None:
            if not any(optimizer is known for known in self.optimizers):
                self.optimizers.append(optimizer)
                with look():
                    grads = [p.grad for p in optimizer.target.params() if p.grad is not None]
                    self.gradients.append([as_numpy(g).copy() for g in grads])
            update(optimizer)
            if self.device is not None:
                self.marks.append(len(self.device.traffic))

        monkeypatch.setattr(Optimizer, "update", watched)

    @property
    def between(self) -> Counter[Crossings]:
        """How often which crossings lie between two updates."""
        assert self.device is not None
        return Counter(
            crossings(self.device.traffic[first:second])
            for first, second in zip(self.marks, self.marks[1:], strict=False)
        )

    @property
    def weights(self) -> Any:
        """All parameters of all optimizers in the end, in one row."""
        params = [p for optimizer in self.optimizers for p in optimizer.target.params()]
        return np.concatenate([as_numpy(p).ravel() for p in params])


def crossings(traffic: Any) -> Crossings:
    down = sum(event.name == "get" for event in traffic)
    waits = sum(event.kind == "sync" for event in traffic)
    return len(traffic) - down - waits, down, waits
