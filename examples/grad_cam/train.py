"""Train a network to tell digits that lie anywhere, and ask it where it saw them.

    python examples/grad_cam/train.py

It is told what digit is in a picture, never where. Grad-CAM shows that it knows. Needs no download.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from picture import draw
from scenes import DIGIT, SIDE, make_pairs, make_scenes
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.typing import ArrayLike
from dezero_data import DataLoader, Digits
from dezero_data.transforms import Compose, Normalize, ToFloat
from dezero_nn import BatchNorm, Conv2d, Linear, Model, accuracy, relu, softmax_cross_entropy
from dezero_nn.functions import pooling
from dezero_nn.initializers import HeNormal
from dezero_optim import Adam, OneCycle
from dezero_viz import grad_cam

BATCH_SIZE = 32
TESTED, QUICK = 1000, 200  # so many pictures tell the accuracy, and where the maps point
PEAK_RATE = 0.005  # Adam's learning rate at the height of its cycle
PIXELS = Compose([ToFloat(), Normalize(mean=0.0, std=16.0)])  # float32, (1, 8, 8), from 0 to 1


class Finder(Model):
    """Three convolutions; then the largest answer of each kind, wherever it is; then scores.

    After the first convolution pooling halves the picture: the maps of `conv4` have 16 x 16 places,
    and each sees 16 x 16 pixels, a digit and its surroundings.
    """

    def __init__(self) -> None:
        # Normalization shifts by itself, so the convolutions need no bias.
        self.conv1 = Conv2d(16, 3, pad=1, nobias=True, initializer=HeNormal())
        self.norm1 = BatchNorm()
        self.conv2 = Conv2d(24, 3, pad=1, nobias=True, initializer=HeNormal())
        self.norm2 = BatchNorm()
        self.conv3 = Conv2d(32, 3, pad=1, nobias=True, initializer=HeNormal())
        self.norm3 = BatchNorm()
        self.conv4 = Conv2d(48, 3, pad=1, initializer=HeNormal())
        self.scores = Linear(10)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the ten digits, (N, 10), of pictures of shape (N, 1, 32, 32)."""
        y = relu(self.norm1(pooling(self.conv1(x), 2, stride=2)))  # (N, 16, 16, 16)
        y = relu(self.norm2(self.conv2(y)))
        y = relu(self.norm3(self.conv3(y)))
        y = relu(self.conv4(y))  # (N, 48, 16, 16)
        scores: Variable = self.scores(F.max(y, axis=(2, 3)))
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
    except OSError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Find digits in pictures by Grad-CAM.")
    parser.add_argument("--updates", type=int, help="default: 800")
    parser.add_argument("--layer", default="conv4", help="whose maps to ask; default: conv4")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "grad_cam"))
    parser.add_argument("--quick", action="store_true", help="300 updates")
    options = parser.parse_args(arguments)
    if options.updates is None:
        options.updates = 300 if options.quick else 800
    if options.updates < 1:
        parser.error(f"argument --updates: {options.updates} is not at least 1")
    if options.seed < 0:
        parser.error(f"argument --seed: {options.seed} is negative")
    layers = [name for name in vars(Finder()) if name.startswith("conv")]
    if options.layer not in layers:
        parser.error(f"argument --layer: {options.layer!r} is none of {', '.join(layers)}")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, test, measure where the maps point, draw, and save the weights."""
    options.out.mkdir(parents=True, exist_ok=True)
    np.random.seed(options.seed)  # of the weights
    rng = np.random.default_rng(options.seed)  # of the pictures
    known, unknown = everything(Digits(True, PIXELS)), everything(Digits(False, PIXELS))
    model = Finder()
    started = time.perf_counter()
    train(model, known, options, rng)
    model.to_cpu()  # where it is looked at
    seconds = time.perf_counter() - started

    # The digits of the test are new ones, and so are their places.
    rng = np.random.default_rng(options.seed + 1)
    count = QUICK if options.quick else TESTED
    x, t, corners = make_scenes(*unknown, count, rng)
    print(f"test accuracy {share_of_right(model, x, t):.2%}, in {seconds:.1f} s")
    maps = np.concatenate([grad_cam(model, part, options.layer) for part in np.split(x, 10)])
    inside, heat = found(maps, corners)
    print(
        f"the map is highest inside the digit's square in {inside:.1%} of pictures, and {heat:.1%} "
        f"of its heat lies there; the square has {DIGIT**2 / SIDE**2:.1%} of the area"
    )
    pairs, kinds, places = make_pairs(*unknown, count, rng)
    for side in range(2):
        chosen = [
            grad_cam(model, part, options.layer, target)
            for part, target in zip(np.split(pairs, 10), np.split(kinds[:, side], 10), strict=True)
        ]
        asked = found(np.concatenate(chosen), places[:, side])[0]
        other = found(np.concatenate(chosen), places[:, 1 - side])[0]
        name = ("left", "right")[side]
        print(
            f"of two digits, asked for the {name} one: highest there in {asked:.1%} of pictures, "
            f"at the other in {other:.1%}"
        )
    draw(model, options.layer, (x, t, corners), (pairs, kinds, places), options.out / "maps.png")
    model.save_weights(options.out / "weights.npz")
    print(f"wrote maps.png and weights.npz into {options.out.resolve()}")


def train(
    model: Finder,
    known: tuple[np.ndarray, np.ndarray],
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> None:
    """Train on pictures that are made on the way: none is seen twice."""
    updates, device = options.updates, options.device
    model.to(device)
    optimizer = Adam(PEAK_RATE).setup(model)
    schedule = OneCycle(updates).setup(optimizer)
    losses, shares = [], []
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=updates, leave=False, disable=None) as bar:
        for update in range(1, updates + 1):
            x, t, _ = make_scenes(*known, BATCH_SIZE, rng)
            x, t = device.asarray(x), device.asarray(t)
            y = model(x)
            loss = softmax_cross_entropy(y, t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            schedule.update()
            # Unread: who reads a number waits until the device has computed it.
            losses.append(loss.data)
            shares.append(accuracy(y, t).data)
            bar.update()
            if update % max(1, updates // 8) == 0:
                last = (as_numpy(F.stack(part[-50:])) for part in (losses, shares))
                loss, share = (part.mean(dtype=np.float64) for part in last)
                bar.write(
                    f"update {update:{len(str(updates))}}/{updates}   the last 50: "
                    f"loss {loss:.4f}, accuracy {share:.2%}"
                )


def everything(dataset: Digits) -> tuple[np.ndarray, np.ndarray]:
    """Return all digits, of shape (N, 1, 8, 8), and their labels."""
    return next(DataLoader(dataset, len(dataset), shuffle=False))


def share_of_right(model: Finder, x: np.ndarray, t: np.ndarray) -> float:
    """Return the accuracy on pictures."""
    with no_grad(), test_mode():
        return float(accuracy(model(x), t))


def found(maps: np.ndarray, corners: np.ndarray) -> tuple[float, float]:
    """Return how often a map is highest inside the digit's square, and the mean share of its heat.

    Args:
        maps: Of shape (N, H, W).
        corners: The squares' upper left corners in pixels, of shape (N, 2).
    """
    # The middle of each place of a map, in pixels.
    middles = (np.arange(maps.shape[1]) + 0.5) * SIDE / maps.shape[1]
    rows, columns = (
        (middles >= corners[:, [axis]]) & (middles < corners[:, [axis]] + DIGIT)
        for axis in range(2)
    )
    square = rows[:, :, None] & columns[:, None, :]
    at = maps.reshape(len(maps), -1).argmax(axis=1)
    highest = square.reshape(len(maps), -1)[np.arange(len(maps)), at]
    total = np.maximum(maps.sum(axis=(1, 2)), 1e-12)
    return float(highest.mean()), float(((maps * square).sum(axis=(1, 2)) / total).mean())


if __name__ == "__main__":
    sys.exit(main())
