"""Layers and losses in mixed precision."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dezero_nn.functions as F
from dezero_core import Variable, autocast, no_grad, test_mode
from dezero_nn import MLP, Sequential, layers

N = 8


def draw(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def rows(x: Any) -> Any:
    return x.reshape(len(x), -1)


def last(x: Any) -> Any:
    return x[-1]


NETWORKS: dict[str, tuple[Callable[[], list[Any]], tuple[int, ...]]] = {
    "Linear": (lambda: [MLP((16, 4), activation=F.relu)], (N, 5)),
    "Conv2d": (
        lambda: [layers.Conv2d(4, 3, pad=1), F.relu, layers.Pooling(2, 2), rows],
        (N, 2, 6, 6),
    ),
    "Conv2d strided": (
        lambda: [layers.Conv2d(4, 5, stride=2, groups=2, nobias=True), F.gelu, rows],
        (N, 2, 9, 9),
    ),
    "Conv1d": (lambda: [layers.Conv1d(4, 3), F.silu, rows], (N, 2, 9)),
    "Deconv2d": (lambda: [layers.Deconv2d(3, 4, stride=2), F.leaky_relu, rows], (N, 2, 4, 4)),
    "BatchNorm": (
        lambda: [layers.Conv2d(4, 3, nobias=True), layers.BatchNorm(), F.relu, rows],
        (N, 2, 6, 6),
    ),
    "GroupNorm": (lambda: [layers.Conv2d(4, 3), layers.GroupNorm(2), F.relu, rows], (N, 2, 6, 6)),
    "RNN": (lambda: [layers.RNN(6), last], (5, N, 4)),
    "LSTM": (lambda: [layers.LSTM(6), last], (5, N, 4)),
    "GRU": (lambda: [layers.GRU(6), last], (5, N, 4)),
    "LSTM by steps": (lambda: [_steps(layers.LSTM(6))], (5, N, 4)),
    "GRU by steps": (lambda: [_steps(layers.GRU(6))], (5, N, 4)),
    "TransformerBlock": (lambda: [layers.TransformerBlock(8, 2), rows], (N, 5, 8)),
    "causal attention": (
        lambda: [lambda x: F.scaled_dot_product_attention(x, x, x, causal=True), rows],
        (N, 5, 8),
    ),
}
# The dtype of what the layers before the last one give, where it is not that of half precision.
SINGLE = {"GroupNorm", "TransformerBlock"}


def _steps(layer: Any) -> Any:
    class Steps(layers.Layer):
        def __init__(self) -> None:
            self.layer = layer

        def forward(self, x: Any) -> Any:
            return [layer(step) for step in x][-1]

    return Steps()


def network(name: str) -> tuple[Any, Any]:
    np.random.seed(0)
    parts, shape = NETWORKS[name]
    model, x = Sequential(*parts(), layers.Linear(3)), draw(*shape)
    with no_grad(), test_mode():
        model(x)
    return model, x


def train(model: Any, x: Any) -> tuple[Any, Any, list[Any]]:
    for _, layer in model.namedlayers():
        if hasattr(layer, "reset_state"):
            layer.reset_state()
    y = model(x)
    loss = F.softmax_cross_entropy(y, np.arange(N) % 3)
    model.cleargrads()
    loss.backward()
    return y, loss, [p.grad.data for p in model.params()]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_single_precision_but_for_rounding(name: str, dtype: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    model, x = network(name)
    _, wanted, exact = train(model, x)
    with autocast(dtype):
        y, loss, gradients = train(model, x)
    assert y.dtype.name == dtype
    assert loss.dtype == np.float32
    tolerance = 2e-3 if dtype == "float16" else 2e-2
    np.testing.assert_allclose(loss.data, wanted.data, rtol=tolerance)
    scale = max(float(np.abs(g).max()) for g in exact)
    for g, wide in zip(gradients, exact, strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, wide, rtol=0, atol=15 * tolerance * scale)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_half_precision_where_they_are_used(name: str) -> None:
    model, x = network(name)
    seen: list[Any] = []

    def note(y: Any) -> Any:
        seen.append(y.dtype)
        return y

    with autocast("float16"), no_grad(), test_mode():
        inner = Sequential(*list(model)[:-1], note)
        inner(x)
    assert seen == [np.float32 if name in SINGLE | {"BatchNorm"} else np.float16]


def test_batch_normalization_keeps_half_precision_and_wide_statistics() -> None:
    layer = layers.BatchNorm(size=3)
    x = Variable(draw(N, 3, 4, 4, dtype=np.float16) + np.float16(100))
    with autocast("float16"):
        y = layer(x)
    assert y.dtype == np.float16
    assert layer.avg_mean.dtype == layer.avg_var.dtype == np.float32
    exact = x.data.astype(np.float64)
    mean, var = exact.mean((0, 2, 3)), exact.var((0, 2, 3))
    np.testing.assert_allclose(layer.avg_mean.data, 0.1 * mean, rtol=1e-5)
    normal = (exact - mean.reshape(-1, 1, 1)) / np.sqrt(var.reshape(-1, 1, 1) + 2e-5)
    np.testing.assert_allclose(y.data, normal, atol=2e-3)


LOSSES: dict[str, Any] = {
    "softmax_cross_entropy": lambda y: F.softmax_cross_entropy(y, np.arange(N) % 3),
    "with weights": lambda y: F.softmax_cross_entropy(
        y, np.arange(N) % 3, class_weights=np.array([1, 2, 3], np.float32), label_smoothing=0.1
    ),
    "mean_squared_error": lambda y: F.mean_squared_error(y, draw(N, 3)),
    "huber": lambda y: F.huber(y, draw(N, 3)),
    "sigmoid_cross_entropy": lambda y: F.sigmoid_cross_entropy(y, np.ones((N, 3), np.float32)),
    "binary_cross_entropy": lambda y: F.binary_cross_entropy(
        F.sigmoid(y), np.ones((N, 3), np.float32)
    ),
    "softmax": lambda y: F.softmax(y)[0, 0],
    "log_softmax": lambda y: F.log_softmax(y)[0, 0],
    "softplus": lambda y: F.softplus(y)[0, 0],
    "layer_norm": lambda y: F.layer_norm(y)[0, 0],
    "rms_norm": lambda y: F.rms_norm(y)[0, 0],
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_computed_in_single_precision(name: str) -> None:
    x = Variable(draw(N, 3, dtype=np.float16))
    with autocast("float16"):
        loss = LOSSES[name](x)
    loss.backward()
    assert (loss.dtype, x.grad.dtype) == (np.float32, np.float16)
    exact = LOSSES[name](x.data.astype(np.float64))
    rtol = 2e-3 if name == "binary_cross_entropy" else 1e-5  # its operand is computed in float16
    np.testing.assert_allclose(loss.data, exact.data, rtol=rtol)


@pytest.mark.parametrize(("kind", "arrays"), [("LSTM", 1), ("GRU", 4), ("RNN", 3)])
def test_weights_of_recurrent_networks_are_cast_once_for_all_steps(
    kind: str, arrays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = getattr(layers, kind)(4, 3), draw(6, 2, 3)
    module = sys.modules["dezero_core.autocast"]
    cast, shapes = module.astype, []

    def noted(x: Any, dtype: Any) -> Any:
        shapes.append(x.shape)
        return cast(x, dtype)

    monkeypatch.setattr(module, "astype", noted)
    counts = []
    with autocast("float16"):
        for step in x:
            y = layer(step)
            counts.append(len(shapes))
    assert y.dtype == np.float16
    assert counts == [arrays] * 6


def test_a_mask_of_numbers_takes_part_in_half_precision() -> None:
    q, mask = draw(4, 8), np.where(np.tri(4, dtype=bool), 0, -1e4).astype(np.float32)
    with autocast("float16"):
        y = F.scaled_dot_product_attention(q, q, q, mask)
        causal = F.scaled_dot_product_attention(q, q, q, causal=True)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y.data, causal.data)


def test_scores_are_summed_in_single_precision() -> None:
    # 4096 keys that fit equally well: in float16 their sum would stop at 2048.
    q, k = np.zeros((1, 4), np.float16), np.zeros((4096, 4), np.float16)
    y = F.scaled_dot_product_attention(q, k, np.ones((4096, 1), np.float16))
    np.testing.assert_allclose(y.data.astype(np.float32), 1, rtol=1e-3)


@pytest.mark.parametrize("function", [F.gelu, lambda x: F.pooling(x, 2), F.rms_norm])
def test_bfloat16_stays_what_it_is(function: Any) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    x = draw(1, 1, 4, 4)
    y = function(x.astype(ml_dtypes.bfloat16))
    assert y.dtype.itemsize <= 4
    np.testing.assert_allclose(y.data.astype(np.float32), function(x).data, rtol=0.02, atol=0.02)
