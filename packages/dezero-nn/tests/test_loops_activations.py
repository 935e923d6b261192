"""Smooth activations and softmax in compiled loops give what NumPy gives in single precision."""

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
from dezero_nn.functions import _blocks

pytest.importorskip("numba", reason="Numba is not installed")

SMOOTH: dict[str, Callable[[Any], Any]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_by_tanh": lambda x: F.gelu(x, "tanh"),
}


def results(f: Callable[[Any], Any], x: Any, gy: Any = 1.0) -> tuple[Any, Any]:
    """Return the result and the gradient."""
    v = Variable(x)
    y = f(v)
    y.grad = Variable(np.full_like(x, gy))
    y.backward()
    assert v.grad is not None
    return y.data, v.grad.data


def numpys(f: Callable[[Any], Any], x: Any, gy: Any = 1.0) -> tuple[Any, Any]:
    with using_compiled(False), np.errstate(all="ignore"):
        return results(f, x, gy)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_and_their_slopes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loops = _blocks._loops.module()
    calls: list[str] = []

    def watched(loop: str, compiled: Any) -> Any:
        return lambda *rows: (calls.append(loop), compiled(*rows))

    for loop in (name, f"{name}_gradient"):
        monkeypatch.setattr(loops, loop, watched(loop, getattr(loops, loop)))
    x = np.linspace(-20, 20, 30_001).astype(np.float32)
    y, gx = results(SMOOTH[name], x, 2.0)
    assert set(calls) == {name, f"{name}_gradient"}
    exact, g_exact = numpys(SMOOTH[name], x.astype(float), 2.0)
    assert y.dtype == gx.dtype == np.float32
    np.testing.assert_allclose(y, exact, rtol=5e-7, atol=1e-6)
    # Beside 1 - tanh(...)^2 there are factors of up to 20.
    np.testing.assert_allclose(gx, g_exact, rtol=1e-6, atol=1.2e-5)


def test_gelu_is_accurate_far_down() -> None:
    x = np.linspace(-13, -1, 5001).astype(np.float32)
    exact, _ = numpys(F.gelu, x.astype(float))
    np.testing.assert_allclose(F.gelu(x).data, exact, rtol=1e-5)


@pytest.mark.parametrize("name", SMOOTH)
def test_special_values_of_smooth_functions(name: str) -> None:
    x = np.zeros(5000, np.float32)
    x[:7] = np.nan, np.inf, -1e30, 1e30, 90, -90, -0.0
    y, gx = results(SMOOTH[name], x)
    np.testing.assert_allclose(y[:7], [np.nan, np.inf, 0, 1e30, 90, 0, 0], atol=1e-30)
    np.testing.assert_allclose(gx[[0, 2, 3, 4, 5, 6]], [np.nan, 0, 1, 1, 0, 0.5], atol=1e-6)


@pytest.mark.parametrize("name", SMOOTH)
def test_double_precision_is_left_to_numpy(name: str) -> None:
    x = np.linspace(-5, 5, 5000)
    for ours, wanted in zip(results(SMOOTH[name], x), numpys(SMOOTH[name], x), strict=True):
        np.testing.assert_array_equal(ours, wanted)


# --- softmax -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 300), more=st.integers(1, 5), axis=st.sampled_from([1, -1]))
def test_softmax_of_rows_of_all_lengths(size: int, more: int, axis: int) -> None:
    rng = np.random.default_rng(size)
    x = (rng.normal(size=(2048 // size + more, size)) * 10).astype(np.float32)
    gy = rng.normal(size=x.shape).astype(np.float32)
    y, gx = results(lambda x: F.softmax(x, axis), x, gy)
    exact, g_exact = numpys(lambda x: F.softmax(x, axis), x.astype(float), gy)
    # The exponent is a difference, which is rounded.
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(gx, g_exact, rtol=1e-5, atol=1e-6)
    assert y.dtype == gx.dtype == np.float32


def test_softmax_of_long_rows() -> None:
    x = np.random.default_rng(0).normal(size=(3, 30_011)).astype(np.float32)
    exact, _ = numpys(F.softmax, x.astype(float))
    np.testing.assert_allclose(F.softmax(x).data, exact, rtol=1e-6)


def test_softmax_of_special_values() -> None:
    x = np.zeros((9, 301), np.float32)
    x[1, 300], x[2, 7], x[3] = np.nan, np.inf, -np.inf
    x[4, ::2] = -np.inf
    x[5, 3], x[6] = 1e30, -1e30
    y = F.softmax(x).data
    assert np.isnan(y[1:4]).all()
    np.testing.assert_array_equal(y[4, ::2], 0)
    np.testing.assert_allclose(y[4, 1::2], 1 / 150, rtol=1e-6)
    np.testing.assert_array_equal(y[5], np.eye(301, dtype=np.float32)[3])
    np.testing.assert_allclose(y[[0, 6, 7, 8]], 1 / 301, rtol=1e-6)


def test_softmax_of_several_axes() -> None:
    x = np.random.default_rng(0).normal(size=(4, 30, 20)).astype(np.float32)
    for axis in (0, 1, 2, -1, -3):
        wanted, _ = numpys(lambda x, axis=axis: F.softmax(x, axis), x)
        np.testing.assert_allclose(F.softmax(x, axis).data, wanted, rtol=1e-5)


# --- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMOOTH, "softmax"])
def test_the_gradient_of_a_gradient_does_not_depend_on_loops(name: str) -> None:
    f = SMOOTH.get(name, F.softmax)
    found = []
    for allowed in (True, False):
        with using_compiled(allowed):
            x = Variable(np.linspace(-3, 3, 5000, dtype=np.float32).reshape(50, 100))
            (f(x) ** 2).sum().backward(create_graph=True)
            gx = x.grad
            assert gx is not None
            x.cleargrad()
            (gx * gx).sum().backward()
            assert x.grad is not None
            found.append((gx.data, x.grad.data))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())
