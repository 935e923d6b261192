"""What can be noted of operations: source lines, layers, arrays; and which made a gradient."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Config, Function, Parameter, Variable, detect_anomaly, grad
from dezero_core import functions as F
from dezero_core.details import layer_call
from dezero_core.graph import Graph, GraphOperation, GraphVariable, build_graph, record_details
from dezero_core.typing import Array


class Block:
    """The least that core takes for a layer."""

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
            for block in self.inner.values():
                x = block(x)
            return F.matmul(x, self.W)


def operations(*outputs: Variable, **settings: Any) -> list[tuple[str, str, int]]:
    graph = build_graph(*outputs, **settings)
    return [(o.name, o.scope, o.derivative) for o in graph.operations]


def x_of_ones() -> Variable:
    return Variable(np.ones((1, 2)), "x")


def test_the_source_line_is_the_users() -> None:
    x = x_of_ones()
    with record_details():
        y = F.exp(x)  # this one
        z = np.sin(y)
    graph = build_graph(z)
    source = graph.operations[0].source
    assert source is not None
    assert source.file == __file__
    assert source.function == "test_the_source_line_is_the_users"
    assert source.text == "y = F.exp(x)  # this one"
    assert str(source) == f"{__file__}:{source.line}, in {source.function}: {source.text}"
    assert graph.operations[1].source.line == source.line + 1


def test_nothing_is_noted_outside() -> None:
    x = x_of_ones()
    with record_details():
        assert Config.watcher is not None
    assert Config.watcher is None
    (operation,) = build_graph(x * x).operations
    assert (operation.source, operation.scope, operation.derivative) == (None, "", 0)
    assert operation.phase == "forward"


def test_it_belongs_to_the_context() -> None:
    seen = []
    with record_details():
        thread = threading.Thread(target=lambda: seen.append(Config.watcher))
        thread.start()
        thread.join()
    assert seen == [None]


def test_scopes_are_the_paths_inside_the_outermost_layer() -> None:
    model = Block(a=Block(), b=Block(c=Block()))
    with record_details():
        y = model(x_of_ones()) * 2.0
    assert operations(y) == [
        ("matmul", "a", 0),
        ("matmul", "b/c", 0),
        ("matmul", "b", 0),
        ("matmul", "", 0),
        ("multiply", "", 0),
    ]
    assert build_graph(y).layers == {"": "Block", "a": "Block", "b": "Block", "b/c": "Block"}


def test_a_shared_layer_has_its_first_path() -> None:
    shared = Block()
    with record_details():
        y = Block(a=shared, b=shared)(x_of_ones())
    assert [scope for _, scope, _ in operations(y)] == ["a", "a", ""]


def test_several_outermost_layers_are_told_apart() -> None:
    class Critic(Block):
        pass

    actor, critic, other = Block(l=Block()), Critic(l=Block()), Block()
    with record_details():
        y = critic(actor(x_of_ones()))
        y = actor(other(y))
    assert [scope for _, scope, _ in operations(y)] == [
        *("Block/l", "Block", "Critic/l", "Critic", "Block_2", "Block/l", "Block"),
    ]
    assert build_graph(y).layers["Critic/l"] == "Block"
    assert build_graph(y).layers["Critic"] == "Critic"


def test_a_layer_made_while_the_model_runs() -> None:
    class Late(Block):
        def __call__(self, x: Variable) -> Variable:
            with layer_call(self):
                self.inner["late"] = Block()
                return Block()(super().__call__(x))

    with record_details():
        y = Late()(x_of_ones())
    assert [scope for _, scope, _ in operations(y)] == ["late", "", "Block"]


def test_the_scope_ends_with_an_error() -> None:
    with record_details():
        with pytest.raises(ValueError, match="matmul"):
            Block(a=Block())(Variable(np.ones((1, 3))))
        y = Block()(x_of_ones())
    assert [scope for _, scope, _ in operations(y)] == [""]


def test_without_a_record_names_of_parameters_tell_the_layer() -> None:
    inner = Block()
    y = F.exp(inner(x_of_ones()))
    names = [("blocks/0/W", inner.W)]
    assert operations(y, names=names) == [("matmul", "blocks/0", 0), ("exp", "", 0)]
    found = {v.name for v in build_graph(y, names=names).variables}
    assert found == {"x", "blocks/0/W", None}
    assert inner.W.name == "W"


def test_the_gradient_of_a_layer_belongs_to_it() -> None:
    inner = Block()
    x = x_of_ones()
    with record_details():
        y = F.sum(Block(a=inner)(x))
        y.backward(create_graph=True)
    assert ("matmul", "a", 1) in operations(inner.W.grad)
    graph = build_graph(x.grad)
    assert {o.phase for o in graph.operations if o.name == "matmul"} == {"backward"}


def test_derivatives_are_counted() -> None:
    x = Variable(np.array(0.5), "x")
    y = F.tanh(x)
    highest = []
    for _ in range(4):
        x.cleargrad()
        y.backward(create_graph=True)
        y = x.grad
        found = {derivative for _, _, derivative in operations(y)}
        highest.append(max(found))
        assert 0 in found
    assert highest == [1, 2, 3, 4]
    # Older passes are told apart, though the gradients that they led to are no part of this one.
    counts = Counter(derivative for _, _, derivative in operations(y))
    assert counts == {0: 1, 2: 3, 3: 8, 4: 20}


def test_what_is_computed_from_a_gradient_is_forward_again() -> None:
    # The book's step 36.
    x = Variable(np.array(2.0), "x")
    y = x**2
    y.backward(create_graph=True)
    gx = x.grad
    z = gx**3 + y
    x.cleargrad()
    assert [(name, d) for name, _, d in operations(z)][-2:] == [("power", 0), ("add", 0)]
    z.backward(create_graph=True)
    found = operations(x.grad)
    assert {d for _, _, d in found} == {1, 2}
    assert found[-1][2] == 2


def test_other_ways_to_gradients_are_marked_too() -> None:
    x = Variable(np.array(0.5), "x")
    h = F.exp(x)
    y = F.tanh(h)
    y.backward(retain_grad=True, create_graph=True)
    assert ("multiply", "", 1) in operations(h.grad)

    tanh_slope = grad(F.tanh, create_graph=True)
    assert {d for _, _, d in operations(tanh_slope(x))} == {0, 1}


class Halves(Function):
    """Two results of one operation."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x * 0.5, x * 0.25

    def backward(self, g0: Variable, g1: Variable) -> Variable:
        return g0 * 0.5 + g1 * 0.25


