"""Layers that hold layers: containers, how they show, copies, freezing, sharing."""

from __future__ import annotations

import copy
import pickle
import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import Parameter, Variable
from dezero_core.graph import build_graph
from dezero_nn import MLP, Layer, LayerDict, LayerList, Linear, Model, Sequential, relu, sigmoid
from dezero_nn.initializers import HeNormal
from dezero_nn.layers import Conv2d

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def paths(layer: Layer) -> list[str]:
    return [path for path, _ in layer.namedparams()]


def linears(n: int) -> list[Linear]:
    return [Linear(3, nobias=True, in_size=3) for _ in range(n)]


class Blocks(Model):
    def __init__(self) -> None:
        self.blocks = LayerList(linears(2))
        self.heads = LayerDict({"a": Linear(2, in_size=3), "b": Linear(1, in_size=3)})

    def forward(self, x: Any) -> Variable:
        for block in self.blocks:
            x = relu(block(x))
        return self.heads["a"](x) * self.heads["b"](x)


# --- containers --------------------------------------------------------------------------------


def test_layers_in_containers_have_paths_as_those_in_lists_and_dictionaries() -> None:
    model = Blocks()
    assert paths(model) == [
        "blocks/0/W",
        "blocks/1/W",
        "heads/a/W",
        "heads/a/b",
        "heads/b/W",
        "heads/b/b",
    ]
    assert [path for path, _ in model.namedlayers()] == [
        "",
        "blocks",
        "blocks/0",
        "blocks/1",
        "heads",
        "heads/a",
        "heads/b",
    ]
    plain = Layer()
    plain.blocks = list(model.blocks)
    plain.heads = dict(model.heads.items())
    assert paths(plain) == paths(model)
    assert paths(model.heads) == ["a/W", "a/b", "b/W", "b/b"]


def test_a_network_of_containers_trains() -> None:
    model = Blocks()
    model(X).sum().backward()
    assert all(p.grad is not None for p in model.params())


STEPS = st.sampled_from(["append", "insert", "delete", "set"])


@given(st.lists(st.tuples(STEPS, st.integers(-4, 4))))
def test_a_list_of_layers_does_as_lists_do(steps: list[tuple[str, int]]) -> None:
    ours, theirs = LayerList(), []  # type: ignore[var-annotated]
    for step, position in steps:
        layer = Layer()
        if step == "append":
            ours.append(layer)
            theirs.append(layer)
        elif step == "insert":
            ours.insert(position, layer)
            theirs.insert(position, layer)
        elif -len(theirs) <= position < len(theirs):
            if step == "delete":
                del ours[position], theirs[position]
            else:
                ours[position] = theirs[position] = layer
        else:
            with pytest.raises(IndexError, match=f"no layer {position}, only {len(theirs)} layers"):
                ours[position]
    assert list(ours) == theirs
    assert list(ours[1:]) == theirs[1:]
    assert isinstance(ours[::2], LayerList)
    assert len(ours) == len(theirs)
    assert bool(ours)
    assert [path for path, _ in ours.namedlayers()][1:] == [str(i) for i in range(len(theirs))]
    assert all(layer in ours for layer in theirs) and Layer() not in ours


def test_slices_of_a_list_of_layers_are_deleted() -> None:
    layers = LayerList(linears(4))
    last = layers[-1]
    del layers[:-1]
    assert list(layers) == [last]


def test_a_dictionary_of_layers_does_as_dictionaries_do() -> None:
    a, b, c = linears(3)
    layers = LayerDict([("a", a)])
    layers.update({"keys": b})
    layers["c"] = c
    assert list(layers) == list(layers.keys()) == ["a", "keys", "c"]
    assert list(layers.items()) == [("a", a), ("keys", b), ("c", c)]
    del layers["a"]
    assert list(layers.values()) == [b, c]
    assert "c" in layers and "a" not in layers and len(layers) == 2
    assert paths(layers) == ["keys/W", "c/W"]


