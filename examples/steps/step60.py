"""Step 60: LSTM, and a loader for sequences.

Two things are better than in step 59. An LSTM carries a memory beside its output; gates that it
learns say what is added to it, what is forgotten and what is shown. And the wave is read from
thirty places at once, as a batch, which takes a tenth of the time.

After as many epochs as in step 59 the cosine is foretold better, although there were two updates in
an epoch instead of thirty-four.

    python examples/steps/step60.py --out FOLDER
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
from dezero import Model, SeqDataLoader, Variable, datasets, optimizers
from dezero_viz import plot_sequence

EPOCHS = 100
BATCH_SIZE = 30
HIDDEN_SIZE = 100
BPTT_LENGTH = 30  # the values after which the graph is cut


class BetterRNN(Model):
    """An LSTM layer, and a linear one that makes a value of its state."""

    def __init__(self, hidden_size: int, out_size: int) -> None:
        super().__init__()
        self.rnn = L.LSTM(hidden_size)
        self.fc = L.Linear(out_size)

    def reset_state(self) -> None:
        """Forget what was read."""
        self.rnn.reset_state()

    def forward(self, x: np.ndarray | Variable) -> Variable:
        """Read one value, of shape (N, 1), and foretell the next."""
        return self.fc(self.rnn(x))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on a sine, foretell a cosine, draw it."""
    parser = argparse.ArgumentParser(description="Foretell a wave with an LSTM.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    np.random.seed(0)
    loader = SeqDataLoader(datasets.SinCurve(train=True), BATCH_SIZE)
    print(f"{len(loader)} batches of {BATCH_SIZE} values")
    model = BetterRNN(HIDDEN_SIZE, 1)
    train(model, loader)

    wave = np.cos(np.linspace(0, 4 * np.pi, 1000))
    foretold = foretell(model, wave[:-1])
    print(f"test loss on a cosine: {np.mean((foretold - wave[1:]) ** 2):.6f}")
    plot_sequence({"LSTM": foretold}, wave, start=1, to_file=out / "step60.png")
    print("drawn:", out / "step60.png")


def train(model: BetterRNN, loader: SeqDataLoader) -> None:
    """Read the wave once in each epoch, and learn after every thirty batches."""
    optimizer = optimizers.Adam().setup(model)
    started = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        model.reset_state()
        loss, total = 0, 0.0
        for count, (x, t) in enumerate(loader, start=1):
            loss += F.mean_squared_error(model(x), t)
            if count % BPTT_LENGTH == 0 or count == len(loader):
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
                total += float(loss)
                loss = 0
        if epoch == 1 or epoch % 10 == 0:
            seconds = time.perf_counter() - started
            print(f"epoch {epoch}, loss {total / len(loader):.6f}, {seconds:.1f} s")


def foretell(model: BetterRNN, wave: np.ndarray) -> np.ndarray:
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
