"""Step 28: a minimum by gradient descent.

Rosenbrock's function has a curved valley whose floor is nearly level, and its minimum, 0 at (1, 1),
lies somewhere on the floor. The gradient points steeply down into the valley and hardly along it.
So each step goes a little against the gradient, and it takes many.

    python examples/steps/step28.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dezero import Variable
from dezero_viz import plot_paths

LEARNING_RATE = 0.001
STEPS = 10000


def rosenbrock(x0: Any, x1: Any) -> Any:
    """Return 100 (x1 - x0²)² + (x0 - 1)²."""
    return 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Go down from (0, 2), and draw the way."""
    parser = argparse.ArgumentParser(description="Minimize Rosenbrock's function.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    x0, x1 = Variable(np.array(0.0)), Variable(np.array(2.0))
    path = []
    for i in range(STEPS):
        path.append((float(x0.data), float(x1.data)))
        x0.cleargrad()
        x1.cleargrad()
        rosenbrock(x0, x1).backward()
        if i == 0:
            print("gradient at the start:", x0.grad, x1.grad)
        if i < 3 or i + 1 in (1000, STEPS):
            print(f"{i + 1}: {x0} {x1}")
        # The step itself is arithmetic on arrays: it should not be recorded.
        x0.data -= LEARNING_RATE * x0.grad.data
        x1.data -= LEARNING_RATE * x1.grad.data

    path.append((float(x0.data), float(x1.data)))
    paths = {"gradient descent": path, "the first of them": path[:1001]}
    picture = out / "step28.png"
    plot_paths(rosenbrock, paths, minimum=(1.0, 1.0), to_file=picture)
    print("drawn:", picture)


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
