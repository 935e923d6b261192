"""Dropout: what is left out, and when. Embedding: rows, and gradients that add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, as_numpy, no_grad, test_mode
from dezero_core.testing import fake_device
from dezero_nn import Dropout, Embedding
from dezero_nn import functions as F
from dezero_nn.initializers import Constant

# --- dropout -----------------------------------------------------------------------------------


def test_dropout_of_the_book() -> None:
    x = np.ones(5)
    y = F.dropout(x)
    assert set(y.data) <= {0.0, 2.0}
    with test_mode():
        assert F.dropout(x).data.tolist() == [1.0] * 5


def test_it_draws_the_numbers_that_the_book_draws() -> None:
    np.random.seed(3)
    y = F.dropout(np.ones((2, 3)), 0.3)
    np.random.seed(3)
    np.testing.assert_allclose(y.data, (np.random.rand(2, 3) > 0.3) / 0.7, rtol=1e-15)


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_a_generator_of_ones_own_leaves_the_global_one_alone(source: Any) -> None:
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    first = F.dropout(np.ones(100), generator=source(7))
    assert np.random.rand() == expected
    np.testing.assert_array_equal(first.data, F.dropout(np.ones(100), generator=source(7)).data)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_mean_stays_and_the_gradient_has_the_same_holes(dtype: Any) -> None:
    x = Variable(np.ones(10_000, dtype))
    y = F.dropout(x, 0.2, generator=np.random.default_rng(0))
    y.backward()
    assert x.grad is not None
    assert y.dtype == x.grad.dtype == dtype
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert (y.data == 0).mean() == pytest.approx(0.2, abs=0.01)
    assert y.data.astype(float).mean() == pytest.approx(1, abs=0.02)


def test_nothing_is_drawn_where_nothing_is_left_out() -> None:
    x = Variable(np.ones(3))
    np.random.seed(0)
    state = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr, call-overload]
    assert F.dropout(x, 0) is x
    with test_mode():
        assert Dropout(0.9)(x) is x
    assert np.random.get_state()[1].tolist() == state  # type: ignore[index, union-attr, call-overload]


def test_dropout_on_a_device_draws_there() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.ones(100, np.float32)))
        with device.forbid():
            y = F.dropout(x)
            y.backward()
        assert x.grad is not None
        assert set(as_numpy(y)) == {0.0, 2.0}
        np.testing.assert_array_equal(as_numpy(x.grad), as_numpy(y))


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 2, float("nan")])
def test_a_ratio_that_is_none_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="dropout: dropout_ratio is from 0 to less than 1, got"):
        F.dropout(np.ones(3), ratio)
    with pytest.raises(ValueError, match="Dropout: dropout_ratio is from 0 to less than 1, got"):
        Dropout(ratio)


# --- embedding ---------------------------------------------------------------------------------


def test_gradients_of_an_id_add_up() -> None:
    layer = Embedding(4, 2)
    y = layer(np.array([[1, 3], [1, 1]], np.uint8))
    assert (y.shape, y.dtype) == ((2, 2, 2), np.dtype(np.float32))
    np.testing.assert_array_equal(y.data[0, 1], layer.W.data[3])
    y.backward()
    assert layer.W.grad is not None
    assert layer.W.grad.data.tolist() == [[0, 0], [3, 3], [0, 0], [1, 1]]


def test_vectors_are_drawn_as_the_book_draws_them_or_as_one_likes() -> None:
    np.random.seed(5)
    layer = Embedding(3, 2)
    np.random.seed(5)
    np.testing.assert_array_equal(layer.W.data, np.random.randn(3, 2).astype(np.float32))
    assert Embedding(3, 2, np.float64, initializer=Constant(0.5)).W.data.tolist() == [[0.5] * 2] * 3
    assert repr(layer) == "Embedding(in_size=3, out_size=2)"


def test_ids_may_be_a_number_a_variable_or_none_at_all() -> None:
    W = Parameter(np.arange(6.0).reshape(3, 2))
    assert F.embedding(1, W).data.tolist() == [2.0, 3.0]
    assert F.embedding(Variable(np.array([2])), W).data.tolist() == [[4.0, 5.0]]
    empty = F.embedding(np.zeros((0, 3), int), W)
    empty.backward()
    assert empty.shape == (0, 3, 2)
    assert W.grad is not None and not W.grad.data.any()


def test_ids_that_change_later_do_no_harm() -> None:
    W, ids = Parameter(np.zeros((3, 1))), np.array([0, 1])
    y = F.embedding(ids, W)
    ids[:] = 2
    y.backward()
    assert W.grad is not None and W.grad.data.tolist() == [[1], [1], [0]]


def test_embedding_says_what_is_wrong() -> None:
    W = np.ones((3, 2))
    with pytest.raises(TypeError, match=r"embedding: ids are an array of integers, got float64\[1"):
        F.embedding(np.ones(1), W)
    with pytest.raises(TypeError, match="got None"):
        F.embedding(None, W)
    with pytest.raises(TypeError, match="got True"):
        F.embedding(True, W)
    for ids in ([0, 3], [-1, 2]):
        with pytest.raises(ValueError, match=r"ids go from 0 to 2 for W, float64\[3, 2\]; got"):
            F.embedding(np.array(ids), W)
    with pytest.raises(ValueError, match=r"embedding: W is a matrix of shape \(V, D\)"):
        F.embedding(np.array([0]), np.ones(3))
    with pytest.raises(ValueError, match="Embedding: in_size must be at least 1, got 0"):
        Embedding(0, 2)
    with pytest.raises(TypeError, match=r"Embedding: out_size must be an integer, got 2\.5"):
        Embedding(2, 2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="floating-point type, got int64"):
        Embedding(2, 2, np.int64)


def test_no_graph_is_kept_where_none_is_wanted() -> None:
    layer = Embedding(3, 2)
    with no_grad():
        assert not layer(np.array([1])).requires_grad
