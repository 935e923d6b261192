"""Step 34: sine and its derivatives.

Sine, cosine, minus sine, minus cosine, and round again: each is the slope of the one before. One
loop finds them all, at one point or at two hundred; elements of an array do not interfere, so the
gradient of all at once is the slope of each.

    python examples/steps/step34.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero.functions as F
from dezero import Variable
from dezero_viz import plot_derivatives


def main(arguments: Sequence[str] | None = None) -> None:
    """Differentiate three times at 1, and draw the curves from -7 to 7."""
    parser = argparse.ArgumentParser(description="Draw sine and its derivatives.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    x = Variable(np.array(1.0))
    F.sin(x).backward(create_graph=True)
    print("cos(1):", x.grad)
    for name in ("-sin(1)", "-cos(1)", "sin(1)"):
        gx = x.grad
        x.cleargrad()
        gx.backward(create_graph=True)
        print(f"{name}: {x.grad}")

    picture = out / "step34.png"
    # It runs the same loop on the array.
    plot_derivatives(F.sin, np.linspace(-7, 7, 200), order=3, name=r"\sin", to_file=picture)
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
