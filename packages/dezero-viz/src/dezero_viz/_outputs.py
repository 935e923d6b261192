"""What is to be drawn: the graph behind a variable, or several, or an error that says why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dezero_core import GraphError, Variable
from dezero_core.graph import Graph, build_graph

__all__ = ["graph_of"]


def graph_of(
    operation: str,
    output: Variable | Sequence[Variable],
    names: Iterable[tuple[str, Variable]] = (),
) -> Graph:
    """Return the graph that led to some variables.

    Args:
        operation: The public function that speaks in the error.
        output: What the user gave.
        names: Pairs of a name and a variable, as `build_graph` takes them.

    Returns:
        The graph, with one operation at least.

    Raises:
        TypeError: `output` is neither a Variable nor a sequence of them, or `names` are no pairs.
        GraphError: No recorded operation led to it.
    """
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
    pairs = _pairs(operation, names)
    try:
        graph = build_graph(*outputs, names=pairs)
    except GraphError:
        graph = Graph((), ())
    if not graph.operations:
        raise GraphError(
            f"{operation}: there is no graph behind the output: no recorded operation led to it. "
            "It is an input itself, or was computed from constants or under no_grad(), or was cut "
            "off by unchain() or detach()"
        )
    return graph


def _pairs(operation: str, names: Any) -> list[tuple[str, Variable]]:
    pairs = list(names) if isinstance(names, Iterable) else [names]
    for pair in pairs:
        match pair:
            case (str(), Variable()):
                continue
        raise TypeError(
            f"{operation}: names are pairs of a name and a Variable, such as model.namedparams() "
            f"or [('W', W)]; got {type(pair).__name__} in {type(names).__name__}"
        )
    return pairs
