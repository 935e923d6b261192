"""What a loader has under way: batches to come, and the processes that load them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from dezero_data._batches import Collate, fetch
from dezero_data.dataloaders._ahead import Ahead
from dezero_data.dataloaders._epoch import Epoch, random_of
from dezero_data.dataloaders._workers import Workers

__all__ = ["Running", "load"]


def load(dataset: Any, collate: Collate | None, epoch: Epoch, start: int) -> Iterator[Any]:
    """Yield the batches of an epoch, loaded here and now."""
    for batch in range(start, len(epoch)):
        indices, streams = epoch.items(batch)
        yield fetch(
            dataset, indices, random_of(epoch.seed, epoch.number, indices, streams), collate
        )


class Running:
    """What a loader has going on: batches to come, and processes. Ends with the loader.

    It does not know the loader, so a loader that nobody needs any more is gone at once.
    """

    def __init__(self, loader: object) -> None:
        self.stream: Iterator[Any] | None = None
        self.workers: Workers | None = None
        weakref.finalize(loader, self.close)

    def stop(self) -> None:
        """Forget the batches to come; the processes stay."""
        stream, self.stream = self.stream, None
        if isinstance(stream, Ahead):
            stream.close()

    def close(self) -> None:
        """End the processes as well."""
        workers, self.workers = self.workers, None
        if workers is not None and isinstance(self.stream, Ahead):
            workers.kill()  # the thread may be waiting for them
        self.stop()
        if workers is not None:
            workers.close()
