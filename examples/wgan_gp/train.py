"""Train a Wasserstein GAN on eight heaps of points, with a penalty on the critic's gradient.

    python examples/wgan_gp/train.py

The penalty is a function of a derivative, and training differentiates it: a derivative of a
derivative, which `create_graph=True` makes possible. Needs no data.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from picture import History, draw
from tqdm import tqdm

from dezero_core import Device, Variable, as_numpy, get_array_module, grad, no_grad
from dezero_core import functions as F
from dezero_core.typing import Array
from dezero_nn import MLP, relu
from dezero_optim import Adam, CosineDecay

HEAPS, RADIUS, SPREAD = 8, 2.0, 0.1  # on a circle; the standard deviation of each
SIZES = (96, 96)  # the hidden layers of both networks
BATCH_SIZE = 256
CRITIC_UPDATES = 5  # for each one of the generator
PENALTY = 1.0  # how much the penalty weighs; 10, usual for images, makes points creep
MEASURED = 4000  # how many points are compared


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a Wasserstein GAN with gradient penalty.")
    parser.add_argument("--updates", type=int, help="of the generator; default: 1500")
    parser.add_argument("--penalty", type=float, default=PENALTY, help=f"default: {PENALTY:g}")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "wgan_gp"))
    parser.add_argument("--quick", action="store_true", help="250 updates")
    options = parser.parse_args(arguments)
    options.updates = (
        options.updates if options.updates is not None else 250 if options.quick else 1500
    )
    if options.updates < 1:
        parser.error(f"argument --updates: {options.updates} is not at least 1")
    if not 0.0 <= options.penalty < np.inf:
        parser.error(f"argument --penalty: {options.penalty:g} is negative or not finite")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Train, measure, draw, and save both networks."""
    options.out.mkdir(parents=True, exist_ok=True)
    np.random.seed(options.seed)  # of the weights
    # Points and noise are drawn on the device; on the host that is by the same generator.
    xp = options.device.backend.xp
    xp.random.seed(options.seed)
    # The critic ends in a number without bounds: a score, no probability.
    generator, critic = (MLP((*SIZES, size), activation=relu).to(options.device) for size in (2, 1))
    for_g = Adam(0.001, beta1=0.5, beta2=0.9).setup(generator)
    for_c = Adam(0.001, beta1=0.5, beta2=0.9).setup(critic)
    schedules = [
        CosineDecay(options.updates).setup(for_g),
        CosineDecay(options.updates * CRITIC_UPDATES).setup(for_c),
    ]
    real, noise = draw_points(MEASURED, xp), draw_noise(MEASURED, xp)
    floor = distance(draw_points(MEASURED, xp), real)
    print(f"two samples of real points are {floor:.3f} from each other")
    history: History = {"update": [], "distance": [], "estimate": [], "slope": []}
    every = max(1, options.updates // 50)

    started = time.perf_counter()
    for update in tqdm(range(options.updates + 1), leave=False, disable=None):
        if update % every == 0 or update == options.updates:
            record(history, update, generator, critic, real, noise)
            if update % (10 * every) == 0 or update == options.updates:
                tqdm.write(
                    f"update {update:{len(str(options.updates))}}"
                    + "".join(f"   {name} {history[name][-1]:.3f}" for name in list(history)[1:])
                )
        if update < options.updates:
            for _ in range(CRITIC_UPDATES):
                train_critic(generator, critic, for_c, options.penalty, xp)
                schedules[1].update()
            train_generator(generator, critic, for_g, xp)
            schedules[0].update()
    seconds = time.perf_counter() - started

    made, real = as_numpy(make(generator, noise)), as_numpy(real)
    critic.to_cpu()  # where it is looked at
    share, smallest = found_heaps(made)
    first, last = history["distance"][0], history["distance"][-1]
    print(f"distance {first:.3f} -> {last:.3f}, in {seconds:.1f} s")
    print(
        f"the critic's slope is {history['slope'][-1]:.3f}; {share:.1%} of the points lie in a "
        f"heap, the smallest of {HEAPS} has {smallest:.1%}"
    )
    draw(critic, real[:1000], made[:1000], history, floor, options.out / "points.png")
    generator.save_weights(options.out / "generator.npz")
    critic.save_weights(options.out / "critic.npz")
    print(f"wrote points.png, generator.npz and critic.npz into {options.out.resolve()}")


def train_critic(generator: MLP, critic: MLP, optimizer: Adam, weight: float, xp: Any) -> None:
    """Let the critic tell real points from made ones by scores as far apart as it may."""
    real, made = draw_points(BATCH_SIZE, xp), make(generator, draw_noise(BATCH_SIZE, xp))
    # What it is paid for: high scores of the real, low ones of the made. Without a bound it would
    # just grow. Where no slope is larger than 1, the best it can get is the distance over which
    # points have to be moved to make one heap out of the other: Wasserstein's.
    loss = F.mean(critic(made)) - F.mean(critic(real))
    loss += weight * F.mean((slopes(critic, real, made) - 1.0) ** 2)
    critic.cleargrads()
    loss.backward()
    optimizer.update()


def slopes(critic: MLP, real: Array, made: Array) -> Variable:
    """Return how steep the critic is at points between real and made ones, of shape (N,).

    The slope is a derivative by the *points*; what is made of it is then differentiated by the
    critic's *weights*. So the first derivative is recorded as any computation is.
    """
    xp = get_array_module(real)
    share = xp.random.random((len(real), 1)).astype(np.float32)
    # Each score depends on its own point alone: the gradient of the sum holds each one's.
    gradient = grad(lambda x: F.sum(critic(x)), create_graph=True)(
        share * real + (1 - share) * made
    )
    # The root's own slope at zero would be infinite.
    return F.sqrt(F.sum(gradient**2, axis=1) + 1e-12)


def train_generator(generator: MLP, critic: MLP, optimizer: Adam, xp: Any) -> None:
    """Let the generator move its points uphill on the critic's scores."""
    loss = -F.mean(critic(generator(draw_noise(BATCH_SIZE, xp))))
    generator.cleargrads()
    loss.backward()
    optimizer.update()


def record(
    history: History,
    update: int,
    generator: MLP,
    critic: MLP,
    real: Array,
    noise: Array,
) -> None:
    """Write down the distance to the real points, what the critic takes it for, and its slope."""
    made = make(generator, noise)
    with no_grad():
        estimate = float(F.mean(critic(real)) - F.mean(critic(made)))
    history["update"].append(update)
    history["distance"].append(distance(made, real))
    history["estimate"].append(estimate)
    history["slope"].append(float(F.mean(slopes(critic, real, made))))


def draw_points(count: int, xp: Any = np) -> Array:
    """Draw points of eight heaps on a circle, float32 of shape (count, 2).

    Args:
        count: How many.
        xp: Where to draw them: NumPy, or the namespace of a device.
    """
    angle = 2 * np.pi / HEAPS * xp.random.randint(HEAPS, size=count)
    center = RADIUS * xp.stack([xp.cos(angle), xp.sin(angle)], axis=1)
    return (center + SPREAD * xp.random.standard_normal((count, 2))).astype(np.float32)


def draw_noise(count: int, xp: Any = np) -> Array:
    """Draw what points are made of."""
    return xp.random.standard_normal((count, 2)).astype(np.float32)


def make(generator: MLP, noise: Array) -> Array:
    """Return points that the generator makes, without recording how."""
    with no_grad():
        return generator(noise).data


def distance(a: Array, b: Array, directions: int = 64) -> float:
    """Return the sliced Wasserstein distance of two samples of points of equal size.

    Along a line it is easy to say how far points must be moved: the least to the least, the next to
    the next. The mean over lines of all directions, Rabin et al., 2011.
    """
    angles = np.pi / directions * np.arange(directions)
    lines = np.stack([np.cos(angles), np.sin(angles)])
    a, b = as_numpy(a), as_numpy(b)
    return float(np.abs(np.sort(a @ lines, axis=0) - np.sort(b @ lines, axis=0)).mean())


def found_heaps(points: np.ndarray) -> tuple[float, float]:
    """Return which share of points lies within 3 spreads of a center, and of the rarest heap."""
    angles = 2 * np.pi / HEAPS * np.arange(HEAPS)
    centers = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    far = np.linalg.norm(points[:, None] - centers, axis=2)
    inside = far.min(axis=1) < 3 * SPREAD
    shares = np.bincount(far.argmin(axis=1)[inside], minlength=HEAPS) / len(points)
    return float(inside.mean()), float(shares.min())


if __name__ == "__main__":
    sys.exit(main())
