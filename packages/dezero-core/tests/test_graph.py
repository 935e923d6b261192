"""The read-only view of the recorded graph."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dezero_core import Function, GraphError, Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_core.graph import build_graph
from dezero_core.typing import Array


def names(graph: object) -> Counter[str]:
    return Counter(operation.name for operation in graph.operations)  # type: ignore[attr-defined]


def test_each_variable_and_operation_stands_once() -> None:
    x = Variable(np.array(3.0), "x")
    y = F.add(x, x)
    graph = build_graph(y * y)
    assert names(graph) == {"add": 1, "multiply": 1}
    assert [(v.name, v.kind) for v in graph.variables] == [
        ("x", "leaf"),
        (None, "intermediate"),
        (None, "output"),
    ]
    # x -> add -> y -> multiply -> z: add(x, x) is one edge.
    assert len(graph.edges) == len(set(graph.edges)) == 4
    keys = [v.key for v in graph.variables] + [o.key for o in graph.operations]
    assert len(keys) == len(set(keys))


def test_the_order_is_that_of_the_computation() -> None:
    x = Variable(np.array(0.5))
    graph = build_graph(F.exp(F.sin(x)) + F.cos(x))
    assert [operation.name for operation in graph.operations] == ["sin", "exp", "cos", "add"]
    orders = [operation.order for operation in graph.operations]
    assert orders == sorted(orders)


def test_shapes_dtypes_names_and_kinds() -> None:
    W = Parameter(np.ones((3, 2), np.float32), "W")
    x = Variable(np.ones((4, 3), np.float32), "x")
    hidden = x @ W
    hidden.name = "hidden"
    y = hidden * 2.5
    del hidden  # the name stays with the graph
    graph = build_graph(y)
    seen = {v.name: (v.kind, v.shape, v.dtype) for v in graph.variables}
    assert seen["W"] == ("parameter", (3, 2), "float32")
    assert seen["x"] == ("leaf", (4, 3), "float32")
    assert seen["hidden"] == ("intermediate", (4, 2), "float32")
    assert seen["2.5"] == ("constant", (), "float")
    assert seen[None] == ("output", (4, 2), "float32")


def test_settings_are_shown_and_can_not_be_changed() -> None:
    (operation,) = build_graph(F.sum(Variable(np.ones((2, 3))), axis=1)).operations
    assert operation.settings["axis"] == (1,)
    with pytest.raises(TypeError):
        operation.settings["axis"] = 0  # type: ignore[index]


class Parts(Function):
    """Two results of one operation."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x * 2, x * 3

    def backward(self, g0: Variable, g1: Variable) -> Variable:
        return g0 * 2 + g1 * 3


def test_an_operation_with_several_results_is_one_operation() -> None:
    double, triple = Parts()(Variable(np.array(1.0)))
    graph = build_graph(double + triple)
    assert names(graph) == {"Parts": 1, "add": 1}
    parts = next(o for o in graph.operations if o.name == "Parts")
    assert len(parts.outputs) == 2
    # What nothing was computed from is not part of the graph.
    graph = build_graph(double * 1.0)
    assert [len(o.outputs) for o in graph.operations] == [1, 1]


def test_several_outputs_share_their_history() -> None:
    x = Variable(np.array(1.0))
    h = F.exp(x)
    graph = build_graph(h + 1.0, h * 2.0)
    assert names(graph) == {"exp": 1, "add": 1, "multiply": 1}
    assert sum(v.kind == "output" for v in graph.variables) == 2


def test_a_leaf_is_a_graph_of_one_variable() -> None:
    graph = build_graph(Variable(np.ones(2), "x"))
    assert [v.kind for v in graph.variables] == ["output"]
    assert graph.operations == graph.edges == ()


def test_the_graph_of_a_gradient_grows_with_its_order() -> None:
    x = Variable(np.array(1.0))
    y = F.tanh(x)
    sizes = []
    for _ in range(4):
        x.cleargrad()
        y.backward(create_graph=True)
        assert x.grad is not None
        y = x.grad
        sizes.append(len(build_graph(y).operations))
    assert sizes == sorted(set(sizes)) and sizes[-1] > 4 * sizes[0]


def test_what_has_no_graph_is_an_error() -> None:
    with no_grad():
        y = Variable(np.ones(2)) * 2.0
    with pytest.raises(GraphError, match="no graph behind this variable"):
        build_graph(y)
    with pytest.raises(TypeError, match="expected a Variable"):
        build_graph(np.ones(2))  # type: ignore[arg-type]


def test_a_deep_graph_needs_no_recursion() -> None:
    y = Variable(np.array(1.0))
    for _ in range(20_000):
        y = y + 1.0
    assert len(build_graph(y).operations) == 20_000
