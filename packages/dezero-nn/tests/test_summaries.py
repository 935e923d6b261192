"""Summaries: right figures, no numbers run, and the model as it was."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, get_array_module
from dezero_core import functions as F
from dezero_nn import MLP, BatchNorm, Dropout, Layer, LayerList, Linear, Model, Sequential, relu
from dezero_nn import functions as N
from dezero_nn._shapes import SHAPES, shape_array
from dezero_nn.layers import GRU, LSTM, RNN, Conv2d, Deconv2d, Embedding, Pooling
from dezero_nn.summaries import summary


class Flatten(Layer):
    def forward(self, x: Any) -> Variable:
        return F.reshape(x, (x.shape[0], -1))


def vgg16() -> Sequential:
    steps: list[Any] = []
    for n, channels in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]:
        for _ in range(n):
            steps += [Conv2d(channels, 3, pad=1), relu]
        steps.append(Pooling(2, stride=2))
    steps += [Flatten(), Linear(4096), relu, Linear(4096), relu, Linear(1000)]
    return Sequential(*steps)


def test_the_figures_of_vgg16_are_found_without_its_numbers() -> None:
    model = vgg16()
    tracemalloc.start()
    found = summary(model, (64, 3, 224, 224))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.parameters == found.trainable == 138_357_544
    assert found.parameter_bytes == 4 * 138_357_544
    assert found.multiply_adds == 64 * 15_470_264_320
    assert peak < 2_000_000  # a single result of the first layer has 800 MB
    shapes = {layer.path: layer.output_shapes for layer in found.layers}
    assert shapes[""] == ((64, 1000),)
    assert shapes["l9"] == ((64, 128, 56, 56),)
    assert all(p.data is None for p in model.params() if p.name == "W")


def test_a_summary_prints_a_table() -> None:
    model = MLP((100, 10))
    model.l0.freeze()  # type: ignore[attr-defined]
    model.extra = Linear(3, in_size=2)
    assert str(summary(model, (32, 784))).splitlines() == [
        "layer            output shape  parameters  multiply-adds",
        "--------------------------------------------------------",
        "MLP              (32, 10)          79,519      2,540,800",
        "  l0: Linear     (32, 100)         78,500      2,508,800",
        "  l1: Linear     (32, 10)           1,010         32,000",
        "  extra: Linear  not called             9              0",
        "--------------------------------------------------------",
        "79,519 parameters, 78,500 of them frozen, 0.3 MB; 2,540,800 multiply-adds",
    ]


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Sequential(Conv2d(4, 3, stride=2, pad=1), BatchNorm(), relu, Flatten(), Linear(3)), None),
        (Sequential(Deconv2d(2, 4, stride=2, pad=1), Dropout(0.5), Pooling(2)), None),
        (Sequential(Conv2d(6, 3, groups=3, dilation=2, pad=2), N.softmax), None),
        (Sequential(Embedding(10, 4), LSTM(5), Linear(2)), np.zeros((7, 3), int)),
        (Sequential(GRU(5), RNN(4), Linear(2)), np.ones((7, 2, 3), np.float32)),
        (Sequential(Linear(5, dtype=np.float64)), np.ones((2, 3, 4))),
    ],
)
def test_shapes_are_those_that_the_numbers_have(model: Sequential, x: Any) -> None:
    x = np.ones((2, 3, 10, 11), np.float32) if x is None else x
    found = summary(model, x if x.dtype != np.float32 else x.shape)
    assert [p.data is None for p in model.params()].count(True) > 0
    y: Any = x
    for step, name in zip(model, model._step_names, strict=True):
        y = step(y)
        for layer in found.layers:
            if layer.path == name:
                assert layer.output_shapes == (y.shape,)
    assert found.parameters == sum(p.size for p in model.params())
    again = summary(model, x)
    assert again == found


def test_a_summary_leaves_the_model_and_the_generator_as_they_were() -> None:
    class Drawing(Layer):
        W: Any = None

        def forward(self, x: Any) -> Variable:
            if self.W is None:  # by hand, where others leave it to an initializer
                xp = get_array_module(x)
                self.W = Parameter(xp.asarray(np.random.randn(x.shape[-1], 2).astype(np.float32)))
            return F.matmul(x, self.W)

    model = Sequential(BatchNorm(), LSTM(3), Linear(2), Drawing())
    model(np.ones((5, 3), np.float32))
    state, h, grad = model.state_dict(), model.l1.h, model.l1.h.data
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    assert summary(model, (2, 3)).layers[0].output_shapes == ((2, 2),)
    assert summary(Drawing(), (2, 3)).parameters == 6
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]
    assert model.l1.h is h and h.data is grad
    after = model.state_dict()
    assert all(np.array_equal(after[path], state[path]) for path in state)
    assert "forward" not in model.__dict__


def test_what_is_shared_is_counted_once_and_calls_are_added_up() -> None:
    class Twice(Model):
        def __init__(self) -> None:
            self.layers = LayerList([Linear(4, in_size=4)])
            self.same = self.layers[0]
            self.other = Linear(4, nobias=True, in_size=4)
            self.other.W = self.same.W

        def forward(self, x: Any, y: Any) -> tuple[Variable, Variable]:
            return self.same(self.layers[0](x)), self.other(y)

    found = summary(Twice(), (1, 4), np.ones((3, 4), np.float32))
    assert (found.parameters, found.multiply_adds) == (20, 16 + 16 + 48)
    model, _, first, other = found.layers
    assert model.output_shapes == ((1, 4), (3, 4))
    assert (first.path, first.calls, first.multiply_adds, first.parameters) == (
        "layers/0",
        2,
        32,
        20,
    )
    assert (other.path, other.calls, other.parameters) == ("other", 1, 0)
    assert "(1, 4) x2" in str(found)


def test_products_are_counted_however_they_are_written() -> None:
    def count(function: Any, *shapes: tuple[int, ...]) -> int:
        class Step(Layer):
            def forward(self, *inputs: Any) -> Variable:
                result: Variable = function(*inputs)
                return result

        return summary(Step(), *shapes).multiply_adds

    assert count(F.matmul, (5, 2, 3), (5, 3, 4)) == 5 * 2 * 3 * 4
    assert count(F.matmul, (3,), (3,)) == 3
    assert count(lambda a, b: F.tensordot(a, b, 2), (2, 3, 4), (3, 4, 5)) == 2 * 3 * 4 * 5
    assert count(lambda x: F.exp(x) * 2, (100, 100)) == 0


def test_summaries_say_what_is_wrong() -> None:
    class Careless(Layer):
        def forward(self, x: Any) -> Variable:
            return x * np.ones(3)

    class Curious(Layer):
        def forward(self, x: Any) -> Variable:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(TypeError, match="summary: wanted is a Layer, not <class 'int'>"):
        summary(3, (1, 2))  # type: ignore[arg-type]
    for wrong in ("(1, 2)", 3, (2, -1), (2, None)):
        with pytest.raises(TypeError, match="summary: input 1 must be a shape or an array"):
            summary(MLP((3,)), (1, 2), wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"summary: l1 \(Linear\): linear: x has 3 features, W t"):
        summary(Sequential(Linear(3), Linear(2, in_size=4)), (1, 2))
    with pytest.raises(TypeError, match=r"l0 \(Careless\) does not run .* get_array_module\(x\)"):
        summary(Sequential(Careless()), (1, 3))
    with pytest.raises(TypeError, match="Curious does not run on arrays without values: an array"):
        summary(Curious(), (1, 3))


def test_arrays_without_values_do_as_arrays_do() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(2, 1, 4))
    xp = SHAPES.xp
    functions: list[Any] = [
        lambda xp, a, b: a + b,
        lambda xp, a, b: 2 * a - 1,
        lambda xp, a, b: xp.maximum(a, 0),
        lambda xp, a, b: a > b,
        lambda xp, a, b: xp.where(a > 0, a, b),
        lambda xp, a, b: a.sum(axis=-1, keepdims=True),
        lambda xp, a, b: xp.add.reduce(b, axis=(0, 2)),
        lambda xp, a, b: (a > 0).sum(),
        lambda xp, a, b: b.argmax(axis=2),
        lambda xp, a, b: b.var(axis=0),
        lambda xp, a, b: xp.concatenate([a, a * 2], axis=1),
        lambda xp, a, b: xp.matmul(b, a.T),
        lambda xp, a, b: xp.dot(b, a.T),
        lambda xp, a, b: a.dot(a[0]),
        lambda xp, a, b: xp.einsum("ij,kij->jk", a[:1], b),
        lambda xp, a, b: xp.tensordot(a, b, ((1,), (2,))),
        lambda xp, a, b: a.reshape(2, -1).T[::2, None],
        lambda xp, a, b: a.astype(np.float16).copy(),
        lambda xp, a, b: b.swapaxes(0, 2).transpose(1, 0, 2),
        lambda xp, a, b: a[:, np.array([0, 1, 1])],
        lambda xp, a, b: xp.zeros((2, 3), np.int8) + xp.ones_like(a[:2, :3]),
        lambda xp, a, b: xp.full(3, 2.0) / 3,
        lambda xp, a, b: xp.take_along_axis(a, xp.argsort(a, axis=1), axis=1),
        lambda xp, a, b: xp.linalg.norm(a, axis=0),
        lambda xp, a, b: xp.multiply(a, 2, out=xp.empty((3, 4), np.float32)),
    ]
    for function in functions:
        wanted = function(np, a, b)
        found = function(xp, shape_array(a.shape, a.dtype), shape_array(b.shape, b.dtype))
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    with pytest.raises(ValueError, match=r"matmul of the shapes \(3, 4\) and \(3, 4\)"):
        xp.matmul(*[shape_array((3, 4), float)] * 2)
    with pytest.raises(ValueError, match="shape mismatch"):
        shape_array((3, 4), float)[0] = np.ones(3)
