"""Step 45: layers in layers, and the Model.

A Layer that has layers as attributes has their parameters too, so a whole network is a single
object: one `cleargrads`, one `params`. A Model is a Layer that can draw itself besides.

    python examples/steps/step45.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero.functions as F
import dezero.layers as L
from dezero import Model, Variable
from dezero.models import MLP

LEARNING_RATE = 0.2
STEPS = 10_000


class TwoLayerNet(Model):
    """Two fully connected layers, with a sigmoid between them."""

    def __init__(self, hidden_size: int, out_size: int) -> None:
        super().__init__()
        self.l1 = L.Linear(hidden_size)
        self.l2 = L.Linear(out_size)

    def forward(self, x: np.ndarray | Variable) -> Variable:
        """Compute the output for inputs of shape (N, D)."""
        return self.l2(F.sigmoid(self.l1(x)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a model, train one, and make a deeper one."""
    parser = argparse.ArgumentParser(description="Put layers into a model.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    picture = out / "step45.png"
    TwoLayerNet(100, 10).plot(Variable(np.random.randn(5, 10), name="x"), to_file=picture)
    print("drawn:", picture)

    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
    model = TwoLayerNet(10, 1)
    for step in range(1, STEPS + 1):
        loss = F.mean_squared_error(y, model(x))
        model.cleargrads()
        loss.backward()
        for parameter in model.params():
            parameter.data -= LEARNING_RATE * parameter.grad.data
        if step == 1 or step % 2000 == 0:
            print(f"step {step}: loss {float(loss):.4f}")

    deep = MLP((10, 20, 30, 40, 1))
    print("\nAn MLP of five layers gives", deep(x).shape, "and has the parameters")
    print(", ".join(f"{path} {parameter.shape}" for path, parameter in deep.namedparams()))


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
