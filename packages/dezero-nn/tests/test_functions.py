"""Functions of networks: the contract's figures, special values, errors."""

from __future__ import annotations

import re
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dezero_core import Parameter, Variable, as_numpy
from dezero_core import functions as CF
from dezero_core.graph import build_graph
from dezero_core.testing import fake_device
from dezero_nn import functions as F

EPS32 = float(np.finfo(np.float32).eps)


def test_relu_has_derivative_zero_at_zero_and_keeps_dtypes() -> None:
    x = Variable(np.array([-2.0, 0.0, 3.0], np.float32))
    y = F.relu(x)
    y.backward()
    assert y.data.tolist() == [0.0, 0.0, 3.0]
    assert x.grad is not None and x.grad.data.tolist() == [0.0, 0.0, 1.0]
    assert F.relu(np.array([-1, 2])).data.tolist() == [0, 2]
    assert F.relu(np.array([-1, 2])).dtype.kind == "i"
    assert np.isnan(F.relu(np.array([np.nan])).data[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_accurate_in_both_tails_and_quiet(dtype: Any) -> None:
    x = np.array([-1e30, -80.0, -20.0, -1.0, 0.0, 1.0, 20.0, 1e30], dtype)
    y = F.sigmoid(x).data
    z = np.abs(x.astype(np.float64))
    small = np.exp(-z) / (1 + np.exp(-z))
    expected = np.where(x < 0, small, 1 - small)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps)


def test_sigmoid_takes_numbers_and_integers() -> None:
    assert float(F.sigmoid(0.0)) == 0.5
    assert F.sigmoid(np.array([0, 0])).data.tolist() == [0.5, 0.5]


def test_softmax_gives_the_figures_of_the_book() -> None:
    y = np.array([[-0.61505778, -0.42790161, 0.31733289]])
    expected = [[0.21068638, 0.25404893, 0.53526469]]
    for softmax in (F.softmax, F.softmax_simple):
        p = softmax(y).data
        np.testing.assert_allclose(p, expected, atol=1e-8)
        assert p.sum() == pytest.approx(1.0, abs=1e-15)
    np.testing.assert_allclose(F.log_softmax(y).data, np.log(p), rtol=1e-15)


def test_softmax_along_other_axes() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (0, 1, 2, -1):
        np.testing.assert_allclose(F.softmax(x, axis).data.sum(axis), 1.0, rtol=1e-14)
        np.testing.assert_allclose(
            np.exp(F.log_softmax(x, axis).data), F.softmax_simple(x, axis).data, rtol=1e-13
        )
    with pytest.raises(ValueError, match=r"softmax: axis 1 is out of bounds .* x: float64\[3\]"):
        F.softmax(np.ones(3))


def test_scores_of_any_size_give_finite_probabilities() -> None:
    x = Variable(np.array([[1e30, -1e30], [1e4, 1e4], [-1e30, -1e30]], np.float32))
    assert F.softmax(x).data.tolist() == [[1, 0], [0.5, 0.5], [0.5, 0.5]]
    assert np.isfinite(F.log_softmax(x).data).all()


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 5)),
        elements=st.floats(-(2**100), 2**100, width=32),
    ),
    st.data(),
)
def test_cross_entropy_of_any_scores_is_finite_and_the_same_in_both_forms(
    x: Any, data: st.DataObject
) -> None:
    label = st.integers(0, x.shape[1] - 1)
    t = np.array(data.draw(st.lists(label, min_size=len(x), max_size=len(x))))
    variables = [Variable(x), Variable(x)]
    losses = [F.softmax_cross_entropy, F.softmax_cross_entropy_simple]
    values = []
    for variable, function in zip(variables, losses, strict=True):
        loss = function(variable, t)
        loss.backward()
        assert loss.dtype == np.float32 and np.isfinite(loss.data) and loss.data >= 0
        values.append(loss.data)
    np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-6)
    first, second = (as_numpy(v.grad) for v in variables)
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first.sum(axis=1), 0, atol=4 * EPS32)


def test_cross_entropy_of_certain_and_of_wrong_answers() -> None:
    x = Variable(np.array([[1000.0, 0.0], [1000.0, 0.0]]))
    loss = F.softmax_cross_entropy(x, np.array([0, 1], np.uint8))
    loss.backward()
    assert float(loss) == 500.0
    assert x.grad is not None and x.grad.data.tolist() == [[0.0, 0.0], [0.5, -0.5]]


