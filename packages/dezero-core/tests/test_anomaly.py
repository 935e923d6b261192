"""The mode that says where numbers go wrong first."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from dezero_core import AnomalyError, Config, Function, Variable, detect_anomaly
from dezero_core import functions as F
from dezero_core.typing import Array


@pytest.fixture(autouse=True)
def quiet() -> object:
    with np.errstate(all="ignore"):
        yield


def test_forward_names_the_operation_the_operands_and_the_line() -> None:
    x = Variable(np.array([4.0, 0.0, -2.0]), "x")
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        F.log(x + 1.0)  # the line of the user
    message = str(caught.value)
    assert message.startswith("log: the result is not finite: 1 of 3 elements, the first at [2]")
    assert "nan" in message
    assert "x: float64[3] from -1 to 5" in message
    assert "test_anomaly.py" in message
    assert "F.log(x + 1.0)  # the line of the user" in message


def test_only_the_first_operation_is_blamed() -> None:
    x = Variable(np.array([np.inf, 1.0]))
    with detect_anomaly():
        y = x * 2.0 + 1.0  # what comes in is not finite already
    assert y.data[0] == np.inf


def test_backward_names_the_rule_and_the_line_that_ran_the_operation() -> None:
    x = Variable(np.array([0.0, 4.0]), "x")
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        y = F.sqrt(x)  # has no slope at zero
        y.backward()
    message = str(caught.value)
    assert message.startswith("backward of sqrt: the gradient of 'x' is not finite")
    assert "gy: float64[2] from 1 to 1" in message
    assert "F.sqrt(x)  # has no slope at zero" in message
    assert x.grad is None


def test_a_change_in_place_is_found_however_it_was_made() -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    with detect_anomaly():
        y = x * x
        x.data[0] = 7.0
        with pytest.raises(AnomalyError, match=r"operand x0.* was changed in place"):
            y.backward()
    with detect_anomaly(check_changes=False):
        y = x * x
        x.data[0] = 8.0
        y.backward()
    assert x.grad is not None


def test_a_change_that_no_rule_minds_is_fine() -> None:
    x = Variable(np.array([1.0, 2.0]))
    with detect_anomaly():
        y = x + 1.0
        x.data[0] = 7.0
        y.backward()
    np.testing.assert_array_equal(x.grad.data, [1.0, 1.0])


def test_gradients_of_gradients_are_watched() -> None:
    x = Variable(np.array(0.0))
    with detect_anomaly():
        y = x**1.5
        y.backward(create_graph=True)
        gx = x.grad
        x.cleargrad()
        with pytest.raises(AnomalyError, match="not finite"):
            gx.backward()


def test_functions_of_the_book_are_watched() -> None:
    class Reciprocal(Function):
        def forward(self, x: Array) -> Array:
            return 1.0 / x

        def backward(self, gy: Variable) -> Variable:
            return gy

    with (
        pytest.raises(AnomalyError, match=r"^Reciprocal: the result is not finite"),
        detect_anomaly(),
    ):
        Reciprocal()(Variable(np.array(0.0)))


def test_it_ends_with_the_block_and_belongs_to_the_context() -> None:
    seen = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(Config.watcher))
        thread.start()
        thread.join()
        assert Config.watcher is not None
    assert Config.watcher is None
    assert seen == [None]
    with pytest.raises(AnomalyError), detect_anomaly():
        F.log(Variable(np.array(-1.0)))
    assert Config.watcher is None


def test_results_and_gradients_are_those_of_a_run_without_it() -> None:
    def run() -> tuple[Array, Array]:
        x = Variable(np.array([[0.3, -0.2], [0.5, 0.1]]))
        y = F.sum(F.tanh(x @ x) * F.exp(x), axis=0)
        F.sum(y * y).backward()
        return y.data, x.grad.data

    plain = run()
    with detect_anomaly():
        watched = run()
    for a, b in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(a, b)
