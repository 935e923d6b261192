"""Normalization in compiled loops gives what NumPy gives, and is as accurate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dezero_core import Variable, using_config
from dezero_core.compiled import using_compiled
from dezero_nn import functions as F
from dezero_nn.functions import _channels, _rows

pytest.importorskip("numba", reason="Numba is not installed")

DTYPES = [np.float32, np.float64]


def batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return F.batch_norm(x, gamma, beta)


def in_test_mode(x: Any, gamma: Any, beta: Any) -> Any:
    mean = np.linspace(-1, 1, x.shape[1]).astype(x.dtype)
    with using_config("train", False):
        return F.batch_norm(x, gamma, beta, mean, mean + 2)


def of_groups(x: Any, gamma: Any, beta: Any) -> Any:
    return F.group_norm(x, 2, gamma, beta)


BY_CHANNEL = [batch_norm, in_test_mode, of_groups]
BY_ROW = {
    "layer": F.layer_norm,
    "layer, no shift": lambda x, gamma, _: F.layer_norm(x, gamma),
    "layer, no scale": lambda x, _, beta: F.layer_norm(x, None, beta),
    "rms": lambda x, gamma, _: F.rms_norm(x, gamma),
    "rms, no scale": lambda x, *_: F.rms_norm(x),
}


def results(f: Callable[..., Any], *operands: Any) -> list[Any]:
    """Return the result and the gradients, by loops or by NumPy."""
    variables = [Variable(operand) for operand in operands]
    y = f(*variables)
    gy = np.random.default_rng(1).normal(size=y.shape)
    y.grad = Variable(gy.astype(y.dtype))
    y.backward()
    return [y.data, *[v.grad.data for v in variables if v.grad is not None]]


def assert_exact(f: Callable[..., Any], x: Any, size: int) -> None:
    """Compare with NumPy's results, in double precision, and their dtypes and shapes."""
    rng = np.random.default_rng(2)
    operands = [x, *[rng.normal(size=size).astype(x.dtype) for _ in range(2)]]
    ours = results(f, *operands)
    with using_compiled(False):
        numpys = results(f, *operands)
        exact = results(f, *[operand.astype(np.float64) for operand in operands])
    # A mean is rounded before it is subtracted.
    offset = 1 + float(np.abs(x.mean()) / x.std())
    tolerance = 20 * np.finfo(x.dtype).eps * offset
    for a, b, c in zip(ours, numpys, exact, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, c, rtol=tolerance, atol=tolerance * np.abs(c).max())


def draw(shape: tuple[int, ...], dtype: Any, offset: float = 0.5) -> Any:
    return (np.random.default_rng(shape).normal(size=shape) * 3 + offset).astype(dtype)


# --- by channel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("f", BY_CHANNEL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(4, 6, 40, 30), (9, 64, 7, 7), (3, 4, 5001), (300, 24), (9, 900)]
)
def test_of_channels(f: Any, dtype: Any, shape: tuple[int, ...]) -> None:
    assert_exact(f, draw(shape, dtype), shape[1])


@pytest.mark.parametrize("shape", [(16, 8, 60, 60), (40_000, 3)])
def test_an_offset_costs_no_more_than_its_rounding(shape: tuple[int, ...]) -> None:
    assert_exact(batch_norm, draw(shape, np.float32, offset=3000), shape[1])


@pytest.mark.parametrize("shape", [(4, 6, 40, 30), (300, 24)])
def test_statistics_of_a_batch(shape: tuple[int, ...]) -> None:
    x = draw(shape, np.float32, offset=100)
    mean, var = np.zeros((2, shape[1]), np.float32)
    ones = np.ones(shape[1], np.float32)
    with using_config("train", True):
        F.batch_norm(x, ones, ones, mean, var, decay=0.0)
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(mean, x.mean(axes, dtype=float), rtol=2e-7)
    np.testing.assert_allclose(var, x.astype(float).var(axes, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(4, 6, 40, 30), (300, 24)])
def test_a_channel_that_is_not_finite_leaves_others_alone(
    value: float, shape: tuple[int, ...]
) -> None:
    x = draw(shape, np.float32)
    x[2, 3, ...].flat[-1] = value
    ones = np.ones(shape[1], np.float32)
    y, gx, *_ = results(batch_norm, x, ones, ones)
    with using_compiled(False), np.errstate(invalid="ignore"):
        wanted, g_wanted, *_ = results(batch_norm, x, ones, ones)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    np.testing.assert_array_equal(np.isnan(gx), np.isnan(g_wanted))
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


def test_a_constant_channel_has_no_variance() -> None:
    x = np.full((300, 24), 0.1, np.float32)
    ones = np.ones(24, np.float32)
    np.testing.assert_allclose(F.batch_norm(x, ones, ones).data, 1, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_channels_of_all_sizes(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 20), min_size=0, max_size=2))
    C = data.draw(st.integers(1, 40))
    few = 2 + 2048 // (C * int(np.prod(sizes, dtype=int)))
    N = data.draw(st.integers(few, few + 5))
    assert_exact(batch_norm, draw((N, C, *sizes), np.float32), C)


# --- by row --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_ROW)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 13, 37), (700, 5), (3, 5000), (90, 768)])
def test_of_rows(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    assert_exact(BY_ROW[name], draw(shape, dtype), shape[-1])


def test_features_of_several_axes() -> None:
    rng = np.random.default_rng(0)
    x, gamma = draw((40, 8, 9), np.float32), rng.normal(size=(8, 9)).astype(np.float32)
    found = []
    for allowed in (True, False):
        with using_compiled(allowed):
            found.append(results(lambda x, g: F.layer_norm(x, g, g), x, gamma))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_a_row_that_is_not_finite_leaves_others_alone() -> None:
    x = draw((90, 100), np.float32)
    x[3, 5], x[7, 9] = np.nan, np.inf
    ones = np.ones(100, np.float32)
    y, gx, *_ = results(F.layer_norm, x, ones, ones)
    for array in (y, gx):
        assert np.isnan(array[[3, 7]]).all()
        assert np.isfinite(np.delete(array, [3, 7], axis=0)).all()


# --- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "f"), [(_channels, batch_norm), (_channels, in_test_mode), (_rows, F.layer_norm)]
)
def test_loops_are_used(module: Any, f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    find = module.find_loops

    def watched(*arrays: Any) -> Any:
        loops = find(*arrays)
        found.append(loops is not None)
        return loops

    for name in ("_blocks", "batch_normalization", "normalization"):
        target = f"dezero_nn.functions.{name}.find_loops"
        if module is (_rows if name == "normalization" else _channels):
            monkeypatch.setattr(target, watched)
    results(f, draw((90, 100), np.float32), *np.ones((2, 100), np.float32))
    assert found and all(found)


@pytest.mark.parametrize(("f", "shape"), [(batch_norm, (6, 5, 90)), (F.layer_norm, (30, 90))])
def test_the_gradient_of_a_gradient_does_not_depend_on_loops(
    f: Any, shape: tuple[int, ...]
) -> None:
    size = shape[1]
    found = []
    for allowed in (True, False):
        with using_compiled(allowed):
            x = Variable(draw(shape, np.float64))
            gamma, beta = (Variable(np.linspace(1, 2, size)) for _ in range(2))
            (f(x, gamma, beta) ** 3).sum().backward(create_graph=True)
            gx = x.grad
            assert gx is not None
            x.cleargrad()
            (gx * gx).sum().backward()
            assert x.grad is not None
            found.append((gx.data, x.grad.data))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10 * np.abs(b).max())
