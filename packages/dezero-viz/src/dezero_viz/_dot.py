"""From a recorded graph to the text of a drawing in the DOT language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import graphviz

from dezero_core.graph import Graph, GraphVariable
from dezero_viz._folding import Layout, lay_out
from dezero_viz._groups import Box, Group

__all__ = ["MAX_NODES", "graph_to_dot"]

#: The graphs that the book draws to be read have some hundred nodes; a picture of more is lace.
MAX_NODES = 200

# Helvetica is the one sans-serif whose letter widths every engine knows without asking the system,
# so that labels fit their boxes on every machine.
_FONT = "Helvetica"
_INK = "#333333"
_VARIABLE = {"shape": "ellipse", "style": "filled", "fillcolor": "orange", "color": "#b36b00"}
_OPERATION = {"shape": "box", "style": "filled", "fillcolor": "lightblue", "color": "#3f7f99"}
# What is trained stands out by its border, and a number of the formula stays in the background.
# Neither is told by its color, which says only "variable" or "operation".
_PARAMETER = {"color": "#5c3300", "penwidth": "2.5"}
_CONSTANT = {
    "color": "#5c3300",
    "style": "filled,dashed",
    "fontsize": "10",
    "height": "0.22",
    "width": "0.32",
    "margin": "0.04,0.02",
}
_UNLABELED = {"height": "0.2", "width": "0.4"}
_BOX = _OPERATION | {"peripheries": "2", "margin": "0.18,0.1"}
_STRAIGHT = {"weight": "8"}
_LAYER = {"style": "rounded,filled", "fillcolor": "#f4f4f4", "color": "#8a8a8a"}
_GRADIENT = {"style": "rounded,filled,dashed", "fillcolor": "#f6effa", "color": "#7b3f98"}
# Layout is a search without a bound of its own: a hundred layers that share one input took dot more
# than 40 s, and take it 1 s with these bounds. From a thousand nodes on, bending the arrows around
# the nodes takes most of the time.
_LARGE = (150, {"nslimit": "2", "nslimit1": "2", "mclimit": "0.5"})
_HUGE = (1000, {"nslimit": "0.2", "nslimit1": "0.2", "mclimit": "0.1", "splines": "line"})


def graph_to_dot(
    graph: Graph,
    *,
    verbose: bool = False,
    max_nodes: int | None = None,
    dpi: int | None = None,
) -> str:
    """Write a recorded graph in the DOT language.

    Args:
        graph: The graph.
        verbose: Whether a variable's label gives its shape and dtype besides its name.
        max_nodes: How many nodes to draw about; the rest is folded. None for all.
        dpi: Dots per inch of a picture made of pixels. The engine's own choice when None.

    Returns:
        The DOT text: one statement for each node and for each edge.
    """
    dot = graphviz.Digraph(
        "g",
        graph_attr={"rankdir": "TB", "nodesep": "0.25", "ranksep": "0.3", "bgcolor": "white"},
        node_attr={
            "fontname": _FONT,
            "fontsize": "12",
            "fontcolor": "black",
            "height": "0.35",
            "margin": "0.12,0.05",
        },
        edge_attr={"color": _INK, "arrowsize": "0.7"},
    )
    if dpi is not None:
        dot.graph_attr["dpi"] = str(dpi)
    layout = lay_out(graph, max_nodes)
    size = _Writer(graph, layout, verbose).write(dot)
    for least, bounds in (_LARGE, _HUGE):
        if size >= least:
            dot.graph_attr.update(bounds)
    return str(dot.source)


class _Writer:
    """Writes the statements of one drawing."""

    def __init__(self, graph: Graph, layout: Layout, verbose: bool) -> None:
        self._graph = graph
        self._layout = layout
        self._verbose = verbose
        self._boxes: dict[int, str] = {}
        self._n_groups = 0
        # What stands beside the flow of the data.
        self._beside = {v.key for v in graph.variables if v.kind in ("parameter", "constant")}
        self._variables: dict[int, list[GraphVariable]] = {}
        for variable in graph.variables:
            if variable.key not in layout.box_of:
                group = layout.group_of.get(variable.key, layout.whole)
                self._variables.setdefault(id(group), []).append(variable)
        self._leaving = {
            key
            for operation in graph.operations
            for key in operation.inputs
            if layout.box_of.get(key) is not layout.box_of.get(operation.key)
        }
        self._hidden: dict[int, list[GraphVariable]] = {}
        for variable in graph.variables:
            if variable.key in layout.box_of:
                self._hidden.setdefault(id(layout.box_of[variable.key]), []).append(variable)

    def write(self, dot: Any) -> int:
        """Write all, and return the number of nodes."""
        n_nodes = self._write_items(dot, self._layout.whole)
        self._write_edges(dot)
        return n_nodes

    def _write_items(self, dot: Any, group: Group) -> int:
        n_nodes = 0
        for variable in self._variables.get(id(group), []):
            dot.node(f"n{variable.key}", **_look(variable, self._verbose))
            n_nodes += 1
        for item in group.items:
            if isinstance(item, Group):
                n_nodes += self._write_group(dot, item)
                continue
            if isinstance(item, Box):
                name = self._boxes[id(item)] = f"b{len(self._boxes)}"
                hidden = self._hidden.get(id(item), [])
                lines = [*_describe(item, hidden)]
                if self._verbose:
                    results = [v for v in hidden if v.key in self._leaving]
                    facts = dict.fromkeys(f"{v.shape} {v.dtype}".strip() for v in results)
                    lines += [f"result: {fact}" for fact in [*facts][:2]]
                label = "\\n".join(map(_escape, lines))
                dot.node(name, label=graphviz.nohtml(label), **_BOX)
            else:
                dot.node(f"n{item.key}", label=_escape(item.name), **_OPERATION)
            n_nodes += 1
        return n_nodes

    def _write_group(self, dot: Any, group: Group) -> int:
        look = _LAYER if group.is_layer else _GRADIENT
        # Graphviz draws as a frame what is called a cluster.
        name = f"cluster_{self._n_groups}"
        self._n_groups += 1
        with dot.subgraph(name=name) as inner:
            inner.attr(
                label=_escape(group.title),
                labeljust="l",
                fontname=_FONT,
                fontsize="11",
                fontcolor=_INK,
                margin="10",
                **look,
            )
            return self._write_items(inner, group)

    def _write_edges(self, dot: Any) -> None:
        edges: dict[tuple[str, str], dict[str, str]] = {}
        for operation in self._graph.operations:
            look = {"style": "dashed"} if operation.derivative else {}
            here = self._node(operation.key)
            for place, key in enumerate(operation.inputs):
                pair = self._node(key), here
                edges.setdefault(pair, look | self._bend(key, operation.key, place))
            for key in operation.outputs:
                edges.setdefault((here, self._node(key)), look | _STRAIGHT)
        for (tail, head), look in edges.items():
            if tail != head:
                dot.edge(tail, head, **look)

    def _bend(self, key: int, operation: int, place: int) -> dict[str, str]:
        """Lead the data straight on, and let it enter the frame of a layer from above."""
        if key in self._beside:
            return {}
        group = self._layout.group_of.get(operation)
        enters = group is not None and self._layout.group_of.get(key) is not group
        return (_STRAIGHT if place == 0 else {}) | ({"minlen": "2"} if enters else {})

    def _node(self, key: int) -> str:
        box = self._layout.box_of.get(key)
        return f"n{key}" if box is None else self._boxes[id(box)]


def _look(variable: GraphVariable, verbose: bool) -> dict[str, str]:
    label = _label(variable, verbose)
    look = _VARIABLE | ({} if label else _UNLABELED)
    if variable.kind == "parameter":
        look |= _PARAMETER
    elif variable.kind == "constant":
        look |= _CONSTANT
    return look | {"label": _escape(label)}


def _label(variable: GraphVariable, verbose: bool) -> str:
    name = variable.name or ""
    # A number of the formula says all there is to say by its value.
    if not verbose or (variable.kind == "constant" and name):
        return name
    facts = f"{variable.shape} {variable.dtype}".strip()
    return f"{name}: {facts}" if name else facts


def _describe(box: Box, hidden: Iterable[GraphVariable]) -> Iterator[str]:
    """Say what is in a box, a line after the other."""
    yield box.title
    if not box.says_all:
        counts = Counter(operation.name for operation in box.operations).most_common()
        shown = [f"{name} ×{n}" if n > 1 else name for name, n in counts[:3]]
        n = len(box.operations)
        more = ", …" if len(counts) > 3 else ""
        yield f"{n} operation{'s' if n > 1 else ''}: {', '.join(shown)}{more}"
    parameters = [variable for variable in hidden if variable.kind == "parameter"]
    if parameters:
        plural = "s" if len(parameters) > 1 else ""
        shapes = " ".join(str(variable.shape) for variable in parameters[:3])
        more = " …" if len(parameters) > 3 else ""
        yield f"{len(parameters)} parameter{plural}: {shapes}{more}"


def _escape(label: str) -> str:
    """Quote what DOT would read as a command: an entity, a backslash, markup, a control sign."""
    visible = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in label)
    return graphviz.escape(visible.replace("&", "&amp;"))  # type: ignore[no-any-return]
