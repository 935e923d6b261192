"""A read-only view of the recorded graph: all that drawings and exports know of it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from dezero_core.callers import SourceLine
from dezero_core.details import LayerCall, Reference, record_details, reference
from dezero_core.errors import GraphError
from dezero_core.node import Node, history, passes
from dezero_core.plugins import notebook_view
from dezero_core.typing import Array, Shape
from dezero_core.variable import Variable, as_array

__all__ = [
    "Graph",
    "GraphOperation",
    "GraphVariable",
    "SourceLine",
    "build_graph",
    "record_details",
]

Kind: TypeAlias = Literal["leaf", "parameter", "constant", "intermediate", "output"]


@dataclass(frozen=True, slots=True)
class GraphVariable:
    """A variable in the graph.

    Attributes:
        key: Unique among all variables and operations of a graph.
        name: The name that the user gave it, or `build_graph` was told; of a constant, its value;
            or None.
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
        scope: The path of the layer that it ran in, such as ``"blocks/0/conv"``; ``""`` where it
            ran in no layer inside another, or that is not known. Operations that compute a layer's
            gradients belong to that layer. Known if `record_details` was on; otherwise the path
            of a parameter that it takes tells, if `build_graph` was given names.
        source: The user's line that ran it, if `record_details` was on.
        derivative: 0 for the computation itself, 1 for what ``backward(create_graph=True)``
            recorded of its gradient, 2 for the gradient of that, and so on.
    """

    key: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    settings: Mapping[str, Any]
    order: int
    scope: str = ""
    source: SourceLine | None = None
    derivative: int = 0

    @property
    def phase(self) -> Literal["forward", "backward"]:
        """Whether it is part of the computation itself, or of its gradient's."""
        return "backward" if self.derivative else "forward"


@dataclass(frozen=True, slots=True)
class Graph:
    """What some variables were computed from, in the order of computation.

    Attributes:
        variables: The variables, each once.
        operations: The operations, each once.
        layers: The class name of each layer whose path is known, by path. Where several outermost
            layers were called, each path begins with the class of its own: ``"Critic/l1"``.
    """

    variables: tuple[GraphVariable, ...]
    operations: tuple[GraphOperation, ...]
    layers: Mapping[str, str] = field(default_factory=dict)
    _nodes: Mapping[int, Node] = field(default_factory=dict, repr=False, compare=False)
    _values: Mapping[int, Reference] = field(default_factory=dict, repr=False, compare=False)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keys along the flow of data, each once."""
        pairs: dict[tuple[int, int], None] = {}
        for operation in self.operations:
            pairs.update(dict.fromkeys((key, operation.key) for key in operation.inputs))
            pairs.update(dict.fromkeys((operation.key, key) for key in operation.outputs))
        return tuple(pairs)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows: the drawing, where a package is installed that draws."""
        return notebook_view(self)

    def value(self, key: int) -> Array | None:
        """Return the array that a variable had in this computation, where it is still alive.

        A variable's array is found where a rule will need it, for the outputs, and for all where
        ``record_details(keep_values=True)`` was on; with plain `record_details` as long as the
        program holds it.

        Args:
            key: The variable's key.

        Returns:
            An array of its backend, not a copy; None if it was freed, or nobody knows it.

        Example:
            >>> import numpy as np
            >>> x = Variable(np.array(3.0), "x")
            >>> y = x * x
            >>> graph = build_graph(y)
            >>> [float(graph.value(v.key)) for v in graph.variables]
            [3.0, 9.0]
        """
        found = self._values.get(key)
        array = None if found is None else found()
        return None if array is None else as_array(array)

    def grad(self, key: int) -> Variable | None:
        """Return the gradient of a variable, where one is kept.

        That is so of leaves after ``backward()``, and of all after
        ``backward(retain_grad=True)``.

        Args:
            key: The variable's key.

        Returns:
            The gradient, or None.

        Example:
            >>> import numpy as np
            >>> x = Variable(np.array(3.0), "x")
            >>> y = x * x
            >>> y.backward()
            >>> graph = build_graph(y)
            >>> graph.grad(graph.variables[0].key)
            variable(6.0)
        """
        return getattr(self._nodes.get(key), "grad", None)


