"""Data sets (book step 49): those of `dezero_data`."""

from __future__ import annotations

from dezero_data import MNIST, DataFileError, Dataset, Digits, Spiral, get_spiral

__all__ = ["MNIST", "DataFileError", "Dataset", "Digits", "Spiral", "get_spiral"]