def test_containers_say_what_is_wrong_and_stay_as_they_were() -> None:
    layers, named = LayerList(linears(1)), LayerDict({"a": Linear(1)})
    with pytest.raises(TypeError, match="LayerList: wanted is a Layer, not <class 'function'>"):
        layers.append(lambda x: x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="LayerList: wanted is a Layer, not 3"):
        layers.extend([Layer(), 3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"LayerDict: wanted is a Layer, not float64\[2\]"):
        named.update({"b": Layer(), "c": np.ones(2)})
    with pytest.raises(TypeError, match="a name is a string, not 3"):
        named[3] = Layer()  # type: ignore[index]
    with pytest.raises(ValueError, match="'a/b' can not be a part of a path"):
        named["a/b"] = Layer()
    with pytest.raises(KeyError, match="there is no layer 'b'; there is 'a'"):
        del named["b"]
    assert (len(layers), list(named)) == (1, ["a"])


def test_a_sequence_of_steps_is_indexed_sliced_and_extended() -> None:
    model = Sequential(Linear(5), relu, Linear(2))
    y = model(X)
    assert len(model) == 3 and model[1] is relu and model[-1] is model.l2
    features = model[:2]
    assert isinstance(features, Sequential)
    np.testing.assert_array_equal(features(X).data, relu(model.l0(X)).data)
    model.append(Linear(1))
    assert paths(model)[-2:] == ["l3/W", "l3/b"]
    model[1] = sigmoid
    assert list(model)[1] is sigmoid is model.l1
    assert model(X).shape == (4, 1) != y.shape
    assert bool(Sequential()) and Sequential()(3) == 3
    with pytest.raises(IndexError, match="there is no step 4, only 4 steps"):
        model[4]
    with pytest.raises(TypeError, match="step 0 can not be called, it is None"):
        model[0] = None  # type: ignore[assignment]


# --- how they show ------------------------------------------------------------------------------


def test_a_layer_shows_its_tree_and_no_arrays() -> None:
    class Odd(Layer):
        def __init__(self, table: Any, size: int = 3, *, names: tuple[str, ...] = ()) -> None:
            self.table, self.size, self.names = table, size, names
            self.first = Sequential(Conv2d(8, 3, pad=1), relu, Linear(2, nobias=True, in_size=4))
            self.again = self.first
            self.rest = LayerList([Linear(1, dtype=np.float64, initializer=HeNormal(0.1))])

    odd = Odd(np.ones(1000), size=4, names=("a", "b"))
    odd.whole = odd
    assert repr(odd) == (
        "Odd(size=4, names=('a', 'b')\n"
        "  first: Sequential(\n"
        "    l0: Conv2d(out_channels=8, kernel_size=(3, 3), pad=(1, 1))\n"
        "    l1: relu\n"
        "    l2: Linear(out_size=2, nobias=True, in_size=4)\n"
        "  )\n"
        "  again: Sequential, the same as first\n"
        "  rest: LayerList(\n"
        "    0: Linear(out_size=1, dtype=float64, initializer=HeNormal(slope=0.1))\n"
        "  )\n"
        "  whole: Odd, the same as the whole\n"
        ")"
    )
    assert repr(Layer()) == "Layer()"
    assert repr(MLP((3, 1), activation=relu)).startswith("MLP(activation=relu\n  l0: Linear(")


# --- copies ---------------------------------------------------------------------------------------


def test_a_copy_has_parameters_of_its_own_and_shares_inside() -> None:
    model = MLP((3, 3), activation=relu)
    model.l1 = model.l0
    model.l0.b.requires_grad = False
    y = model(X)
    y.sum().backward()
    twin = model.copy()
    assert isinstance(twin, MLP)
    assert twin.l1 is twin.l0 is not model.l0
    np.testing.assert_array_equal(twin(X).data, y.data)
    assert [p.grad for p in twin.params()] == [None, None]
    assert [p.requires_grad for p in twin.params()] == [True, False]
    twin.l0.W.data[:] = 0
    np.testing.assert_array_equal(model(X).data, y.data)
    twin(X).sum().backward()
    assert twin.l0.W.grad is not None
    stored = pickle.loads(pickle.dumps(model))
    assert stored.activation is relu and stored.l1 is stored.l0
    fresh = MLP((3, 2)).copy()
    assert [p.data is None for p in fresh.params()] == [True, False, True, False]


# --- any tree -------------------------------------------------------------------------------------

PARAMETERS = st.builds(
    lambda n, dtype: Parameter(np.arange(n, dtype=dtype)),
    st.integers(0, 3),
    st.sampled_from(["f4", "f8"]),
)
NAMES = st.sampled_from(["W", "b", "x", "long name", "é"])


def layer_of(attributes: dict[str, Any]) -> Layer:
    layer = Layer()
    for name, value in attributes.items():
        setattr(layer, name, value)
    return layer


LAYERS = st.recursive(
    st.dictionaries(NAMES, PARAMETERS, max_size=2).map(layer_of),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=3).map(layer_of),
        st.dictionaries(NAMES, inner, max_size=3).map(LayerDict),
        st.lists(inner, max_size=3).map(LayerList),
        st.lists(inner, max_size=3).map(lambda layers: Sequential(*layers)),
        st.lists(inner, max_size=3).map(lambda layers: layer_of({"x": [layers, tuple(layers)]})),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda layers: layer_of({"b": layers})),
    ),
    max_leaves=5,
)


@given(LAYERS)
def test_any_tree_is_walked_copied_saved_and_loaded(layer: Layer) -> None:
    found = dict(layer.namedparams())
    assert [id(p) for p in found.values()] == [id(p) for p in layer.params()]
    assert len({id(p) for p in found.values()}) == len(found)
    inner = dict(layer.namedlayers())
    assert next(iter(inner.values())) is layer
    repr(layer)
    twin = layer.copy()
    assert [path for path, _ in twin.namedlayers()] == list(inner)
    assert list(dict(twin.namedparams())) == list(found)
    with tempfile.TemporaryDirectory() as folder:
        layer.save_weights(f"{folder}/tree.npz")
        for parameter in twin.params():
            parameter.data += 1
        assert not twin.load_weights(f"{folder}/tree.npz")
    for path, parameter in twin.namedparams():
        assert parameter is not found[path]
        assert parameter.dtype == found[path].dtype
        np.testing.assert_array_equal(parameter.data, found[path].data)


