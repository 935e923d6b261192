"""Step 26: the graph of a computation, drawn from what was recorded.

From the result back, creator by creator, everything that took part is found; that is the same walk
that `backward` takes. `get_dot_graph` writes it in DOT: variables as orange ellipses, functions as
blue boxes. `plot_dot_graph` draws it into a file, whose ending says in which format.

    python examples/steps/step26.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dezero import Variable
from dezero.utils import get_dot_graph, plot_dot_graph


def goldstein_price(x: Variable, y: Variable) -> Variable:
    """Return the function of Goldstein and Price (step 24)."""
    s, d = x + y + 1, 2 * x - 3 * y
    left = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    right = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return (1 + s**2 * left) * (30 + d**2 * right)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the graph of a sum, with shapes and dtypes, and draw that of Goldstein and Price."""
    parser = argparse.ArgumentParser(description="Draw the graph of a computation.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    out = parser.parse_args(arguments).out

    x0 = Variable(np.array(1.0), name="x0")
    x1 = Variable(np.array(1.0), name="x1")
    total = x0 + x1
    total.name = "y"
    print(get_dot_graph(total, verbose=True))

    x, y = Variable(np.array(1.0), name="x"), Variable(np.array(1.0), name="y")
    z = goldstein_price(x, y)
    z.name = "z"
    for ending in ("png", "svg", "pdf"):
        picture = out / f"step26.{ending}"
        plot_dot_graph(z, verbose=False, to_file=picture)
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
