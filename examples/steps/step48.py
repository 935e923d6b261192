"""Step 48: three classes on the arms of a spiral.

No straight line parts the arms. A network with ten hidden units, trained on batches of thirty
points at a time in an order that changes with each epoch, bends its boundaries along them. The
picture shows which class the network gives to each place.

    python examples/steps/step48.py --out FOLDER
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
import dezero.functions as F
from dezero import datasets, optimizers
from dezero.models import MLP
from dezero_viz import plot_decision_boundary

EPOCHS = 300
BATCH_SIZE = 30
HIDDEN_SIZE = 10
LEARNING_RATE = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test on points that were not seen, draw the boundary."""
    parser = argparse.ArgumentParser(description="Tell the arms of a spiral apart.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    x, t = datasets.get_spiral(train=True)
    print(f"points {x.shape} {x.dtype}, classes {t.shape}")
    print(f"the first point: {x[0]}, class {t[0]}")
    np.random.seed(0)
    model = MLP((HIDDEN_SIZE, 3))
    optimizer = optimizers.SGD(LEARNING_RATE).setup(model)

    batches = math.ceil(len(x) / BATCH_SIZE)
    for epoch in range(1, EPOCHS + 1):
        order = np.random.permutation(len(x))
        total = 0.0
        for i in range(batches):
            chosen = order[i * BATCH_SIZE : (i + 1) * BATCH_SIZE]
            loss = F.softmax_cross_entropy(model(x[chosen]), t[chosen])
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss) * len(chosen)
        if epoch == 1 or epoch % 30 == 0:
            print(f"epoch {epoch}, loss {total / len(x):.2f}")

    for name, train in {"seen": True, "new": False}.items():
        points, classes = datasets.get_spiral(train=train)
        with dezero.no_grad():
            print(f"accuracy on {name} points: {float(F.accuracy(model(points), classes)):.3f}")
    plot_decision_boundary(model, x, t, to_file=out / "step48.png")
    print("drawn:", out / "step48.png")


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
