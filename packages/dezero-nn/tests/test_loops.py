"""Compiled loops give what NumPy gives, forward and back, special values included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core.compiled import using_compiled
from dezero_nn import functions as F
from dezero_nn.functions.convolution.algorithms import using_algorithm

pytest.importorskip("numba", reason="Numba is not installed")

from dezero_nn.loops import elementwise, pooling, recurrent, scalars, winograd

DTYPES = [np.float32, np.float64]


def watch(monkeypatch: pytest.MonkeyPatch, module: Any, *names: str) -> list[str]:
    """Return a list that names the loops of a module as they are called."""
    calls: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        loop = getattr(module, name)
        return lambda *args: (calls.append(name), loop(*args))[1]

    for name in names:
        monkeypatch.setattr(module, name, watched(name))
    return calls


def both(f: Callable[..., Any], *arrays: Any) -> list[list[Any]]:
    """Return results and gradients, by compiled loops and by NumPy."""
    found = []
    for allowed in (True, False):
        with using_compiled(allowed):
            variables = [Variable(array.copy()) for array in arrays]
            y = f(*variables)
            rng = np.random.default_rng(1)
            y.grad = Variable(rng.normal(size=y.shape).astype(y.dtype))
            y.backward()
            found.append([y.data, *[x.grad.data for x in variables if x.grad is not None]])
    return found


def assert_alike(found: list[list[Any]], rtol: float) -> None:
    for ours, numpys in zip(*found, strict=True):
        assert ours.dtype == numpys.dtype
        scale = float(np.abs(numpys[np.isfinite(numpys)]).max(initial=1.0))
        np.testing.assert_allclose(ours, numpys, rtol=rtol, atol=rtol * scale)


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high", "units"),
    [("exp", -87.3, 88.3, 1.6), ("tanh", -20, 20, 5.5)],
)
def test_functions_are_exact_to_a_few_units_in_the_last_place(
    name: str, low: float, high: float, units: float
) -> None:
    function = getattr(scalars, name)
    x = np.linspace(low, high, 40_001).astype(np.float32)
    y = np.array([function(v) for v in x])  # single precision, in Python's numbers
    np.testing.assert_array_equal(y, y.astype(np.float32))
    wanted = getattr(np, name)(x.astype(np.float64))
    assert np.max(np.abs(y - wanted) / np.spacing(np.abs(wanted.astype(np.float32)))) < units


def test_the_logistic_function_by_tanh_is_exact_to_a_rounding_error_of_1() -> None:
    x = np.linspace(-40, 40, 40_001).astype(np.float32)
    y = np.array([scalars.sigmoid(v) for v in x])
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-x.astype(np.float64))), rtol=0, atol=2e-7)


def test_functions_at_their_limits() -> None:
    nan, infinity = np.float32(np.nan), np.float32(np.inf)
    for function in (scalars.exp, scalars.tanh, scalars.sigmoid):
        assert np.isnan(function(nan))
    assert scalars.exp(infinity) == infinity
    assert 0 <= scalars.exp(-infinity) < 1.2e-38
    assert [scalars.tanh(x) for x in (infinity, -infinity)] == [1, -1]
    assert [scalars.sigmoid(x) for x in (infinity, -infinity)] == [1, 0]
    x = np.linspace(-30, 30, 10_001).astype(np.float32)
    assert np.abs([scalars.tanh(v) for v in x]).max() <= 1


# --- element by element --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5000,), (3, 41, 43), (300_001,)])
def test_relu_is_numpys_to_the_last_bit(
    dtype: Any, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watch(monkeypatch, elementwise, "relu", "relu_gradient")
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    x.flat[:5] = np.nan, np.inf, -np.inf, 0.0, -0.0
    found = both(F.relu, x)
    assert set(calls) == {"relu", "relu_gradient"}
    for ours, numpys in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, numpys)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_logistic_function_and_its_slope(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = watch(monkeypatch, elementwise, "sigmoid", "sigmoid_gradient")
    x = np.random.default_rng(0).normal(size=(70, 80)).astype(dtype) * 20
    x.flat[:7] = np.nan, np.inf, -np.inf, 0.0, 1000.0, -1000.0, -80.0
    found = both(F.sigmoid, x)
    # In double precision NumPy's exponential is the faster one.
    assert set(calls) == {"sigmoid", "sigmoid_gradient"} - (
        {"sigmoid"} if dtype is DTYPES[1] else set()
    )
    assert_alike(found, 1e-6 if dtype is np.float32 else 1e-15)
    small = F.sigmoid(np.full(5000, -80.0, np.float32)).data
    np.testing.assert_allclose(small, np.exp(-80.0), rtol=1e-6)


# --- pooling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(28, 28), (15, 9), (2, 3)])
@pytest.mark.parametrize("pad", [0, 1])
def test_pooling_of_2x2_is_numpys_to_the_last_bit(
    dtype: Any, size: tuple[int, int], pad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watch(monkeypatch, pooling, "largest_of_four", "to_winners_of_four")
    rng = np.random.default_rng(0)
    # Ties in most windows, as relu makes them.
    x = np.maximum(np.round(rng.normal(size=(20, 64, *size))), 0).astype(dtype)
    x[0, 0, :2, :2] = np.nan
    x[1, 1, 0, 1] = np.nan
    x[2, 2] = -np.inf
    found = both(lambda x: F.pooling(x, 2, 2, pad), x)
    assert set(calls) == {"largest_of_four", "to_winners_of_four"}
    for ours, numpys in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, numpys)


def test_an_infinite_gradient_goes_to_the_winner_alone() -> None:
    x = Variable(np.arange(8192.0, dtype=np.float32).reshape(2, 1, 64, 64))
    y = F.pooling(x, 2, 2)
    y.grad = Variable(np.full(y.shape, np.inf, np.float32))
    y.backward()
    assert x.grad is not None
    assert x.grad.data[0, 0, :2, :2].tolist() == [[0, 0], [0, np.inf]]


# --- recurrent networks --------------------------------------------------------------------------


def lstm_operands(n: int, hidden: int, in_size: int, dtype: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = [(6, n, in_size), (4, in_size, hidden), (4, hidden, hidden), (4, hidden)]
    shapes += [(n, hidden), (n, hidden)]
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.fixture(params=[True, False], ids=["small", "large"])
def is_small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether products of matrices are compiled, too, whatever their size and the processor."""
    monkeypatch.setattr(recurrent, "is_small", lambda *_: request.param)
    is_small: bool = request.param
    return is_small


