"""Train a small network to tell three arms of a spiral apart, and draw where it draws the line.

    python examples/spiral/train.py

It takes a few seconds and needs no download.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from dezero_core import Device, as_numpy, no_grad
from dezero_core import functions as F
from dezero_core.typing import Array
from dezero_data import DataLoader, Spiral
from dezero_nn import MLP, Model, accuracy, sigmoid, softmax_cross_entropy
from dezero_optim import SGD
from dezero_viz import plot_curves, plot_decision_boundary

Points = tuple[Array, Array]  # where they are, (N, 2), and of which arm, (N,)

BATCH_SIZE = 30
EPOCHS, QUICK = 300, 100
CLASSES = 3


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
        print("\n".join([f"train.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a network on a spiral of three arms.")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS}")
    parser.add_argument("--hidden", type=int, default=10, help="hidden units (default: 10)")
    parser.add_argument("--lr", type=float, default=1.0, help="learning rate (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "spiral"))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} epochs")
    options = parser.parse_args(arguments)
    options.epochs = options.epochs if options.epochs is not None else EPOCHS
    if options.quick:
        options.epochs = min(options.epochs, QUICK)
    for name in ("epochs", "hidden"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name}: {getattr(options, name)} is not at least 1")
    if not 0.0 < options.lr < np.inf:
        parser.error(f"argument --lr: {options.lr} is not above 0")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, draw, and save the weights."""
    train_set, test_set = Spiral(train=True), Spiral(train=False)
    # All points are few: for measuring they are on the device all the time.
    known, unknown = (
        (options.device.asarray(points.data), options.device.asarray(points.label))
        for points in (train_set, test_set)
    )
    options.out.mkdir(parents=True, exist_ok=True)
    # The boundary is drawn early, later, and at the end.
    stops = sorted({max(1, options.epochs // 15), max(1, options.epochs // 3), options.epochs})
    figure = Figure(figsize=(4.1 * len(stops), 3.9), layout="constrained")
    panels = dict(
        zip(stops, figure.subplots(1, len(stops), squeeze=False, sharey=True)[0], strict=True)
    )

    # The weights and the order of the points are drawn from NumPy's global generator.
    np.random.seed(options.seed)
    model = MLP((options.hidden, CLASSES), activation=sigmoid).to(options.device)
    history: dict[str, list[float]] = {}
    started = time.perf_counter()
    for epoch, _ in enumerate(train(model, options, train_set), start=1):
        measured = {**measure(model, known, "train"), **measure(model, unknown, "test")}
        for name, value in measured.items():
            history.setdefault(name, []).append(value)
        if epoch in panels:
            print(
                f"epoch {epoch:{len(str(options.epochs))}}/{options.epochs}   "
                + ", ".join(f"{name} {value:.4f}" for name, value in measured.items())
            )
            # With the last panel the whole figure is written.
            file = options.out / "boundary.png" if epoch == stops[-1] else None
            right = f"{measured['test accuracy']:.1%} of the test points"
            draw(panels[epoch], model, unknown, f"after {epoch} epochs: {right}", file)
    print(f"{options.epochs} epochs in {time.perf_counter() - started:.1f} s")

    plot_curves(history, to_file=options.out / "curves.png")
    model.save_weights(options.out / "weights.npz")
    print(f"wrote boundary.png, curves.png and weights.npz into {options.out.resolve()}")


def train(model: Model, options: argparse.Namespace, train_set: Spiral) -> Iterator[None]:
    """Train a model; pause after each epoch."""
    loader = DataLoader(train_set, BATCH_SIZE, device=options.device)
    optimizer = SGD(options.lr).setup(model)
    # The bar draws itself on a terminal only.
    for _ in tqdm(range(options.epochs), unit=" epochs", leave=False, disable=None):
        for x, t in loader:
            loss = softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
        yield


def measure(model: Model, points: Points, name: str) -> dict[str, float]:
    """Return loss and accuracy on some points."""
    x, t = points
    with no_grad():
        y = model(x)
        both = F.stack([softmax_cross_entropy(y, t), accuracy(y, t)])
    # Read together: who reads a number waits until the device has computed it.
    loss, share = as_numpy(both).tolist()
    return {f"{name} loss": loss, f"{name} accuracy": share}


def draw(axes: Axes, model: Model, points: Points, title: str, to_file: Path | None) -> None:
    """Draw which class the model chooses where, and the points that it has not learned from."""
    axes.set_title(title, fontsize=11)
    plot_decision_boundary(model, *points, ax=axes, to_file=to_file)
    if to_file is None:  # one legend is enough, beside the last panel
        axes.get_legend().remove()


if __name__ == "__main__":
    sys.exit(main())
