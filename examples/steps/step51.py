"""Step 51: MNIST, seventy thousand handwritten digits.

The program is that of step 50 with another data set, and that is the point: a loader does not care.
Two networks learn the digits. The first, 784-1000-10 with sigmoids and SGD, gets 87 % of the test
digits right after five epochs; the second, 784-1000-1000-10 with ReLU and Adam, 98 %.

    python examples/steps/step51.py --data FOLDER

reads MNIST's four files from a folder; without --data they are downloaded once. --quick takes two
epochs of 10 000 digits, or without --data the small digits that come with the package; of these,
SGD sees too few to get anywhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
import dezero.functions as F
from dezero import DataLoader, Dataset, Model, optimizers
from dezero.datasets import MNIST, Digits, Subset
from dezero.models import MLP

EPOCHS = 5
BATCH_SIZE = 100
HIDDEN_SIZE = 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the digits and train both networks."""
    parser = argparse.ArgumentParser(description="Train two networks on MNIST.")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with MNIST's four files")
    parser.add_argument("--network", choices=("sigmoid", "relu"), help="one alone; default: both")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS}")
    parser.add_argument("--quick", action="store_true", help="a look at whether it learns")
    options = parser.parse_args(arguments)
    epochs = (2 if options.quick else EPOCHS) if options.epochs is None else options.epochs
    if epochs < 1:
        parser.error(f"--epochs: {epochs} is not at least 1")
    try:
        train_set, test_set = load(options.data, options.quick)
    except OSError as error:  # no such folder, a damaged file, no connection
        raise SystemExit("\n".join([str(error), *getattr(error, "__notes__", [])])) from error
    x, t = train_set[0]
    print(f"{len(train_set)} digits to learn from, {len(test_set)} to test with")
    print(f"the first: shape {x.shape}, {x.dtype} from {x.min()} to {x.max()}, label {t}")

    np.random.seed(0)
    if options.network != "relu":
        model = MLP((HIDDEN_SIZE, 10))
        print(f"\n{len(x)}-{HIDDEN_SIZE}-10, sigmoid, SGD")
        train(model, optimizers.SGD().setup(model), train_set, test_set, epochs)
    if options.network != "sigmoid":
        model = MLP((HIDDEN_SIZE, HIDDEN_SIZE, 10), activation=F.relu)
        print(f"\n{len(x)}-{HIDDEN_SIZE}-{HIDDEN_SIZE}-10, ReLU, Adam")
        train(model, optimizers.Adam().setup(model), train_set, test_set, epochs)


def load(folder: Path | None, quick: bool) -> tuple[Dataset, Dataset]:
    """Return what is learned from, and what is tested with."""
    if quick and folder is None:
        return Digits(train=True), Digits(train=False)
    train_set, test_set = MNIST(train=True, root=folder), MNIST(train=False, root=folder)
    return (Subset(train_set, range(10_000)) if quick else train_set), test_set


def train(
    model: Model,
    optimizer: optimizers.Optimizer,
    train_set: Dataset,
    test_set: Dataset,
    epochs: int,
) -> None:
    """Train for some epochs, and test after each."""
    train_loader = DataLoader(train_set, BATCH_SIZE)
    test_loader = DataLoader(test_set, BATCH_SIZE, shuffle=False)
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        total, right = 0.0, 0.0
        for x, t in train_loader:
            y = model(x)
            loss = F.softmax_cross_entropy(y, t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss) * len(t)
            right += float(F.accuracy(y, t)) * len(t)
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch}: train loss {total / len(train_set):.4f}, "
            f"accuracy {right / len(train_set):.4f}",
            end="; ",
        )

        total, right = 0.0, 0.0
        with dezero.no_grad():
            for x, t in test_loader:
                y = model(x)
                total += float(F.softmax_cross_entropy(y, t)) * len(t)
                right += float(F.accuracy(y, t)) * len(t)
        print(
            f"test loss {total / len(test_set):.4f}, accuracy {right / len(test_set):.4f}; "
            f"{seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