def test_values_and_gradients() -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    with record_details(keep_values=True):
        half, quarter = Halves()(x)
        y = F.sum((half + quarter) * 2.0)
    del half, quarter
    y.backward()
    graph = build_graph(y)
    values = [None if (v := graph.value(k.key)) is None else v.tolist() for k in graph.variables]
    assert values == [[1, 2], [0.5, 1], [0.25, 0.5], [0.75, 1.5], 2, [1.5, 3], 4.5]
    assert graph.value(graph.variables[0].key) is x.data
    grads = [graph.grad(variable.key) for variable in graph.variables]
    np.testing.assert_array_equal(grads[0].data, [1.5, 1.5])
    assert grads[1:] == [None] * 6


def test_what_was_freed_is_none() -> None:
    x = Variable(np.ones(3), "x")
    with record_details():
        h = x + 1.0
        y = F.sum(h + 2.0)
    graph = build_graph(y)
    assert graph.value(graph.variables[2].key) is h.data
    assert graph.value(graph.variables[0].key) is x.data
    del h
    gc.collect()
    assert graph.value(graph.variables[2].key) is None


def test_values_without_a_record_are_those_that_rules_need() -> None:
    x = Variable(np.ones(3), "x")
    y = F.exp(x * 2.0) + x
    graph = build_graph(y)
    product, result = (o.outputs[0] for o in graph.operations[:2])
    assert graph.value(product) is None
    assert graph.value(result).tolist() == [np.exp(2.0)] * 3
    assert graph.value(graph.variables[-1].key) is y.data


def test_a_graph_made_by_hand_has_no_values() -> None:
    graph = Graph(
        (GraphVariable(0, "x", (), "float64", "leaf"), GraphVariable(2, "y", (), "", "output")),
        (GraphOperation(1, "exp", (0,), (2,), {}, 1),),
    )
    assert graph.value(0) is None and graph.grad(0) is None
    assert graph.layers == {}


def test_anomalies_are_found_in_a_record_too() -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    with record_details(), detect_anomaly():
        y = x * x
        x.data[0] = 7.0
        with pytest.raises(ArithmeticError, match="changed in place") as caught:
            y.backward()
    assert "y = x * x" in str(caught.value)
    assert build_graph(y).operations[0].source.text == "y = x * x"
    x = Variable(np.array([1.0, 2.0]), "x")
    with record_details():
        y = x * x
    with detect_anomaly():
        y.backward()  # what was recorded without checksums is not compared with any
    np.testing.assert_array_equal(x.grad.data, [2.0, 4.0])


def test_a_record_keeps_no_array_alive() -> None:
    import weakref

    class Stateful(Block):
        h: Variable | None = None

        def __call__(self, x: Variable) -> Variable:
            with layer_call(self):
                self.h = x + 1.0
                return self.h

    gc.disable()
    try:
        layer = Stateful()
        x = x_of_ones()
        with record_details():
            y = layer(x)
        seen = weakref.ref(layer), weakref.ref(x.data)
        del layer, x, y
        # A state leads to its graph, and its graph must not lead back.
        assert [s() for s in seen] == [None, None]
    finally:
        gc.enable()
