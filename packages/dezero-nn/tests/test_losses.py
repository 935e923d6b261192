"""Losses: figures, extremes, reductions, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import Variable, as_numpy
from dezero_core.testing import fake_device
from dezero_nn import functions as F

PAIRS = [
    F.mean_squared_error,
    F.mean_absolute_error,
    F.huber,
    F.sigmoid_cross_entropy,
    F.binary_cross_entropy,
    F.kl_divergence,
]


# --- of all ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", PAIRS)
def test_a_loss_is_never_broadcast(loss: Any) -> None:
    name = loss.__name__
    with pytest.raises(ValueError, match=rf"{name}: .*float64\[3, 1\] and float64\[3\]; .*reshape"):
        loss(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match=f"{name}: .* empty batch"):
        loss(np.ones((0, 2)), np.ones((0, 2)))
    with pytest.raises(ValueError, match=f"{name}: reduction must be 'mean', 'sum' or 'none'"):
        loss(np.ones(2), np.ones(2), reduction="average")


@pytest.mark.parametrize("loss", PAIRS)
def test_empty_batches_have_a_sum(loss: Any) -> None:
    x = Variable(np.ones((0, 2)))
    total = loss(x, np.ones((0, 2)), reduction="sum")
    total.backward()
    assert float(total) == 0
    assert x.grad is not None and x.grad.shape == (0, 2)
    assert loss(x, np.ones((0, 2)), reduction="none").shape == (0, 2)


@pytest.mark.parametrize("loss", PAIRS)
def test_the_mean_is_over_the_examples(loss: Any) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.uniform(0.1, 0.9, (4, 3)), rng.uniform(0.1, 0.9, (4, 3))
    each = loss(x, t, reduction="none")
    assert each.shape == (4, 3)
    assert float(loss(x, t)) == pytest.approx(each.data.sum() / 4, rel=1e-14)
    assert float(loss(x, t, reduction="sum")) == pytest.approx(each.data.sum(), rel=1e-14)
    assert float(loss(np.array(0.25), np.array(0.5))) == float(
        loss(np.array([0.25]), np.array([0.5]))
    )


@pytest.mark.parametrize("target", [np.int64, np.uint8, np.float64, bool])
@pytest.mark.parametrize("loss", [F.sigmoid_cross_entropy, F.binary_cross_entropy])
def test_float32_stays_float32_whatever_the_targets_are(loss: Any, target: Any) -> None:
    x = Variable(np.array([0.25, 0.75], np.float32))
    y = loss(x, np.array([0, 1]).astype(target))
    y.backward()
    assert x.grad is not None
    assert y.dtype == x.grad.dtype == np.float32


# --- numbers -----------------------------------------------------------------------------------


def test_huber_is_square_inside_and_linear_outside() -> None:
    x = Variable(np.array([0.5, -0.5, 3.0, -3.0]))
    losses = F.huber(x, np.zeros(4), delta=2.0, reduction="none")
    assert losses.data.tolist() == [0.125, 0.125, 4.0, 4.0]
    losses.backward()
    assert x.grad is not None and x.grad.data.tolist() == [0.5, -0.5, 2.0, -2.0]
    with pytest.raises(ValueError, match="huber: delta must be positive, got 0"):
        F.huber(x, np.zeros(4), delta=0)


def test_absolute_error_has_derivative_zero_where_it_is_zero() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    F.mean_absolute_error(x, np.array([2.0, 2.0, 2.0]), reduction="sum").backward()
    assert x.grad is not None and x.grad.data.tolist() == [-1.0, 0.0, 1.0]


# --- yes or no ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_cross_entropy_of_scores_of_any_size(dtype: Any) -> None:
    x = Variable(np.array([50, -50, 1e30, -1e30, 50, -50], dtype))
    t = np.array([1, 0, 1, 0, 0, 1])
    losses = F.sigmoid_cross_entropy(x, t, reduction="none")
    losses.backward()
    small = np.exp(-50.0)
    np.testing.assert_allclose(losses.data, [small, small, 0, 0, 50, 50], rtol=1e-6)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, [0, 0, 0, 0, 1, -1], atol=1e-15)


@given(st.floats(-30, 30), st.floats(0, 1))
def test_scores_and_their_probabilities_have_one_loss(x: float, t: float) -> None:
    of_scores = F.sigmoid_cross_entropy(np.array([x]), np.array([t]))
    p = F.sigmoid(np.array([x]))
    of_probabilities = F.binary_cross_entropy(p, np.array([t]))
    # A probability next to 1 has few digits left of the distance.
    assert float(of_probabilities) == pytest.approx(float(of_scores), rel=1e-9, abs=1e-2)
    if abs(x) < 10:
        assert float(of_probabilities) == pytest.approx(float(of_scores), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_of_certain_and_of_wrong_answers(dtype: Any) -> None:
    p = Variable(np.array([0.0, 1.0, 0.0, 1.0, 0.9995], dtype))
    t = np.array([0, 1, 1, 0, 1])
    losses = F.binary_cross_entropy(p, t, reduction="none")
    losses.backward()
    # 0.9995 is not clipped to 0.999.
    np.testing.assert_allclose(losses.data, [0, 0, 100, 100, -np.log(0.9995)], rtol=1e-4)
    assert p.grad is not None and np.isfinite(p.grad.data).all()
    assert (np.sign(p.grad.data) == [0, 0, -1, 1, -1]).all()


OUTSIDE = [np.array([0.5, 1.5]), np.array([-0.1, 0.5]), np.array([0.5, np.nan])]


@pytest.mark.parametrize("outside", OUTSIDE)
def test_what_is_no_probability_is_refused(outside: Any) -> None:
    fine = np.array([0.5, 0.5])
    for loss in (F.sigmoid_cross_entropy, F.binary_cross_entropy):
        with pytest.raises(ValueError, match=f"{loss.__name__}: targets are from 0 to 1, got some"):
            loss(fine, outside)
    with pytest.raises(ValueError, match=r"probabilities are .* sigmoid_cross_entropy"):
        F.binary_cross_entropy(outside, fine)
    with pytest.raises(ValueError, match="kl_divergence: probabilities are from 0 to 1"):
        F.kl_divergence(fine, outside)
    with pytest.raises(ValueError, match="softmax_cross_entropy: probabilities are from 0 to 1"):
        F.softmax_cross_entropy(fine.reshape(1, 2), outside.reshape(1, 2))


def test_kl_divergence_of_equal_distributions_is_zero_and_zeros_tell_nothing() -> None:
    p = np.array([[0.25, 0.75], [1.0, 0.0]])
    x = Variable(np.log(np.where(p > 0, p, 0.5)))
    loss = F.kl_divergence(x, p)
    loss.backward()
    assert float(loss) == pytest.approx(0, abs=1e-16)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, -p / 2)
    assert float(F.kl_divergence(np.array([[-np.inf, 0.0]]), np.array([[0.0, 1.0]]))) == 0


# --- scores and labels -------------------------------------------------------------------------

X = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0], [5.0, -5.0, 0.0]])
T = np.array([1, 2, 0])


def each(x: Any = X, t: Any = T) -> Any:
    return F.softmax_cross_entropy(x, t, reduction="none").data


def test_reductions_of_the_cross_entropy_agree() -> None:
    assert each().shape == (3,)
    assert float(F.softmax_cross_entropy(X, T)) == pytest.approx(each().mean(), rel=1e-15)
    total = F.softmax_cross_entropy(X, T, reduction="sum")
    assert float(total) == pytest.approx(each().sum(), rel=1e-15)


def test_weights_make_a_weighted_mean() -> None:
    weights = np.array([0.0, 1.0, 3.0])
    loss = F.softmax_cross_entropy(X, T, class_weights=weights)
    assert float(loss) == pytest.approx((each()[0] + 3 * each()[1]) / 4, rel=1e-14)
    one = F.softmax_cross_entropy(X, T, class_weights=np.ones(3))
    assert float(one) == pytest.approx(float(F.softmax_cross_entropy(X, T)), rel=1e-15)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u8", ">i4", ">u8"])
@pytest.mark.parametrize("classes", [3, 40])
def test_labels_are_integers_of_any_kind(dtype: str, classes: int) -> None:
    scores, gradients = np.random.default_rng(0).normal(size=(3, classes)), []
    for t in (T, T.astype(dtype)):
        x = Variable(scores)
        F.softmax_cross_entropy(x, t).backward()
        assert x.grad is not None
        gradients.append(x.grad.data)
    np.testing.assert_array_equal(*gradients)
    with pytest.raises(ValueError, match="label 99 at position 2 is out of range"):
        F.softmax_cross_entropy(scores, np.array([0, 1, 99]).astype(dtype))


def test_an_ignored_label_takes_its_example_out() -> None:
    x = Variable(X)
    loss = F.softmax_cross_entropy(x, np.array([1, -100, 0]), ignore_label=-100)
    loss.backward()
    assert float(loss) == pytest.approx((each()[0] + each()[2]) / 2, rel=1e-15)
    assert x.grad is not None and x.grad.data[1].tolist() == [0, 0, 0]
    assert float(F.softmax_cross_entropy(X, T, ignore_label=2)) == float(loss)
    with pytest.raises(ValueError, match="label -1 at position 1 is out of range"):
        F.softmax_cross_entropy(X, np.array([1, -1, 0]), ignore_label=-100)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_if_no_example_counts_the_mean_is_zero(smoothing: float) -> None:
    x = Variable(X.astype(np.float32))
    ignored = np.full(3, -1)
    loss = F.softmax_cross_entropy(x, ignored, ignore_label=-1, label_smoothing=smoothing)
    loss.backward()
    assert float(loss) == 0 and loss.dtype == np.float32
    assert x.grad is not None and not x.grad.data.any()


def test_labels_are_probabilities_of_one_and_smoothing_spreads_them() -> None:
    onehot = np.eye(3)[T]
    np.testing.assert_allclose(each(t=onehot), each(), rtol=1e-13)
    smooth = F.softmax_cross_entropy(X, T, label_smoothing=0.3)
    soft = F.softmax_cross_entropy(X, onehot * 0.7 + 0.1)
    assert float(smooth) == pytest.approx(float(soft), rel=1e-14)
    both = F.softmax_cross_entropy(X, onehot, label_smoothing=0.3)
    assert float(both) == pytest.approx(float(soft), rel=1e-14)


@pytest.mark.parametrize("t", [T, np.eye(3)[T]])
def test_options_keep_float32(t: Any) -> None:
    x = Variable(X.astype(np.float32))
    for options in (
        {"class_weights": [1.0, 2.0, 3.0]},
        {"label_smoothing": 0.1},
        {"reduction": "none"},
        {} if t.ndim == 2 else {"ignore_label": 1, "class_weights": np.ones(3)},
    ):
        x.cleargrad()
        loss = F.softmax_cross_entropy(x, t, **options)
        loss.backward()
        assert x.grad is not None
        assert loss.dtype == x.grad.dtype == np.float32


def test_an_empty_batch_has_losses_but_no_mean() -> None:
    x, t = Variable(np.ones((0, 3))), np.ones(0, int)
    assert F.softmax_cross_entropy(x, t, reduction="none").shape == (0,)
    loss = F.softmax_cross_entropy(x, t, reduction="sum", class_weights=np.ones(3))
    loss.backward()
    assert float(loss) == 0
    assert x.grad is not None and x.grad.shape == (0, 3)
    with pytest.raises(ValueError, match="no mean over an empty batch"):
        F.softmax_cross_entropy(x, t, ignore_label=0)
    with pytest.raises(ValueError, match="no mean over an empty batch"):
        F.softmax_cross_entropy(x, np.ones((0, 3)))


def test_a_wrong_label_on_a_device_makes_only_its_loss_nan() -> None:
    with fake_device() as device:
        x = device.asarray(np.ones((2, 3), np.float32))
        t = device.asarray(np.array([0, 3]))
        losses = as_numpy(F.softmax_cross_entropy(x, device.asarray([0, -1]), reduction="none"))
        np.testing.assert_allclose(losses, [np.log(3), np.nan], rtol=1e-6)
        losses = F.softmax_cross_entropy(x, t, ignore_label=3, reduction="none")
        np.testing.assert_allclose(as_numpy(losses), [np.log(3), 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "t", "message"),
    [
        ({"label_smoothing": 1.5}, T, "label_smoothing is from 0 to 1, got 1.5"),
        ({"label_smoothing": float("nan")}, T, "label_smoothing is from 0 to 1, got nan"),
        ({"class_weights": np.ones(2)}, T, r"class_weights have the shape \(C,\), .* float64\[2\]"),
        ({"class_weights": -np.ones(3)}, T, "weight in class_weights is negative"),
        ({"reduction": "max"}, T, "reduction must be"),
        ({"ignore_label": 0}, np.eye(3), "there is no label to ignore"),
        (
            {},
            np.ones((3, 2)) / 2,
            r"float64\[3, 3\] and float64\[3, 2\]; a loss is never broadcast",
        ),
        ({"ignore_label": 0}, T[:2], r"got int64\[2\] for scores float64\[3, 3\]"),
    ],
)
def test_wrong_options_are_named(options: Any, t: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"softmax_cross_entropy: .*{message}"):
        F.softmax_cross_entropy(X, t, **options)


def test_labels_that_are_no_integers_are_refused_with_ignore_label_too() -> None:
    with pytest.raises(TypeError, match="labels are an array of integers, got None"):
        F.softmax_cross_entropy(X, None, ignore_label=0)
