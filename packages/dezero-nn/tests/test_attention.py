"""Attention: masks, heads, PyTorch's numbers, transformer blocks, errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core import test_mode as no_training
from dezero_core.testing import fake_device
from dezero_nn import functions as F
from dezero_nn.functions import scaled_dot_product_attention
from dezero_nn.layers import MultiHeadAttention, TransformerBlock
from dezero_nn.models import Sequential


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


# --- masks ---------------------------------------------------------------------------------------


def test_weights_are_those_of_softmax() -> None:
    q, k = random(3, 4), random(5, 4, seed=1)
    weights = scaled_dot_product_attention(q, k, np.eye(5)).data
    np.testing.assert_allclose(weights, F.softmax(q @ k.T / 2).data, rtol=1e-12)


def test_a_query_that_sees_nothing_gets_zeros_and_gradients_stay_finite() -> None:
    q, k, v = Variable(random(2, 4)), Variable(random(3, 4)), Variable(random(3, 2))
    nothing = np.array([[False, False, False], [True, False, False]])
    for mask in (nothing, np.where(nothing, 0.0, -np.inf)):
        for x in (q, k, v):
            x.cleargrad()
        y = scaled_dot_product_attention(q, k, v, mask)
        y.backward()
        assert y.data.tolist() == [[0.0, 0.0], v.data[0].tolist()]
        assert q.grad is not None and not q.grad.data.any()
        assert k.grad is not None and np.isfinite(k.grad.data).all()
        assert v.grad is not None and v.grad.data[0].tolist() == [1.0, 1.0]


def test_causal_attention_has_not_seen_what_comes_later() -> None:
    x = random(2, 6, 4)
    changed = x.copy()
    changed[:, 4:] += 1
    before, after = (scaled_dot_product_attention(z, z, z, causal=True).data for z in (x, changed))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    # The last queries alone, as when texts grow word by word, see the same.
    last = scaled_dot_product_attention(x[:, 4:], x, x, causal=True).data
    np.testing.assert_allclose(last, before[:, 4:], rtol=1e-12)


def test_huge_scores_are_finite() -> None:
    q = np.array([[1e30], [-1e30]], np.float32)
    y = scaled_dot_product_attention(q, np.array([[1.0], [-1.0]], np.float32), np.eye(2))
    assert y.data.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("case", ["plain", "causal", "booleans", "numbers"])
def test_values_and_gradients_are_those_of_torch(case: str) -> None:
    torch = pytest.importorskip("torch")
    q, k, v = random(2, 3, 5, 4), random(2, 3, 5, 4, seed=1), random(2, 3, 5, 6, seed=2)
    mask = {"booleans": random(5, 5) > -0.5, "numbers": random(1, 5, 5)}.get(case)
    if case == "booleans":
        mask[:, 0] = True
    theirs = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
    settings: dict[str, Any] = {"attn_mask": None if mask is None else torch.tensor(mask)}
    expected = torch.nn.functional.scaled_dot_product_attention(
        *theirs, **settings, is_causal=case == "causal"
    )
    seed = random(*expected.shape, seed=3)
    expected.backward(torch.tensor(seed))
    ours = [Variable(x) for x in (q, k, v)]
    y = scaled_dot_product_attention(*ours, mask, causal=case == "causal")
    (y * seed).sum().backward()
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_attention_names_what_does_not_fit() -> None:
    q, k, v = np.ones((2, 4)), np.ones((3, 4)), np.ones((3, 2))
    for operands, message in (
        ((q[0], k, v), "q has the shape (..., length, size), not float64[4]"),
        ((q, v, v), "queries and keys must agree in their last axis"),
        ((q, k, v[:2]), "keys and values in the one before, got q: float64[2, 4]"),
        ((q, k, v, np.ones((3, 2)) > 0), "mask must broadcast to the shape of the scores, [2, 3]"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            scaled_dot_product_attention(*operands)
    with pytest.raises(TypeError, match="mask is of booleans"):
        scaled_dot_product_attention(q, k, v, np.ones((2, 3), int))


# --- several heads -------------------------------------------------------------------------------


def test_heads_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    layer = MultiHeadAttention(6, heads=2, dtype=np.float64, in_size=6)
    parts = zip(
        (layer.q, layer.k, layer.v),
        theirs.in_proj_weight.detach().numpy().reshape(3, 6, 6),
        theirs.in_proj_bias.detach().numpy().reshape(3, 6),
        strict=True,
    )
    for linear, weight, bias in parts:
        linear.W.data, linear.b.data = weight.T.copy(), bias.copy()
    layer.out.W.data = theirs.out_proj.weight.detach().numpy().T.copy()
    layer.out.b.data = theirs.out_proj.bias.detach().numpy().copy()
    x, context = random(3, 4, 6), random(3, 5, 6, seed=1)
    padded = np.array([[False] * 5, [False] * 3 + [True] * 2, [False] * 4 + [True]])
    expected, _ = theirs(
        *map(torch.tensor, (x, context, context)), key_padding_mask=torch.tensor(padded)
    )
    y = layer(x, context, mask=~padded[:, None, None, :])
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_heads_look_at_different_things() -> None:
    layer = MultiHeadAttention(4, heads=2, dtype=np.float64)
    x = random(1, 3, 4)
    y = layer(x)
    assert y.shape == (1, 3, 4)
    one = MultiHeadAttention(4, heads=1, dtype=np.float64, in_size=4)
    one.load_state_dict(layer.state_dict())
    assert not np.allclose(one(x).data, y.data)


def test_padding_that_is_masked_changes_nothing(tmp_path: Path) -> None:
    layer = MultiHeadAttention(8, heads=4, dtype=np.float64)
    x = random(2, 5, 8)
    mask = np.arange(5) < 3
    y = layer(x, mask=mask).data
    x[:, 3:] = 100
    np.testing.assert_allclose(layer(x, mask=mask).data[:, :3], y[:, :3], rtol=1e-12)
    layer.save_weights(tmp_path / "weights.npz")
    other = MultiHeadAttention(8, heads=4, dtype=np.float64)
    other.load_weights(tmp_path / "weights.npz")
    np.testing.assert_array_equal(other(x).data, layer(x).data)


def test_layers_of_attention_name_what_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match="size must be a multiple of heads, got size=6 and heads=4"
    ):
        MultiHeadAttention(6, heads=4)
    with pytest.raises(ValueError, match=re.escape("x has the shape (N, T, in_size), not float")):
        MultiHeadAttention(4, heads=2)(np.ones((3, 4)))


# --- blocks --------------------------------------------------------------------------------------


def test_a_block_adds_to_its_input() -> None:
    block = TransformerBlock(8, heads=2, hidden_size=5, dtype=np.float64)
    assert block.fc1.W.shape == (8, 5)
    x = random(2, 3, 8)
    for linear in (block.attention.out, block.fc2):
        linear.W.data = linear.W.data * 0
    np.testing.assert_array_equal(block(x).data, x)


def test_a_causal_block_has_not_seen_what_comes_later() -> None:
    model = Sequential(*[TransformerBlock(8, heads=2, causal=True) for _ in range(2)])
    x = random(2, 6, 8).astype(np.float32)
    changed = x.copy()
    changed[:, 4:] += 1
    y = model(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(model(changed).data[:, :4], y.data[:, :4], rtol=1e-5, atol=1e-6)


def test_dropout_is_for_training_only() -> None:
    block = TransformerBlock(8, heads=2, dropout_ratio=0.5)
    x = random(2, 3, 8).astype(np.float32)
    assert not np.array_equal(block(x).data, block(x).data)
    with no_training():
        np.testing.assert_array_equal(block(x).data, block(x).data)


def test_a_block_runs_on_a_device() -> None:
    block = TransformerBlock(8, heads=2, causal=True, dtype=np.float64)
    x = random(2, 3, 8)
    expected = block(x).data
    with fake_device() as device:
        for p in block.params():
            p.data = device.asarray(p.data)
        y = block(device.asarray(x))
        y.sum().backward()
        np.testing.assert_allclose(device.to_numpy(y.data), expected, rtol=1e-9, atol=1e-12)


def test_a_block_learns_to_copy_from_before() -> None:
    np.random.seed(0)
    # Each sequence says its first letter again at the end: only attention gets it there.
    rng = np.random.default_rng(0)
    letters = rng.integers(0, 3, (40, 5))
    x = np.zeros((40, 5, 16), np.float32)
    rows, columns = np.indices(letters.shape)
    x[rows, columns, letters] = 1
    x[:, np.arange(5), 3 + np.arange(5)] = 1
    block = TransformerBlock(16, heads=2, causal=True)
    losses = []
    for _ in range(80):
        y = block(x)
        loss = F.softmax_cross_entropy(y[:, -1, :3], letters[:, 0])
        block.cleargrads()
        loss.backward()
        for p in block.params():
            if p.grad is not None:
                p.data -= np.float32(0.1) * p.grad.data
        losses.append(float(loss))
    assert losses[0] > 0.8
    assert losses[-1] < 0.2
