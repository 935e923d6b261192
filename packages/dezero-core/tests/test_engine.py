"""The backward pass on toy nodes. There is no mathematics in the engine, so none here: no NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.engine import propagate, reachable
from dezero_core.node import Node, history

KIND = "number"


class Gradient:
    """A number that has what the engine asks of a gradient, and shows if it is changed."""

    shape = ()

    def __init__(self, value: int, dtype: str = KIND) -> None:
        self.value = value
        self.dtype = dtype

    def __add__(self, other: Gradient) -> Gradient:
        return Gradient(self.value + other.value)

    def __iadd__(self, other: Gradient) -> Gradient:
        self.value += other.value
        return self


class Weighted:
    """An operation whose gradients are that of the result, times a weight for each operand."""

    def __init__(self, name: str, weights: tuple[int, ...], log: list[str]) -> None:
        self.name = name
        self.weights = weights
        self.log = log

    def pull(
        self, node: Node, gy: Any, recording: bool, wanted: set[Node] | None
    ) -> list[tuple[Node, Any]]:
        self.log.append(self.name)
        return [
            # A weight of one hands the very same object on, as the rule of add does.
            (parent, gy if weight == 1 else Gradient(gy.value * weight))
            for parent, weight in zip(node.parents, self.weights, strict=True)
            if wanted is None or parent in wanted
        ]

    def saved_operands(self, node: Node) -> Iterator[tuple[str, Node, Any]]:
        return iter(())


class Graph:
    """Makes toy nodes and notes which of them the engine visits."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def leaf(self) -> Node:
        return Node(None, (), (), (), KIND)

    def operation(self, name: str, *edges: tuple[Node, int]) -> Node:
        weights = tuple(weight for _, weight in edges)
        parents = [parent for parent, _ in edges]
        return Node(Weighted(name, weights, self.log), parents, (), (), KIND)


def fit(g: Any, parent: Node, node: Node) -> Any:
    raise AssertionError("nothing to fit: all shapes and dtypes are the same")


def values(leaves: dict[Node, Any]) -> dict[Node, int]:
    return {node: g.value for node, g in leaves.items()}


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_a_chain(graph: Graph) -> None:
    x = graph.leaf()
    a = graph.operation("a", (x, 2))
    b = graph.operation("b", (a, 3))
    assert values(propagate([(b, Gradient(5))], fit)) == {x: 30}
    assert graph.log == ["b", "a"]


def test_each_operation_runs_once_and_after_all_that_use_its_result(graph: Graph) -> None:
    # The shape of (x²)² + (x²)²: a is used on two ways, one of which is longer.
    x = graph.leaf()
    a = graph.operation("a", (x, 2))
    b = graph.operation("b", (a, 3))
    c = graph.operation("c", (b, 5))
    d = graph.operation("d", (a, 7), (c, 11))
    assert values(propagate([(d, Gradient(1))], fit)) == {x: 2 * (7 + 11 * 5 * 3)}
    assert graph.log == ["d", "c", "b", "a"]


def test_the_same_operand_twice(graph: Graph) -> None:
    x = graph.leaf()
    y = graph.operation("add", (x, 1), (x, 1), (x, 1))
    assert values(propagate([(y, Gradient(4))], fit)) == {x: 12}


def test_sums_are_made_in_place_in_buffers_of_its_own_only(graph: Graph) -> None:
    x0, x1 = graph.leaf(), graph.leaf()
    y = graph.operation("y", (x0, 1), (x1, 1), (x0, 1), (x0, 1))
    seed = Gradient(1)
    leaves = propagate([(y, seed)], fit)
    assert values(leaves) == {x0: 3, x1: 1}
    # x1 got the seed itself, which the sum for x0 must not have touched.
    assert leaves[x1] is seed
    assert seed.value == 1


def test_gradients_that_are_recorded_are_never_changed(graph: Graph) -> None:
    class Frozen(Gradient):
        def __add__(self, other: Gradient) -> Frozen:
            return Frozen(self.value + other.value)

        def __iadd__(self, other: Gradient) -> Gradient:
            raise AssertionError("changed in place")

    x = graph.leaf()
    y = graph.operation("y", (x, 1), (x, 1), (x, 1))
    assert values(propagate([(y, Frozen(1))], fit, recording=True)) == {x: 3}


def test_what_the_seed_does_not_depend_on_is_not_visited(graph: Graph) -> None:
    x, other = graph.leaf(), graph.leaf()
    a = graph.operation("a", (x, 2))
    graph.operation("dead", (a, 3), (other, 5))
    assert values(propagate([(a, Gradient(1))], fit)) == {x: 2}
    assert graph.log == ["a"]


