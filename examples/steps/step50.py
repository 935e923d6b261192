"""Step 50: a DataLoader hands out batches.

It shuffles, cuts the order into batches, stacks each, and starts over when an epoch is done. With
it, and with the accuracy beside the loss, training takes a few lines; what was not trained on is
looked at after each epoch, without recording a graph. The picture shows how both went.

    python examples/steps/step50.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
import dezero.functions as F
from dezero import DataLoader, optimizers
from dezero.datasets import Spiral
from dezero.models import MLP
from dezero_viz import plot_curves

EPOCHS = 300
BATCH_SIZE = 30
HIDDEN_SIZE = 10
LEARNING_RATE = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Look at a loader and at the accuracy, train, draw the curves."""
    parser = argparse.ArgumentParser(description="Train on batches from a loader.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    np.random.seed(0)
    train_set, test_set = Spiral(train=True), Spiral(train=False)
    train_loader = DataLoader(train_set, BATCH_SIZE)
    test_loader = DataLoader(test_set, BATCH_SIZE, shuffle=False)
    for epoch in (1, 2):
        print(f"epoch {epoch} has {sum(1 for _ in train_loader)} batches")
    x, t = next(iter(test_loader))
    print("a batch:", x.shape, t.shape)

    y = np.array([[0.2, 0.8, 0], [0.1, 0.9, 0], [0.8, 0.1, 0.1]])
    print("two of three rows are right:", F.accuracy(y, np.array([1, 2, 0])))

    model = MLP((HIDDEN_SIZE, 3))
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)
    parts = ("train loss", "test loss", "train accuracy", "test accuracy")
    history: dict[str, list[float]] = {name: [] for name in parts}
    for epoch in range(1, EPOCHS + 1):
        total, right = 0.0, 0.0
        for x, t in train_loader:
            y = model(x)
            loss = F.softmax_cross_entropy(y, t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss) * len(t)
            right += float(F.accuracy(y, t)) * len(t)
        history["train loss"].append(total / len(train_set))
        history["train accuracy"].append(right / len(train_set))

        total, right = 0.0, 0.0
        with dezero.no_grad():
            for x, t in test_loader:
                y = model(x)
                total += float(F.softmax_cross_entropy(y, t)) * len(t)
                right += float(F.accuracy(y, t)) * len(t)
        history["test loss"].append(total / len(test_set))
        history["test accuracy"].append(right / len(test_set))
        if epoch == 1 or epoch % 30 == 0:
            print(f"epoch {epoch}:", ", ".join(f"{k} {v[-1]:.4f}" for k, v in history.items()))

    plot_curves(history, to_file=out / "step50.png")
    print("drawn:", out / "step50.png")


def folder(name: str) -> Path:
    """Return a folder of this name, made if it is not there."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


if __name__ == "__main__":
    main()
