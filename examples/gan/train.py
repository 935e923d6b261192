"""Train two networks against each other until one of them draws digits.

    python examples/gan/train.py
    python examples/gan/train.py --dataset mnist --data FOLDER

The first needs no download. The second reads MNIST's four files from a folder; without --data it
downloads them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from picture import draw
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, get_array_module, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.typing import Array, ArrayLike
from dezero_data import MNIST, DataLoader, Dataset, Digits
from dezero_data.transforms import Compose, Normalize, ToFloat
from dezero_nn import (
    BatchNorm,
    Conv2d,
    Deconv2d,
    Linear,
    Model,
    leaky_relu,
    relu,
    sigmoid,
    sigmoid_cross_entropy,
)
from dezero_nn.initializers import HeNormal
from dezero_optim import Adam

NOISE = 32  # how many random numbers a picture is made of
SHOWN = 12  # how many pictures each row of samples.png has
REFERENCE = 2000  # to how many real pictures at most those that were made are compared
MADE = 500  # how many pictures are made for that


@dataclass(frozen=True)
class Recipe:
    """How one data set is trained on.

    Attributes:
        size: Height and width of its images.
        brightest: What its white pixels are.
        epochs: How often all images are seen; `quick` is for --quick.
        updates: How many batches an epoch has at most.
        batch_size: How many images are seen at a time.
        alpha: Adam's step size for both networks.
    """

    size: int
    brightest: float
    epochs: int
    quick: int
    updates: int
    batch_size: int
    alpha: float


RECIPES = {
    "digits": Recipe(8, 16.0, epochs=120, quick=30, updates=100, batch_size=64, alpha=0.001),
    "mnist": Recipe(28, 255.0, epochs=8, quick=1, updates=250, batch_size=100, alpha=0.0005),
}


class Generator(Model):
    """Makes pictures out of noise: each transposed convolution doubles height and width.

    Args:
        size: Height and width of the pictures, divisible by 4.
    """

    def __init__(self, size: int) -> None:
        self.quarter = size // 4
        # Normalization shifts by itself, so what it follows needs no bias.
        self.start = Linear(64 * self.quarter**2, nobias=True, initializer=HeNormal())
        self.norm1 = BatchNorm()
        self.double = Deconv2d(32, 4, stride=2, pad=1, nobias=True, initializer=HeNormal())
        self.norm2 = BatchNorm()
        self.draw = Deconv2d(1, 4, stride=2, pad=1)

    def forward(self, z: ArrayLike) -> Variable:
        """Make pictures, of shape (N, 1, size, size), from 0 to 1, of noise of shape (N, 32)."""
        y = self.start(z).reshape(len(z), 64, self.quarter, self.quarter)
        y = self.double(relu(self.norm1(y)))
        return sigmoid(self.draw(relu(self.norm2(y))))


class Discriminator(Model):
    """Says how sure it is that a picture is real: a score of shape (N, 1), before `sigmoid`.

    A leaky rectifier lets the gradient through everywhere: the generator learns from nothing else.
    """

    def __init__(self) -> None:
        self.conv1 = Conv2d(32, 4, stride=2, pad=1, initializer=HeNormal())
        self.conv2 = Conv2d(64, 4, stride=2, pad=1, initializer=HeNormal())
        self.score = Linear(1)

    def forward(self, x: ArrayLike) -> Variable:
        """Judge pictures of shape (N, 1, H, W)."""
        y = leaky_relu(self.conv2(leaky_relu(self.conv1(x))))
        score: Variable = self.score(y.reshape(len(y), -1))
        return score


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
    parser = argparse.ArgumentParser(description="Train a GAN that draws digits.")
    parser.add_argument("--dataset", choices=RECIPES, default="digits")
    parser.add_argument("--data", type=Path, help="the folder with MNIST's four files")
    parser.add_argument("--epochs", type=int, help="default: 120 for digits, 8 for mnist")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, help="default: runs/gan-digits or runs/gan-mnist")
    parser.add_argument("--quick", action="store_true", help="30 epochs, or 1 of mnist")
    options = parser.parse_args(arguments)
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"argument --epochs: {options.epochs} is not at least 1")
    if options.data is not None and options.dataset != "mnist":
        parser.error("--data is for --dataset mnist; the digits come with dezero-data")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, measure, draw, and save the generator."""
    recipe = RECIPES[options.dataset]
    epochs = options.epochs or (recipe.quick if options.quick else recipe.epochs)
    out = options.out or Path("runs", f"gan-{options.dataset}")
    train_set, test_set = load(options.dataset, options.data)
    out.mkdir(parents=True, exist_ok=True)
    real, labels = first_images(train_set, REFERENCE)
    floor = nearest(first_images(test_set, MADE)[0], real)[0].mean()
    print(f"test images are {floor:.2f} from the nearest training image, in the mean")

    # The weights, the order of the images and the noise are drawn from NumPy's global generator;
    # noise for a device is drawn there, by its own one.
    np.random.seed(options.seed)
    options.device.backend.xp.random.seed(options.seed)
    generator = Generator(recipe.size).to(options.device)
    discriminator = Discriminator().to(options.device)
    # The same all the time, so that one sees pictures grow.
    shown = options.device.asarray(make_noise(MADE))
    samples, distances = {0: make(generator, shown)}, []
    distances.append(float(nearest(samples[0], real)[0].mean()))
    kept = {round(epochs * share) for share in (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)}

    started = time.perf_counter()
    loader = DataLoader(train_set, recipe.batch_size, drop_last=True, device=options.device)
    rivals = Adam(recipe.alpha, beta1=0.5), Adam(recipe.alpha, beta1=0.5)
    rivals[0].setup(generator)
    rivals[1].setup(discriminator)
    updates = min(recipe.updates, len(loader))
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=epochs * updates, unit=" batches", leave=False, disable=None) as bar:
        for epoch in range(1, epochs + 1):
            losses = []
            for x, _ in islice(loader, updates):
                losses.append(train(generator, discriminator, *rivals, x))
                bar.update()
            made = make(generator, shown)
            distances.append(float(nearest(made, real)[0].mean()))
            if epoch in kept:
                samples[epoch] = made
                g, d = (
                    as_numpy(F.stack(part)).mean(dtype=np.float64)
                    for part in zip(*losses, strict=True)
                )
                bar.write(
                    f"epoch {epoch:{len(str(epochs))}}/{epochs}   loss of the generator {g:.3f}, "
                    f"of the discriminator {d:.3f}   {distances[-1]:.2f} from the nearest image"
                )
    seconds = time.perf_counter() - started

    neighbors = nearest(made, real)[1]
    kinds = np.bincount(labels[neighbors], minlength=10) / len(made)
    print(f"distance {distances[0]:.2f} -> {distances[-1]:.2f}, in {seconds:.1f} s")
    print("shares of 0 to 9: " + " ".join(f"{share:.0%}" for share in kinds))
    rows = {f"epoch {epoch}": images[:SHOWN] for epoch, images in samples.items()}
    rows["nearest\nreal image"] = real[neighbors[:SHOWN]]
    draw(rows, distances, floor, out / "samples.png")
    generator.save_weights(out / "generator.npz")
    print(f"wrote samples.png and generator.npz into {out.resolve()}")