def test_several_seeds(graph: Graph) -> None:
    x = graph.leaf()
    a = graph.operation("a", (x, 2))
    b = graph.operation("b", (a, 3))
    seeds = [(a, Gradient(10)), (b, Gradient(1)), (b, Gradient(1)), (x, Gradient(1000))]
    assert values(propagate(seeds, fit)) == {x: 1000 + 2 * (10 + 2 * 3)}
    assert graph.log == ["b", "a"]


def test_a_leaf_as_seed_is_its_own_gradient(graph: Graph) -> None:
    x = graph.leaf()
    assert values(propagate([(x, Gradient(7))], fit)) == {x: 7}
    assert graph.log == []


def test_no_seeds() -> None:
    assert propagate([], fit) == {}


def test_wanted_leaves_the_rest_out(graph: Graph) -> None:
    x, w = graph.leaf(), graph.leaf()
    a = graph.operation("a", (x, 2))
    b = graph.operation("b", (w, 3))
    y = graph.operation("y", (a, 5), (b, 7))
    wanted = reachable([y], [w])
    assert wanted == {y, b, w}
    assert values(propagate([(y, Gradient(1))], fit, wanted=wanted)) == {w: 21}
    assert graph.log == ["y", "b"]


def test_reachable_finds_no_way_to_a_stranger(graph: Graph) -> None:
    x, stranger = graph.leaf(), graph.leaf()
    y = graph.operation("y", (x, 1))
    assert reachable([y], [stranger]) == {stranger}


def test_retain_sees_complete_gradients_of_inner_nodes(graph: Graph) -> None:
    x = graph.leaf()
    a = graph.operation("a", (x, 2))
    y = graph.operation("y", (a, 3), (a, 5))
    seen: dict[Node, int] = {}

    def retain(node: Node, g: Gradient) -> None:
        assert node not in seen
        seen[node] = g.value

    propagate([(y, Gradient(1))], fit, retain=retain)
    assert seen == {y: 1, a: 8}


def test_fit_is_asked_where_the_dtype_or_the_shape_differs(graph: Graph) -> None:
    asked: list[tuple[Node, Node]] = []

    def fitting(g: Gradient, parent: Node, node: Node) -> Gradient:
        asked.append((parent, node))
        return Gradient(g.value)

    x = graph.leaf()
    a = graph.operation("a", (x, 2))
    a.dtype = "another"
    b = graph.operation("b", (a, 3))
    c = graph.operation("c", (b, 3))
    propagate([(c, Gradient(1))], fitting)
    assert asked == [(a, b)]
    asked.clear()
    x.shape = (2,)
    propagate([(a, Gradient(1))], fitting)
    assert asked == [(x, a)]


def test_a_rule_that_fails_stops_it(graph: Graph) -> None:
    class Failing(Weighted):
        def pull(self, *_: Any) -> list[tuple[Node, Any]]:
            raise ZeroDivisionError("no")

    x = graph.leaf()
    a = Node(Failing("failing", (1,), graph.log), [x], (), (), KIND)
    y = graph.operation("y", (a, 1), (x, 1))
    with pytest.raises(ZeroDivisionError):
        propagate([(y, Gradient(1))], fit)
    assert getattr(x, "grad", None) is None


def test_depth_is_limited_by_memory_alone(graph: Graph) -> None:
    x = node = graph.leaf()
    for _ in range(100_000):
        node = graph.operation("step", (node, 1))
    assert values(propagate([(node, Gradient(3))], fit)) == {x: 3}
    assert len(history([node])) == 100_001


@st.composite
def edges(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Draw a graph: for each operation its operands, by number, and their weights."""
    n_leaves = 2
    operations = []
    for i in range(draw(st.integers(1, 8))):
        operand = st.tuples(st.integers(0, n_leaves + i - 1), st.integers(-3, 3))
        operations.append(draw(st.lists(operand, min_size=1, max_size=3)))
    return operations


@given(edges())
def test_any_topology_gives_the_sum_over_all_paths(operations: list[list[tuple[int, int]]]) -> None:
    graph = Graph()
    nodes = [graph.leaf(), graph.leaf()]
    # Forward: how the value changes with each leaf, for all numbers at once.
    slopes = [(1, 0), (0, 1)]
    for i, operands in enumerate(operations):
        nodes.append(graph.operation(str(i), *[(nodes[j], weight) for j, weight in operands]))
        slopes.append(
            (
                sum(weight * slopes[j][0] for j, weight in operands),
                sum(weight * slopes[j][1] for j, weight in operands),
            )
        )
    leaves = values(propagate([(nodes[-1], Gradient(1))], fit))
    assert (leaves.get(nodes[0], 0), leaves.get(nodes[1], 0)) == slopes[-1]
    assert len(graph.log) == len(set(graph.log))
