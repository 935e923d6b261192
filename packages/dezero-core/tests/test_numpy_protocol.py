"""NumPy's own functions on Variables: recorded where we have the operation, refused otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device

ARRAY = np.array([[0.5, 0.25], [0.125, 0.75]])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sin(x),
        lambda x: np.add(ARRAY, x),
        lambda x: np.true_divide(x, 2),
        lambda x: np.abs(x),
        lambda x: np.acos(x) if hasattr(np, "acos") else np.arccos(x),
        lambda x: np.maximum(0.3, x),
        lambda x: np.matmul(x, ARRAY),
        lambda x: np.sum(x),
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: np.mean(x, 1),
        lambda x: np.amax(x),
        lambda x: np.reshape(x, (4,)),
        lambda x: np.transpose(x),
        lambda x: np.concatenate([x, ARRAY, x]),
        lambda x: np.stack([x, x], axis=1),
        lambda x: np.where(ARRAY > 0.3, x, 0.0),
        lambda x: np.clip(x, 0.2, 0.6),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.linalg.inv(x),
        lambda x: np.linalg.det(x),
        lambda x: np.einsum("ij,jk->ik", x, ARRAY),
        lambda x: np.dot(ARRAY, x),
        lambda x: np.sum(x, out=None),
        lambda x: np.add(x, 1, out=None),
    ],
)
def test_numpys_functions_are_recorded(call: Any) -> None:
    x = Variable(ARRAY)
    y = call(x)
    assert type(y) is Variable and y.requires_grad
    np.testing.assert_allclose(y.data, call(ARRAY), rtol=1e-14)
    y.backward()
    assert x.grad is not None and x.grad.shape == (2, 2)


def test_results_without_gradient() -> None:
    x = Variable(ARRAY)
    assert type(np.zeros_like(x)) is Variable
    assert np.round(x).data.tolist() == np.around(x).data.tolist() == np.round(ARRAY).tolist()  # type: ignore[attr-defined]
    assert np.isfinite(x).data.all()  # type: ignore[attr-defined]


def test_questions_are_answered_from_the_data() -> None:
    x = Variable(ARRAY)
    assert np.allclose(x, ARRAY) and np.array_equal(ARRAY, x)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 2), 2, 4)
    assert np.result_type(x, np.float32) == np.float64


def test_none_is_no_setting_where_ours_has_none_of_that_name() -> None:
    x = Variable(ARRAY)
    # axis=None has a meaning here: all of it flattened.
    assert np.concatenate([x, x], axis=None).shape == (8,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.heaviside(x, 0.5), r"numpy\.heaviside is not recorded: .*x\.data"),
        (lambda x: np.modf(x), r"numpy\.modf is not recorded"),
        (lambda x: np.median(x), r"numpy\.median is not recorded"),
        (lambda x: np.linalg.qr(x), r"numpy\.linalg\.qr is not recorded"),
        (lambda x: np.fft.fft(x), r"numpy\.fft\.fft is not recorded"),
        (lambda x: np.add.reduce(x), r"numpy\.add\.reduce .*functions\.sum$"),
        (lambda x: np.maximum.reduce(x), r"numpy\.maximum\.reduce .*functions\.max$"),
        (lambda x: np.add.at(x, 0, 1.0), r"numpy\.add\.at .*Apply it to x\.data"),
        (lambda x: np.add(x, 1.0, where=ARRAY > 0), r"numpy\.add: where= does not work"),
        (lambda x: np.add(x, 1.0, dtype=np.float32), r"numpy\.add: dtype= does not work"),
        (lambda x: np.add(ARRAY, 1.0, out=x), r"numpy\.add: no array is written to"),
        (lambda x: np.sin(x, np.empty((2, 2))), r"numpy\.sin: no array is written to"),
        (lambda x: np.divmod(x, 2, np.empty(2), np.empty(2)), r"numpy\.divmod: no array"),
        (lambda x: np.sum(x, where=ARRAY > 0), r"numpy\.sum on a Variable is .*sum\(x, axis=None"),
    ],
)
def test_what_is_not_recorded_says_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(Variable(ARRAY))


def test_an_array_does_not_swallow_a_variable() -> None:
    array = np.ones(2)
    with pytest.raises(TypeError, match=r"numpy\.add: no array is written to .*a = a \+ x"):
        array += Variable(np.ones(2))
    assert array.tolist() == [1.0, 1.0]


def test_scalars_of_numpy() -> None:
    x = Variable(np.array([1.0, 2.0], np.float32))
    y = np.float32(2.0) * x
    assert (type(y), y.dtype) == (Variable, np.float32)
    assert type(np.float64(2.0) ** Variable(np.array(3.0))) is Variable


def test_arrays_of_a_device() -> None:
    with fake_device() as device:
        array = device.asarray(np.array([1.0, 2.0]))
        x = Variable(array)
        with device.forbid():
            for y in (array + x, array * x - x, array @ x, array < x, np.exp(x), np.sum(x)):
                assert type(y) is Variable
                assert isinstance(y._data, device.array_types)
        with pytest.raises(TypeError, match="add: the operands live on different backends"):
            np.ones(2) + x


def test_which_names_are_our_own() -> None:
    # All others are NumPy's, and reach us by the protocol. (astype is in NumPy from 2.1 on.)
    own = {name for name in F.__all__ if not hasattr(np, name)} - {"astype"}
    assert own == {"flatten", "get_item", "logsumexp", "sum_to"}