def test_losses_and_accuracy_take_labels_in_variables() -> None:
    x, t = np.array([[0.0, 1.0]]), Variable(np.array([1]))
    assert float(F.softmax_cross_entropy(x, t)) == pytest.approx(np.log1p(np.exp(-1)))
    assert float(F.accuracy(Variable(x), t)) == 1.0


WRONG_LABELS = [
    (np.ones((2, 3)), np.array([0, 3]), ValueError, "label 3 at position 1 is out of range"),
    (np.ones((2, 3)), np.array([-1, 0]), ValueError, "label -1 at position 0 is out of range"),
    (np.ones((2, 3)), np.array([0]), ValueError, r"got int64\[1\] for scores float64\[2, 3\]"),
    (np.ones((2, 3)), np.array([[0], [1]]), ValueError, r"have the shape \(N,\)"),
    (np.ones((2, 3)), np.ones((2, 3), int), ValueError, r"one-hot rows take argmax\(axis=1\)"),
    (np.ones((2, 3)), np.array([0.0, 1.0]), TypeError, r"integers, got float64\[2\]"),
    (np.ones((2, 3)), np.array([True, False]), TypeError, "integers"),
    (np.ones((2, 3)), [0, 1], TypeError, "integers"),
    (np.ones((2, 3)), None, TypeError, "integers, got None"),
    (np.ones(3), np.array([0, 1, 2]), ValueError, r"scores have the shape \(N, C\)"),
    (np.ones((0, 3)), np.ones(0, int), ValueError, "no mean over an empty batch"),
    (np.ones((1, 0)), np.zeros(1, int), ValueError, "label 0 at position 0 is out of range"),
]


@pytest.mark.parametrize(
    "function", [F.softmax_cross_entropy, F.softmax_cross_entropy_simple, F.accuracy]
)
@pytest.mark.parametrize(("x", "t", "error", "message"), WRONG_LABELS)
def test_wrong_labels_are_named(
    function: Any, x: Any, t: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"{function.__name__}: .*{message}"):
        function(Variable(x), t)


def test_a_wrong_label_on_a_device_makes_the_loss_nan() -> None:
    with fake_device() as device:
        x = device.asarray(np.ones((2, 3), np.float32))
        for labels, wanted in (([0, 2], np.log(3)), ([0, -1], np.nan)):
            loss = F.softmax_cross_entropy(x, device.asarray(np.array(labels)))
            assert loss.dtype == np.float32
            np.testing.assert_allclose(as_numpy(loss), wanted, rtol=1e-6)


def test_accuracy_of_the_book() -> None:
    y = np.array([[0.2, 0.8, 0], [0.1, 0.9, 0], [0.8, 0.1, 0.1]])
    accuracy = F.accuracy(Variable(y), np.array([1, 2, 0]))
    assert float(accuracy) == 0.6666666666666666
    assert not accuracy.requires_grad


def test_mean_squared_error_is_a_mean_over_examples() -> None:
    x0 = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    x1 = Variable(np.zeros((2, 2)))
    for function in (F.mean_squared_error, F.mean_squared_error_simple):
        x0.cleargrad()
        x1.cleargrad()
        loss = function(x0, x1)
        loss.backward()
        assert float(loss) == 15.0
        assert x0.grad is not None and x1.grad is not None
        assert x0.grad.data.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert x1.grad.data.tolist() == [[-1.0, -2.0], [-3.0, -4.0]]
        assert float(function(Variable(np.array(3.0)), 1.0)) == 4.0


@pytest.mark.parametrize("function", [F.mean_squared_error, F.mean_squared_error_simple])
def test_a_loss_is_never_broadcast(function: Any) -> None:
    with pytest.raises(ValueError, match=r"got float64\[3, 1\] and float64\[3\]; .* reshape one"):
        function(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="empty batch"):
        function(np.ones((0, 2)), np.ones((0, 2)))


