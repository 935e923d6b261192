"""Step 42: linear regression, the smallest thing that learns.

A hundred points lie around a line. The model y = xW + b starts with W = 0 and b = 0; the loss is
the mean square of what it is wrong by, and each step moves W and b a little against their
gradients. The picture shows the points and the line that was found.

    python examples/steps/step42.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import dezero.functions as F
from dezero import Variable
from dezero_core.files import atomic_write

LEARNING_RATE = 0.1
STEPS = 100


def mean_squared_error(x0: Variable, x1: Variable) -> Variable:
    """The loss, written with functions that we have: one node of the graph for each.

    `F.mean_squared_error` is a single function: it gives the same and keeps fewer arrays.
    """
    difference = x0 - x1
    return F.sum(difference**2) / len(difference)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the points, find the line, draw both."""
    parser = argparse.ArgumentParser(description="Find a line through a hundred points.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    np.random.seed(0)
    x = Variable(np.random.rand(100, 1))
    y = Variable(5 + 2 * x.data + np.random.rand(100, 1))
    W, b = Variable(np.zeros((1, 1))), Variable(np.zeros(1))

    for step in range(1, STEPS + 1):
        loss = mean_squared_error(y, F.matmul(x, W) + b)
        W.cleargrad()
        b.cleargrad()
        loss.backward()
        # On the arrays: to change a parameter is no part of what is differentiated.
        W.data -= LEARNING_RATE * W.grad.data
        b.data -= LEARNING_RATE * b.grad.data
        if step in (1, 10, STEPS):
            print(f"step {step}: loss {float(loss):.4f}")
    print("W:", W)
    print("b:", b)

    y_found = F.matmul(x, W) + b
    one, several = F.mean_squared_error(y, y_found), mean_squared_error(y, y_found)
    print("the loss as one function and as several:", one, several)
    draw(x.data, y.data, y_found.data, out / "step42.png")


def draw(x: np.ndarray, y: np.ndarray, y_found: np.ndarray, path: Path) -> None:
    """Draw the points and the line."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, "o", color="#56B4E9", markersize=4.5, label="data")
    ends = [x.argmin(), x.argmax()]
    axes.plot(x[ends], y_found[ends], color="#D55E00", linewidth=2, label="found")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(frameon=False)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)
    print("drawn:", path)


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
