"""Data sets, what is done to their items, and loaders that hand them out in batches.

>>> from dezero_data import DataLoader, Digits
>>> loader = DataLoader(Digits(train=True), batch_size=32)
>>> x, t = next(loader)
>>> x.shape, x.dtype, t.shape
((32, 64), dtype('float32'), (32,))
"""

from __future__ import annotations

from dezero_data import samplers, transforms
from dezero_data.__about__ import __version__
from dezero_data.dataloaders import DataLoader, SeqDataLoader, TokenLoader, WorkerError
from dezero_data.datasets import (
    CIFAR10,
    CIFAR100,
    KMNIST,
    MNIST,
    ArrayDataset,
    Characters,
    ConcatDataset,
    DataFileError,
    Dataset,
    Digits,
    FashionMNIST,
    ImageFolder,
    ImageNet,
    NpyFolder,
    Shakespeare,
    SinCurve,
    Sonnets,
    Spiral,
    Subset,
    get_spiral,
    random_split,
)
from dezero_data.randomness import item_rng

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "ArrayDataset",
    "Characters",
    "ConcatDataset",
    "DataFileError",
    "DataLoader",
    "Dataset",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "ImageNet",
    "NpyFolder",
    "SeqDataLoader",
    "Shakespeare",
    "SinCurve",
    "Sonnets",
    "Spiral",
    "Subset",
    "TokenLoader",
    "WorkerError",
    "__version__",
    "get_spiral",
    "item_rng",
    "random_split",
    "samplers",
    "transforms",
]
