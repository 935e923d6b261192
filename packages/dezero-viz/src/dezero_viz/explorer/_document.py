"""From a recorded graph to the data of a page: groups, nodes, edges and what is known of arrays."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dezero_core import Parameter, as_numpy
from dezero_core.graph import Graph, GraphVariable
from dezero_viz.explorer._groups import FEWEST_REPEATS, Group, Item, Step, arrange, keys_in, series
from dezero_viz.explorer._rules import rule_of
from dezero_viz.explorer._statistics import SMALL, describe

__all__ = ["document"]

# With no more things than this to see at first, the picture is clear.
_SEEN_AT_FIRST = 48
# With no more than this, the picture says nothing: even what ran repeatedly is unfolded.
_TOO_FEW = 2
# Inputs that look alike are folded from this number on.
_MANY_INPUTS = 8


def document(
    graph: Graph,
    title: str,
    layers: Mapping[str, str] = MappingProxyType({}),
    parameters: Mapping[str, Parameter] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return what a page knows, ready for JSON.

    Args:
        graph: The graph.
        title: What to call it.
        layers: The class name of each layer, by path, besides those that the graph knows.
        parameters: Parameters, by name, of which the graph may not hold the arrays.

    Returns:
        ``nodes`` by key: operations, with the keys of what they take and make; variables that no
        operation made; and groups. ``root``: the keys of what is outermost. ``tensors`` by key:
        what is known of each variable. ``rules`` by operation and ``lines`` of source, once each.
    """
    layers = {**layers, **graph.layers}
    operations = {operation.key: operation for operation in graph.operations}
    variables = {variable.key: variable for variable in graph.variables}
    maker = {key: operation.key for operation in graph.operations for key in operation.outputs}
    root = _grouped(graph, variables, maker, layers)
    _place_variables(root, graph, variables, maker)
    nodes: dict[int, dict[str, Any]] = {}
    lines: dict[Any, int] = {}
    for operation in operations.values():
        line = operation.source
        nodes[operation.key] = {
            "type": "operation",
            "name": operation.name,
            "in": list(operation.inputs),
            "out": list(operation.outputs),
            "settings": {name: _short(value) for name, value in operation.settings.items()},
            "scope": operation.scope,
            "derivative": operation.derivative,
            "line": None if line is None else lines.setdefault(line, len(lines)),
        }
    for variable in variables.values():
        if variable.key not in maker and variable.kind != "constant":
            nodes[variable.key] = {"type": "variable", "out": [variable.key]}
    count = 1 + max([*variables, *operations])
    keys = _add_groups(root, nodes, layers, count)
    _open_first(root, nodes, keys)
    return {
        "title": title,
        "root": [keys.get(item, item) for item in root],
        "nodes": nodes,
        "tensors": {
            key: _tensor(graph, variable, parameters) for key, variable in variables.items()
        },
        "rules": {name: rule_of(name) for name in sorted({o.name for o in operations.values()})},
        "lines": [
            {"file": line.file, "line": line.line, "function": line.function, "text": line.text}
            for line in lines
        ],
        "recorded": bool(lines),
    }


# --- groups ---------------------------------------------------------------------------------------


def _grouped(
    graph: Graph,
    variables: Mapping[int, GraphVariable],
    maker: Mapping[int, int],
    layers: Mapping[str, str],
) -> list[Item]:
    """Group the operations: the gradient's apart, and each of these by layers and repetition."""
    by_derivative: dict[int, list[Step]] = defaultdict(list)
    for operation in graph.operations:
        by_derivative[operation.derivative].append(
            Step(
                operation.key,
                operation.name,
                # The first result alone: others may not have been used each time.
                (operation.name, *[variables[key].shape for key in operation.outputs[:1]]),
                _layers_around(operation.scope, layers),
                tuple([maker[key] for key in operation.inputs if key in maker]),
            )
        )
    if len(by_derivative) == 1:
        (steps,) = by_derivative.values()
        return arrange(steps)
    items: list[Item] = []
    for derivative in sorted(by_derivative):
        kids = arrange(by_derivative[derivative])
        if derivative:
            items.append(Group(_derivative(derivative), "gradient", kids))
        else:
            items.extend(kids)
    return items


def _derivative(order: int) -> str:
    names = {1: "gradient", 2: "second derivative", 3: "third derivative"}
    return names.get(order, f"derivative of order {order}")


