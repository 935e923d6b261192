"""A read-only view of the recorded graph: all that drawings and exports know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from dezero_core.errors import GraphError
from dezero_core.node import Node, history
from dezero_core.typing import Shape
from dezero_core.variable import Variable

__all__ = ["Graph", "GraphOperation", "GraphVariable", "build_graph"]

Kind: TypeAlias = Literal["leaf", "parameter", "constant", "intermediate", "output"]


@dataclass(frozen=True, slots=True)
class GraphVariable:
    """A variable in the graph.

    Attributes:
        key: Unique among all variables and operations of a graph.
        name: The name that the user gave it; of a constant, its value; or None.
        shape: The lengths of its axes.
        dtype: The name of its dtype.
        kind: ``"leaf"``, ``"parameter"``, ``"constant"`` (a number), ``"intermediate"``, or
            ``"output"``: one of the variables that the graph was built from.
    """

    key: int
    name: str | None
    shape: Shape
    dtype: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class GraphOperation:
    """One run of an operation.

    Attributes:
        key: Unique among all variables and operations of a graph.
        name: The operation's name.
        inputs: The keys of its operands. One may occur twice. Constant arrays are left out.
        outputs: The keys of those results that something was computed from.
        settings: The keyword arguments.
        order: Grows in the order in which operations ran.
    """

    key: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    settings: Mapping[str, Any]
    order: int


@dataclass(frozen=True, slots=True)
class Graph:
    """What some variables were computed from, in the order of computation."""

    variables: tuple[GraphVariable, ...]
    operations: tuple[GraphOperation, ...]

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keys along the flow of data, each once."""
        pairs: dict[tuple[int, int], None] = {}
        for operation in self.operations:
            pairs.update(dict.fromkeys((key, operation.key) for key in operation.inputs))
            pairs.update(dict.fromkeys((operation.key, key) for key in operation.outputs))
        return tuple(pairs)


def build_graph(*outputs: Variable) -> Graph:
    """Return a view of the graph behind some variables.

    Args:
        *outputs: The variables.

    Returns:
        The graph, with each variable and each operation once.

    Raises:
        TypeError: An output is not a Variable.
        GraphError: There is no graph behind an output.

    Example:
        >>> import numpy as np
        >>> x = Variable(np.array(1.0), "x")
        >>> graph = build_graph(x + x)
        >>> [operation.name for operation in graph.operations], len(graph.edges)
        (['add'], 2)
    """
    roots = []
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"build_graph: expected a Variable, got {type(output)}")
        if output._node is None:
            raise GraphError(
                "build_graph: there is no graph behind this variable: it is a constant, or was "
                "computed under no_grad()"
            )
        roots.append(output._node)
    return _build(roots)


def _build(roots: list[Node]) -> Graph:
    new_key = count().__next__
    variables: list[GraphVariable] = []
    keys: dict[Node, int] = {}
    # Of each operation, in the order of computation: its key, its inputs, its outputs.
    operations: dict[Node, tuple[int, list[int], list[int]]] = {}

    def add_variable(kind: Kind, name: str | None, shape: Shape, dtype: Any) -> int:
        variables.append(GraphVariable(new_key(), name, shape, str(dtype), kind))
        return variables[-1].key

    for node in history(roots):
        if node.is_selection:
            owner = node.parents[0]
        else:
            owner = node
            if node.plan is not None:
                inputs = [
                    keys[parent]
                    if isinstance(parent, Node)
                    else _add_constant(add_variable, parent)
                    for parent in node.parents
                    if parent is not None
                ]
                operations[node] = (new_key(), inputs, [])
        if not node.is_bundle:
            keys[node] = add_variable(
                _kind(node, roots), getattr(node, "name", None), node.shape, node.dtype
            )
            if owner in operations:
                operations[owner][2].append(keys[node])

    return Graph(
        tuple(variables),
        tuple(
            [
                GraphOperation(
                    key=key,
                    name=node.plan.name if node.plan is not None else "",
                    inputs=tuple(inputs),
                    outputs=tuple(outputs),
                    settings=MappingProxyType(dict(node.settings or {})),
                    order=node.order,
                )
                for node, (key, inputs, outputs) in operations.items()
            ]
        ),
    )


def _add_constant(add_variable: Callable[..., int], number: Any) -> int:
    return add_variable("constant", repr(number), (), type(number).__name__)


def _kind(node: Node, roots: list[Node]) -> Kind:
    if node in roots:
        return "output"
    if node.plan is not None:
        return "intermediate"
    return "parameter" if getattr(node, "is_parameter", False) else "leaf"
