"""Step 53: a model's parameters in a file.

Each parameter has a path, such as l1/W, and an npz file takes arrays by name. So saving a model is
to write down its parameters by path, and loading to give them to a model of the same make. What
was trained for three epochs and saved, another model goes on with, to the very same numbers. SGD
remembers nothing between steps; where an optimizer does, `dezero_nn.Checkpoint` saves that too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import dezero.functions as F
from dezero import DataLoader, Model, optimizers
from dezero.datasets import Digits
from dezero.models import MLP

EPOCHS = 3
BATCH_SIZE = 100


def main() -> None:
    """Train, save, load, and train on."""
    np.random.seed(0)
    model = MLP((100, 10))
    train(model)
    print("parameters by path:", *(path for path, _ in model.namedparams()))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "my_mlp.npz")
        model.save_weights(file)
        with np.load(file, allow_pickle=False) as arrays:
            print("in the file:", ", ".join(f"{path} {arrays[path].shape}" for path in arrays))
        loaded = MLP((100, 10))
        loaded.load_weights(file)
    x, _ = next(DataLoader(Digits(train=False), 360))
    same = np.array_equal(model(x).data, loaded(x).data)
    print("the loaded model gives the same scores:", same)

    # Both go on with the same order of the examples.
    chance = np.random.get_state()
    print("the first model goes on:")
    train(model)
    np.random.set_state(chance)
    print("the loaded one does the same:")
    train(loaded)
    print("and gives the same scores again:", np.array_equal(model(x).data, loaded(x).data))


def train(model: Model) -> None:
    """Train for some epochs."""
    train_loader = DataLoader(Digits(train=True), BATCH_SIZE)
    optimizer = optimizers.SGD(0.5).setup(model)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for x, t in train_loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss) * len(t)
        print(f"epoch {epoch}, loss {total / len(train_loader.dataset):.6f}")


if __name__ == "__main__":
    main()
