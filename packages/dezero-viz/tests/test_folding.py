"""Frames for layers and gradients, and what becomes one box where a graph is large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Parameter, Variable
from dezero_core import functions as F
from dezero_core.details import layer_call
from dezero_core.graph import Graph, GraphOperation, GraphVariable, build_graph, record_details
from dezero_viz import get_dot_graph
from dezero_viz._dot import graph_to_dot
from dezero_viz._folding import lay_out
from dezero_viz._groups import Box, Group, group_operations

Parse = Callable[[str], Any]


class Layer:
    """The least that core takes for a layer, with a parameter."""

    def __init__(self, **inner: Any) -> None:
        self.inner = inner
        self.W = Parameter(np.full((2, 2), 0.5), "W")

    def namedlayers(self) -> Iterator[tuple[str, Any]]:
        yield "", self
        for name, block in self.inner.items():
            for path, layer in block.namedlayers():
                yield f"{name}/{path}" if path else name, layer

    def __call__(self, x: Variable) -> Variable:
        with layer_call(self):
            return self.forward(x)

    def forward(self, x: Variable) -> Variable:
        for block in self.inner.values():
            x = block(x)
        return x if self.inner else F.matmul(x, self.W)


class Block(Layer):
    """Two layers, and a sum."""

    def __init__(self) -> None:
        super().__init__(first=Layer(), second=Layer())

    def forward(self, x: Variable) -> Variable:
        return super().forward(x) + x


def chain(n_blocks: int) -> Variable:
    model = Layer(**{f"block{i}": Block() for i in range(n_blocks)})
    with record_details():
        return model(Variable(np.ones((1, 2)), "x"))


def tanh_derivative(n: int) -> Variable:
    x = Variable(np.array(1.0), "x")
    y = F.tanh(x)
    for _ in range(n):
        x.cleargrad()
        y.backward(create_graph=True)
        y = x.grad
    return y


def labels(drawing: Any) -> list[str]:
    # DOT writes a line's end as \n.
    return [node["label"].split("\\n")[0] for node in drawing.nodes.values()]


# --- frames ------------------------------------------------------------------------------------


def test_layers_are_frames_inside_frames(parse: Parse) -> None:
    drawing = parse(get_dot_graph(chain(2), verbose=False))
    assert set(drawing.frames) == {
        f"{path}"
        for i in range(2)
        for path in (
            f"block{i} (Block)",
            f"block{i}/first (Layer)",
            f"block{i}/second (Layer)",
        )
    }
    assert drawing.inner_frames["block0 (Block)"] == {
        "block0/first (Layer)",
        "block0/second (Layer)",
    }
    inside = [drawing.nodes[name]["label"] for name in drawing.frames["block0/first (Layer)"]]
    assert sorted(inside) == ["", "W", "matmul"]
    around = [drawing.nodes[name]["label"] for name in drawing.frames["block1 (Block)"]]
    # The sum is there, its result, the output, is not: it stands alone, as x does.
    assert sorted(around) == ["", "", "W", "W", "add", "matmul", "matmul"]
    framed = set().union(*drawing.frames.values())
    assert sorted(drawing.nodes[n]["label"] for n in set(drawing.nodes) - framed) == ["", "x"]


def test_names_of_parameters_make_frames_where_nothing_was_recorded(parse: Parse) -> None:
    W, V = Parameter(np.ones((2, 2))), Parameter(np.ones((2, 2)))
    y = F.exp(F.matmul(F.matmul(Variable(np.ones((1, 2)), "x"), W), V))
    drawing = parse(get_dot_graph(y, verbose=False, names=[("a/W", W), ("b/c/V", V)]))
    assert set(drawing.frames) == {"a", "b/c"}
    (parameter,) = drawing.labeled("b/c/V")
    assert parameter["name"] in drawing.frames["b/c"]


def test_a_shared_parameter_stands_in_the_frame_around_its_readers(parse: Parse) -> None:
    inner = Layer()
    model = Layer(a=Layer(b=inner, c=inner))
    with record_details():
        y = model(Variable(np.ones((1, 2)), "x"))
    drawing = parse(get_dot_graph(y, verbose=False))
    (W,) = drawing.labeled("W")
    assert [title for title, nodes in drawing.frames.items() if W["name"] in nodes] == [
        "a (Layer)",
        "a/b (Layer)",
    ]


def test_the_gradient_has_a_frame_and_dashed_arrows(parse: Parse) -> None:
    layer = Layer()
    x = Variable(np.ones((1, 2)), "x")
    with record_details():
        y = F.sum(Layer(l=layer)(x) ** 2)
        y.backward(create_graph=True)
    drawing = parse(get_dot_graph([y, layer.W.grad], verbose=False))
    gradient = drawing.frames["gradient"]
    assert {drawing.nodes[name]["label"] for name in gradient} >= {"multiply", "matmul"}
    assert drawing.inner_frames["gradient"] == {"l (Layer)"}
    # Dashed is what comes into, runs inside, or leaves the gradient's frame, and nothing else.
    assert drawing.dashed == {
        (tail, head) for tail, head in drawing.edges if tail in gradient or head in gradient
    }
    assert 0 < len(drawing.dashed) < len(drawing.edges)


def test_higher_derivatives_have_a_frame_each(parse: Parse) -> None:
    drawing = parse(get_dot_graph(tanh_derivative(4), verbose=False))
    assert set(drawing.frames) == {"2nd derivative", "3rd derivative", "4th derivative"}


# --- the budget ----------------------------------------------------------------------------------


def test_what_fits_is_left_as_it_is() -> None:
    y = tanh_derivative(5)
    assert get_dot_graph(y) == get_dot_graph(y, max_nodes=None)


@pytest.mark.parametrize("n", [6, 7, 8])
def test_derivatives_of_tanh_grow_and_are_drawn(n: int, parse: Parse) -> None:
    drawing = parse(get_dot_graph(tanh_derivative(n), verbose=False))
    assert len(drawing.nodes) <= 200
    assert len(drawing.nodes) > 50
    boxes = [label for label in labels(drawing) if label.endswith("derivative")]
    assert f"{n}th derivative" in boxes
    assert len(boxes) == n - 5


def test_repetitions_keep_the_first_and_fold_the_others(parse: Parse) -> None:
    drawing = parse(get_dot_graph(chain(12), verbose=False, max_nodes=50))
    assert "11 × Block: block1 … block11" in labels(drawing)
    assert set(drawing.frames) == {
        "block0 (Block)",
        "block0/first (Layer)",
        "block0/second (Layer)",
    }
    (box,) = [node for node in drawing.nodes.values() if node.get("peripheries") == "2"]
    assert box["label"].split("\\n")[1:] == [
        "33 operations: matmul ×22, add ×11",
        "22 parameters: (2, 2) (2, 2) (2, 2) …",
    ]
    # One arrow in, from the first block, and one out, to the output.
    assert sum(box["name"] == head for _, head in drawing.edges) == 1
    assert sum(box["name"] == tail for tail, _ in drawing.edges) == 1


def test_a_loop_without_layers_folds_too(parse: Parse) -> None:
    y = x = Variable(np.array(0.5), "x")
    for i in range(300):
        y = y + F.sin(x) * float(i)
    drawing = parse(get_dot_graph(y, verbose=False))
    assert "299 × (sin, multiply, add)" in labels(drawing)
    assert len(drawing.nodes) == 10


def test_layers_fold_from_the_innermost_and_alike(parse: Parse) -> None:
    y = chain(2)  # no pattern occurs three times
    drawing = parse(get_dot_graph(y, max_nodes=15))
    boxes = [node["label"].split("\\n") for node in drawing.nodes.values() if "b" in node["name"]]
    assert sorted(boxes) == [
        [f"block{i}/{name} (Layer)", *rest]
        for i in range(2)
        for name in ("first", "second")
        for rest in (["1 operation: matmul", "1 parameter: (2, 2)", "result: (1, 2) float64"],)
    ]
    assert set(drawing.frames) == {"block0 (Block)", "block1 (Block)"}


def test_stretches_fold_from_the_beginning(parse: Parse) -> None:
    generator = np.random.default_rng(0)
    y: Any = Variable(np.array(0.5), "x")
    functions = [F.sin, F.cos, F.tanh, F.exp, F.sqrt]
    for i in generator.integers(0, 5, 200):
        y = functions[i](F.abs(y))
    drawing = parse(get_dot_graph(y, verbose=False, max_nodes=40))
    assert len(drawing.nodes) <= 40
    boxes = [label for label in labels(drawing) if label.endswith(" operations")]
    assert boxes and all(int(label.split()[0]) >= 8 for label in boxes)
    # The last steps are drawn one by one, up to the output.
    assert sum(label in ("absolute", "abs") for label in labels(drawing)) >= 3


@pytest.mark.parametrize("budget", [10, 25, 60, 120])
def test_the_budget_is_kept(budget: int) -> None:
    for y in (chain(20), tanh_derivative(6)):
        layout = lay_out(build_graph(y), budget)
        graph = build_graph(y)
        drawn = [v for v in graph.variables if v.key not in layout.box_of]
        drawn += [o for o in graph.operations if o.key not in layout.box_of]
        assert len(drawn) + len({id(box) for box in layout.box_of.values()}) <= budget


def test_a_large_graph_is_folded_fast_and_without_recursion() -> None:
    y = Variable(np.array(0.5), "x")
    for _ in range(20_000):
        y = y + 1.0
    text = get_dot_graph(y)
    assert "19999 × add" in text
    assert len(text) < 3000


@pytest.mark.parametrize(
    ("budget", "error", "words"),
    [
        (9, ValueError, "max_nodes=9 is too small.*use 10 or more"),
        (-1, ValueError, "too small"),
        (20.0, TypeError, "max_nodes must be an integer or None, got float"),
        (True, TypeError, "got bool"),
        ("many", TypeError, "got str"),
    ],
)
def test_a_budget_that_is_none(budget: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"get_dot_graph: .*{words}"):
        get_dot_graph(chain(1), max_nodes=budget)


# --- any graph -----------------------------------------------------------------------------------


@st.composite
def graphs(draw: Any) -> Graph:
    """A graph of any shape, with layers, parameters and derivatives of any kind."""
    variables = [GraphVariable(0, draw(st.text(max_size=8)), (2,), "float32", "leaf")]
    operations = []
    for i in range(draw(st.integers(1, 25))):
        key = 3 * i + 1
        inputs = draw(st.lists(st.sampled_from([v.key for v in variables]), max_size=3))
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["leaf", "parameter", "constant"]))
            variables.append(GraphVariable(key + 2, None, (), "float64", kind))
            inputs.append(key + 2)
        operations.append(
            GraphOperation(
                *(key, draw(st.sampled_from("abc")), tuple(inputs), (key + 1,), {}, i),
                scope=draw(st.sampled_from(["", "l", "l/m", "n/0", "n/1", "n/2"])),
                derivative=draw(st.sampled_from([0, 0, 1, 2])),
            )
        )
        kind = draw(st.sampled_from(["intermediate", "intermediate", "output"]))
        variables.append(GraphVariable(key + 1, None, (1,), "float32", kind))
    return Graph(tuple(variables), tuple(operations), {"l": "L", "n/0": "N", "n/1": "N"})


@given(graphs(), st.one_of(st.none(), st.integers(10, 60)))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_drawn_twice(graph: Graph, budget: int | None) -> None:
    layout = lay_out(graph, budget)
    drawn: list[int] = []
    boxes: list[Box] = []
    stack = [layout.whole]
    while stack:
        for item in stack.pop().items:
            if isinstance(item, Group):
                stack.append(item)
            elif isinstance(item, Box):
                boxes.append(item)
                drawn += [operation.key for operation in item.operations]
            else:
                drawn.append(item.key)
    assert sorted(drawn) == sorted(operation.key for operation in graph.operations)
    assert {id(box) for box in layout.box_of.values()} == set(map(id, boxes))
    text = graph_to_dot(graph, max_nodes=budget).splitlines()
    nodes = [line for line in text if "label=" in line and "->" not in line and "graph" not in line]
    edges = [line.strip().split(" [")[0] for line in text if "->" in line]
    shown = [key for key in drawn if key not in layout.box_of]
    shown += [v.key for v in graph.variables if v.key not in layout.box_of]
    frames = sum("subgraph" in line for line in text)
    assert len(nodes) == len(shown) + len(boxes) + frames
    assert len(edges) == len(set(edges))
    if budget is None:
        assert not boxes
        assert len(edges) == len(graph.edges)


@given(graphs())
@settings(max_examples=20, deadline=None)
def test_without_a_budget_groups_hold_all_operations_in_order(graph: Graph) -> None:
    whole = group_operations(graph)
    assert sorted(o.order for o in whole.operations()) == [o.order for o in graph.operations]
    for _, _, group in whole.groups():
        orders = [o.order for o in group.items if isinstance(o, GraphOperation)]
        assert orders == sorted(orders)
