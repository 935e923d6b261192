"""Draw the graphs of tanh and of its derivatives, up to the eighth.

    python examples/tanh_graph/draw.py
    python examples/tanh_graph/draw.py --order 8 --html

The first draws all eight, and the curves of the first few. The second draws one of them, and a
page on which it can be unfolded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial
from tqdm import tqdm

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.graph import build_graph, record_details
from dezero_viz import explore, plot_derivatives, plot_graph

HIGHEST = 8
QUICK = 3
CURVES = 3  # those of higher orders are so tall that the lower ones look flat beside them


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, RuntimeError, ValueError) as error:
        # No such folder, nothing that draws this format: the message says what to do.
        print("\n".join([f"draw.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw the graphs of tanh's derivatives.")
    parser.add_argument(
        "--order",
        type=int,
        choices=range(1, HIGHEST + 1),
        metavar=f"1..{HIGHEST}",
        help="this one alone; by default all",
    )
    parser.add_argument("--x", type=float, default=1.0, help="where to differentiate (default: 1)")
    parser.add_argument(
        "--max-nodes", type=int, default=60, help="fold above about so many nodes (default: 60)"
    )
    parser.add_argument("--all-nodes", action="store_true", help="fold nothing")
    parser.add_argument("--format", choices=("svg", "png", "pdf", "dot"), default="svg")
    parser.add_argument("--html", action="store_true", help="also write a page to look around in")
    parser.add_argument("--out", type=Path, default=Path("runs", "tanh_graph"))
    parser.add_argument("--quick", action="store_true", help=f"orders 1 to {QUICK}")
    options = parser.parse_args(arguments)
    if options.order is not None and options.quick:
        parser.error("--quick draws the first orders, --order one alone: choose")
    return options


def run(options: argparse.Namespace) -> None:
    """Differentiate, compare with the formula, and draw."""
    highest = options.order or (QUICK if options.quick else HIGHEST)
    max_nodes = None if options.all_nodes else options.max_nodes
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"tanh at x = {options.x:g}")
    print("order  operations  variables             value           formula")
    with record_details(keep_values=True):  # for the pages: source lines, and all values
        found = derivatives(options.x, highest)
    # The bar draws itself on a terminal only; the lines are printed in any case.
    with tqdm(total=highest, unit=" orders", leave=False, disable=None) as bar:
        for order, gx in enumerate(found, start=1):
            bar.update()
            if options.order not in (None, order):
                continue
            graph = build_graph(gx)
            bar.write(
                f"{order:5}  {len(graph.operations):10}  {len(graph.variables):9}"
                f"  {float(gx):16.9f}  {formula(order, options.x):16.9f}"
            )
            file = options.out / f"order{order}.{options.format}"
            plot_graph(gx, verbose=False, to_file=file, max_nodes=max_nodes)
            if options.html:
                explore(gx, options.out / f"order{order}.html")
    plot_derivatives(
        F.tanh,
        np.linspace(-3.0, 3.0, 241),
        order=min(highest, CURVES),
        name=r"\tanh",
        to_file=options.out / "curves.png",
    )
    print(f"wrote the pictures into {options.out.resolve()}")


def derivatives(at: float, highest: int) -> list[Variable]:
    """Return the derivatives of tanh at a point, each with the graph that computed it.

    Going back with create_graph=True records what it computes. So a gradient is a variable like
    any other: it has a graph, and one can go back through that as well.
    """
    x = Variable(np.array(at), name="x")
    y = F.tanh(x)
    y.name = "y"
    found: list[Variable] = []
    for order in range(1, highest + 1):
        y.backward(create_graph=True)
        y = x.grad
        y.name = "gx" + (str(order) if order > 1 else "")
        x.cleargrad()  # otherwise the next derivative would be added to this one
        found.append(y)
    return found


def formula(order: int, at: float) -> float:
    """Compute a derivative by hand: it is a polynomial in u = tanh x, and du/dx = 1 - u²."""
    p = Polynomial([0.0, 1.0])
    for _ in range(order):
        p = p.deriv() * Polynomial([1.0, 0.0, -1.0])
    return float(p(np.tanh(at)))


if __name__ == "__main__":
    sys.exit(main())
