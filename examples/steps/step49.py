"""Step 49: a Dataset hands out examples, one by one.

Where the examples come from, a file, an array or a formula, is the data set's own affair: it has a
length, and `data_set[i]` is an example with its label. So one that does not fit into memory is read
as it is used. What is done to each example on the way out is its `transform`.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

import dezero.functions as F
from dezero import Dataset, optimizers, transforms
from dezero.datasets import Spiral
from dezero.models import MLP

EPOCHS = 300
BATCH_SIZE = 30
HIDDEN_SIZE = 10
LEARNING_RATE = 1.0


class BigData(Dataset):
    """Arrays in files of a folder, read only when they are asked for.

    Args:
        folder: It has the files data_0.npy and label_0.npy, and so on.
        transform: What is done to each array.
    """

    def __init__(self, folder: Path, transform: transforms.Compose) -> None:
        self.folder = folder
        super().__init__(train=True, transform=transform)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        x = np.load(self.folder / f"data_{index}.npy")
        t = np.load(self.folder / f"label_{index}.npy")
        return self.transform(x), t

    def __len__(self) -> int:
        return len(list(self.folder.glob("data_*.npy")))


def main() -> None:
    """Read examples from files, then train on a data set."""
    with tempfile.TemporaryDirectory() as name:
        for i in range(4):
            np.save(Path(name, f"data_{i}.npy"), np.full((2, 2), 50 * i, np.uint8))
            np.save(Path(name, f"label_{i}.npy"), i % 2)
        to_unit = transforms.Compose(
            [transforms.Flatten(), transforms.ToFloat(), transforms.Normalize(0.0, 100.0)]
        )
        data = BigData(Path(name), to_unit)
        x, t = data[3]
        print(f"{len(data)} examples in files; number 3 is {x} {x.dtype}, label {t}")

    train_set = Spiral(train=True)
    x, t = train_set[0]
    print(f"{len(train_set)} examples on the spiral; number 0 is {x}, label {t}")
    batch = [train_set[i] for i in range(3)]
    print("three as a batch:", np.array([x for x, _ in batch]).shape, end=" ")
    print(np.array([t for _, t in batch]).shape)

    np.random.seed(0)
    model = MLP((HIDDEN_SIZE, 3))
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)
    batches = math.ceil(len(train_set) / BATCH_SIZE)
    for epoch in range(1, EPOCHS + 1):
        order = np.random.permutation(len(train_set))
        total = 0.0
        for i in range(batches):
            batch = [train_set[j] for j in order[i * BATCH_SIZE : (i + 1) * BATCH_SIZE]]
            x, t = np.array([x for x, _ in batch]), np.array([t for _, t in batch])
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss) * len(t)
        if epoch == 1 or epoch % 30 == 0:
            print(f"epoch {epoch}, loss {total / len(train_set):.2f}")


if __name__ == "__main__":
    main()
