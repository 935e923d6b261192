"""Train a network on handwritten digits, draw how it went, save it, and load it again.

    python examples/digits/train.py
    python examples/digits/train.py --dataset mnist --data FOLDER

The first takes a few seconds and needs no download. The second reads the four files of MNIST from
a folder; without --data it downloads them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dezero_core import Device, as_numpy, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.typing import Array
from dezero_data import MNIST, DataLoader, Dataset, Digits
from dezero_nn import MLP, Model, accuracy, relu, softmax_cross_entropy
from dezero_optim import Adam
from dezero_viz import plot_curves

History = dict[str, list[float]]


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how.

    Attributes:
        sizes: The outputs of each fully connected layer; the last are the ten digits.
        epochs: How often all examples are seen.
        batch_size: How many are seen at a time.
        alpha: Adam's step size in the first epoch. It falls in a straight line towards zero.
    """

    sizes: tuple[int, ...]
    epochs: int
    batch_size: int
    alpha: float


RECIPES = {
    "digits": Recipe(sizes=(200, 10), epochs=30, batch_size=32, alpha=0.003),
    "mnist": Recipe(sizes=(1000, 1000, 10), epochs=5, batch_size=100, alpha=0.001),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            return run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # No such folder, a damaged file, no connection: the message says what to do.
        print("\n".join([f"train.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Train, draw, save, and check what was saved; return the exit code."""
    recipe = RECIPES[options.dataset]
    epochs = options.epochs or (2 if options.quick else recipe.epochs)
    out = options.out or Path("runs", options.dataset)
    train_set, test_set = load(options.dataset, options.data)
    out.mkdir(parents=True, exist_ok=True)
    print(
        f"{options.dataset}: {len(train_set)} examples to learn from, {len(test_set)} to test with"
    )

    # The weights and the order of the examples are drawn from NumPy's global generator.
    np.random.seed(options.seed)
    model = MLP(recipe.sizes, activation=relu)
    started = time.perf_counter()
    history = train(model, recipe, epochs, train_set, test_set, options.device)
    model.to_cpu()  # where it is looked at
    seconds = time.perf_counter() - started
    print(f"test accuracy {history['test accuracy'][-1]:.2%}, in {seconds:.1f} s")

    plot_curves(history, to_file=out / "curves.png")
    model.plot(test_set[0][0][np.newaxis], to_file=out / "graph.svg")
    model.save_weights(out / "weights.npz")
    print(f"wrote curves.png, graph.svg and weights.npz into {out.resolve()}")

    copy = MLP(recipe.sizes, activation=relu)
    copy.load_weights(out / "weights.npz")
    if not np.array_equal(scores(copy, test_set), scores(model, test_set)):
        print("train.py: the weights that were saved give other predictions", file=sys.stderr)
        return 1
    print(f"loaded weights.npz into a new model: all {len(test_set)} predictions are identical")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a network on handwritten digits.")
    parser.add_argument("--dataset", choices=RECIPES, default="digits")
    parser.add_argument("--data", type=Path, help="the folder with MNIST's four files")
    parser.add_argument("--epochs", type=positive, help="default: 30 for digits, 5 for mnist")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, help="default: runs/digits or runs/mnist")
    parser.add_argument("--quick", action="store_true", help="two epochs, just to see it work")
    options = parser.parse_args(arguments)
    if options.data is not None and options.dataset != "mnist":
        parser.error("--data is for --dataset mnist; the digits come with dezero-data")
    return options


def positive(text: str) -> int:
    """Return a number of the command line that must be at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def load(name: str, folder: Path | None) -> tuple[Dataset, Dataset]:
    """Return the examples to learn from, and those to be tested with."""
    if name == "mnist":
        return MNIST(train=True, root=folder), MNIST(train=False, root=folder)
    return Digits(train=True), Digits(train=False)


def train(
    model: Model,
    recipe: Recipe,
    epochs: int,
    train_set: Dataset,
    test_set: Dataset,
    device: Device,
) -> History:
    """Train a model; return losses and accuracies of each epoch."""
    model.to(device)
    loader = DataLoader(train_set, recipe.batch_size, device=device)
    optimizer = Adam(recipe.alpha).setup(model)
    history: History = {
        name: [] for name in ("train loss", "test loss", "train accuracy", "test accuracy")
    }
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=epochs * len(loader), unit=" batches", leave=False, disable=None) as bar:
        for epoch in range(1, epochs + 1):
            optimizer.alpha = recipe.alpha * (1 - (epoch - 1) / epochs)
            losses, shares, sizes = [], [], []
            for x, t in loader:
                y = model(x)
                loss = softmax_cross_entropy(y, t)
                model.cleargrads()
                loss.backward()
                optimizer.update()
                # Where they are: who reads a number waits until the device has computed it.
                losses.append(loss.data)
                shares.append(accuracy(y, t).data)
                sizes.append(len(t))
                bar.update()
            test_loss, test_accuracy = evaluate(model, test_set, device)
            history["train loss"].append(mean(losses, sizes))
            history["train accuracy"].append(mean(shares, sizes))
            history["test loss"].append(test_loss)
            history["test accuracy"].append(test_accuracy)
            now = {name: values[-1] for name, values in history.items()}
            bar.write(
                f"epoch {epoch:{len(str(epochs))}}/{epochs}"
                f"   train loss {now['train loss']:.4f}, accuracy {now['train accuracy']:6.2%}"
                f"   test loss {now['test loss']:.4f}, accuracy {now['test accuracy']:6.2%}"
            )
    return history


def mean(values: list[Array], sizes: list[int]) -> float:
    """Return the mean over batches of some sizes, of numbers that are read all at once."""
    return float(np.average(as_numpy(F.stack(values)), weights=sizes))


def evaluate(model: Model, dataset: Dataset, device: Device) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a model on a data set."""
    losses, shares, sizes = [], [], []
    with no_grad(), test_mode():
        for x, t in DataLoader(dataset, 1000, shuffle=False, device=device):
            y = model(x)
            losses.append(softmax_cross_entropy(y, t).data)
            shares.append(accuracy(y, t).data)
            sizes.append(len(t))
    return mean(losses, sizes), mean(shares, sizes)


def scores(model: Model, dataset: Dataset) -> np.ndarray:
    """Return the scores that a model on the host gives all examples, shape (N, 10)."""
    loader = DataLoader(dataset, 1000, shuffle=False)
    with no_grad(), test_mode():
        return np.concatenate([model(x).data for x, _ in loader])


if __name__ == "__main__":
    sys.exit(main())
