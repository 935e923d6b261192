"""Before training: importing the package, and reading the data."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from harness.workload import Call, Comparison, Figure
from workloads.inputs import digit_images

__all__ = ["Epoch", "ImportTime"]


class Epoch(Comparison):
    """60000 images as MNIST's files have them, shuffled, in batches of 100, as float32 from 0 to 1.

    Each library through its own loader: the DeZeros with the default transform of their MNIST,
    PyTorch with a data set that does the same to an item, as the usual data sets do.
    """

    name = "epoch"
    title = "an epoch over MNIST through the DataLoader"
    reach = 0.2

    def ours(self) -> Call:
        from dezero_data import MNIST, DataLoader

        class RandomMNIST(MNIST):
            def prepare(self) -> None:
                self.data, self.label = digit_images(60000)

        loader = DataLoader(RandomMNIST(), batch_size=100)

        def call() -> tuple[object, ...]:
            seen = 0
            for x, _ in loader:
                seen += len(x)
            return seen, x.dtype.itemsize, *x.shape

        return call

    def torch(self) -> Call:
        import torch
        from torch.utils.data import DataLoader, Dataset

        class RandomMNIST(Dataset[Any]):  # type: ignore[misc, unused-ignore]
            def __init__(self) -> None:
                images, labels = digit_images(60000)
                self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)

            def __getitem__(self, index: int) -> tuple[Any, Any]:
                x = self.images[index].flatten().float() / 255
                return x, self.labels[index]

            def __len__(self) -> int:
                return len(self.images)

        loader = DataLoader(RandomMNIST(), batch_size=100, shuffle=True)

        def call() -> tuple[object, ...]:
            seen = 0
            for x, _ in loader:
                seen += len(x)
            return seen, x.element_size(), *x.shape

        return call

    def released(self) -> Call:
        from dezero import DataLoader
        from dezero.datasets import MNIST

        class RandomMNIST(MNIST):  # type: ignore[misc, unused-ignore]
            def prepare(self) -> None:
                self.data, self.label = digit_images(60000)

        loader = DataLoader(RandomMNIST(), batch_size=100)

        def call() -> tuple[object, ...]:
            seen = 0
            for x, _ in loader:
                seen += len(x)
            return seen, x.dtype.itemsize, *x.shape

        return call


class ImportTime(Figure):
    """The time of the import statement in a fresh interpreter, the median of several."""

    name = "import"
    title = "import"
    unit = "s"
    reach = 0.25

    def ours(self) -> list[float]:
        return _seconds_of("import dezero", repeats=9)

    def torch(self) -> list[float]:
        return _seconds_of("import torch", repeats=3)

    def released(self) -> list[float]:
        # It does not import without this name, which NumPy has dropped.
        return _seconds_of("import numpy; numpy.int = int; import dezero", repeats=5)


def _seconds_of(statement: str, repeats: int) -> list[float]:
    program = (
        f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    runs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for _ in range(repeats + 1)
    ]
    return [float(run) for run in runs[1:]]  # the first may have had to compile
