"""Step 25: a drawing that is written down.

DOT is a language for graphs: it lists nodes, how they look, and arrows between them. The program
dot, a part of Graphviz, finds a place for each. Here the graph of y = exp(x) is written by hand, to
see the language; step 26 writes it from what was recorded.

    python examples/steps/step25.py --out FOLDER
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dezero_core.files import atomic_write

DRAWING = """\
digraph g {
  1 [label="x", color=orange, style=filled]
  2 [label="Exp", color=lightblue, style=filled, shape=box]
  3 [label="y", color=orange, style=filled]
  1 -> 2
  2 -> 3
}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the drawing as text, and have Graphviz draw it if it is installed."""
    parser = argparse.ArgumentParser(description="Draw a graph that was written by hand.")
    parser.add_argument(
        "--out", type=folder, default="runs/steps", metavar="FOLDER", help="default: %(default)s"
    )
    text = parser.parse_args(arguments).out / "step25.dot"

    print(DRAWING, end="")
    write(text, DRAWING.encode())
    print("written:", text)
    program = shutil.which("dot")
    if program is None:
        print("not drawn: Graphviz is not installed (https://graphviz.org/download)")
    else:
        command = [program, "-Tpng"]
        done = subprocess.run(command, input=DRAWING.encode(), capture_output=True, check=True)
        picture = text.with_suffix(".png")
        write(picture, done.stdout)
        print("drawn:", picture)


def write(path: Path, content: bytes) -> None:
    """Write a file that is complete or not there."""
    with atomic_write(path) as file:
        file.write(content)


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
