"""Train a variational autoencoder: two numbers for each digit, and digits from any two numbers.

    python examples/vae/train.py
    python examples/vae/train.py --dataset mnist --data FOLDER

The first needs no download. The second reads MNIST's four files from a folder; without --data it
downloads them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from picture import draw
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, get_array_module, no_grad
from dezero_core import functions as F
from dezero_core.typing import ArrayLike
from dezero_data import MNIST, DataLoader, Dataset, Digits
from dezero_nn import MLP, Model, relu, sigmoid, sigmoid_cross_entropy
from dezero_optim import Adam, OneCycle

LATENT = 2  # so many numbers stand for a digit: two can be drawn
SHOWN = 12  # digits beside what is left of them


@dataclass(frozen=True)
class Recipe:
    """How one data set is trained on.

    Attributes:
        hidden: The hidden layers of the encoder; the decoder has them the other way round.
        epochs: How often all digits are seen; `quick` is for --quick.
        batch_size: How many are seen at a time.
        peak: Adam's step size at the height of its cycle.
    """

    hidden: tuple[int, ...]
    epochs: int
    quick: int
    batch_size: int
    peak: float


RECIPES = {
    "digits": Recipe((128, 64), epochs=150, quick=20, batch_size=32, peak=0.004),
    "mnist": Recipe((300, 100), epochs=12, quick=1, batch_size=100, peak=0.003),
}


class VAE(Model):
    """An encoder that says where a digit lies, and how surely; a decoder that draws it.

    Args:
        pixels: How many pixels a digit has.
        hidden: The hidden layers of the encoder.
    """

    def __init__(self, pixels: int, hidden: tuple[int, ...]) -> None:
        self.encoder = MLP((*hidden, 2 * LATENT), activation=relu)
        self.decoder = MLP((*hidden[::-1], pixels), activation=relu)

    def encode(self, x: ArrayLike) -> tuple[Variable, Variable]:
        """Return mean and log of the variance of each digit's place, both of shape (N, 2)."""
        y = self.encoder(x)
        return y[:, :LATENT], y[:, LATENT:]

    def decode(self, z: ArrayLike) -> Variable:
        """Return how bright each pixel is, from 0 to 1, of digits that lie at z."""
        return sigmoid(self.decoder(z))

    def forward(self, x: ArrayLike) -> tuple[Variable, Variable]:
        """Return how badly digits are drawn again, and what their places cost, both of shape ().

        The sum of both is an upper bound of -log p(x), the negated ELBO, in nats per digit.
        """
        mean, log_variance = self.encode(x)
        # The place is drawn at random. Written like this, as a function of a number that does not
        # depend on the encoder, it has a derivative by mean and variance.
        xp = get_array_module(mean)
        noise = xp.random.standard_normal(mean.shape).astype(np.float32)
        z = mean + F.exp(0.5 * log_variance) * noise
        drawn_badly = sigmoid_cross_entropy(self.decoder(z), x)
        # Kullback and Leibler's divergence of this normal distribution from the standard one. It
        # keeps all digits about the origin, close together, so that there are no holes.
        apart = 0.5 * F.sum(mean**2 + F.exp(log_variance) - 1.0 - log_variance) / len(x)
        return drawn_badly, apart


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
    parser = argparse.ArgumentParser(description="Train a variational autoencoder on digits.")
    parser.add_argument("--dataset", choices=RECIPES, default="digits")
    parser.add_argument("--data", type=Path, help="the folder with MNIST's four files")
    parser.add_argument("--epochs", type=int, help="default: 150 for digits, 12 for mnist")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, help="default: runs/vae-digits or runs/vae-mnist")
    parser.add_argument("--quick", action="store_true", help="20 epochs, or 1 of mnist")
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
    """Train, test, draw, and save the weights."""
    recipe = RECIPES[options.dataset]
    epochs = options.epochs or (recipe.quick if options.quick else recipe.epochs)
    out = options.out or Path("runs", f"vae-{options.dataset}")
    train_set, test_set = load(options.dataset, options.data)
    out.mkdir(parents=True, exist_ok=True)

    # The weights and the order of the digits come from NumPy's global generator, and so do the
    # places; but on a device they are drawn there, by its own one.
    np.random.seed(options.seed)
    options.device.backend.xp.random.seed(options.seed)
    loader = DataLoader(train_set, recipe.batch_size, device=options.device)
    model = VAE(train_set[0][0].size, recipe.hidden).to(options.device)
    test(model, test_set, options.device)  # the first call draws the weights
    optimizer = Adam(recipe.peak).setup(model)
    schedule = OneCycle(epochs * len(loader)).setup(optimizer)
    losses = [sum(test(model, test_set, options.device))]
    print(f"before   test loss {losses[0]:.2f} nats per digit")

    started = time.perf_counter()
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=epochs * len(loader), unit=" batches", leave=False, disable=None) as bar:
        for epoch in range(1, epochs + 1):
            for x, _ in loader:
                drawn_badly, apart = model(x)
                loss = drawn_badly + apart
                model.cleargrads()
                loss.backward()
                optimizer.update()
                schedule.update()
                bar.update()
            parts = test(model, test_set, options.device)
            losses.append(sum(parts))
            if epoch in (1, epochs) or epoch % max(1, epochs // 10) == 0:
                bar.write(
                    f"epoch {epoch:{len(str(epochs))}}/{epochs}   test loss {losses[-1]:.2f}: "
                    f"{parts[0]:.2f} for the pixels, {parts[1]:.2f} for the place"
                )
    seconds = time.perf_counter() - started

    model.to_cpu()  # where it is looked at
    x, t = everything(test_set)
    with no_grad():
        places = model.encode(x)[0].data
        x_train, t_train = everything(train_set)
        known = model.encode(x_train)[0].data
        drawn_again = model.decode(places[:SHOWN]).data
        drawn = model.decode(grid()).data
    print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}, in {seconds:.1f} s")
    print(f"{told(places, t, known, t_train):.1%} of test digits lie beside others of their kind")
    draw(places[:1000], t[:1000], x[:SHOWN], drawn_again, drawn, out / "digits.png")
    model.save_weights(out / "weights.npz")
    print(f"wrote digits.png and weights.npz into {out.resolve()}")