@pytest.mark.parametrize("outputs", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("states", [True, False])
def test_an_lstm_over_a_sequence(
    outputs: tuple[int, ...], states: bool, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["lstm_steps_whole", "lstm_steps_whole_back"]
    names = names if is_small else ["lstm_step", "lstm_step_back"]
    calls = watch(monkeypatch, recurrent, *names)
    operands = lstm_operands(30, 50, 3, np.float32)
    operands = operands if states else operands[:4]

    def f(*operands: Any) -> Any:
        found = F.lstm(*operands)
        return sum((found[i] * found[i]).sum() for i in outputs)

    assert_alike(both(f, *operands), 2e-5)
    assert set(calls) == {*names}


@pytest.mark.parametrize("states", [True, False])
def test_a_step_of_an_lstm(states: bool, is_small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["lstm_step_whole", "lstm_step_whole_back"]
    names = names if is_small else ["lstm_step", "lstm_step_back"]
    calls = watch(monkeypatch, recurrent, *names)
    operands = lstm_operands(30, 50, 3, np.float32)
    operands[0] = operands[0][0]
    operands = operands if states else operands[:4]

    def f(*operands: Any) -> Any:
        h, c = F.lstm_cell(*operands)
        return (h * h).sum() + (c * c).sum()

    assert_alike(both(f, *operands), 2e-5)
    assert set(calls) == {*names}


@pytest.mark.parametrize("needed", [(0,), (2,), (3,), (0, 1), (1, 2)])
def test_a_step_back_to_some_of_its_operands(needed: tuple[int, ...], is_small: bool) -> None:
    x, *others = lstm_operands(30, 50, 3, np.float32)
    operands = [x[0], *others]
    chosen = [operands[i] for i in needed]

    def f(*variables: Any) -> Any:
        arguments = list(operands)
        for i, variable in zip(needed, variables, strict=True):
            arguments[i] = variable
        h, c = F.lstm_cell(*arguments)
        return h * c

    assert_alike(both(f, *chosen), 2e-5)


def test_double_precision_is_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = watch(monkeypatch, recurrent, *recurrent.__all__)
    found = both(lambda *o: F.lstm(*o)[0], *lstm_operands(30, 50, 3, np.float64))
    assert not calls
    for ours, numpys in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, numpys)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 40), hidden=st.integers(1, 70), steps=st.integers(1, 4))
def test_sizes_of_all_kinds(n: int, hidden: int, steps: int) -> None:
    rng = np.random.default_rng(n)
    shapes = [(steps, n, 2), (4, 2, hidden), (4, hidden, hidden), (4, hidden)]
    operands = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    for is_small in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recurrent, "is_small", lambda *_, is_small=is_small: is_small)
            assert_alike(both(lambda *o: F.lstm(*o)[0], *operands), 2e-5)


def test_the_gradient_of_a_gradient_does_not_depend_on_loops() -> None:
    operands = lstm_operands(30, 50, 3, np.float32)
    found = []
    for allowed in (True, False):
        with using_compiled(allowed):
            x, *others = [Variable(array) for array in operands]
            (F.lstm(x, *others)[0] ** 2).sum().backward(create_graph=True)
            assert x.grad is not None
            gx = x.grad
            x.cleargrad()
            (gx * gx).sum().backward()
            found.append([gx.data, x.grad.data])
    assert_alike(found, 1e-4)


# --- Winograd's transforms -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(14, 14), (9, 7), (1, 2), (31, 64)])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_winograds_transforms_for_tiles_of_2x2(
    size: tuple[int, int], pad: int, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watch(monkeypatch, winograd, "pixels", "results", "gradients")
    size = (size[0] + 2 - pad, size[1] + 2 - pad)
    rng = np.random.default_rng(0)
    shapes = [(7, 33, *size), (35, 33, 3, 3), *([(35,)] if bias else [])]
    operands = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    with using_algorithm("winograd2"):
        found = both(lambda *o: F.conv2d(*o, pad=pad), *operands)
    assert set(calls) == {"pixels", "results", "gradients"}
    assert_alike(found, 2e-6)


def test_a_large_image_is_transformed_some_rows_at_a_time() -> None:
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(1, 40, 150, 131)), rng.normal(size=(48, 40, 3, 3))
    with using_algorithm("winograd2"):
        found = both(lambda *o: F.conv2d(*o), x.astype(np.float32), W.astype(np.float32))
    assert_alike(found, 2e-6)


def test_images_that_may_not_be_written_to_are_transformed() -> None:
    x = np.random.default_rng(0).normal(size=(2, 32, 30, 30)).astype(np.float32)
    x.flags.writeable = False
    W = np.ones((32, 32, 3, 3), np.float32)
    with using_algorithm("winograd2"):
        y = F.conv2d(x, W).data
        with using_compiled(False):
            np.testing.assert_allclose(y, F.conv2d(x, W).data, rtol=1e-4, atol=1e-4)
