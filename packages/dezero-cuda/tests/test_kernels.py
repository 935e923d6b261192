"""What the kernels compute: each beside NumPy, on the emulated device and on a card."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_cuda import CudaBackend
from dezero_cuda.kernels import KERNELS, Philox, bias_activation, bias_activation_gradient

DTYPES = ["float16", "float32", "float64"]
# Of results around 1.
TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13}
erfc = np.vectorize(math.erfc, otypes=[np.float64])


@pytest.fixture(params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> Any:
    return np.dtype(request.param)


def normal(dtype: Any, *shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


def compare(place: Any, found: Any, wanted: Any, dtype: Any, factor: float = 1.0) -> None:
    found = place.get(found)
    assert found.dtype == dtype
    assert found.shape == np.shape(wanted)
    tolerance = TOLERANCE[str(dtype)] * factor
    np.testing.assert_allclose(
        found.astype(np.float64), wanted, rtol=tolerance, atol=tolerance, equal_nan=True
    )


# --- element by element ------------------------------------------------------------------------


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def below(x: Any) -> Any:
    return 0.5 * erfc(-x / math.sqrt(2))


def slope_at(f: Callable[[Any], Any], x: Any) -> Any:
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5


def gelu_by_tanh(x: Any) -> Any:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": logistic,
    "tanh": np.tanh,
    "silu": lambda x: x * logistic(x),
    "gelu": lambda x: x * below(x),
    "gelu_by_tanh": gelu_by_tanh,
}


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "identity"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1001), (4, 8)])
def test_activations(name: str, shape: Any, place: Any, dtype: Any) -> None:
    x, gy = normal(dtype, *shape, scale=2), normal(dtype, *shape, seed=1)
    x, gy = np.asarray(x), np.asarray(gy)
    f, exact = ACTIVATIONS[name], x.astype(np.float64)
    y = KERNELS[name](place.xp, place.put(x))
    compare(place, y, f(exact), dtype)
    kept = y if name in ("relu", "sigmoid", "tanh") else place.put(x)
    gx = KERNELS[f"{name}.vjp.x"](place.xp, place.put(gy), kept)
    # In double precision the difference quotient is the less exact one.
    factor = 1e5 if dtype == np.float64 else 8
    compare(place, gx, gy.astype(np.float64) * slope_at(f, exact), dtype, factor)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_exact(name: str, place: Any) -> None:
    x = np.linspace(-9, 9, 1000)
    f = ACTIVATIONS[name]
    v = f(x) if name in ("relu", "sigmoid", "tanh") else x
    gx = bias_activation_gradient(place.xp, place.put(np.ones(1000)), place.put(v), name)
    np.testing.assert_allclose(place.get(gx), slope_at(f, x), atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("columns", [1, 5, 16])
def test_a_bias_is_added_before(name: str, columns: int, place: Any, dtype: Any) -> None:
    x, b = normal(dtype, 6, 5, columns), normal(dtype, columns, seed=1)
    y = bias_activation(place.xp, place.put(x), place.put(b), name)
    compare(place, y, ACTIVATIONS[name](x.astype(np.float64) + b), dtype)


def test_special_values(place: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 3.0], np.float32)
    at = {name: place.get(KERNELS[name](place.xp, place.put(x))) for name in ("relu", "tanh")}
    np.testing.assert_array_equal(at["relu"], np.maximum(x, 0))
    np.testing.assert_array_equal(at["tanh"][:7], np.tanh(x[:7]))
    y = place.get(KERNELS["sigmoid"](place.xp, place.put(x)))
    np.testing.assert_array_equal(y[:7], np.float32([np.nan, 1, 0, 0.5, 0.5, 1, 0]))
    y = place.get(KERNELS["gelu_by_tanh"](place.xp, place.put(x)))
    np.testing.assert_array_equal(y[5:7], np.float32([1e30, 0]))


def test_any_layout(place: Any, dtype: Any) -> None:
    x, gy = normal(dtype, 6, 5), normal(dtype, 6, 5, seed=1)
    there = place.put(x)
    for view, wanted in ((there.T, x.T), (there[:, ::2], x[:, ::2]), (there[1:, 1:], x[1:, 1:])):
        compare(place, KERNELS["relu"](place.xp, view), np.maximum(wanted, 0), dtype)
    # Not aligned, but in one piece.
    tail = there.reshape(-1)[1:]
    compare(place, KERNELS["relu"](place.xp, tail), np.maximum(x.reshape(-1)[1:], 0), dtype)
    wide = place.xp.broadcast_to(place.put(gy[:1]), (6, 5))
    gx = KERNELS["relu.vjp.x"](place.xp, wide, there)
    compare(place, gx, gy[:1] * (x > 0), dtype)


def test_nothing_is_launched_for_nothing(place: Any) -> None:
    x = place.put(np.zeros((0, 3), np.float32))
    assert KERNELS["tanh"](place.xp, x).shape == (0, 3)
    assert KERNELS["tanh.vjp.x"](place.xp, x, x).shape == (0, 3)
    y, kept = KERNELS["dropout"](place.xp, x, ratio=0.5, generator=Philox(0))
    assert y.shape == kept.shape == (0, 3)
    assert KERNELS["dropout.vjp.x"](place.xp, x, kept, 0.5).shape == (0, 3)


def test_what_is_not_supported_is_declined(place: Any) -> None:
    xp = place.xp
    integers, x = place.put(np.arange(4)), place.put(np.ones((2, 2), np.float32))
    for name in ("relu", "tanh", "gelu"):
        assert KERNELS[name](xp, integers) is NotImplemented
        assert KERNELS[name](xp, 2.0) is NotImplemented
    double = x.astype(np.float64)
    assert KERNELS["tanh.vjp.x"](xp, double, x) is NotImplemented
    assert KERNELS["softmax"](xp, x, axis=0) is NotImplemented
    assert KERNELS["softmax"](xp, x[:, :0], axis=1) is NotImplemented
    assert KERNELS["softmax.vjp.x"](xp, double, x, 1) is NotImplemented
    cross_entropy = KERNELS["softmax_cross_entropy"]
    assert cross_entropy(xp, x, x, is_mean=True) is NotImplemented
    assert cross_entropy(xp, x[:0], integers[:0], is_mean=False) is NotImplemented
    rows = KERNELS["normalize_rows"]
    assert rows(xp, x, double[0], size=2, centered=True, eps=1e-5) is NotImplemented
    generator = np.random.default_rng(0)
    assert KERNELS["dropout"](xp, x, ratio=0.5, generator=generator) is NotImplemented
    add_at = KERNELS["add_at"]
    assert add_at(xp, x, index=(slice(0, 2),), shape=(3, 2)) is NotImplemented
    assert add_at(xp, x, index=(integers[:2], integers[:2]), shape=(3, 2)) is NotImplemented
    assert add_at(xp, x, index=(np.arange(2),) if xp is not np else (0,), shape=(3, 2)) is (
        NotImplemented
    )
    # A grid has no more than 65,535 blocks along its second axis.
    wide = xp.broadcast_to(x[:1, :1], (1, 128 * 65536))
    assert add_at(xp, wide, index=(integers[:1],), shape=(1, 128 * 65536)) is NotImplemented
    assert KERNELS["lstm"](xp, integers, x, None, None) is NotImplemented
    adam = KERNELS["optimizer.adam"]
    assert adam(xp, (0.9, 0.9, 0.1, 0.1), [x], [double], [[x], [x]]) is NotImplemented
    assert adam(xp, (0.9, 0.9, 0.1, 0.1), [x], [x], [[x]]) is NotImplemented
    assert adam(xp, (0.9, 0.9, 0.1, 0.1), [x.T], [x], [[x], [x]]) is NotImplemented


def test_misuse_is_named(place: Any) -> None:
    x = place.put(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"activation is one of .* got 'swish'"):
        bias_activation(place.xp, x, None, "swish")
    with pytest.raises(ValueError, match=r"b has the shape \(C,\).* float32\[2, 3\]"):
        bias_activation(place.xp, x, x[:, 0].copy())


def test_the_backend_offers_them() -> None:
    assert CudaBackend().kernels is KERNELS
    assert {"relu", "softmax_cross_entropy.vjp.x", "lstm.vjp", "optimizer.adamw"} < set(KERNELS)


# --- fully connected ----------------------------------------------------------------------------

JOINED = ["relu", "sigmoid", "tanh", "silu", "gelu"]


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_by_tanh"])
@pytest.mark.parametrize("columns", [1, 5, 16])
def test_slopes_of_what_a_bias_is_added_to(name: str, columns: int, place: Any, dtype: Any) -> None:
    x, gy = normal(dtype, 6, columns), normal(dtype, 6, columns, seed=1)
    b = normal(dtype, columns, seed=2)
    found = bias_activation_gradient(place.xp, place.put(gy), place.put(x), name, place.put(b))
    v = x.astype(np.float64) + b
    factor = 1e5 if dtype == np.float64 else 8
    compare(place, found, gy.astype(np.float64) * slope_at(ACTIVATIONS[name], v), dtype, factor)


@pytest.mark.parametrize("shape", [(6, 8), (2, 3, 8), (8,), (0, 8)])
@pytest.mark.parametrize("has_bias", [False, True])
def test_linear(shape: Any, has_bias: bool, place: Any, dtype: Any) -> None:
    x, W, b = normal(dtype, *shape), normal(dtype, 8, 5, seed=1), normal(dtype, 5, seed=2)
    y = KERNELS["linear"](place.xp, place.put(x), place.put(W), place.put(b) if has_bias else None)
    wanted = x.astype(np.float64) @ W.astype(np.float64) + (b if has_bias else 0)
    compare(place, y, wanted, dtype, 8)


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("shape", [(6, 8), (2, 3, 8), (8,), (0, 8)])
@pytest.mark.parametrize("has_bias", [False, True])
def test_linear_and_activation(
    name: str, shape: Any, has_bias: bool, place: Any, dtype: Any
) -> None:
    x, W, b = normal(dtype, *shape), normal(dtype, 8, 5, seed=1), normal(dtype, 5, seed=2)
    gy = normal(dtype, *shape[:-1], 5, seed=3)
    there = [place.put(x), place.put(W), place.put(b) if has_bias else None]
    y, product = KERNELS["linear_activation"](place.xp, *there, activation=name)
    exact = [a.astype(np.float64) for a in (x, W, b, gy)]
    z = exact[0] @ exact[1] + (exact[2] if has_bias else 0)
    f = ACTIVATIONS[name]
    compare(place, y, f(z), dtype, 8)
    assert (product is None) == (name in ("relu", "sigmoid", "tanh"))
    gradients = KERNELS["linear_activation.vjp"](
        place.xp, place.put(gy), (True, True, has_bias), *there, y, product, name
    )
    gz = (exact[3] * slope_at(f, z)).reshape(-1, 5)
    factor = 1e6 if dtype == np.float64 else 50
    compare(place, gradients[0], (gz @ exact[1].T).reshape(x.shape), dtype, factor)
    compare(place, gradients[1], exact[0].reshape(-1, 8).T @ gz, dtype, factor)
    compare(place, gradients[2], gz.reshape(gy.shape), dtype, factor)


def test_what_linear_declines(place: Any) -> None:
    x, W, b = (place.put(np.ones(shape)) for shape in ((2, 3), (3, 4), (4,)))
    for name, settings in (("linear", {}), ("linear_activation", {"activation": "relu"})):
        for operands in ((x, W, W), (x, W[0], None), (x, W.T, None), (x[0, 0], W, None)):
            assert KERNELS[name](place.xp, *operands, **settings) is NotImplemented
        assert KERNELS[name](place.xp, x, W, b.astype(np.float32), **settings) is NotImplemented


# --- rows --------------------------------------------------------------------------------------

ROWS = [(1, 1), (5, 3), (9, 32), (3, 1000), (2, 1025), (2, 9001), (1, 70_001), (300, 4)]


def softmax(x: Any) -> Any:
    y = np.exp(x - x.max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)


@pytest.mark.parametrize("shape", ROWS)
def test_softmax_and_its_logarithm(shape: Any, place: Any, dtype: Any) -> None:
    x, gy = normal(dtype, *shape, scale=4), normal(dtype, *shape, seed=1)
    xp, there, exact = place.xp, place.put(x), x.astype(np.float64)
    p, g = softmax(exact), gy.astype(np.float64)
    compare(place, KERNELS["softmax"](xp, there, axis=1), p, dtype)
    compare(place, KERNELS["log_softmax"](xp, there, axis=-1), np.log(p), dtype, factor=4)
    half = 1 if dtype != np.float16 else 4
    gx = KERNELS["softmax.vjp.x"](xp, place.put(gy), place.put(p.astype(dtype)), 1)
    compare(place, gx, p * (g - (g * p).sum(1, keepdims=True)), dtype, factor=4 * half)
    y = place.put(np.log(p).astype(dtype))
    gx = KERNELS["log_softmax.vjp.x"](xp, place.put(gy), y, 1)
    compare(place, gx, g - p * g.sum(1, keepdims=True), dtype, factor=16 * half)


def test_scores_of_any_size(place: Any) -> None:
    inf, nan = np.inf, np.nan
    rows = [[0, 1000, -1000, 5], [-inf, 0, 0, -inf], [-inf] * 4, [inf, 0, 0, 0], [nan, 0, 0, 0]]
    for repeat in (1, 2000):
        x = np.repeat(np.float32(rows), repeat, axis=1)
        y = place.get(KERNELS["softmax"](place.xp, place.put(x), axis=1))
        p = 1 / repeat
        np.testing.assert_allclose(y[0], np.repeat([0, p, 0, 0], repeat), rtol=1e-5)
        np.testing.assert_allclose(y[1], np.repeat([0, p / 2, p / 2, 0], repeat), rtol=1e-5)
        assert np.isnan(y[2]).all() and np.isnan(y[3]).any() and np.isnan(y[4]).all()


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("is_mean", [True, False])
@pytest.mark.parametrize("label", [np.int64, np.int32, np.uint8])
def test_cross_entropy(shape: Any, is_mean: bool, label: Any, place: Any, dtype: Any) -> None:
    n, classes = shape
    x = normal(dtype, *shape, scale=4)
    t = np.random.default_rng(2).integers(0, min(classes, 200), n).astype(label)
    xp, there, labels, exact = place.xp, place.put(x), place.put(t), x.astype(np.float64)
    p = softmax(exact)
    losses = -np.log(p[np.arange(n), t])
    y, largest, log_sum = KERNELS["softmax_cross_entropy"](xp, there, labels, is_mean=is_mean)
    compare(place, y, losses.mean() if is_mean else losses, dtype, factor=4)
    assert largest.shape == log_sum.shape == (n, 1)
    np.testing.assert_array_equal(place.get(largest)[:, 0], x.max(1))
    gy = np.array(3.0, dtype) if is_mean else normal(dtype, n, seed=3)
    gx = KERNELS["softmax_cross_entropy.vjp.x"](
        xp, place.put(gy), there, largest, log_sum, labels, is_mean
    )
    p[np.arange(n), t] -= 1
    scale = 3.0 / n if is_mean else gy.astype(np.float64)[:, None]
    compare(place, gx, p * scale, dtype, factor=4)


def test_a_wrong_label_makes_the_loss_nan(place: Any) -> None:
    x = place.put(np.zeros((3, 4), np.float32))
    t = place.put(np.array([0, 4, -1]))
    losses, *_ = KERNELS["softmax_cross_entropy"](place.xp, x, t, is_mean=False)
    np.testing.assert_allclose(place.get(losses), [math.log(4), np.nan, np.nan], rtol=1e-6)


@pytest.mark.parametrize("shape", [*ROWS, (200, 70)])
@pytest.mark.parametrize("factors", ["", "gamma", "beta", "gamma beta"])
@pytest.mark.parametrize("centered", [True, False])
def test_normalized_rows(shape: Any, factors: str, centered: bool, place: Any, dtype: Any) -> None:
    n, size = shape
    x, gy = normal(dtype, *shape) + dtype.type(3), normal(dtype, *shape, seed=1)
    gamma = normal(dtype, size, seed=2) if "gamma" in factors else None
    beta = normal(dtype, size, seed=3) if "beta" in factors else None
    xp, settings = place.xp, {"size": size, "centered": centered, "eps": 1e-2}
    arrays = place.put((x, gamma, beta))
    y, center, inverse = KERNELS["normalize_rows"](xp, *arrays, **settings)

    exact, g = x.astype(np.float64), gy.astype(np.float64)
    mean = exact.mean(1, keepdims=True) if centered else np.zeros((n, 1))
    scale = 1 / np.sqrt(((exact - mean) ** 2).mean(1, keepdims=True) + 1e-2)
    z = (exact - mean) * scale
    wanted = z * (1 if gamma is None else gamma) + (0 if beta is None else beta)
    compare(place, y, wanted, dtype, factor=8)
    wide = np.result_type(dtype, np.float32)
    compare(place, center, mean, wide, factor=4)
    compare(place, inverse, scale, wide, factor=10)

    needs = (True, gamma is not None, beta is not None)
    gradients = KERNELS["normalize_rows.vjp"](
        xp, place.put(gy), needs, *arrays[:2], (size,), center, inverse, **settings
    )
    scaled = g if gamma is None else g * gamma
    gx = scaled - z * (scaled * z).mean(1, keepdims=True)
    gx = (gx - scaled.mean(1, keepdims=True) if centered else gx) * scale
    compare(place, gradients[0], gx, dtype, factor=40)
    sums = math.sqrt(n)
    if gamma is None:
        assert gradients[1] is None
    else:
        compare(place, gradients[1], (g * z).sum(0), wide, factor=20 * sums)
    if beta is None:
        assert gradients[2] is None
    else:
        compare(place, gradients[2], g.sum(0), wide, factor=20 * sums)


def test_large_means_keep_their_digits(place: Any) -> None:
    x = np.float32([[4096.0, 4097.0, 4098.0, 4099.0]])
    y, *_ = KERNELS["normalize_rows"](place.xp, place.put(x), size=4, centered=True, eps=1e-12)
    wanted = np.array([-1.5, -0.5, 0.5, 1.5]) / math.sqrt(1.25)
    np.testing.assert_allclose(place.get(y)[0], wanted, rtol=1e-6)


# --- embedding ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (64, 128), (65, 129), (200, 7)])
@pytest.mark.parametrize("n", [0, 1, 40, 300])
def test_rows_are_added_at_ids(shape: Any, n: int, place: Any, dtype: Any) -> None:
    ids = np.random.default_rng(0).integers(-shape[0], shape[0], n)
    gy = normal(dtype, n, shape[1], seed=1)
    found = KERNELS["add_at"](place.xp, place.put(gy), index=(place.put(ids),), shape=shape)
    wanted = np.zeros(shape)
    np.add.at(wanted, ids, gy.astype(np.float64))
    compare(place, found, wanted, dtype, factor=20)


def test_half_precision_loses_nothing_while_it_adds(place: Any) -> None:
    ids, gy = np.zeros((30, 100), np.int32), np.full((30, 100, 2), 0.01, np.float16)
    found = KERNELS["add_at"](place.xp, place.put(gy), index=(place.put(ids),), shape=(2, 2))
    # In half precision 0.01 no longer changes 32.
    np.testing.assert_allclose(place.get(found), [[30, 30], [0, 0]], rtol=1e-3)


# --- bfloat16 ----------------------------------------------------------------------------------


def test_brain_floats(place: Any) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    dtype = np.dtype(ml_dtypes.bfloat16)
    xp, x, gy = place.xp, normal(dtype, 5, 33), normal(dtype, 5, 33, seed=1)
    there, exact = place.put(x), x.astype(np.float64)

    def check(found: Any, wanted: Any) -> None:
        found = place.get(found)
        assert found.dtype == dtype
        np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=8e-3, atol=2e-3)

    check(KERNELS["gelu"](xp, there), exact * below(exact))
    check(KERNELS["relu.vjp.x"](xp, place.put(gy), there), gy.astype(np.float64) * (exact > 0))
    check(KERNELS["softmax"](xp, there, axis=1), softmax(exact))
    y, _, inverse = KERNELS["normalize_rows"](xp, there, size=33, centered=True, eps=1e-5)
    assert inverse.dtype == np.float32
    deviation = exact - exact.mean(1, keepdims=True)
    check(y, deviation / np.sqrt((deviation**2).mean(1, keepdims=True) + 1e-5))
    y, _ = KERNELS["dropout"](xp, there, ratio=0.25, generator=Philox(1))
    check(y, exact * (Philox(1).random((5, 33)) > 0.25) / 0.75)
    p, master = place.put(x.copy()), place.put(x.astype(np.float32))
    for _ in range(10):
        KERNELS["optimizer.sgd"](xp, (1e-3,), [p], [place.put(gy)], [[master]])
    check(p, exact - 1e-2 * gy.astype(np.float64))
    np.testing.assert_allclose(place.get(master), exact - 1e-2 * gy.astype(np.float64), atol=1e-5)