def load(name: str, folder: Path | None) -> tuple[Dataset, Dataset]:
    """Return the images to learn from, and others, float32 of shape (1, H, W), from 0 to 1."""
    transform = Compose([ToFloat(), Normalize(mean=0.0, std=RECIPES[name].brightest)])
    if name == "mnist":
        return (
            MNIST(train=True, transform=transform, root=folder),
            MNIST(train=False, transform=transform, root=folder),
        )
    return Digits(train=True, transform=transform), Digits(train=False, transform=transform)


def train(
    generator: Generator, discriminator: Discriminator, for_g: Adam, for_d: Adam, x: Array
) -> tuple[Array, Array]:
    """Let each network learn once; return the generator's loss and the discriminator's.

    They are arrays that nobody has read: who does waits until the device has computed them.
    """
    xp = get_array_module(x)
    ones, zeros = xp.ones((len(x), 1), np.float32), xp.zeros((len(x), 1), np.float32)
    # The discriminator learns to say yes to real images, and no to those that are made. It is told
    # never to be quite sure: where it is, the generator's gradient vanishes.
    with no_grad():
        made = generator(make_noise(len(x), xp)).data
    loss_d = sigmoid_cross_entropy(discriminator(x), 0.9 * ones)
    loss_d += sigmoid_cross_entropy(discriminator(made), zeros)
    discriminator.cleargrads()
    loss_d.backward()
    for_d.update()
    # The generator learns what to change in its images to have them called real. The gradient goes
    # through the discriminator, which stays as it is.
    loss_g = sigmoid_cross_entropy(discriminator(generator(make_noise(len(x), xp))), ones)
    generator.cleargrads()
    loss_g.backward()
    for_g.update()
    return loss_g.data, loss_d.data


def make_noise(count: int, xp: Any = np) -> Array:
    """Draw what `count` pictures are made of, on the host or on the device that `xp` is for."""
    return xp.random.standard_normal((count, NOISE)).astype(np.float32)


def make(generator: Generator, z: Array) -> np.ndarray:
    """Return pictures, each one alone: in test mode it does not depend on others of the batch."""
    with no_grad(), test_mode():
        return as_numpy(generator(z))


def first_images(dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return some images of a data set, and their labels."""
    return next(DataLoader(dataset, min(count, len(dataset)), shuffle=False))


def nearest(images: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far (the root of the sum of squares) each nearest real image is, and its index."""
    a, b = images.reshape(len(images), -1), real.reshape(len(real), -1)
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.sqrt(np.maximum(squares.min(axis=1), 0.0)), squares.argmin(axis=1)


if __name__ == "__main__":
    sys.exit(main())
