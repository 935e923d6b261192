"""Loaders (book step 50): those of `dezero_data`."""

from __future__ import annotations

from dezero_data import DataLoader

__all__ = ["DataLoader"]
