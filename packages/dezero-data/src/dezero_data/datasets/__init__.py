"""Data sets: what they hold, and where it comes from."""

from __future__ import annotations

from dezero_data.datasets.arrays import ArrayDataset, NpyFolder
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.datasets.characters import Characters, Shakespeare, Sonnets
from dezero_data.datasets.cifar import CIFAR10, CIFAR100
from dezero_data.datasets.combine import ConcatDataset, Subset, random_split
from dezero_data.datasets.digits import Digits
from dezero_data.datasets.image_folder import ImageFolder
from dezero_data.datasets.imagenet import ImageNet
from dezero_data.datasets.mnist import KMNIST, MNIST, FashionMNIST
from dezero_data.datasets.sin_curve import SinCurve
from dezero_data.datasets.spiral import Spiral, get_spiral

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
    "Shakespeare",
    "SinCurve",
    "Sonnets",
    "Spiral",
    "Subset",
    "get_spiral",
    "random_split",
]
