"""Train a small convolutional network on MNIST: one epoch is enough for 98 %.

    python examples/mnist_cnn/train.py
    python examples/mnist_cnn/train.py --data FOLDER

The second reads MNIST's four files from a folder; without --data they are downloaded.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.typing import Array, ArrayLike
from dezero_data import MNIST, DataLoader
from dezero_data.transforms import Compose, Normalize, ToFloat
from dezero_nn import BatchNorm, Linear, Model, accuracy, relu, softmax_cross_entropy, summary
from dezero_nn.functions import pooling
from dezero_nn.initializers import HeNormal
from dezero_nn.layers import Conv2d
from dezero_optim import Adam, OneCycle, Schedule

BATCH_SIZE = 100
QUICK = 10_000  # as many of the 60,000 examples does --quick take
PEAK_RATE = 0.005  # Adam's learning rate at the height of its cycle
PIXELS = Compose([ToFloat(), Normalize(mean=0.0, std=255.0)])  # float32, (1, 28, 28), from 0 to 1


class ConvNet(Model):
    """Twice convolution, pooling, normalization, rectification; then a fully connected layer.

    Pooling comes right after the convolution: what follows has a quarter of the elements to do.
    """

    def __init__(self) -> None:
        # Normalization shifts by itself, so the convolutions need no bias.
        self.conv1 = Conv2d(16, 3, pad=1, nobias=True, initializer=HeNormal())
        self.norm1 = BatchNorm()
        self.conv2 = Conv2d(32, 3, pad=1, nobias=True, initializer=HeNormal())
        self.norm2 = BatchNorm()
        self.scores = Linear(10)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the ten digits.

        Args:
            x: Images, of shape (N, 1, 28, 28).

        Returns:
            A Variable of shape (N, 10).
        """
        y = relu(self.norm1(pooling(self.conv1(x), 2, stride=2)))  # (N, 16, 14, 14)
        y = relu(self.norm2(pooling(self.conv2(y), 2, stride=2)))  # (N, 32, 7, 7)
        scores: Variable = self.scores(y.reshape(len(y), -1))
        return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # No such folder, a damaged file, no connection: the message says what to do.
        print("\n".join([f"train.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a convolutional network on MNIST.")
    parser.add_argument("--data", type=Path, help="the folder with MNIST's four files")
    parser.add_argument("--epochs", type=int, default=1, help="default: 1")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "mnist_cnn"))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} examples an epoch")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error(f"argument --epochs: {options.epochs} is not at least 1")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, test, and save the weights."""
    train_set = MNIST(train=True, transform=PIXELS, root=options.data)
    test_set = MNIST(train=False, transform=PIXELS, root=options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    model = ConvNet()
    print(summary(model, (BATCH_SIZE, 1, 28, 28)))

    # The weights and the order of the examples are drawn from NumPy's global generator.
    np.random.seed(options.seed)
    model.to(options.device)
    loader = DataLoader(train_set, BATCH_SIZE, device=options.device)
    updates = (QUICK if options.quick else len(train_set)) // BATCH_SIZE
    optimizer = Adam(PEAK_RATE).setup(model)
    schedule = OneCycle(options.epochs * updates).setup(optimizer)
    started = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        loss, share = train(model, optimizer, schedule, loader, updates)
        seconds = time.perf_counter() - started
        tested = test(model, test_set, options.device)
        print(
            f"epoch {epoch}/{options.epochs}   train loss {loss:.4f}, accuracy {share:.2%}"
            f"   test accuracy {tested:.2%}   {seconds:.1f} s of training"
        )
        started += time.perf_counter() - started - seconds  # the clock stands while it is tested
    model.save_weights(options.out / "weights.npz")
    print(f"wrote weights.npz into {options.out.resolve()}")


def train(
    model: Model, optimizer: Adam, schedule: Schedule, loader: DataLoader, updates: int
) -> tuple[float, float]:
    """Train for so many updates; return the mean of the losses and of the accuracies."""
    losses, shares = [], []
    # The bar draws itself on a terminal only.
    batches = tqdm(islice(loader, updates), total=updates, leave=False, disable=None)
    for x, t in batches:
        y = model(x)
        loss = softmax_cross_entropy(y, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        schedule.update()
        losses.append(loss.data)
        shares.append(accuracy(y, t).data)
        if len(losses) % 50 == 1:  # now and then: who reads a number waits until the device has it
            batches.set_postfix_str(f"loss {float(loss):.3f}", refresh=False)
    return mean(losses), mean(shares)


def test(model: Model, dataset: MNIST, device: Device) -> float:
    """Return the share of examples that the model gets right."""
    right = []
    with no_grad(), test_mode():
        for x, t in DataLoader(dataset, 500, shuffle=False, device=device):
            right.append(accuracy(model(x), t).data * len(x))
    return float(as_numpy(F.stack(right)).sum()) / len(dataset)


def mean(values: list[Array]) -> float:
    """Return the mean of numbers of a device, which are read all at once."""
    return float(as_numpy(F.stack(values)).mean(dtype=np.float64))


if __name__ == "__main__":
    sys.exit(main())
