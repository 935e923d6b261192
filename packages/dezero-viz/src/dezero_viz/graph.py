"""Drawing the graph that a computation recorded."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dezero_core import Variable
from dezero_core.files import atomic_write
from dezero_viz._dot import MAX_NODES, graph_to_dot
from dezero_viz._engines import render
from dezero_viz._outputs import graph_of
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
_LEAST_NODES = 10


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


def get_dot_graph(
    output: Variable | Sequence[Variable],
    verbose: bool = True,
    *,
    names: Iterable[tuple[str, Variable]] = (),
    max_nodes: int | None = MAX_NODES,
) -> str:
    """Return the graph that led to a variable in the DOT language of Graphviz.

    Variables are orange ellipses, operations light blue boxes, and arrows follow the data. A
    parameter has a bold border, a constant a dashed one. Each node and each edge is there once:
    ``x + x`` has one arrow from ``x`` to the addition.

    The operations of a layer stand in a frame with the layer's path, if they ran under
    `dezero_core.graph.record_details`, or if `names` tells the path. What
    ``backward(create_graph=True)`` recorded has frames of its own, and dashed arrows.

    Above `max_nodes`, parts of the graph become boxes with a double border that say what is in
    them: repetitions first, of which the first one stays; then layers, and gradients, the
    innermost first; then stretches of operations that follow each other.

    Args:
        output: The variable where the computation ended, or several of them. With
            ``create_graph=True`` a gradient is such a variable too.
        verbose: Label variables ``name: shape dtype`` instead of ``name`` alone.
        names: Pairs of a name and a variable, such as ``model.namedparams()``. The names are
            shown, and tell the layers where these were not recorded.
        max_nodes: About how many nodes to draw at most, 10 or more; None for all.

    Returns:
        The DOT text.

    Raises:
        TypeError: `output` is no Variable, `names` are no pairs, or `max_nodes` is no integer.
        ValueError: `max_nodes` is less than 10.
        GraphError: No recorded operation led to `output`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> x = Variable(np.array(1.0), name="x")
        >>> y = x + x
        >>> y.name = "y"
        >>> text = get_dot_graph(y, verbose=False)
        >>> text.splitlines()[0], text.count("->")
        ('digraph g {', 2)

    Source: Deep Learning from Scratch 3, steps 25 and 26.
    """
    _check_budget("get_dot_graph", max_nodes)
    graph = graph_of("get_dot_graph", output, names)
    return graph_to_dot(graph, verbose=verbose, max_nodes=max_nodes)


def plot_graph(
    output: Variable | Sequence[Variable],
    verbose: bool = True,
    to_file: str | os.PathLike[str] = "graph.png",
    *,
    names: Iterable[tuple[str, Variable]] = (),
    max_nodes: int | None = MAX_NODES,
) -> Picture:
    """Draw the graph that led to a variable into a file, as `get_dot_graph` describes it.

    The system's Graphviz draws where it is installed, and otherwise the package graphviz-pure,
    with matplotlib for pdf. The file is complete or it is not there: it is written beside its
    place and then renamed.

    Args:
        output: The variable where the computation ended, or several of them.
        verbose: Label variables ``name: shape dtype`` instead of ``name`` alone.
        to_file: The file to write. Its ending says what is drawn: png, svg, pdf, jpg (or jpeg);
            dot (or gv) keeps the text that the others are drawn from.
        names: Pairs of a name and a variable, such as ``model.namedparams()``. The names are
            shown, and tell the layers where these were not recorded.
        max_nodes: About how many nodes to draw at most, 10 or more; None for all, which may take
            minutes where there are thousands.

    Returns:
        The picture. A notebook shows it inline; ``picture.path`` is the file.

    Raises:
        TypeError: `output` is no Variable, `to_file` no file name, `names` are no pairs, or
            `max_nodes` is no integer.
        GraphError: No recorded operation led to `output`.
        ValueError: The file ending is missing or unknown, or `max_nodes` is less than 10.
        FileNotFoundError: The folder of `to_file` does not exist.
        IsADirectoryError: `to_file` is a folder.
        RuntimeError: Nothing here draws this format; the error says what to install.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> x = Variable(np.array(3.0), name="x")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     picture = plot_graph(x * x, to_file=f"{folder}/square.svg")
        ...     picture.path.name
        'square.svg'

    Source: Deep Learning from Scratch 3, steps 25 and 26.
    """
    path = check_target("plot_graph", to_file, _MIME_TYPES)
    ending = ending_of(path)
    _check_budget("plot_graph", max_nodes)
    graph = graph_of("plot_graph", output, names)
    dot = graph_to_dot(graph, verbose=verbose, max_nodes=max_nodes, dpi=_DPI.get(ending))
    content = dot.encode() if ending in ("dot", "gv") else render(dot, ending)
    with atomic_write(path) as file:
        file.write(content)
    return Picture(path, content)


plot_dot_graph = plot_graph
"""The name that the book gives to `plot_graph`."""


def _check_budget(operation: str, max_nodes: int | None) -> None:
    if max_nodes is None:
        return
    if isinstance(max_nodes, bool) or not isinstance(max_nodes, int):
        raise TypeError(
            f"{operation}: max_nodes must be an integer or None, got {type(max_nodes).__name__}"
        )
    if max_nodes < _LEAST_NODES:
        raise ValueError(
            f"{operation}: max_nodes={max_nodes} is too small to draw anything with; use "
            f"{_LEAST_NODES} or more, or None to draw all"
        )
