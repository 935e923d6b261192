"""The interactive page: a recorded graph to move around in, in a browser."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dezero_core import Parameter, Variable
from dezero_core.files import atomic_write
from dezero_viz._outputs import graph_of
from dezero_viz._targets import check_target
from dezero_viz.explorer._document import document
from dezero_viz.explorer._page import page

__all__ = ["Page", "explore"]

_ENDINGS = ("htm", "html")
_HEIGHT = 640  # pixels that the page has in a notebook


class _Model(Protocol):
    """A model, as far as a page needs it. A ``namedlayers()`` is used where there is one."""

    def namedparams(self) -> Iterator[tuple[str, Parameter]]: ...


@dataclass(frozen=True)
class Page:
    """A page that was written to a file; a notebook shows it inline.

    Attributes:
        path: The file.
        content: What was written to it.
    """

    path: Path
    content: str = field(repr=False)

    def __fspath__(self) -> str:
        """Return the file's name, so that the page can be opened as a file."""
        return str(self.path)

    def _repr_html_(self) -> str:
        """Return the page in a frame, which keeps its style and its scripts to itself."""
        return (
            f'<iframe srcdoc="{html.escape(self.content)}" sandbox="allow-scripts" '
            f'title="Computation graph" width="100%" height="{_HEIGHT}" '
            'style="border: 1px solid #8888; border-radius: 8px"></iframe>'
        )


def explore(
    output: Variable | Sequence[Variable],
    to_file: str | os.PathLike[str] = "graph.html",
    *,
    model: _Model | None = None,
) -> Page:
    """Write the graph that led to a variable as a page to look around in, in any browser.

    One file, that loads nothing from elsewhere: it can be sent, archived, opened years later.
    Layers and time steps are folded and can be unfolded; a search finds names, operations and
    shapes; a click on a node shows its shape, dtype, statistics, histogram and, if it is small,
    its value, all of these of its gradient too, how the gradient passes through the operation, and
    the source line that ran it. All can be reached with the keyboard, and as a list.

    What is known depends on what was recorded. ``with record_details():`` around the computation
    records layers and source lines, ``record_details(keep_values=True)`` also the values of all
    intermediate results, and ``backward(retain_grad=True)`` keeps their gradients. Without these,
    `model` tells at least to which layer a parameter belongs. Statistics are exact; a histogram of
    more than 65536 elements counts as many of them, evenly spaced, and says so.

    Args:
        output: The variable where the computation ended, or several of them. With
            ``create_graph=True`` a gradient is such a variable too; what computes gradients is a
            group of its own.
        to_file: The file to write: html (or htm). It is complete or it is not there.
        model: The model that ran, to name its parameters: an object with ``namedparams()``.

    Returns:
        The page. A notebook shows it inline; ``page.path`` is the file.

    Raises:
        TypeError: `output` is no Variable, `to_file` no file name, or `model` names no parameters.
        GraphError: No recorded operation led to `output`.
        ValueError: The file ending is missing or unknown.
        FileNotFoundError: The folder of `to_file` does not exist.
        IsADirectoryError: `to_file` is a folder.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> from dezero_core.graph import record_details
        >>> x = Variable(np.array([1.0, 2.0, 3.0]), name="x")
        >>> with record_details(keep_values=True):
        ...     y = (x**2).sum()
        >>> y.backward(retain_grad=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = explore(y, f"{folder}/squares.html")
        ...     page.path.name
        'squares.html'

    Source: Deep Learning from Scratch 3, steps 25 and 26, draw graphs that do not move.
    """
    path = check_target("explore", to_file, _ENDINGS)
    names = _names(model)
    graph = graph_of("explore", output, names)
    title = getattr(output, "name", None) or (path.stem if model is None else type(model).__name__)
    content = page(document(graph, title, _layers(model), dict(names)))
    with atomic_write(path, "w") as file:
        file.write(content)
    return Page(path, content)


def _names(model: _Model | None) -> list[tuple[str, Parameter]]:
    if model is None:
        return []
    if not callable(getattr(model, "namedparams", None)):
        raise TypeError(
            f"explore: model must have namedparams(), as layers and models of dezero_nn do, got "
            f"{type(model).__name__}"
        )
    return list(model.namedparams())


def _layers(model: Any) -> dict[str, str]:
    """Return the class name of each layer inside a model, by path."""
    namedlayers = getattr(model, "namedlayers", None)
    pairs = () if namedlayers is None else namedlayers()
    return {path: type(layer).__name__ for path, layer in pairs if path}
