"""L-BFGS and Newton's method."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable, as_numpy, no_grad
from dezero_core import functions as F
from dezero_core.protocols import StatefulObject
from dezero_core.testing import fake_device
from dezero_optim import LBFGS, SGD, Newton


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (x[:-1] - 1) ** 2).sum()


def test_gradient_descent_on_rosenbrock_as_in_the_book(new_source: Any) -> None:
    # Step 28.
    source = new_source(np.array([0.0, 2.0]))
    (x,) = source.parameters
    optimizer = SGD(lr=0.001).setup(source)
    rosenbrock(x).backward()
    assert x.grad.data.tolist() == [-2, 400]
    # The book shows each point before it is left: the last of a thousand has seen 999 updates.
    for step in range(1, 10_000):
        x.cleargrad()
        rosenbrock(x).backward()
        optimizer.update()
        if step == 999:
            np.testing.assert_allclose(x.data, [0.68349178, 0.4656506], atol=1e-8)
    np.testing.assert_allclose(x.data, [0.99449622, 0.98900063], atol=1e-8)


def test_newton_on_a_polynomial_as_in_the_book(new_source: Any) -> None:
    # Steps 29 and 33.
    source = new_source(np.array(2.0))
    (x,) = source.parameters
    optimizer = Newton().setup(source)
    path = []
    for _ in range(7):
        optimizer.update(lambda: x**4 - 2 * x**2)
        path.append(float(x.data))
    expected = [
        *(1.4545454545454546, 1.1510467893775467, 1.0253259289766978, 1.0009084519430513),
        *(1.0000012353089454, 1.000000000002289, 1.0),
    ]
    np.testing.assert_allclose(path, expected, rtol=1e-15)
    assert optimizer.t == 7


def test_newton_on_rosenbrock(new_source: Any) -> None:
    source = new_source(np.array([0.0, 2.0]))
    (x,) = source.parameters
    optimizer = Newton().setup(source)
    losses = [optimizer.update(lambda: rosenbrock(x)) for _ in range(6)]
    assert losses[0] == 401
    np.testing.assert_allclose(x.data, [1, 1], rtol=1e-12)


def test_newton_solves_a_quadratic_of_several_parameters_at_once(new_source: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20, 6)), rng.normal(size=20)
    source = new_source(np.zeros((2, 2)), np.array(5.0), np.zeros(2))
    w, _, v = source.parameters  # the loss does not depend on the one between

    def loss() -> Any:
        return ((F.matmul(a, F.concatenate([w.reshape(4), v])) - b) ** 2).sum() + w[0, 0]

    damped = Newton(lr=1.0, damping=1e-9).setup(source)
    damped.update(loss)
    found = np.concatenate([w.data.reshape(-1), v.data])
    exact = np.linalg.solve(2 * a.T @ a, 2 * a.T @ b - np.eye(6)[0])
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    assert source.parameters[1].data == 5
    assert w.grad is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("n", [2, 10])
def test_lbfgs_on_rosenbrock(n: int, dtype: Any, new_source: Any) -> None:
    start = np.resize(np.array([-1.2, 1.0], dtype), n)
    source = new_source(start)
    (x,) = source.parameters
    optimizer = LBFGS().setup(source)
    losses = [optimizer.update(lambda: rosenbrock(x)) for _ in range(120 if n == 10 else 45)]
    assert x.data is start
    assert x.dtype == dtype
    assert x.grad is None
    if dtype == np.float16:
        assert losses[-1] < losses[0] / 5
    else:
        tolerance = 1e-9 if dtype == np.float64 else 1e-2
        np.testing.assert_allclose(x.data, np.ones(n), rtol=tolerance)
        assert losses[-1] < (1e-18 if dtype == np.float64 else 1e-5)


def test_lbfgs_trains_a_network_to_the_end(new_source: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(50, 1))
    y = np.sin(2 * np.pi * x)
    source = new_source(rng.normal(size=(1, 8)), np.zeros(8), rng.normal(size=(8, 1)), np.zeros(1))
    w1, b1, w2, b2 = source.parameters

    def loss() -> Any:
        return ((F.matmul(F.tanh(F.matmul(x, w1) + b1), w2) + b2 - y) ** 2).mean()

    optimizer = LBFGS().setup(source)
    losses = [optimizer.update(loss) for _ in range(200)]
    assert losses[-1] < 1e-4 * losses[0]
    # It never goes uphill.
    assert (np.diff(losses) <= 0).all()


def test_a_flat_place_stays(new_source: Any) -> None:
    source = new_source(np.zeros(2))
    (x,) = source.parameters
    optimizer = LBFGS().setup(source)
    assert optimizer.update(lambda: (x**2).sum()) == 0
    assert x.data.tolist() == [0, 0]
    assert LBFGS().setup(new_source()).update(lambda: Variable(np.array(3.0))) == 3


@pytest.mark.parametrize("make", [LBFGS, Newton])
def test_misuse_is_named_and_changes_nothing(make: Any, new_source: Any) -> None:
    name = make.__name__
    source = new_source(np.array([1.0, 2.0]))
    (x,) = source.parameters
    with pytest.raises(TypeError, match=rf"{name}\.setup: wanted is a model .* got <class 'int'>"):
        make().setup(3)
    with pytest.raises(RuntimeError, match=rf"{name}\.update: there is no target; call setup"):
        make().update(lambda: rosenbrock(x))
    optimizer = make().setup(source)
    with pytest.raises(TypeError, match=r"a Variable of one element, got shape \(2,\)"):
        optimizer.update(lambda: x * 2)
    with pytest.raises(TypeError, match=r"a Variable of one element, got <class 'float'>"):
        optimizer.update(lambda: 3.0)
    with no_grad(), pytest.raises(ValueError, match=r"computed under no_grad\(\)\?"):
        optimizer.update(lambda: rosenbrock(x))
    with pytest.raises(FloatingPointError, match=rf"{name}\.update: the loss is nan; nothing was"):
        optimizer.update(lambda: (x * float("nan")).sum())
    optimizer.lr = float("nan")
    with pytest.raises(ValueError, match=f"{name}: lr must be a finite number"):
        optimizer.update(lambda: rosenbrock(x))
    with pytest.raises(ValueError, match=f"{name}: lr must be a finite number"):
        make(lr=-1)
    assert x.data.tolist() == [1, 2]
    assert optimizer.t == 0


def test_what_newton_can_not_do_is_named(new_source: Any) -> None:
    source = new_source(np.array([1.0, 2.0]))
    (x,) = source.parameters
    optimizer = Newton().setup(source)
    with pytest.raises(FloatingPointError, match="the Hessian is singular or not finite"):
        optimizer.update(lambda: x.sum())
    assert x.data.tolist() == [1, 2]
    optimizer.damping = 0.5
    optimizer.update(lambda: x.sum())
    assert x.data.tolist() == [-1, 0]
    large = new_source(np.ones(5000))
    with pytest.raises(ValueError, match="5000 parameters have a Hessian of 5000 x 5000 numbers"):
        Newton().setup(large).update(lambda: (large.parameters[0] ** 2).sum())


def test_an_error_in_the_closure_leaves_the_parameters_as_they_were(new_source: Any) -> None:
    source = new_source(np.array([0.0, 2.0]))
    (x,) = source.parameters
    optimizer = LBFGS().setup(source)
    calls = []

    def loss() -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rosenbrock(x)

    with pytest.raises(KeyboardInterrupt):
        optimizer.update(loss)
    assert x.data.tolist() == [0, 2]
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="the gradient is inf"):
        optimizer.update(lambda: F.sqrt(x[0]))
    assert x.data.tolist() == [0, 2]


def test_places_without_a_value_are_avoided(new_source: Any) -> None:
    # The logarithm has none below 0, where the first step leads.
    source = new_source(np.array([1.0]))
    (x,) = source.parameters
    optimizer = LBFGS(lr=100.0).setup(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(30):
            optimizer.update(lambda: (x * 3 - F.log(x)).sum())
    np.testing.assert_allclose(x.data, 1 / 3, rtol=1e-8)


def test_lbfgs_resumes_bit_for_bit(new_source: Any) -> None:
    source = new_source(np.array([-1.2, 1.0, 0.5]))
    (x,) = source.parameters
    optimizer = LBFGS(lr=0.5, history=3).setup(source)
    for _ in range(6):
        optimizer.update(lambda: rosenbrock(x))
    state, middle = optimizer.state_dict(), x.data.copy()
    assert isinstance(optimizer, StatefulObject)
    assert state["steps"].shape == (3, 3)
    for _ in range(5):
        optimizer.update(lambda: rosenbrock(x))
    other = new_source(middle)
    (y,) = other.parameters
    resumed = LBFGS(history=3).setup(other)
    resumed.load_state_dict(state)
    assert (resumed.t, resumed.lr) == (6, 0.5)
    for _ in range(5):
        resumed.update(lambda: rosenbrock(y))
    np.testing.assert_array_equal(x.data, y.data)
    fresh = LBFGS().setup(other)
    fresh.load_state_dict(LBFGS().setup(other).state_dict())
    bad = {**state, "steps": state["steps"][:, :2], "lr": -1}
    with pytest.raises(ValueError, match=r"no number, at least 0: lr, -1\n.*wanted are two arrays"):
        resumed.load_state_dict(bad)
    bad = {**state, "steps": state["steps"][:, :2], "changes": state["changes"][:, :2]}
    with pytest.raises(ValueError, match="steps and changes: 2 numbers each, wanted 3"):
        resumed.load_state_dict(bad)
    assert resumed.lr == 0.5


def test_newtons_state() -> None:
    optimizer = Newton(lr=0.5, damping=0.25)
    optimizer.t = 3
    other = Newton()
    other.load_state_dict(optimizer.state_dict())
    assert other.state_dict() == {"t": 3, "lr": 0.5, "damping": 0.25}
    with pytest.raises(ValueError, match=r"Newton\.load_state_dict.*\n  missing: damping"):
        other.load_state_dict({"t": 1, "lr": 0.1})
    assert other.t == 3


@pytest.mark.parametrize("make", [LBFGS, Newton])
def test_on_a_device(make: Any, new_source: Any) -> None:
    host = new_source(np.array([0.0, 2.0]))
    with fake_device() as device:
        source = new_source(device.asarray(np.array([0.0, 2.0])))
        for place in (host, source):
            (x,) = place.parameters
            device.reset()
            optimizer = make().setup(place)
            for _ in range(8):
                optimizer.update(lambda x=x: rosenbrock(x))
            assert device.transfers == 0
        found = as_numpy(source.parameters[0])
    np.testing.assert_allclose(found, host.parameters[0].data, rtol=1e-9)


def test_a_model_that_was_never_called_gets_its_arrays_in_the_closure() -> None:
    class Lazy:
        w = Parameter(None)

        def params(self) -> Any:
            yield self.w

        def loss(self) -> Any:
            if self.w.data is None:
                self.w.data = np.array([3.0])
            return (self.w**2).sum()

    lazy = Lazy()
    Newton().setup(lazy).update(lazy.loss)
    assert lazy.w.data.tolist() == [0]
