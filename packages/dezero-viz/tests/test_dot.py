"""The DOT text that a graph gives, from graphs made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core.graph import Graph, GraphOperation, GraphVariable
from dezero_viz import _engines
from dezero_viz._dot import graph_to_dot


def variable(key: int, name: str | None = None, kind: Any = "leaf") -> GraphVariable:
    return GraphVariable(key, name, (2, 3), "float32", kind)


def operation(key: int, name: str, inputs: tuple[int, ...], *outputs: int) -> GraphOperation:
    return GraphOperation(key, name, inputs, outputs, {}, key)


AFFINE = Graph(
    (
        variable(0, "x"),
        variable(1, "W", "parameter"),
        variable(3, None, "intermediate"),
        GraphVariable(4, "2.0", (), "float", "constant"),
        variable(6, "y", "output"),
    ),
    (operation(2, "matmul", (0, 1), 3), operation(5, "mul", (3, 4), 6)),
)


def test_nodes_and_edges_are_those_of_the_graph(parse: Callable[[str], Any]) -> None:
    drawing = parse(graph_to_dot(AFFINE))
    assert {name: node["label"] for name, node in drawing.nodes.items()} == {
        "n0": "x",
        "n1": "W",
        "n2": "matmul",
        "n3": "",
        "n4": "2.0",
        "n5": "mul",
        "n6": "y",
    }
    assert sorted(drawing.edges) == [
        ("n0", "n2"),
        ("n1", "n2"),
        ("n2", "n3"),
        ("n3", "n5"),
        ("n4", "n5"),
        ("n5", "n6"),
    ]
    assert drawing.attributes["rankdir"] == "TB"


def test_shapes_and_colors(parse: Callable[[str], Any]) -> None:
    drawing = parse(graph_to_dot(AFFINE))
    looks = {
        name: (node["shape"], node["fillcolor"], node["style"].split(",")[0])
        for name, node in drawing.nodes.items()
    }
    for name in ("n0", "n1", "n3", "n4", "n6"):
        assert looks[name] == ("ellipse", "orange", "filled")
    for name in ("n2", "n5"):
        assert looks[name] == ("box", "lightblue", "filled")
    # A parameter by a bold border, a constant by a dashed one in a smaller ellipse.
    assert float(drawing.nodes["n1"]["penwidth"]) > float(drawing.nodes["n0"].get("penwidth", 1))
    assert drawing.nodes["n4"]["style"] == "filled,dashed"
    assert float(drawing.nodes["n4"]["width"]) < 0.5


def test_verbose_labels(parse: Callable[[str], Any]) -> None:
    drawing = parse(graph_to_dot(AFFINE, verbose=True))
    assert [drawing.nodes[f"n{key}"]["label"] for key in (0, 1, 3, 4, 6)] == [
        "x: (2, 3) float32",
        "W: (2, 3) float32",
        "(2, 3) float32",
        "2.0",
        "y: (2, 3) float32",
    ]
    assert drawing.nodes["n2"]["label"] == "matmul"


def test_an_input_used_twice_has_one_edge(parse: Callable[[str], Any]) -> None:
    graph = Graph((variable(0, "x"), variable(2, "y")), (operation(1, "add", (0, 0), 2),))
    assert parse(graph_to_dot(graph)).edges == [("n0", "n1"), ("n1", "n2")]


HOSTILE = [
    "a b",
    "x; rm -rf",
    '"',
    'a"b\\"c',
    "\\",
    "ends in \\",
    "\\N \\G \\l",
    "<b>bold</b>",
    "<not markup",
    "a & b &amp; c &lt; &#65;",
    "{x|y}",
    "n0:port",
    "node",
    "-1.5",
    "] ; evil -> n0 [",
    "µ é 日本",
    "x" * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_drawn_as_it_is(name: str, engine: str) -> None:
    graph = Graph((variable(0, name), variable(2, "y")), (operation(1, name, (0,), 2),))
    svg = ElementTree.fromstring(_engines.render(graph_to_dot(graph), "svg"))
    assert len(svg.findall(".//{*}g[@class='node']")) == 3
    assert len(svg.findall(".//{*}g[@class='edge']")) == 2
    # SVG writes a run of spaces with signs of its own.
    texts = [(text.text or "").replace("\xa0", " ") for text in svg.findall(".//{*}text")]
    assert sorted(texts) == sorted([name, name, "y"])


@pytest.mark.parametrize(
    ("name", "shown"), [("two\nlines", r"two\nlines"), ("\0", r"\x00"), ("\udc80", r"\udc80")]
)
def test_what_cannot_be_printed_is_spelled_out(
    name: str, shown: str, parse: Callable[[str], Any]
) -> None:
    graph = Graph((variable(0, name), variable(2)), (operation(1, "f", (0,), 2),))
    # In DOT a backslash is written as two.
    assert parse(graph_to_dot(graph)).nodes["n0"]["label"] == shown.replace("\\", "\\\\")


def printed(text: str) -> str:
    """Return how a picture shows a text: what can not be printed is spelled out."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown.replace("\xa0", " ")


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=40, deadline=None)
def test_names_of_any_letters_stand_in_the_picture(name: str, kind: str, path: str) -> None:
    operations = tuple(
        GraphOperation(3 * i + 1, kind, (3 * i,), (3 * i + 3,), {}, i, scope=path) for i in range(4)
    )
    variables = tuple(variable(3 * i, name) for i in range(5))
    graph = Graph(variables, operations, {path: name})
    # Once as it is, and once with a box that says how often the operation repeats.
    for budget, texts in ((None, [name] * 5 + [kind] * 4), (4, None)):
        svg = ElementTree.fromstring(_engines.render(graph_to_dot(graph, max_nodes=budget), "svg"))
        found = [(text.text or "").replace("\xa0", " ") for text in svg.findall(".//{*}text")]
        if texts is None:
            assert any(printed(f"3 × {kind}").strip() == text.strip() for text in found)
            continue
        title = f"{path} ({name})" if name not in ("", path) else path
        wanted = [printed(text) for text in [*texts, *[title] * bool(path)]]
        # A line of spaces alone is no text.
        assert sorted(text.strip() for text in found if text.strip()) == sorted(
            text.strip() for text in wanted if text.strip()
        )


def test_only_pictures_of_pixels_ask_for_a_resolution(parse: Callable[[str], Any]) -> None:
    assert parse(graph_to_dot(AFFINE, dpi=144)).attributes["dpi"] == "144"
    assert "dpi" not in parse(graph_to_dot(AFFINE)).attributes


@pytest.mark.parametrize(
    ("layers", "bounds"),
    [(10, (None, None)), (100, ("2", None)), (400, ("0.2", "line"))],
)
def test_the_search_for_a_layout_is_bounded_where_the_graph_is_large(
    layers: int, bounds: tuple[str | None, str | None], parse: Callable[[str], Any]
) -> None:
    variables, operations = [variable(0, "x")], []
    for key in range(1, 4 * layers, 4):
        variables += [variable(key, "W", "parameter"), variable(key + 2)]
        operations.append(operation(key + 1, "matmul", (max(key - 2, 0), key), key + 2))
    attributes = parse(graph_to_dot(Graph(tuple(variables), tuple(operations)))).attributes
    assert (attributes.get("nslimit"), attributes.get("splines")) == bounds