def test_two_parameters_with_one_path_are_not_saved_one_over_the_other() -> None:
    layer = Layer()
    layer.heads = {1: Parameter(np.ones(2)), "1": Parameter(np.zeros(2))}
    assert len(list(layer.params())) == 2
    with pytest.raises(ValueError, match="Layer: two parameters have the path heads/1; rename one"):
        layer.state_dict()


# --- freezing -------------------------------------------------------------------------------------


def test_what_is_frozen_gets_no_gradient_and_needs_no_graph() -> None:
    model = Sequential(Linear(5), relu, Linear(2))
    model(X).sum().backward()
    features = model[:2].freeze()
    assert all(p.grad is None for p in features.params())
    y = features(X)
    assert not y.requires_grad  # no graph behind it, and no memory for one
    loss = model(X).sum()
    assert [op.name for op in build_graph(loss).operations] == ["linear", "sum"]
    loss.backward()
    assert [path for path, p in model.namedparams() if p.grad is not None] == ["l2/W", "l2/b"]
    assert model.unfreeze() is model
    model.cleargrads()
    model(X).sum().backward()
    assert all(p.grad is not None for p in model.params())


def test_a_layer_frozen_before_its_first_call_stays_frozen() -> None:
    model = MLP((3, 2)).freeze()
    assert not model(X).requires_grad
    model.load_state_dict(model.state_dict())
    assert [p.requires_grad for p in model.params()] == [False] * 4


# --- all layers -----------------------------------------------------------------------------------


def test_a_function_is_applied_to_inner_layers_first() -> None:
    model = Blocks()
    seen: list[Layer] = []
    assert model.apply(seen.append) is model
    assert seen == [layer for _, layer in model.namedlayers()][::-1]
    assert len(seen) == 7 and seen[-1] is model


def test_layers_that_share_and_loop_are_walked_once() -> None:
    outer, inner = Layer(), Layer()
    outer.items = [inner, {"again": inner}]
    inner.outer = outer
    inner.p = Parameter(np.ones(2))
    assert [path for path, _ in outer.namedlayers()] == ["", "items/0"]
    assert paths(outer) == ["items/0/p"]
    assert repr(outer).count("Layer") == 4


# --- what is remembered of a tree ----------------------------------------------------------------


def paths_of(model: Layer) -> list[str]:
    """Return the paths of the parameters, and make sure that `params` tells the same ones."""
    named = dict(model.namedparams())
    assert [id(p) for p in model.params()] == [id(p) for p in named.values()]
    return list(named)


def test_parameters_are_found_after_every_kind_of_change() -> None:
    class Inner(Layer):
        def __init__(self) -> None:
            self.W = Parameter(np.zeros(1))

    model = Layer()
    assert paths_of(model) == []
    model.inner = Inner()
    assert paths_of(model) == ["inner/W"]
    model.inner.b = Parameter(np.zeros(1))
    assert paths_of(model) == ["inner/W", "inner/b"]
    model.inner.W = None
    assert paths_of(model) == ["inner/b"]
    del model.inner.b
    assert paths_of(model) == []
    model.inner = Inner()
    first = next(model.params())
    model.inner.W = Parameter(np.zeros(1))
    assert next(model.params()) is not first

    model.stack = LayerList([Inner()])
    assert paths_of(model) == ["inner/W", "stack/0/W"]
    model.stack.append(Inner())
    model.stack.insert(0, Inner())
    model.stack.extend([Inner()])
    assert len(paths_of(model)) == 5
    model.stack[1].b = Parameter(np.zeros(1))
    assert "stack/1/b" in paths_of(model)
    model.stack[1] = Inner()
    assert "stack/1/b" not in paths_of(model)
    del model.stack[1:]
    assert paths_of(model) == ["inner/W", "stack/0/W"]

    model.heads = LayerDict({"a": Inner()})
    model.heads["b"] = Inner()
    model.heads.update({"c": Inner()})
    assert paths_of(model)[2:] == ["heads/a/W", "heads/b/W", "heads/c/W"]
    del model.heads["b"]
    assert paths_of(model)[2:] == ["heads/a/W", "heads/c/W"]

    # Lists and dictionaries of Python's own tell nobody what is done to them.
    model.plain = [Inner(), {"x": Inner()}]
    assert paths_of(model)[4:] == ["plain/0/W", "plain/1/x/W"]
    model.plain[1]["y"] = Parameter(np.zeros(1))
    model.plain.append(Inner())
    assert paths_of(model)[4:] == ["plain/0/W", "plain/1/x/W", "plain/1/y", "plain/2/W"]


def test_a_copy_has_parameters_of_its_own() -> None:
    model = Layer()
    model.W = Parameter(np.zeros(1))
    assert len(list(model.params())) == 1
    for twin in (model.copy(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        (own,) = twin.params()
        assert own is twin.W
        assert own is not model.W
        twin.b = Parameter(np.zeros(1))
        assert len(list(twin.params())) == 2
        assert len(list(model.params())) == 1
