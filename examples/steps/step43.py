"""Step 43: a network of plain functions learns a sine.

A line is no use for points along a sine. Two linear functions with a sigmoid between them bend it:
ten sigmoids, each shifted and stretched, add up to the curve. The parameters are four Variables
that are looked after by hand.

`F.linear` and `F.sigmoid` are single functions. Their `_simple` forms are composed of others, are
slower, and learn the same. `linear_simple` lets go of its product as soon as the bias is added,
since no gradient needs it.

    python examples/steps/step43.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import dezero
import dezero.functions as F
from dezero import Variable
from dezero_core.files import atomic_write

IN_SIZE, HIDDEN_SIZE, OUT_SIZE = 1, 10, 1
LEARNING_RATE = 0.2
STEPS = 10_000

Predict = Callable[[np.ndarray], Variable]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the points, train both networks, draw the curve."""
    parser = argparse.ArgumentParser(description="Fit a sine with a network of plain functions.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)  # the noise is 0.5 on average
    state = np.random.get_state()
    predict = train(x, y, F.linear, F.sigmoid)

    print("\nThe same, composed of simpler functions:")
    np.random.set_state(state)
    predict_simple = train(x, y, F.linear_simple, F.sigmoid_simple)

    grid = np.linspace(0, 1, 200)[:, np.newaxis]
    with dezero.no_grad():
        curve, curve_simple = predict(grid).data, predict_simple(grid).data
    wrong = np.abs(curve - np.sin(2 * np.pi * grid) - 0.5)[10:-10].max()
    print(f"\nat most {wrong:.2f} from the sine without noise, between 0.05 and 0.95")
    print("both networks give the same curve:", np.allclose(curve, curve_simple, atol=1e-6))
    draw(x, y, grid, curve, out / "step43.png")


def train(x: np.ndarray, y: np.ndarray, linear: Callable, sigmoid: Callable) -> Predict:
    """Train a 1-10-1 network; return it as a function."""
    W1 = Variable(0.01 * np.random.randn(IN_SIZE, HIDDEN_SIZE))
    b1 = Variable(np.zeros(HIDDEN_SIZE))
    W2 = Variable(0.01 * np.random.randn(HIDDEN_SIZE, OUT_SIZE))
    b2 = Variable(np.zeros(OUT_SIZE))

    def predict(x: np.ndarray) -> Variable:
        return linear(sigmoid(linear(x, W1, b1)), W2, b2)

    for step in range(1, STEPS + 1):
        loss = F.mean_squared_error(y, predict(x))
        for parameter in (W1, b1, W2, b2):
            parameter.cleargrad()
        loss.backward()
        for parameter in (W1, b1, W2, b2):
            parameter.data -= LEARNING_RATE * parameter.grad.data
        if step == 1 or step % 2000 == 0:
            print(f"step {step}: loss {float(loss):.4f}")
    return predict


def draw(x: np.ndarray, y: np.ndarray, grid: np.ndarray, curve: np.ndarray, path: Path) -> None:
    """Draw the points and the network's curve."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, "o", color="#56B4E9", markersize=4.5, label="data")
    axes.plot(grid, curve, color="#D55E00", linewidth=2, label="network")
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
