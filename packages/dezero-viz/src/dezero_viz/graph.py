"""Drawing the graph that a computation recorded."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dezero_core import GraphError, Variable
from dezero_core.files import atomic_write
from dezero_core.graph import Graph, build_graph
from dezero_viz._dot import graph_to_dot
from dezero_viz._engines import render
from dezero_viz._targets import check_target, ending_of

__all__ = ["Picture", "get_dot_graph", "plot_dot_graph", "plot_graph"]

_MIME_TYPES = {
    "dot": "text/vnd.graphviz",
    "gv": "text/vnd.graphviz",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
}
# Half as many again as on a plain screen: sharp text, and still a small file.
_DPI = {"jpeg": 144, "jpg": 144, "png": 144}


@dataclass(frozen=True)
class Picture:
    """A drawing that was written to a file; a notebook shows it inline.

    Attributes:
        path: The file.
        content: What was written to it.
    """

    path: Path
    content: bytes = field(repr=False)

    def __fspath__(self) -> str:
        """Return the file's name, so that the picture can be opened as a file."""
        return str(self.path)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the picture as notebooks take it: text as it is, all else in base 64."""
        mime_type = _MIME_TYPES[ending_of(self.path)]
        if mime_type == "image/svg+xml":
            shown = self.content.decode()
        else:
            shown = base64.b64encode(self.content).decode("ascii")
        bundle = {"text/plain": repr(self)}
        if not mime_type.startswith("text/"):
            bundle[mime_type] = shown
        return bundle


def get_dot_graph(output: Variable | Sequence[Variable], verbose: bool = False) -> str:
    """Return the graph that led to a variable in the DOT language of Graphviz.

    Variables are orange ellipses, operations light blue boxes, and arrows follow the data. A
    parameter has a bold border, a constant a dashed one. Each node and each edge is there once:
    ``x + x`` has one arrow from ``x`` to the addition.

    Args:
        output: The variable where the computation ended, or several of them. With
            ``create_graph=True`` a gradient is such a variable too.
        verbose: Label variables ``name: shape dtype`` instead of ``name`` alone.

    Returns:
        The DOT text.

    Raises:
        TypeError: `output` is no Variable.
        GraphError: No recorded operation led to `output`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import GraphError, Variable
        >>> x = Variable(np.array(1.0), name="x")
        >>> y = x + x
        >>> y.name = "y"
        >>> text = get_dot_graph(y)
        >>> text.splitlines()[0], text.count("->")
        ('digraph g {', 2)

    Source: Deep Learning from Scratch 3, steps 25 and 26.
    """
    return graph_to_dot(_graph_of("get_dot_graph", output), verbose=verbose)


def plot_graph(
    output: Variable | Sequence[Variable],
    verbose: bool = False,
    to_file: str | os.PathLike[str] = "graph.png",
) -> Picture:
    """Draw the graph that led to a variable into a file.

    The system's Graphviz draws where it is installed, and otherwise the package graphviz-pure,
    which has no pdf. The file is complete or it is not there: it is written beside its place and
    then renamed.

    Args:
        output: The variable where the computation ended, or several of them.
        verbose: Label variables ``name: shape dtype`` instead of ``name`` alone.
        to_file: The file to write. Its ending says what is drawn: png, svg, pdf, jpg (or jpeg);
            dot (or gv) keeps the text that the others are drawn from.

    Returns:
        The picture. A notebook shows it inline; ``picture.path`` is the file.

    Raises:
        TypeError: `output` is no Variable, or `to_file` no file name.
        GraphError: No recorded operation led to `output`.
        ValueError: The file ending is missing or unknown.
        FileNotFoundError: The folder of `to_file` does not exist.
        IsADirectoryError: `to_file` is a folder.
        RuntimeError: Nothing here draws this format; the error says what to install.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from dezero_core import GraphError, Variable
        >>> x = Variable(np.array(3.0), name="x")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     picture = plot_graph(x * x, to_file=f"{folder}/square.svg")
        ...     picture.path.name
        'square.svg'

    Source: Deep Learning from Scratch 3, steps 25 and 26.
    """
    path = check_target("plot_graph", to_file, _MIME_TYPES)
    ending = ending_of(path)
    dot = graph_to_dot(_graph_of("plot_graph", output), verbose=verbose, dpi=_DPI.get(ending))
    content = dot.encode() if ending in ("dot", "gv") else render(dot, ending)
    with atomic_write(path) as file:
        file.write(content)
    return Picture(path, content)


plot_dot_graph = plot_graph
"""The name that the book gives to `plot_graph`."""


def _graph_of(operation: str, output: Variable | Sequence[Variable]) -> Graph:
    outputs = [output] if isinstance(output, Variable) else output
    if not isinstance(outputs, list | tuple) or not outputs:
        kind = "an empty sequence" if isinstance(outputs, list | tuple) else type(output).__name__
        raise TypeError(f"{operation}: output must be a Variable or several in a list, got {kind}")
    for position, variable in enumerate(outputs):
        if not isinstance(variable, Variable):
            raise TypeError(
                f"{operation}: output must hold Variables alone, got "
                f"{type(variable).__name__} at position {position}"
            )
    try:
        graph = build_graph(*outputs)
    except GraphError:
        graph = Graph((), ())
    if not graph.operations:
        raise GraphError(
            f"{operation}: there is no graph behind the output: no recorded operation led to it. "
            "It is an input itself, or was computed from constants or under no_grad(), or was cut "
            "off by unchain() or detach()"
        )
    return graph
