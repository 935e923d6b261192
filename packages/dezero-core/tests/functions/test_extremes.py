from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device

inf = np.inf


def gradient(function: Any, x: Any, create_graph: bool = False) -> Any:
    variable = Variable(np.array(x))
    function(variable).backward(create_graph=create_graph)
    assert variable.grad is not None
    return variable.grad.data.tolist()


def test_max_and_min_along_axes() -> None:
    x = np.array([[1.0, 5.0, 3.0], [6.0, 4.0, 2.0]])
    assert F.max(x).data == 6.0
    assert F.max(x, axis=0).data.tolist() == [6.0, 5.0, 3.0]
    assert F.min(x, axis=-1, keepdims=True).data.tolist() == [[1.0], [2.0]]
    assert Variable(x).max(axis=(0, 1)).data == 6.0
    assert gradient(lambda x: F.max(x, axis=1), x) == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    assert gradient(F.min, x) == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("extreme", [F.max, lambda x, **kwargs: F.min(-x, **kwargs) * -1.0])
def test_ties_share_the_gradient_in_equal_parts(extreme: Any, create_graph: bool) -> None:
    assert gradient(extreme, [1.0, 1.0, 0.0], create_graph) == [0.5, 0.5, 0.0]
    x = [[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]]
    third = 1 / 3
    assert gradient(lambda x: extreme(x, axis=1), x, create_graph) == [[0.5, 0, 0.5], [third] * 3]
    assert gradient(extreme, [inf, 1.0, inf], create_graph) == [0.5, 0.0, 0.5]


def test_nan_is_an_extreme_without_gradient() -> None:
    x = Variable(np.array([[np.nan, 1.0], [3.0, 2.0]]))
    y = F.max(x, axis=1)
    assert np.isnan(y.data[0])
    y.backward()
    assert x.grad is not None and x.grad.data.tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_extremes_of_integers_and_float32() -> None:
    assert F.max(np.array([1, 3, 2])).data == 3
    assert gradient(F.max, [1, 3, 3]) == [0.0, 0.5, 0.5]
    x = Variable(np.array([1.0, 3.0], np.float32))
    F.max(x).backward()
    assert x.grad is not None and x.grad.dtype == np.float32


def test_where_the_extremes_are() -> None:
    x = Variable(np.array([[1.0, 5.0, 5.0], [6.0, 0.0, 2.0]]))
    assert F.argmax(x).data == 3
    assert F.argmax(x, axis=1).data.tolist() == [1, 0]
    assert F.argmin(x, axis=0, keepdims=True).data.tolist() == [[0, 1, 1]]
    assert not F.argmax(x).requires_grad
    taken = F.take_along_axis(x, F.argmax(x, axis=1, keepdims=True), axis=1)
    assert taken.data.tolist() == [[5.0], [6.0]]


# The smooth maximum.


def test_logsumexp_of_numbers_of_any_size() -> None:
    log2 = np.log(2.0)
    assert F.logsumexp(np.array([1000.0, 1000.0])).data == 1000.0 + log2
    assert F.logsumexp(np.array([-1000.0, -1000.0])).data == -1000.0 + log2
    x = np.array([88.0, -200.0, 3e38], np.float32)
    assert F.logsumexp(x).data == x[2]
    assert F.logsumexp(x).dtype == np.float32
    half = Variable(np.array([60000.0, -60000.0], np.float16))
    y = F.logsumexp(half)
    assert (y.data, y.dtype) == (60000.0, np.float16)
    y.backward()
    assert half.grad is not None and half.grad.data.tolist() == [1.0, 0.0]
    np.testing.assert_allclose(F.logsumexp(np.array([0, 0, 0])).data, np.log(3.0))
    assert F.logsumexp(2.5).data == 2.5


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("x", "y", "gx"),
    [
        ([0.0, 0.0], np.log(2.0), [0.5, 0.5]),
        ([0.0, -inf], 0.0, [1.0, 0.0]),
        ([-inf, -inf], -inf, [0.0, 0.0]),
        ([inf, 1e300, -inf], inf, [1.0, 0.0, 0.0]),
        ([inf, inf], inf, [1.0, 1.0]),
    ],
)
def test_logsumexp_of_infinities(x: Any, y: float, gx: Any, create_graph: bool) -> None:
    np.testing.assert_allclose(F.logsumexp(np.array(x)).data, y)
    np.testing.assert_allclose(gradient(F.logsumexp, x, create_graph), gx)


def test_logsumexp_hands_nan_on() -> None:
    assert np.isnan(F.logsumexp(np.array([np.nan, 1.0])).data)


def test_the_gradient_of_logsumexp_is_softmax() -> None:
    x = np.array([[0.2, -0.4, 1.3], [1000.0, 1001.0, 999.0]])
    e = np.exp(x - x.max(axis=1, keepdims=True))
    found = gradient(lambda x: F.logsumexp(x, axis=1), x)
    np.testing.assert_allclose(found, e / e.sum(axis=1, keepdims=True))


# Errors, and what a device must not be asked.


@pytest.mark.parametrize("name", ["max", "min", "logsumexp"])
def test_errors_name_the_function_the_axis_and_the_shape(name: str) -> None:
    function = getattr(F, name)
    with pytest.raises(ValueError, match=rf"^{name}: axis 2 is out of range: .*\[2, 3\]"):
        function(np.ones((2, 3)), axis=2)
    with pytest.raises(ValueError, match=rf"^{name}: zero-size array .*float64\[0, 3\]"):
        function(np.ones((0, 3)), axis=0)
    assert function(np.ones((0, 3)), axis=1).shape == (0,)
    with pytest.raises(TypeError, match=rf"^{name}: .*list"):
        function([1.0, 2.0])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_indices_are_along_one_axis(name: str) -> None:
    function = getattr(F, name)
    with pytest.raises(TypeError, match=rf"^{name}: an axis is an integer, got \(0, 1\)"):
        function(np.ones((2, 3)), axis=(0, 1))
    with pytest.raises(ValueError, match=rf"^{name}: axis -3 is out of range"):
        function(np.ones((2, 3)), axis=-3)
    with pytest.raises(ValueError, match=rf"^{name}: attempt to get {name} of an empty sequence"):
        function(np.ones(0))


def test_extremes_wait_for_no_device() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.array([[-inf, -inf], [1.0, 1.0]])))
        with device.forbid():
            (F.max(x, axis=1) + F.logsumexp(x, axis=1)).backward()
        assert x.grad is not None
        np.testing.assert_allclose(device.to_numpy(x.grad.data), [[0.5, 0.5], [1.0, 1.0]])
