"""Step 35: how the graph grows with each derivative.

The slope of tanh is 1 - tanh², which has tanh in it twice. Each derivative differentiates the whole
graph of the one before, and product rule by product rule that becomes more than twice as large.

    python examples/steps/step35.py --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero.functions as F
from dezero import Variable
from dezero.utils import plot_dot_graph
from dezero_core.graph import build_graph


def main(arguments: Sequence[str] | None = None) -> None:
    """Differentiate tanh at 1 up to eight times, and draw the graph of each derivative."""
    parser = argparse.ArgumentParser(description="Draw the graphs of tanh's derivatives.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    parser.add_argument("--quick", action="store_true", help="draw the first four only")
    options = parser.parse_args(arguments)

    x = Variable(np.array(1.0), name="x")
    result = F.tanh(x)
    for n in range(1, 9):
        x.cleargrad()
        result.backward(create_graph=True)
        result = x.grad
        result.name = f"gx{n}"
        count = len(build_graph(result).operations)
        print(f"derivative {n}: {count} functions, value {result.data}")
        if n <= (4 if options.quick else 8):
            # An svg of thousands of nodes can be zoomed into; None means to draw them all.
            picture = options.out / f"step35-{n}.svg"
            plot_dot_graph(result, verbose=False, to_file=picture, max_nodes=None)
    print("drawn:", options.out / "step35-*.svg")


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
