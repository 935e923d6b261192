"""Batch normalization and its gradients beside NumPy, on the emulated device and on a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_cuda.kernels import KERNELS

EPS = 2e-5
TOLERANCE = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-12}
# Whole vectors and not, one sample, columns alone, several parts of a channel.
SHAPES = [(4, 3, 8, 8), (3, 5, 3, 3), (1, 2, 7, 1), (37, 6), (2, 2, 16), (9, 2, 32, 40)]


@pytest.fixture(params=["float16", "float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Any:
    return np.dtype(request.param)


def operands(dtype: Any, shape: Any, offset: float = 2.0) -> tuple[Any, ...]:
    draw = np.random.default_rng(len(shape)).normal
    x, gy = draw(offset, 3, shape), draw(0, 1, shape)
    gamma, beta = draw(1, 1, shape[1]), draw(0, 1, shape[1])
    return tuple(a.astype(dtype) for a in (x, gy, gamma, beta))


def reference(x: Any, gy: Any, gamma: Any, beta: Any) -> tuple[Any, ...]:
    """Return y, mean, variance and the three gradients, in double precision."""
    x, gy, gamma, beta = (a.astype(np.float64) for a in (x, gy, gamma, beta))
    axes = (0, *range(2, x.ndim))
    one = (-1,) + (1,) * (x.ndim - 2)
    mean, var = x.mean(axes), x.var(axes)
    inverse = 1 / np.sqrt(var + EPS)
    normal = (x - mean.reshape(one)) * inverse.reshape(one)
    g_gamma, g_beta = (gy * normal).sum(axes), gy.sum(axes)
    n = x.size // x.shape[1]
    gx = gy - (g_beta.reshape(one) + normal * g_gamma.reshape(one)) / n
    y = normal * gamma.reshape(one) + beta.reshape(one)
    return y, mean, var, gx * (gamma * inverse).reshape(one), g_gamma, g_beta


def assert_close(found: Any, wanted: Any, dtype: Any) -> None:
    assert found.dtype == dtype
    tolerance = TOLERANCE[str(dtype)]
    scale = float(np.abs(wanted).max())
    np.testing.assert_allclose(found.astype(float), wanted, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("shape", SHAPES)
def test_both_ways(shape: Any, place: Any, dtype: Any) -> None:
    given = operands(dtype, shape)
    y, mean, var, gx, g_gamma, g_beta = reference(*given)
    x, gy, gamma, beta = map(place.put, given)
    wide = np.float64 if dtype == np.float64 else np.float32
    found = KERNELS["batch_norm"](place.xp, x, gamma, beta, eps=EPS)
    assert_close(place.get(found[0]), y, dtype)
    for one, wanted in zip(found[1:3], (mean, var), strict=True):
        assert place.get(one).dtype == wide
        np.testing.assert_allclose(place.get(one), wanted, rtol=1e-5)
    _, _, _, center, inverse = found
    pull = KERNELS["batch_norm.vjp"]
    zeros = place.put(np.zeros(shape[1], wide))
    gradients = pull(
        place.xp, (gy, zeros, zeros), (True, True, True), x, gamma, center, inverse, EPS
    )
    for one, wanted in zip(gradients, (gx, g_gamma, g_beta), strict=True):
        own = dtype if wanted is gx else np.dtype(wide)
        # Of half precision, y alone was rounded.
        assert_close(place.get(one), wanted, own)
    others = pull(place.xp, (gy, zeros, zeros), (False, True, True), x, gamma, center, inverse, EPS)
    assert others[0] is None
    np.testing.assert_array_equal(place.get(others[1]), place.get(gradients[1]))


def test_an_offset_costs_no_digits(place: Any) -> None:
    x, gy, gamma, beta = operands(np.float32, (6, 2, 30, 30), offset=3e4)
    _, mean, var, *_ = reference(x, gy, gamma, beta)
    found = KERNELS["batch_norm"](place.xp, *map(place.put, (x, gamma, beta)), eps=EPS)
    np.testing.assert_allclose(place.get(found[1]), mean, rtol=1e-7)
    np.testing.assert_allclose(place.get(found[2]), var, rtol=2e-4)


def test_it_repeats(place: Any) -> None:
    x, _, gamma, beta = map(place.put, operands(np.float32, (9, 2, 32, 40)))
    first, second = (KERNELS["batch_norm"](place.xp, x, gamma, beta, eps=EPS)[0] for _ in range(2))
    np.testing.assert_array_equal(place.get(first), place.get(second))


@pytest.mark.parametrize("n", [1, 40])
def test_running_statistics(n: int, place: Any, dtype: Any) -> None:
    wide = np.float64 if dtype == np.float64 else np.float32
    draw = np.random.default_rng(0).random
    mean, var = draw(300).astype(dtype), draw(300).astype(dtype)
    new_mean, new_var = draw(300).astype(wide), draw(300).astype(wide)
    there = [place.put(a.copy()) for a in (mean, var, new_mean, new_var)]
    assert KERNELS["batch_norm.running"](place.xp, *there, n, 0.9) is None
    assert_close(place.get(there[0]), 0.9 * mean + 0.1 * new_mean, dtype)
    unbiased = new_var * (n / max(n - 1, 1))
    assert_close(place.get(there[1]), 0.9 * var + 0.1 * unbiased, dtype)
    # Neither of another precision, nor what is no array in one piece.
    other = place.put(new_mean.astype(np.float16))
    move = KERNELS["batch_norm.running"]
    assert move(place.xp, there[0], there[1], other, other, n, 0.9) is NotImplemented
    halves = [a[::2] for a in there]
    assert move(place.xp, *halves, n, 0.9) is NotImplemented


def test_what_is_left_to_the_general_functions(place: Any) -> None:
    x, _, gamma, beta = operands(np.float32, (4, 3, 8, 8))
    norm = KERNELS["batch_norm"]
    for other in (x[:0], x.astype(np.float64), x.astype(np.int64)):
        put = map(place.put, (other, gamma, beta))
        assert norm(place.xp, *put, eps=EPS) is NotImplemented
