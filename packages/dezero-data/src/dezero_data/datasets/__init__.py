"""Data sets: what they hold, and where it comes from."""

from __future__ import annotations

from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.datasets.digits import Digits
from dezero_data.datasets.mnist import MNIST
from dezero_data.datasets.spiral import Spiral, get_spiral

__all__ = ["MNIST", "DataFileError", "Dataset", "Digits", "Spiral", "get_spiral"]
