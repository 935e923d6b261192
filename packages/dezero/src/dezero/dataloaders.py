"""Loaders (book steps 50 and 60): those of `dezero_data`."""

from __future__ import annotations

from dezero_data.dataloaders import (
    DataLoader,
    SeqDataLoader,
    TokenLoader,
    WorkerError,
)

__all__ = [
    "DataLoader",
    "SeqDataLoader",
    "TokenLoader",
    "WorkerError",
]