def _layers_around(scope: str, layers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of the layers around an operation, the outermost first.

    A path such as ``"blocks/0"`` may stand for one layer; where the layers are not known, each
    name in it counts as one.
    """
    if not scope:
        return ()
    names = scope.split("/")
    paths = ["/".join(names[:i]) for i in range(1, len(names) + 1)]
    return tuple([p for p in paths if p in layers or p == scope or scope not in layers])


def _place_variables(
    root: list[Item],
    graph: Graph,
    variables: Mapping[int, GraphVariable],
    maker: Mapping[int, int],
) -> None:
    """Put each variable that no operation made into the group that uses it.

    A parameter stands inside its layer. Data stand outside of layers, which they go into, but
    inside the time step that alone uses them. Many that look alike are folded.
    """
    around: dict[int, tuple[Group, ...]] = {}
    stack: list[tuple[list[Item], tuple[Group, ...]]] = [(root, ())]
    while stack:
        items, groups = stack.pop()
        for item in items:
            if isinstance(item, Group):
                stack.append((item.kids, (*groups, item)))
            else:
                around[item] = groups
    users: dict[int, list[int]] = defaultdict(list)
    for operation in graph.operations:
        for key in operation.inputs:
            users[key].append(operation.key)
    placed: dict[Group | None, list[int]] = defaultdict(list)
    for key, variable in variables.items():
        if key in maker or variable.kind == "constant":
            continue
        groups = _common([around[user] for user in users[key]])
        if variable.kind == "parameter":
            while groups and groups[-1].kind in ("repeat", "range"):
                groups = groups[:-1]
        else:
            while groups and groups[-1].kind in ("layer", "repeat", "range"):
                groups = groups[:-1]
        placed[groups[-1] if groups else None].append(key)
    for group, inside in placed.items():
        items = root if group is None else group.kids
        items[:0] = _inputs_folded(inside, variables, users, around)


def _common(paths: Sequence[tuple[Group, ...]]) -> tuple[Group, ...]:
    shortest = min(paths, key=len, default=())
    for i, group in enumerate(shortest):
        if any(path[i] is not group for path in paths):
            return shortest[:i]
    return shortest


def _inputs_folded(
    keys: list[int],
    variables: Mapping[int, GraphVariable],
    users: Mapping[int, list[int]],
    around: Mapping[int, tuple[Group, ...]],
) -> list[Item]:
    """Fold data that look alike and go to the same place."""
    alike: dict[Any, list[int]] = defaultdict(list)
    for key in keys:
        variable = variables[key]
        stem = (variable.name or "").rstrip("0123456789_[]")
        # An output that was given itself may be used by nothing.
        place = next((around[user][0] for user in users[key] if around[user]), None)
        look = (variable.kind, stem, variable.shape, variable.dtype, place)
        alike[look if variable.kind != "parameter" else key].append(key)
    items: list[Item] = []
    for found in alike.values():
        if len(found) < _MANY_INPUTS:
            items.extend(found)
        else:
            stem = (variables[found[0]].name or "").rstrip("0123456789_[]")
            items.append(series(stem or "inputs", "inputs", found))
    return items


def _add_groups(
    root: list[Item], nodes: dict[int, dict[str, Any]], layers: Mapping[str, str], first: int
) -> dict[Item, int]:
    """Give each group a key, and add it to the nodes."""
    keys: dict[Item, int] = {}
    stack = list(root)
    while stack:
        item = stack.pop()
        if isinstance(item, Group):
            keys[item] = first + len(keys)
            stack.extend(item.kids)
    for item, key in keys.items():
        assert isinstance(item, Group)
        inside = [nodes[k] for k in keys_in(item.kids)]
        names = Counter(node["name"] for node in inside if node["type"] == "operation")
        nodes[key] = {
            "type": "group",
            "name": item.label,
            "kind": item.kind,
            "kids": [keys.get(kid, kid) for kid in item.kids],
            "path": item.path,
            "layer": layers.get(item.path, "") if item.path else "",
            "times": item.times,
            "names": dict(names.most_common()),
            "open": False,
        }
    return keys


def _open_first(
    root: list[Item], nodes: dict[int, dict[str, Any]], keys: Mapping[Item, int]
) -> None:
    """Unfold groups, outer ones first, as long as the picture stays clear."""
    seen = len(root)
    groups: list[Group] = [item for item in root if isinstance(item, Group)]
    is_all = seen <= _TOO_FEW
    for group in groups:
        node = nodes[keys[group]]
        is_series = not is_all and (
            group.kind in ("repeat", "range", "inputs") or group.times >= FEWEST_REPEATS
        )
        is_small = sum(node["names"].values()) < 2 and len(root) > 1
        if is_series or is_small or seen + len(group.kids) > _SEEN_AT_FIRST:
            continue
        node["open"] = True
        seen += len(group.kids)
        groups.extend([kid for kid in group.kids if isinstance(kid, Group)])


# --- variables ------------------------------------------------------------------------------------


def _tensor(
    graph: Graph, variable: GraphVariable, parameters: Mapping[str, Parameter]
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": variable.name,
        "shape": list(variable.shape),
        "dtype": variable.dtype,
        "kind": variable.kind,
    }
    if variable.kind == "constant":
        return facts
    value, grad = graph.value(variable.key), graph.grad(variable.key)
    if value is None and variable.name is not None and variable.kind == "parameter":
        value = getattr(parameters.get(variable.name), "data", None)
    facts["data"] = None if value is None else describe(value)
    facts["grad"] = None if grad is None or grad.data is None else describe(grad.data)
    return facts


def _short(value: Any) -> str:
    """Return a setting in a few words."""
    if getattr(value, "dtype", None) is not None and hasattr(value, "shape"):
        if math.prod(value.shape) > SMALL:
            return f"array of shape {tuple(value.shape)}, {value.dtype}"
        return repr(as_numpy(value))
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"
