"""Learn to learn: find first weights from which one step fits any sine wave (MAML).

    python examples/maml/train.py

Second-order meta-gradients: the step that adapts the network to a wave is itself differentiated.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import trange

from dezero_core import Device, Parameter, Variable, as_numpy, grad, no_grad
from dezero_core import functions as F
from dezero_core.typing import Array, ArrayLike
from dezero_nn import relu
from dezero_optim import Adam
from dezero_viz import plot_curves

SIZES = (1, 40, 40, 1)
GAINS = (0.5, 1.4, 0.5)  # inputs are as large as 5, and the first outputs should be small
SHOTS = 10  # points of a wave that are shown
WAVES = 25  # in a batch
INNER_RATE = 0.01  # of the step that adapts
OUTER_RATE = 0.005  # Adam's, of the first weights; it falls to nothing in a straight line
STEPS = 10  # after up to so many steps are networks compared
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # the others may choose one of these
TESTS = 500  # waves to compare by
SHOWN = (0, 1, 2, 5, STEPS)
LOOKS = {0: ("#56B4E9", ":"), 1: ("#D55E00", "--"), STEPS: ("#0072B2", "-")}

Params = Sequence[Variable]
Batch = tuple[Array, Array]  # x and y of some points of some waves
Error = Callable[[Params, Batch, Batch], Variable]  # of weights, given points to learn and to know


class Net:
    """The weights that are learned: those of two hidden layers of 40.

    The network itself is the function `predict`, whose weights are arguments: those that it begins
    with, or those that a step has changed.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.arrays: list[Parameter] = []
        for (n, m), gain in zip(pairwise(SIZES), GAINS, strict=True):
            W = random.normal(size=(n, m)) * gain / np.sqrt(n)
            self.arrays.append(Parameter(W.astype(np.float32)))
            self.arrays.append(Parameter(np.zeros((1, m), np.float32)))

    def params(self) -> Iterator[Parameter]:
        """Yield the parameters: all that an optimizer asks for."""
        yield from self.arrays

    def to(self, device: Device | str) -> None:
        """Move the weights to a device."""
        for p in self.arrays:
            p.to(device)


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
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Learn to fit sine waves in one step (MAML).")
    parser.add_argument("--updates", type=int, help="of the first weights (default: 10000)")
    parser.add_argument("--first-order", action="store_true", help="leave out second derivatives")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "maml"))
    parser.add_argument("--quick", action="store_true", help="1000 updates, just to see it work")
    options = parser.parse_args(arguments)
    if options.updates is None:
        options.updates = 1000 if options.quick else 10000
    if options.updates < 1:
        parser.error(f"argument --updates: {options.updates} is not at least 1")
    if options.seed < 0:
        parser.error(f"argument --seed: {options.seed} is negative")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, compare, and draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    create_graph = not options.first_order

    def after_a_step(params: Params, shown: Batch, asked: Batch) -> Variable:
        return loss(adapt(params, shown, INNER_RATE, create_graph), asked)

    def right_away(params: Params, shown: Batch, asked: Batch) -> Variable:
        return loss(params, asked)

    meta, joint, scratch = (Net(np.random.default_rng(options.seed)) for _ in range(3))
    started = time.perf_counter()
    train("MAML", meta, after_a_step, options)
    train("all waves", joint, right_away, options)
    print(f"trained two networks in {time.perf_counter() - started:.1f} s")

    # None of these waves was seen in training. The other networks have the step size that serves
    # them best; MAML's is the one that it was trained with.
    test = sample(np.random.default_rng([options.seed, 1]), TESTS, SHOTS, 100)
    networks = {"MAML": meta, "trained on all waves": joint, "from scratch": scratch}
    rates = {name: best_rate(net, options.seed) for name, net in networks.items()}
    rates["MAML"] = INNER_RATE
    errors = {name: course(net, rates[name], *test) for name, net in networks.items()}
    print(
        f"mean squared error on {TESTS} new waves, of each of which {SHOTS} points are shown, after"
    )
    print(f"{'step size':>29}" + "".join(f"{f'{k} steps':>10}" for k in SHOWN))
    for name, course_of in errors.items():
        figures = "".join(f"{course_of[k]:10.3f}" for k in SHOWN)
        print(f"{name:20}{rates[name]:9.3f}{figures}")
    draw(networks, rates, errors, options.out / "adaptation.png")
    print(f"wrote adaptation.png into {options.out.resolve()}")


def sample(random: np.random.Generator, waves: int, *counts: int) -> tuple[Batch, ...]:
    """Draw waves, and so many points of each for each count: arrays of shape (waves, count, 1)."""
    height = random.uniform(0.1, 5.0, (waves, 1, 1))
    phase = random.uniform(0.0, np.pi, (waves, 1, 1))
    batches = []
    for count in counts:
        x = random.uniform(-5.0, 5.0, (waves, count, 1))
        y = height * np.sin(x - phase)
        batches.append((x.astype(np.float32), y.astype(np.float32)))
    return tuple(batches)


