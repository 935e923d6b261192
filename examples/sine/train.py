"""Let an RNN and an LSTM learn a sine with noise, then go on by themselves.

    python examples/sine/train.py

Both see the same points for the same number of epochs. Afterwards they are shown the beginning of
a cosine, and continue it: what they said last is all that they get to see next.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, no_grad
from dezero_core import functions as F
from dezero_core.typing import ArrayLike
from dezero_data import ArrayDataset, SeqDataLoader, SinCurve
from dezero_nn import LSTM, RNN, Linear, Model, mean_squared_error, reset_states
from dezero_optim import Adam, CosineDecay
from dezero_viz import plot_curves, plot_sequence

LAYERS = {"RNN": RNN, "LSTM": LSTM}
EPOCHS, QUICK = 200, 80
ALPHA = 0.003  # Adam's step size in the first epoch; it falls to zero along a cosine
HIDDEN = 50  # units
STRIDE = 20  # every twentieth point of the wave is a step
BPTT_LENGTH = 50  # steps that a gradient goes back: a wave
WARM_UP = 13  # points of the cosine, a quarter of a wave, that are shown before they go on
PERIODS = 3  # waves that they go on for, the warm-up included


class Forecaster(Model):
    """A recurrent layer, and a fully connected one that reads the next value off its state."""

    def __init__(self, kind: str) -> None:
        self.recurrent = LAYERS[kind](HIDDEN)
        self.value = Linear(1)

    def forward(self, x: ArrayLike) -> Variable:
        """Compute the values that come next.

        Args:
            x: A step or several, of shape (N, 1) or (T, N, 1).

        Returns:
            A Variable of the same shape.
        """
        h = self.recurrent(x)
        y: Variable = self.value(h.reshape(-1, HIDDEN)).reshape(*h.shape[:-1], 1)
        return y


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
    parser = argparse.ArgumentParser(description="Predict a sine by an RNN and by an LSTM.")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS}")
    parser.add_argument(
        "--alpha", type=float, default=0.003, help="Adam's step size (default: 0.003)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "sine"))
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} epochs")
    options = parser.parse_args(arguments)
    if options.epochs is None:
        options.epochs = QUICK if options.quick else EPOCHS
    if options.epochs < 1:
        parser.error(f"argument --epochs: {options.epochs} is not at least 1")
    if not 0.0 < options.alpha < np.inf:
        parser.error(f"argument --alpha: {options.alpha} is not above 0")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train both, let them go on, compare, draw, and save."""
    options.out.mkdir(parents=True, exist_ok=True)
    sine = strands(SinCurve(train=True, rng=np.random.default_rng(options.seed)))
    cosine = np.tile(strands(SinCurve(train=False))[0], (PERIODS, 1))

    losses: dict[str, dict[str, list[float]]] = {}
    continued: dict[str, np.ndarray] = {}
    print("      last loss   next value, RMSE   going on alone, RMSE   parameters   seconds")
    for kind in LAYERS:
        np.random.seed(options.seed)
        model = Forecaster(kind)
        started = time.perf_counter()
        losses[kind] = {"loss": train(model, sine, options)}
        seconds = time.perf_counter() - started
        model.to_cpu()  # where it is looked at
        continued[kind] = go_on(model, cosine)
        print(
            f"{kind:4}  {losses[kind]['loss'][-1]:9.5f}"
            f"   {rmse(next_values(model, cosine[:-1]), cosine[1:]):16.4f}"
            f"   {rmse(continued[kind], cosine[WARM_UP:]):20.4f}"
            f"   {sum(param.size for param in model.params()):10,}   {seconds:7.1f}"
        )
        model.save_weights(options.out / f"{kind.lower()}.npz")

    figure = Figure(figsize=(11.0, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1)
    plot_curves(losses, ax=above)
    above.set_yscale("log")
    below.axvspan(0, WARM_UP, color="black", alpha=0.06, linewidth=0)
    # With the last panel the whole figure is written.
    plot_sequence(
        continued,
        cosine,
        start=WARM_UP,
        xlabel=f"step; after the first {WARM_UP} they see nothing but their own answers",
        ax=below,
        to_file=options.out / "sine.png",
    )
    print(f"wrote sine.png, rnn.npz and lstm.npz into {options.out.resolve()}")


def strands(wave: SinCurve) -> np.ndarray:
    """Return a wave as STRIDE waves of fewer points, shape (STRIDE, T, 1).

    The first has every twentieth point from the first on, the second from the second on, and so
    forth. So the steps are larger than the noise, and no point is lost.
    """
    points = np.concatenate([wave.data, wave.label[-1:]])
    return points.reshape(-1, STRIDE, 1).swapaxes(0, 1).astype(np.float32)


def train(model: Forecaster, waves: np.ndarray, options: argparse.Namespace) -> list[float]:
    """Train a model to say which value comes next; return the mean loss of each epoch.

    The waves are read side by side. Each ends where it began, so the state goes on from epoch to
    epoch, and the model learns to keep going. What the gradient goes back through is cut every
    BPTT_LENGTH steps; otherwise the graph would grow for ever.
    """
    following = np.roll(waves, -1, axis=1)
    pairs = ArrayDataset(waves.reshape(-1, 1), following.reshape(-1, 1))
    loader = SeqDataLoader(pairs, batch_size=len(waves), device=options.device)
    model.to(options.device)
    optimizer = Adam(options.alpha).setup(model)
    schedule = CosineDecay(options.epochs).setup(optimizer)
    losses = []
    # The bar draws itself on a terminal only.
    for _ in tqdm(range(options.epochs), unit=" epochs", leave=False, disable=None):
        loss, total = 0.0, 0.0
        for step, (x, t) in enumerate(loader, start=1):
            loss = loss + mean_squared_error(model(x), t)
            if step % BPTT_LENGTH == 0 or step == len(loader):
                model.cleargrads()
                loss.backward()
                loss.unchain_backward()
                optimizer.update()
                total = total + loss.data
                loss = 0.0
        schedule.update()
        losses.append(total)
    # Read at the end, all at once: who reads a number waits until the device has computed it.
    return [total / len(loader) for total in as_numpy(F.stack(losses)).tolist()]


def next_values(model: Forecaster, wave: np.ndarray) -> np.ndarray:
    """Return what the model expects after each value of a wave, all of which it is shown."""
    reset_states(model)
    with no_grad():
        y: np.ndarray = model(wave[:, np.newaxis]).data[:, 0]  # as one sequence, (T, 1, 1)
    return y


def go_on(model: Forecaster, wave: np.ndarray) -> np.ndarray:
    """Show the model the beginning of a wave, and let it continue until the wave's end."""
    y = next_values(model, wave[:WARM_UP])[-1:]
    found = [y[0]]
    with no_grad():
        for _ in range(len(wave) - WARM_UP - 1):
            y = model(y).data
            found.append(y[0])
    return np.array(found)


def rmse(y: np.ndarray, t: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((y - t) ** 2)))


if __name__ == "__main__":
    sys.exit(main())
