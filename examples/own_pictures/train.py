"""Learn to tell your own pictures apart: a folder with one folder of pictures for each class.

    python examples/own_pictures/train.py --folder PATH
    python examples/own_pictures/train.py
    python examples/own_pictures/train.py --predict FILE

The first trains on your pictures. The second draws some, to see it work. The third says what is on
a picture, by what was learned last.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from shapes import draw_folder
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, no_grad, test_mode
from dezero_core import functions as F
from dezero_core.files import atomic_write
from dezero_core.typing import Array, ArrayLike
from dezero_data import DataLoader, ImageFolder, Subset, random_split
from dezero_data.transforms import (
    Compose,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    Resize,
    ToArray,
)
from dezero_nn import (
    BatchNorm,
    Conv2d,
    LayerList,
    Linear,
    Model,
    accuracy,
    pooling,
    relu,
    softmax,
    softmax_cross_entropy,
)
from dezero_nn.initializers import HeNormal
from dezero_optim import Adam, OneCycle
from dezero_viz import plot_confusion_matrix, plot_curves, plot_images

BATCH_SIZE = 32
PEAK_RATE = 0.005
EPOCHS, QUICK = 15, 8
LEAST_UPDATES = 60  # with fewer, the running averages of BatchNorm mean little
EACH, QUICK_EACH = 150, 80  # pictures of each class that are drawn
SHOWN = 24  # pictures in the grid
CHANNELS = (16, 32, 64)
SMALLEST = 2 ** len(CHANNELS)


class ConvNet(Model):
    """Convolutions, after each of which the sides are halved; means; a fully connected layer.

    With the mean of each channel, it does not matter where in the picture something is.
    """

    def __init__(self, classes: int) -> None:
        # Normalization shifts by itself, so the convolutions need no bias.
        self.convs = LayerList(
            [Conv2d(n, 3, pad=1, nobias=True, initializer=HeNormal()) for n in CHANNELS]
        )
        self.norms = LayerList([BatchNorm() for _ in CHANNELS])
        self.scores = Linear(classes)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the scores of the classes.

        Args:
            x: Pictures, of shape (N, 3, size, size).

        Returns:
            A Variable of shape (N, classes).
        """
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = relu(norm(pooling(conv(x), 2, stride=2)))
        scores: Variable = self.scores(F.mean(x, axis=(2, 3)))
        return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            start(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        # No such folder, no pictures in it, a damaged file: the message says what to do.
        print("\n".join([f"train.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1
    return 0


def start(options: argparse.Namespace) -> None:
    """Ask, or learn from a folder; from one of shapes if none is given."""
    if options.predict is not None:
        predict(options)
    elif options.folder is not None:
        run(options, options.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            each = QUICK_EACH if options.quick else EACH
            draw_folder(Path(folder, "shapes"), each, np.random.default_rng(options.seed))
            run(options, Path(folder, "shapes"))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Learn to tell your own pictures apart.")
    parser.add_argument("--folder", type=Path, help="with a folder of pictures for each class")
    parser.add_argument("--predict", type=Path, metavar="FILE", help="say what is on a picture")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS}, more of few pictures")
    parser.add_argument("--size", type=int, default=32, help="pixels of a side (default: 32)")
    parser.add_argument("--workers", type=int, default=2, help="that read pictures (default: 2)")
    parser.add_argument("--no-augment", action="store_true", help="show each picture as it is")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "own_pictures"))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} epochs, fewer shapes")
    options = parser.parse_args(arguments)
    if options.predict is not None and options.folder is not None:
        parser.error("--folder is to learn from, --predict to ask afterwards: choose")
    for name, least in (("epochs", 1), ("size", SMALLEST), ("workers", 0), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"argument --{name}: {value} is not at least {least}")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def as_it_is(size: int) -> Compose:
    """Return what makes an array of a picture: (3, size, size), from 0 to 1."""
    return Compose([Resize(size), ToArray(), Normalize(0.0, 255.0)])


def varied(size: int) -> Compose:
    """Return what makes another array of the same picture every time: moved, mirrored, turned."""
    return Compose(
        [
            Resize(size),
            RandomRotation(15),
            RandomCrop(size, pad=max(1, size // 10)),
            RandomHorizontalFlip(),
            ToArray(),
            Normalize(0.0, 255.0),
        ]
    )


def run(options: argparse.Namespace, folder: Path) -> None:
    """Train, test, draw, and save what `predict` needs."""
    pictures = ImageFolder(folder, as_it_is(options.size))
    names = list(pictures.labels().values())
    if len(names) < 2 or len(pictures) < 10:
        raise ValueError(
            f"{folder} has {len(pictures)} pictures in {len(names)} folder(s); at least 10 in 2 "
            "are needed to learn to tell them apart"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    train_set, test_set = random_split(pictures, [0.8, 0.2], np.random.default_rng(options.seed))
    if not options.no_augment:  # the same pictures, but for their transform
        train_set = Subset(ImageFolder(folder, varied(options.size)), train_set.indices)
    if options.epochs is None:
        few = math.ceil(LEAST_UPDATES * BATCH_SIZE / len(train_set))
        options.epochs = QUICK if options.quick else max(EPOCHS, few)
    print(
        f"{len(train_set)} pictures to learn from, {len(test_set)} to test with: {', '.join(names)}"
    )

    np.random.seed(options.seed)  # the weights are drawn from NumPy's global generator
    model = ConvNet(len(names))
    started = time.perf_counter()
    history = train(model, train_set, test_set, options)
    seconds = time.perf_counter() - started
    print(f"test accuracy {history['test accuracy'][-1]:.2%}, in {seconds:.1f} s")

    plot_curves(history, to_file=options.out / "curves.png")
    draw(*answers(model, test_set, options.device), names, options.out / "answers.png")
    model.save_weights(options.out / "weights.npz")
    with atomic_write(options.out / "classes.json", "w") as file:
        json.dump({"names": names, "size": options.size}, file)
    files = "curves.png, answers.png, weights.npz and classes.json"
    print(f"wrote {files} into {options.out.resolve()}")


def train(
    model: ConvNet, train_set: Subset, test_set: Subset, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Train a model; return losses and accuracies of each epoch."""
    # The workers read, decode and vary the pictures while this process learns from others. What is
    # random depends on the seed alone, not on how many workers there are.
    model.to(options.device)
    loader = DataLoader(
        *(train_set, BATCH_SIZE),
        seed=options.seed,
        num_workers=options.workers,
        device=options.device,
    )
    optimizer = Adam(PEAK_RATE).setup(model)
    schedule = OneCycle(options.epochs * len(loader)).setup(optimizer)
    history: dict[str, list[float]] = {
        name: [] for name in ("train loss", "test loss", "train accuracy", "test accuracy")
    }
    # The bar draws itself on a terminal only; the lines are printed in any case.
    total = options.epochs * len(loader)
    with tqdm(total=total, unit=" batches", leave=False, disable=None) as bar:
        for epoch in range(1, options.epochs + 1):
            losses, shares, sizes = [], [], []
            for x, t in loader:
                y = model(x)
                loss = softmax_cross_entropy(y, t)
                model.cleargrads()
                loss.backward()
                optimizer.update()
                schedule.update()
                # Unread: who reads a number waits until the device has computed it.
                losses.append(loss.data)
                shares.append(accuracy(y, t).data)
                sizes.append(len(t))
                bar.update()
            p, _, t = answers(model, test_set, options.device)
            history["train loss"].append(mean(losses, sizes))
            history["train accuracy"].append(mean(shares, sizes))
            history["test loss"].append(float(-np.log(p[np.arange(len(t)), t] + 1e-12).mean()))
            history["test accuracy"].append(float((p.argmax(axis=1) == t).mean()))
            bar.write(
                f"epoch {epoch:{len(str(options.epochs))}}/{options.epochs}   "
                + ", ".join(f"{name} {values[-1]:.4f}" for name, values in history.items())
            )
    return history


def mean(values: list[Array], sizes: list[int]) -> float:
    """Return the mean over batches of some sizes, of numbers that are read all at once."""
    return float(np.average(as_numpy(F.stack(values)), weights=sizes))


def answers(
    model: ConvNet, dataset: Subset, device: Device
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the model's probabilities for all pictures, the pictures, and their true classes."""
    ys, xs, ts = [], [], []
    with no_grad(), test_mode():
        for x, t in DataLoader(dataset, 100, shuffle=False):
            ys.append(as_numpy(softmax(model(device.asarray(x)))))
            xs.append(x)
            ts.append(t)
    return np.concatenate(ys), np.concatenate(xs), np.concatenate(ts)


def draw(p: np.ndarray, x: np.ndarray, t: np.ndarray, names: list[str], file: Path) -> None:
    """Draw some pictures with the model's answers, and how often which class is taken for which."""
    figure = Figure(figsize=(13.0, 4.9), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1.0))
    order = np.argsort(p.argmax(axis=1) == t, kind="stable")  # mistakes first: they tell the most
    shown = order[:SHOWN]
    plot_images(x[shown], t[shown], p[shown], names=names, columns=6, figure=left)
    # With the last panel the whole figure is written.
    plot_confusion_matrix(p, t, names=names, ax=right.subplots(), to_file=file)


def predict(options: argparse.Namespace) -> None:
    """Say what is on a picture."""
    known = options.out / "classes.json"
    if not known.is_file():
        raise FileNotFoundError(f"there is no {known}; train first, or say --out FOLDER")
    facts = json.loads(known.read_text(encoding="utf-8"))
    model = ConvNet(len(facts["names"]))
    model.load_weights(options.out / "weights.npz")
    model.to(options.device)
    with Image.open(options.predict) as image:
        x = as_it_is(facts["size"])(image.convert("RGB"))
    with no_grad(), test_mode():
        p = as_numpy(softmax(model(options.device.asarray(x[np.newaxis]))))[0]
    for number in np.argsort(-p)[:5]:
        print(f"{p[number]:7.2%}  {facts['names'][number]}")


if __name__ == "__main__":
    sys.exit(main())