def predict(params: Params, x: ArrayLike) -> Variable:
    """Compute the network, at points x of shape (waves, count, 1).

    Weights are of shape (in, out) where all waves have the same. Where each wave has its own,
    adapted to it, they are of shape (waves, in, out): a product of stacks of matrices.
    """
    *hidden, last = zip(params[::2], params[1::2], strict=True)
    for W, b in hidden:
        x = relu(F.matmul(x, W) + b)
    W, b = last
    return F.matmul(x, W) + b


def loss(params: Params, batch: Batch) -> Variable:
    """Return the mean squared error."""
    x, y = batch
    return F.mean((predict(params, x) - y) ** 2)


def adapt(params: Params, shown: Batch, rate: float, create_graph: bool = False) -> list[Variable]:
    """Return the weights after a step of gradient descent, for each wave its own.

    With `create_graph`, the gradient in that step is a part of the graph: the error after the step
    can be differentiated with respect to the weights before it, and second derivatives come in.
    """
    waves = len(shown[0])
    if params[0].ndim == 2:
        params = [F.broadcast_to(p, (waves, *p.shape)) for p in params]

    def error(*params: Variable) -> Variable:
        return waves * loss(params, shown)  # the sum over the waves: each wave its own mean

    slopes = grad(error, range(len(params)), create_graph=create_graph)(*params)
    return [p - rate * slope for p, slope in zip(params, slopes, strict=True)]


def train(name: str, net: Net, error: Error, options: argparse.Namespace) -> None:
    """Train first weights: `error` says how bad they are for a batch of waves."""
    random = np.random.default_rng([options.seed, 0])
    net.to(options.device)
    optimizer = Adam(OUTER_RATE).setup(net)
    recent = []
    # The bar draws itself on a terminal only.
    bar = trange(options.updates, desc=name, unit=" updates", leave=False, disable=None)
    for update in bar:
        optimizer.alpha = OUTER_RATE * (1 - update / options.updates)
        shown, asked = (
            (options.device.asarray(x), options.device.asarray(y))
            for x, y in sample(random, WAVES, SHOTS, SHOTS)
        )
        result = error(net.arrays, shown, asked)
        for p in net.params():
            p.cleargrad()
        result.backward()
        optimizer.update()
        recent.append(result.data)  # unread: who reads it waits until the device has it
        if (update + 1) % -(-options.updates // 5) == 0 or update + 1 == options.updates:
            mean = as_numpy(F.stack(recent)).mean(dtype=np.float64)
            bar.write(f"{name:10} update {update + 1:6}   loss {mean:.3f}")
            recent.clear()
    net.to("cpu")  # where it is looked at


def course(net: Net, rate: float, shown: Batch, asked: Batch, steps: int = STEPS) -> list[float]:
    """Return the error at the points that are asked, after 0, 1, 2, ... steps on those shown."""
    errors, params = [], list(net.params())
    with no_grad():
        for step in range(steps + 1):
            params = adapt(params, shown, rate) if step else params
            errors.append(float(loss(params, asked).data))
    return errors


def best_rate(net: Net, seed: int) -> float:
    """Return the step size with which a network adapts best, on waves that are no test."""
    waves = sample(np.random.default_rng([seed, 2]), TESTS, SHOTS, 100)
    with np.errstate(over="ignore", invalid="ignore"):  # steps that are too large lead far away
        reached = {rate: course(net, rate, *waves)[-1] for rate in RATES}
    return min(RATES, key=lambda rate: reached[rate] if np.isfinite(reached[rate]) else np.inf)


def draw(
    networks: dict[str, Net],
    rates: dict[str, float],
    errors: dict[str, list[float]],
    file: Path,
) -> None:
    """Draw how two of the networks fit one new wave, and the errors of all."""
    figure = Figure(figsize=(11, 3.5), layout="constrained")
    *fits, curves = figure.subplots(1, 3)
    # Ten points of one half of the wave, though: what is known of the other half is that it is a
    # sine wave.
    x = np.linspace(-5.0, 5.0, 201, dtype=np.float32).reshape(1, -1, 1)
    points = x[:, 110:190:8]
    for place, name in zip(fits, list(networks)[:2], strict=True):
        place.plot(x.ravel(), wave(x).ravel(), color="#555555", linewidth=3.5, alpha=0.4)
        place.plot(points.ravel(), wave(points).ravel(), "o", color="black", label="shown")
        params: Params = list(networks[name].params())
        with no_grad():
            for step in range(STEPS + 1):
                if step:
                    params = adapt(params, (points, wave(points)), rates[name])
                if step in LOOKS:
                    color, dashes = LOOKS[step]
                    y = predict(params, x).data.ravel()
                    label = f"after {step} step" + "s" * (step != 1)
                    place.plot(x.ravel(), y, color=color, linestyle=dashes, label=label)
        place.set(title=name, xlabel="x", ylabel="y", ylim=(-5.5, 7.5))
        place.legend(frameon=False, ncols=2, loc="upper center", fontsize="small")
        place.spines[["top", "right"]].set_visible(False)
    curves.set_title(f"{TESTS} new waves")
    history = {name: {"mean squared error": course_of[1:]} for name, course_of in errors.items()}
    plot_curves(history, xlabel="steps of gradient descent", ax=curves, to_file=file)


def wave(x: np.ndarray) -> np.ndarray:
    """Return the wave that is drawn."""
    return 4 * np.sin(x - np.float32(0.5))


if __name__ == "__main__":
    sys.exit(main())