def load(name: str, folder: Path | None) -> tuple[Dataset, Dataset]:
    """Return the digits to learn from, and those to be tested with, float32 from 0 to 1."""
    if name == "mnist":
        return MNIST(train=True, root=folder), MNIST(train=False, root=folder)
    return Digits(train=True), Digits(train=False)


def test(model: VAE, dataset: Dataset, device: Device) -> tuple[float, float]:
    """Return the two parts of the loss on a data set."""
    parts, sizes = [], []
    with no_grad():
        for x, _ in DataLoader(dataset, 1000, shuffle=False, device=device):
            parts.append(F.stack(model(x)))
            sizes.append(len(x))
    # Read once: who reads a number waits until the device has computed it.
    badly, apart = np.average(as_numpy(F.stack(parts)), axis=0, weights=sizes)
    return float(badly), float(apart)


def everything(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return up to ten thousand digits, and what they are."""
    return next(DataLoader(dataset, min(10_000, len(dataset)), shuffle=False))


def grid(steps: int = 14) -> np.ndarray:
    """Return places in rows, (steps * steps, 2), from left above to right below.

    They are as dense as digits are: between two lines lies the same share of a normal distribution.
    """
    # The inverse of its distribution function, from a table.
    at = np.linspace(-4.0, 4.0, 2001)
    below = np.cumsum(np.exp(-0.5 * at**2))
    lines = np.interp((np.arange(steps) + 0.5) / steps, below / below[-1], at)
    x, y = np.meshgrid(lines, lines[::-1])
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def told(
    places: np.ndarray, t: np.ndarray, known: np.ndarray, t_known: np.ndarray, count: int = 9
) -> float:
    """Return for which share of digits most of the nearest known ones are of the same kind."""
    right = 0
    for place, kind in zip(places, t, strict=True):
        order = np.argpartition(((known - place) ** 2).sum(axis=1), count)[:count]
        right += int(np.bincount(t_known[order], minlength=10).argmax() == kind)
    return right / len(t)


if __name__ == "__main__":
    sys.exit(main())
