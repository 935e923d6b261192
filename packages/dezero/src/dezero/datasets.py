"""Data sets (book step 49): those of `dezero_data`.

One more name is that of the book's package: `Shakespear`, which is how it spells `Shakespeare`.
"""

from __future__ import annotations

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

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "ArrayDataset",
    "Characters",
    "ConcatDataset",
    "DataFileError",
    "Dataset",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "ImageNet",
    "NpyFolder",
    "Shakespear",
    "Shakespeare",
    "SinCurve",
    "Sonnets",
    "Spiral",
    "Subset",
    "get_spiral",
    "random_split",
]

Shakespear = Shakespeare
