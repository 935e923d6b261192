"""Loaders: from a data set to batches.

- `loader`: `DataLoader`, its epochs, its options and its state.
- `sequences`: loaders that keep an order: `SeqDataLoader`, `TokenLoader`.
- `_order`, `_epoch`: where an order comes from; an epoch as numbers, from which anybody loads the
  same batches.
- `_workers`, `_worker`, `_shared`: processes, seen from outside and from inside, and the memory
  between them.
- `_ahead`: a thread. `_devices`: the way to a GPU. `_checks`, `_state`: what is let in.
"""

from __future__ import annotations

from dezero_data.dataloaders._workers import WorkerError
from dezero_data.dataloaders.loader import DataLoader
from dezero_data.dataloaders.sequences import SeqDataLoader, TokenLoader

__all__ = ["DataLoader", "SeqDataLoader", "TokenLoader", "WorkerError"]