def test_linear_regression_of_the_book() -> None:
    np.random.seed(0)
    x = np.random.rand(100, 1)
    y = 5 + 2 * x + np.random.rand(100, 1)
    W, b = Variable(np.zeros((1, 1))), Variable(np.zeros(1))
    for _ in range(100):
        loss = F.mean_squared_error(F.linear(x, W, b), y)
        W.cleargrad()
        b.cleargrad()
        loss.backward()
        assert W.grad is not None and b.grad is not None
        W.data -= 0.1 * W.grad.data
        b.data -= 0.1 * b.grad.data
    assert str(W) == "variable([[2.11807369]])"
    assert str(b) == "variable([5.46608905])"


def test_linear_keeps_float32_and_adds_no_bias_in_place_to_what_it_was_given() -> None:
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(4, 3)).astype(np.float32), Parameter(np.eye(3, dtype=np.float32))
    b = Parameter(np.ones(3, np.float32))
    y = F.linear(x, W, b)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, x + 1)
    assert F.linear(x, W, np.ones(3)).dtype == np.float64


def test_linear_says_what_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=re.escape("linear: x has 3 features, W takes 2 (got x: float64[4, 3], W:")
    ):
        F.linear(np.ones((4, 3)), np.ones((2, 5)))
    with pytest.raises(TypeError, match=r"linear: x is an array of shape .* not None"):
        F.linear(None, np.ones((2, 5)))
    with pytest.raises(ValueError, match="linear: W is a matrix"):
        F.linear(np.ones((4, 3)), np.ones(3))


def test_a_parameter_that_was_dropped_is_freed_and_the_backward_pass_runs() -> None:
    x, W = Variable(np.ones((4, 3))), Parameter(np.full((3, 2), 2.0))
    y = F.linear(x, W)
    dropped = weakref.ref(W)
    del W
    assert dropped() is None
    y.backward()
    assert x.grad is not None and x.grad.data.tolist() == [[4.0, 4.0, 4.0]] * 4


def test_the_product_inside_linear_simple_is_freed() -> None:
    x, W, b = np.ones((400, 300)), Variable(np.ones((300, 500))), Variable(np.ones(500))
    tracemalloc.start()
    try:
        y = F.linear_simple(x, W, b)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert y.data.nbytes <= kept < 1.1 * y.data.nbytes


@pytest.mark.parametrize("activation", [F.relu, F.sigmoid, CF.tanh, F.silu, F.gelu, F.softplus])
def test_linear_with_an_activation_is_their_composition(activation: Any) -> None:
    rng = np.random.default_rng(0)
    arrays_here = [rng.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3, 5), (5,))]
    x, W, b = map(Variable, arrays_here)
    wanted = activation(F.linear(x, W, b))
    np.testing.assert_array_equal(F.linear(x, W, b, activation).data, wanted.data)
    # On the host they are two operations, elsewhere one, if the activation is one of five.
    names = [op.name for op in build_graph(F.linear(x, W, b, activation)).operations]
    assert names == [op.name for op in build_graph(wanted).operations]
    wanted.backward()
    with fake_device() as device:
        there = [Variable(device.asarray(array)) for array in arrays_here]
        with device.forbid():
            y = F.linear(*there, activation)
            y.backward()
        np.testing.assert_array_equal(as_numpy(y), wanted.data)
        for here, other in zip((x, W, b), there, strict=True):
            assert here.grad is not None and other.grad is not None
            np.testing.assert_allclose(as_numpy(other.grad), here.grad.data, rtol=1e-6, atol=1e-6)
        names = [op.name for op in build_graph(y).operations]
        assert (names == ["linear_activation"]) == (activation is not F.softplus)


def test_linear_with_an_activation_keeps_only_what_its_slope_needs() -> None:
    with fake_device() as device:
        x, W = (Variable(device.asarray(np.ones((n, n)))) for n in (300, 300))
        for activation, kept in ((F.relu, 1), (F.gelu, 2)):
            tracemalloc.start()
            try:
                y = F.linear(x, W, None, activation)
                size = tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()
            assert kept * y.data.nbytes <= size < (kept + 0.1) * y.data.nbytes


def test_linear_with_an_activation_says_what_does_not_fit() -> None:
    with fake_device() as device:
        x, W = (device.asarray(np.ones(shape)) for shape in ((4, 3), (2, 5)))
        with pytest.raises(ValueError, match="linear_activation: x has 3 features, W takes 2"):
            F.linear(x, W, activation=F.relu)
    with pytest.raises(TypeError, match=r"linear: x is an array of shape .* not None"):
        F.linear(None, np.ones((2, 5)), activation=F.relu)
