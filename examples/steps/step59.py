"""Step 59: a network that remembers, for what comes in a sequence.

A recurrent layer adds to what it computes from its input what it computes from its last output, its
state. So its graph grows with each value that it reads, and its gradients reach back in time. After
thirty values the graph is cut behind the state: what lies before is not learned from any more, and
its memory is free.

It learns from a noisy sine to tell the next value, and is tested on a cosine. The picture shows
what it foretells.

    python examples/steps/step59.py --out FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import Model, Variable, datasets, optimizers
from dezero_viz import plot_sequence

EPOCHS = 100
HIDDEN_SIZE = 100
BPTT_LENGTH = 30  # the values after which the graph is cut


class SimpleRNN(Model):
    """A recurrent layer, and a linear one that makes a value of its state."""

    def __init__(self, hidden_size: int, out_size: int) -> None:
        super().__init__()
        self.rnn = L.RNN(hidden_size)
        self.fc = L.Linear(out_size)

    def reset_state(self) -> None:
        """Forget what was read."""
        self.rnn.reset_state()

    def forward(self, x: np.ndarray | Variable) -> Variable:
        """Read one value, of shape (N, 1), and foretell the next."""
        return self.fc(self.rnn(x))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on a sine, foretell a cosine, draw it."""
    parser = argparse.ArgumentParser(description="Foretell a wave with a recurrent network.")
    parser.add_argument("--quick", action="store_true", help=f"10 epochs instead of {EPOCHS}")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)

    np.random.seed(0)
    train_set = datasets.SinCurve(train=True)
    print(f"{len(train_set)} pairs; {train_set[0][1]} is the first label and the second value")
    model = SimpleRNN(HIDDEN_SIZE, 1)
    train(model, train_set, 10 if options.quick else EPOCHS)

    wave = np.cos(np.linspace(0, 4 * np.pi, 1000))
    foretold = foretell(model, wave[:-1])
    print(f"test loss on a cosine: {np.mean((foretold - wave[1:]) ** 2):.6f}")
    plot_sequence({"RNN": foretold}, wave, start=1, to_file=options.out / "step59.png")
    print("drawn:", options.out / "step59.png")


def train(model: SimpleRNN, train_set: datasets.SinCurve, epochs: int) -> None:
    """Read the wave once in each epoch, and learn after every thirty values."""
    optimizer = optimizers.Adam().setup(model)
    started = time.perf_counter()
    for epoch in range(1, epochs + 1):
        model.reset_state()
        loss, total = 0, 0.0
        for count, (x, t) in enumerate(train_set, start=1):
            loss += F.mean_squared_error(model(x.reshape(1, 1)), t.reshape(1, 1))
            if count % BPTT_LENGTH == 0 or count == len(train_set):
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
                total += float(loss)
                loss = 0
        if epoch == 1 or epoch % 10 == 0:
            seconds = time.perf_counter() - started
            print(f"epoch {epoch}, loss {total / len(train_set):.6f}, {seconds:.1f} s")


def foretell(model: SimpleRNN, wave: np.ndarray) -> np.ndarray:
    """Read a wave; return what the model expects after each value."""
    model.reset_state()
    with dezero.no_grad():
        return np.array([float(model(value.reshape(1, 1))) for value in wave])


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
