"""From a recorded graph to the text of a drawing in the DOT language."""

from __future__ import annotations

import graphviz

from dezero_core.graph import Graph, GraphVariable

__all__ = ["graph_to_dot"]

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
# Layout is a search without a bound of its own: a hundred layers that share one input took dot more
# than 40 s, and take it 1 s with these bounds. From a thousand nodes on, bending the arrows around
# the nodes takes most of the time.
_LARGE = (150, {"nslimit": "2", "nslimit1": "2", "mclimit": "0.5"})
_HUGE = (1000, {"nslimit": "0.2", "nslimit1": "0.2", "mclimit": "0.1", "splines": "line"})


def graph_to_dot(graph: Graph, *, verbose: bool = False, dpi: int | None = None) -> str:
    """Write a recorded graph in the DOT language.

    Args:
        graph: The graph.
        verbose: Whether a variable's label gives its shape and dtype besides its name.
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
    size = len(graph.variables) + len(graph.operations)
    for least, bounds in (_LARGE, _HUGE):
        if size >= least:
            dot.graph_attr.update(bounds)
    for variable in graph.variables:
        label = _label(variable, verbose)
        style = _VARIABLE | ({} if label else _UNLABELED)
        if variable.kind == "parameter":
            style |= _PARAMETER
        elif variable.kind == "constant":
            style |= _CONSTANT
        dot.node(_identifier(variable.key), label=_escape(label), **style)
    for operation in graph.operations:
        dot.node(_identifier(operation.key), label=_escape(operation.name), **_OPERATION)
    for tail, head in graph.edges:
        dot.edge(_identifier(tail), _identifier(head))
    return str(dot.source)


def _identifier(key: int) -> str:
    return f"n{key}"


def _label(variable: GraphVariable, verbose: bool) -> str:
    name = variable.name or ""
    # A number of the formula says all there is to say by its value.
    if not verbose or (variable.kind == "constant" and name):
        return name
    facts = f"{variable.shape} {variable.dtype}".strip()
    return f"{name}: {facts}" if name else facts


def _escape(label: str) -> str:
    """Quote what DOT would read as a command: an entity, a backslash, markup, a control sign."""
    visible = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in label)
    return graphviz.escape(visible.replace("&", "&amp;"))  # type: ignore[no-any-return]
