"""Data sets, what is done to their items, and loaders that hand them out in batches.

>>> from dezero_data import DataLoader, Digits
>>> loader = DataLoader(Digits(train=True), batch_size=32)
>>> x, t = next(loader)
>>> x.shape, x.dtype, t.shape
((32, 64), dtype('float32'), (32,))
"""

from __future__ import annotations

from dezero_data import transforms
from dezero_data.__about__ import __version__
from dezero_data.dataloaders import DataLoader
from dezero_data.datasets import MNIST, DataFileError, Dataset, Digits, Spiral, get_spiral
from dezero_data.randomness import item_rng

__all__ = [
    "MNIST",
    "DataFileError",
    "DataLoader",
    "Dataset",
    "Digits",
    "Spiral",
    "__version__",
    "get_spiral",
    "item_rng",
    "transforms",
]