def build_graph(*outputs: Variable, names: Iterable[tuple[str, Variable]] = ()) -> Graph:
    """Return a view of the graph behind some variables.

    Args:
        *outputs: The variables.
        names: Pairs of a name and a variable, such as ``model.namedparams()``: these names are
            shown instead of the variables' own. Where no layer was recorded, an operation belongs
            to the path that its first parameter's name begins with: ``"l1"`` for ``"l1/W"``.

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
    named = {variable._node: name for name, variable in names if variable._node is not None}
    values = {node: reference(y.data) for node, y in zip(roots, outputs, strict=True)}
    return _build(roots, named, values)


def _build(roots: list[Node], names: dict[Node, str], values: dict[Node, Reference]) -> Graph:
    new_key = count().__next__
    variables: list[GraphVariable] = []
    constants: dict[int, Reference] = {}
    keys: dict[Node, int] = {}
    # Of each operation, in the order of computation: its key, its inputs, its outputs.
    operations: dict[Node, tuple[int, list[int], list[int]]] = {}

    def add_variable(kind: Kind, name: str | None, shape: Shape, dtype: Any) -> int:
        variables.append(GraphVariable(new_key(), name, shape, str(dtype), kind))
        return variables[-1].key

    def add_constant(number: Any) -> int:
        key = add_variable("constant", repr(number), (), type(number).__name__)
        constants[key] = reference(number)
        return key

    nodes = history(roots)
    for node in nodes:
        if node.is_selection:
            owner = node.parents[0]
        else:
            owner = node
            if node.plan is not None:
                inputs = [
                    keys[parent] if isinstance(parent, Node) else add_constant(parent)
                    for parent in node.parents
                    if parent is not None
                ]
                operations[node] = (new_key(), inputs, [])
        if not node.is_bundle:
            name = names.get(node, getattr(node, "name", None))
            keys[node] = add_variable(_kind(node, roots), name, node.shape, node.dtype)
            if owner in operations:
                operations[owner][2].append(keys[node])

    _find_values({**keys, **operations}, values)
    scopes = _Scopes(operations, names)
    derivatives = _find_derivatives(nodes)
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
                    scope=scopes.of(node),
                    source=getattr(getattr(node, "trace", None), "source", None),
                    derivative=derivatives.get(node, 0),
                )
                for node, (key, inputs, outputs) in operations.items()
            ]
        ),
        MappingProxyType(scopes.layers),
        MappingProxyType({key: node for node, key in keys.items()}),
        MappingProxyType(
            {key: values[node] for node, key in keys.items() if node in values} | constants
        ),
    )


def _kind(node: Node, roots: list[Node]) -> Kind:
    if node in roots:
        return "output"
    if node.plan is not None:
        return "intermediate"
    return "parameter" if getattr(node, "is_parameter", False) else "leaf"


def _find_values(nodes: Iterable[Node], values: dict[Node, Reference]) -> None:
    """Add where the arrays of variables are: in what rules will need, and in what was recorded."""
    for node in nodes:
        if node.plan is None:
            continue
        for _, owner, array in node.plan.saved_operands(node):
            values.setdefault(owner, reference(array))
        owner = node.parents[0] if node.is_selection else node
        trace = getattr(owner, "trace", None)
        if trace is None:
            continue
        if not node.is_bundle and trace.results:
            values.setdefault(node, trace.results[node.result_index])
        if owner is node:
            for parent, found in zip(node.parents, trace.operands, strict=False):
                if isinstance(parent, Node):
                    values.setdefault(parent, found)


def _find_derivatives(nodes: list[Node]) -> dict[Node, int]:
    """Return, for each node that a backward pass made, how many passes led there.

    Args:
        nodes: All nodes of the graph, in the order of computation.
    """
    known = sorted(passes.copy())
    began = [first for first, _, _ in known]

    def pass_at(order: int) -> int | None:
        place = bisect(began, order) - 1
        return place if place >= 0 and order < known[place][1] else None

    made: dict[int, list[Node]] = {}
    for node in nodes:
        place = pass_at(node.order)
        if place is not None:
            made.setdefault(place, []).append(node)
    of_pass: dict[int, int] = {}
    derivatives: dict[Node, int] = {}
    # Older passes first: a pass goes one further than what it started from, ...
    for place in range(len(known)):
        before = pass_at(known[place][2])
        of_pass[place] = 1 if before is None else 1 + of_pass[before]
        if place in made:
            # ... and than what it computes with: the user may have used a gradient before.
            inside = set(made[place])
            given = {p for node in inside for p in node.parents if isinstance(p, Node)} - inside
            of_pass[place] = max([of_pass[place], *[1 + derivatives.get(p, 0) for p in given]])
            derivatives.update(dict.fromkeys(inside, of_pass[place]))
    return derivatives


class _Scopes:
    """The paths of the layers that operations ran in.

    Attributes:
        layers: The class name of each layer, by path.
    """

    def __init__(self, operations: Iterable[Node], names: Mapping[Node, str]) -> None:
        self.layers: dict[str, str] = {}
        self._names = names
        calls = [call for node in operations if (call := _call_of(node)) is not None]
        # The same layer has the same reference.
        kinds: dict[int, str] = {}
        for call in calls:
            if id(call.root) not in kinds:
                kinds[id(call.root)] = call.outermost.kind
        self._prefixes: dict[int, str] = {}
        seen: dict[str, int] = {}
        for root, kind in kinds.items():
            seen[kind] = seen.get(kind, 0) + 1
            number = "" if seen[kind] == 1 else f"_{seen[kind]}"
            self._prefixes[root] = f"{kind}{number}" if len(kinds) > 1 else ""
        for call in calls:
            around: LayerCall | None = call
            while around is not None:
                self.layers.setdefault(self._path(around), around.kind)
                around = around.outer

    def of(self, node: Node) -> str:
        call = _call_of(node)
        if call is not None:
            return self._path(call)
        for parent in node.parents:
            if isinstance(parent, Node) and parent in self._names:
                return self._names[parent].rpartition("/")[0]
        return ""

    def _path(self, call: LayerCall) -> str:
        prefix = self._prefixes[id(call.root)]
        return f"{prefix}/{call.path}" if prefix and call.path else prefix or call.path


def _call_of(node: Node) -> LayerCall | None:
    return getattr(getattr(node, "trace", None), "call", None)
