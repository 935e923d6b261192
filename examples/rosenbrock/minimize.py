"""Find the minimum of the Rosenbrock function in four ways, and draw the ways.

python examples/rosenbrock/minimize.py
python examples/rosenbrock/minimize.py --start -1.5 1.5
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from dezero_core import Parameter, Variable
from dezero_optim import LBFGS, SGD, MomentumSGD, Newton, Optimizer
from dezero_viz import plot_curves, plot_paths

MINIMUM = np.array([1.0, 1.0])
LOST = 1e6  # who is so far away does not come back
STEPS, QUICK = 50_000, 2_000


def rosenbrock(x0: Any, x1: Any) -> Any:
    """Compute a valley that is easy to find and hard to follow: it is bent, narrow and flat."""
    return 100.0 * (x1 - x0**2) ** 2 + (x0 - 1.0) ** 2


class Point:
    """A point that an optimizer may move: all that it asks for is `params`."""

    def __init__(self, start: Sequence[float]) -> None:
        self.x = Parameter(np.array(start, dtype=np.float64))
        self.evaluations = 0

    def params(self) -> Iterator[Parameter]:
        """Yield what is to be moved."""
        yield self.x

    def loss(self) -> Variable:
        """Compute how high the point lies."""
        self.evaluations += 1
        height: Variable = rosenbrock(self.x[0], self.x[1])
        return height


@dataclass(frozen=True)
class Journey:
    """How one method fared.

    Attributes:
        path: All points, of shape (steps + 1, 2).
        evaluations: How often the function was computed.
        seconds: How long it took.
    """

    path: np.ndarray
    evaluations: int
    seconds: float

    @property
    def distances(self) -> np.ndarray:
        """How far each point is from the minimum."""
        distances: np.ndarray = np.linalg.norm(self.path - MINIMUM, axis=1)
        return distances


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        notes = getattr(error, "__notes__", [])
        print("\n".join([f"minimize.py: {error}", *notes]), file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Find the minimum of the Rosenbrock function.")
    parser.add_argument(
        "--start", type=float, nargs=2, metavar=("X0", "X1"), help="where to start (default: 0 2)"
    )
    parser.add_argument("--seed", type=int, help="start at a place drawn at random")
    parser.add_argument(
        "--lr", type=float, default=0.001, help="of gradient descent (default: 0.001)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="how near is there (default: 1e-6)"
    )
    parser.add_argument("--steps", type=int, help=f"give up after so many (default: {STEPS})")
    parser.add_argument("--out", type=Path, default=Path("runs", "rosenbrock"))
    parser.add_argument("--quick", action="store_true", help=f"give up after {QUICK} steps")
    options = parser.parse_args(arguments)
    if options.start is not None and options.seed is not None:
        parser.error("--start and --seed both say where to start: choose")
    for name in ("lr", "tolerance"):
        if not 0.0 < getattr(options, name) < np.inf:
            parser.error(f"argument --{name}: {getattr(options, name)} is not above 0")
    if options.steps is None:
        options.steps = QUICK if options.quick else STEPS
    if options.steps < 1:
        parser.error(f"argument --steps: {options.steps} is not at least 1")
    return options


def run(options: argparse.Namespace) -> None:
    """Let every method go, print how it fared, and draw."""
    start = options.start or [0.0, 2.0]
    if options.seed is not None:
        start = np.random.default_rng(options.seed).uniform([-1.5, -0.5], [1.5, 2.5]).tolist()
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"from ({start[0]:g}, {start[1]:g}) to within {options.tolerance:g} of (1, 1)")

    methods: dict[str, Optimizer] = {
        "gradient descent": SGD(options.lr),
        "momentum": MomentumSGD(options.lr, momentum=0.9),
        "Newton": Newton(),
        "L-BFGS": LBFGS(),
    }
    journeys: dict[str, Journey] = {}
    print("method               steps  evaluations  distance  milliseconds")
    for name, optimizer in methods.items():
        journey = journeys[name] = descend(optimizer, start, options.steps, options.tolerance)
        print(
            f"{name:16}  {len(journey.path) - 1:8,}  {journey.evaluations:11,}"
            f"  {journey.distances[-1]:8.1e}  {1000 * journey.seconds:12.1f}"
        )
    draw(journeys, options.out / "paths.png")
    print(f"wrote paths.png into {options.out.resolve()}")


def descend(optimizer: Optimizer, start: Sequence[float], steps: int, tolerance: float) -> Journey:
    """Let an optimizer go until it is there, has got lost, or has no more steps."""
    point = Point(start)
    optimizer.setup(point)
    update = stepper(optimizer, point)
    path = [point.x.data.copy()]
    started = time.perf_counter()
    # The bar draws itself on a terminal only.
    for _ in tqdm(range(steps), unit=" steps", leave=False, disable=None):
        if not tolerance < np.linalg.norm(path[-1] - MINIMUM) < LOST:
            break
        update()
        path.append(point.x.data.copy())
    return Journey(np.array(path), point.evaluations, time.perf_counter() - started)


def stepper(optimizer: Optimizer, point: Point) -> Callable[[], object]:
    """Return what makes one step.

    Newton's method and L-BFGS ask for the loss themselves: one differentiates it twice, the other
    tries several step lengths. The others are content with a gradient.
    """
    if isinstance(optimizer, Newton | LBFGS):
        return partial(optimizer.update, point.loss)

    def step() -> None:
        point.x.cleargrad()
        point.loss().backward()
        optimizer.update()

    return step


def draw(journeys: dict[str, Journey], file: Path) -> None:
    """Draw the paths on the contours, and how the distances fell."""
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    paths = {name: journey.path for name, journey in journeys.items()}
    everywhere = np.concatenate(list(paths.values()))
    # Newton's first step goes where it likes; show no more than the neighborhood.
    low = np.maximum(everywhere.min(axis=0) - 0.3, -3.0)
    high = np.minimum(np.maximum(everywhere.max(axis=0), MINIMUM) + 0.3, 3.5)
    plot_curves(
        {name: {"distance to the minimum": j.distances[1:]} for name, j in journeys.items()},
        xlabel="step",
        ax=right,
    )
    right.set_xscale("log")
    right.set_yscale("log")
    # With the last panel the whole figure is written.
    plot_paths(
        rosenbrock,
        paths,
        minimum=MINIMUM,
        xlim=(low[0], high[0]),
        ylim=(low[1], high[1]),
        ax=left,
        to_file=file,
    )


if __name__ == "__main__":
    sys.exit(main())
