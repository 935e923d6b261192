"""Cross entropy of scores with labels, or with probabilities of labels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from dezero_core import Variable, get_array_module
from dezero_core.config import current
from dezero_core.errors import describe
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._labels import check_labels, check_one_device
from dezero_nn.functions._reductions import (
    Reduction,
    check_one_shape,
    check_range,
    check_reduction,
    reduce_losses,
)
from dezero_nn.functions.activations import log_softmax

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_simple"]


# So many classes are sooner subtracted from whole rows than from one place of each.
_FEW_CLASSES: Final = 16


# A rule of its own: composed of log_softmax and get_item, each step would keep an array of the
# size of the scores. Here the scores are kept, and two numbers for each example that make the
# probabilities out of them: the largest score, and the logarithm of the sum of exponentials, which
# stay apart, for beside a huge score a logarithm is lost in rounding.
@primitive(extras=["largest", "log_sum"], autocast="single")
def _softmax_cross_entropy(xp: Any, x: Array, t: Array, *, is_mean: bool) -> Any:
    n, n_classes = x.shape
    starts = _starts(xp, n, n_classes)
    if xp is np:
        # To find where it is takes NumPy a fourth of the time.
        largest = x.reshape(-1).take(starts + x.argmax(1)).reshape(-1, 1)
    else:
        largest = x.max(axis=1, keepdims=True)
    y = x - largest
    right = y.reshape(-1).take(starts + t)
    y = xp.exp(y, out=y if y.dtype.kind == "f" else None)
    # Sums are products with ones, which take NumPy a third of the time where rows are short.
    log_sum = xp.log(y.dot(_ones(xp, (n_classes, 1), y.dtype)))
    losses = log_sum.reshape(-1) - right
    if not isinstance(t, np.ndarray):
        # Labels on a device are not looked at beforehand, for that would mean to wait for it, and
        # there a wrong index wraps around. It shall not go unnoticed.
        losses = xp.where((t >= 0) & (t < n_classes), losses, losses * xp.nan)
    if not is_mean:
        return losses, largest, log_sum
    return losses.dot(_ones(xp, n, losses.dtype)) / n, largest, log_sum


@lru_cache(maxsize=8)
def _host_ones(shape: int | tuple[int, int], dtype: Any) -> Array:
    return np.ones(shape, dtype)


def _ones(xp: Any, shape: int | tuple[int, int], dtype: Any) -> Array:
    return _host_ones(shape, dtype) if xp is np else xp.ones(shape, dtype)


def _starts(xp: Any, n: int, n_classes: int) -> Array:
    """Return where each example's scores begin in a row of all: there NumPy finds them sooner."""
    if xp is np:
        return _host_starts(n, n_classes)
    starts: Array = xp.arange(0, n * n_classes, n_classes)
    return starts


@lru_cache(maxsize=8)
def _host_starts(n: int, n_classes: int) -> Array:
    return np.arange(0, n * n_classes, n_classes)


@primitive
def _probabilities(xp: Any, x: Array, largest: Array, log_sum: Array) -> Any:
    """Compute softmax(x), where the other two, which depend on x, are known."""
    y = (x - largest) - log_sum
    return xp.exp(y, out=y)


@primitive
def _scores_gradient(
    xp: Any, x: Array, largest: Array, log_sum: Array, t: Array, scale: Array
) -> Any:
    """Compute scale * (softmax(x) - onehot(t)), with one scale, or one for each example."""
    y = (x - largest) - log_sum
    y = xp.exp(y, out=y)
    if xp is np and y.shape[1] <= _FEW_CLASSES:
        y -= _host_one_hot(y.shape[1], y.dtype).take(t, axis=0)
    else:
        y = xp.ascontiguousarray(y)  # so that its row is no copy
        y.reshape(-1)[_starts(xp, *y.shape) + t] -= 1
    y *= scale
    return y


@lru_cache(maxsize=8)
def _host_one_hot(n_classes: int, dtype: Any) -> Array:
    return np.eye(n_classes, dtype=dtype)


def _probabilities_vjp(xp: Any, gy: Any, y: Any) -> Any:
    gx = gy * y
    return gx - y * gx.sum(axis=1, keepdims=True)


def _scores_gradient_vjp_x(xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, scale: Any) -> Any:
    y = _probabilities.on(xp, x, largest, log_sum)
    return _probabilities_vjp(xp, gy, y) * scale


def _scores_gradient_vjp_scale(xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, t: Any) -> Any:
    return gy * _scores_gradient.on(xp, x, largest, log_sum, t, 1.0)


def _softmax_cross_entropy_vjp(
    xp: Any, gy: Any, x: Any, largest: Any, log_sum: Any, t: Any, is_mean: bool
) -> Any:
    scale = gy / len(t) if is_mean else gy.reshape(-1, 1)
    return _scores_gradient.on(xp, x, largest, log_sum, t, scale)


_softmax_cross_entropy.defvjp(_softmax_cross_entropy_vjp)
_scores_gradient.defvjp(_scores_gradient_vjp_x, None, None, None, _scores_gradient_vjp_scale)
_probabilities.defvjp(_probabilities_vjp)


def softmax_cross_entropy(
    x: ArrayLike,
    t: ArrayLike,
    *,
    class_weights: Array | None = None,
    ignore_label: int | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Variable:
    r"""Cross entropy of `softmax` against labels, :math:`L = -\frac{1}{N} \sum_n \log p_{n,t_n}`.

    It takes the scores before softmax, so that it is finite for scores of any size: with
    :math:`p = e^{x} / \sum_k e^{x_k}`, :math:`-\log p_t = \log \sum_k e^{x_k} - x_t`.

    Against probabilities q it is :math:`-\frac{1}{N} \sum_n \sum_k w_k q_{n,k} \log p_{n,k}`, where
    w are the weights of the classes. A label has the probability 1.

    Args:
        x: Scores (logits), of shape (N, C).
        t: Labels, integers from 0 to C - 1, of shape (N,); or probabilities of the classes,
            floating-point numbers of shape (N, C), through which a gradient flows too. Labels on a
            device that is not the host are not looked at: a wrong one makes the loss nan.
        class_weights: How much each class counts, of shape (C,). The mean over labels is divided by
            the sum of their weights, not by N. No gradient flows to them.
        ignore_label: A label that stands for none: the example does not count. It need not be one
            that there is. If no example counts, the mean is 0.
        label_smoothing: The share of each label's probability, from 0 to 1, that is spread over
            all classes evenly.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each example's loss.

    Returns:
        A Variable of shape (); of shape (N,) without reduction.

    Raises:
        TypeError: The targets are neither labels nor probabilities.
        ValueError: The shapes do not fit, a target is out of range, an option is, or there is no
            mean, for the batch is empty.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0, 0.0], [1000.0, 0.0]])
        >>> softmax_cross_entropy(x, np.array([1, 0]))
        variable(0.34657359027997264)
        >>> softmax_cross_entropy(x, np.array([1, -1]), ignore_label=-1)
        variable(0.6931471805599453)
        >>> softmax_cross_entropy(x, np.array([[0.5, 0.5], [0.5, 0.5]]), reduction="none")
        variable([  0.69314718 500.        ])

    Deep Learning from Scratch 3, step 47; label smoothing: C. Szegedy et al., "Rethinking the
    Inception Architecture for Computer Vision", 2015.
    """
    name = "softmax_cross_entropy"
    is_plain = class_weights is None and ignore_label is None and not label_smoothing
    if is_plain and reduction == "mean" and getattr(t, "ndim", 0) == 1:
        return _softmax_cross_entropy(x, check_labels(name, x, t), is_mean=True)
    check_reduction(name, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing is from 0 to 1, got {label_smoothing}")
    if getattr(t, "ndim", 0) == 2 and t.dtype.kind == "f":
        if ignore_label is not None:
            raise ValueError(f"{name}: targets are probabilities, so there is no label to ignore")
        return _against_probabilities(x, t, class_weights, label_smoothing, reduction)
    is_mean = reduction == "mean"
    counts = None
    if ignore_label is not None:
        t, counts = _without(x, t, ignore_label)
    t = check_labels(name, x, t, may_be_empty=not is_mean)
    weights = None if class_weights is None else _weights_of_classes(x, class_weights)
    if weights is not None:
        counts = weights[t] if counts is None else weights[t] * counts
    if label_smoothing:
        losses = _smoothed(x, t, weights, counts, label_smoothing)
    else:
        losses = _softmax_cross_entropy(x, t, is_mean=False)
        losses = losses if counts is None else losses * counts
    if counts is None or not is_mean:
        return reduce_losses(losses, reduction)
    total = counts.sum()
    mean: Variable = losses.sum() / (total + (total == 0))
    return mean


def _against_probabilities(
    x: Any, t: Any, class_weights: Any, label_smoothing: float, reduction: Reduction
) -> Variable:
    check_one_shape("softmax_cross_entropy", x, t, reduction)
    check_one_device("softmax_cross_entropy", x, t)
    check_range("softmax_cross_entropy", "probabilities", t)
    if not isinstance(t, Variable):
        t = t.astype(_dtype_of(x), copy=False)
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / x.shape[1]
    if class_weights is not None:
        t = t * _weights_of_classes(x, class_weights)
    return reduce_losses(-(log_softmax(x) * t).sum(1), reduction)


def _without(x: Any, t: Any, ignore_label: int) -> tuple[Any, Any]:
    """Return labels that are in range where one is to be ignored, and 0 there, elsewhere 1."""
    t = t.data if isinstance(t, Variable) else t
    if not hasattr(t, "dtype") or t.dtype.kind not in "iu":
        return t, None  # which is said to be wrong when labels are checked
    counts = t != ignore_label
    return get_array_module(t).where(counts, t, 0), counts.astype(_dtype_of(x))


def _smoothed(x: Any, t: Any, weights: Any, counts: Any, label_smoothing: float) -> Variable:
    """Return the loss of each example, against a label that is certain to a degree only."""
    xp = get_array_module(t)
    n, n_classes = x.shape
    if weights is None:
        weights = xp.ones(n_classes, _dtype_of(x))
    probabilities = xp.empty((n, n_classes), weights.dtype)
    probabilities[...] = weights * (label_smoothing / n_classes)
    probabilities[xp.arange(n), t] += weights[t] * (1 - label_smoothing)
    if counts is not None:
        probabilities *= (counts > 0).reshape(-1, 1)
    losses: Variable = -(log_softmax(x) * probabilities).sum(1)
    return losses


def _weights_of_classes(x: Any, class_weights: Any) -> Array:
    array = class_weights.data if isinstance(class_weights, Variable) else class_weights
    if hasattr(array, "dtype") and not isinstance(array, np.ndarray):
        check_one_device("softmax_cross_entropy", x, array)
    array = get_array_module(x).asarray(array, dtype=_dtype_of(x))
    if array.shape != x.shape[1:]:
        raise ValueError(
            f"softmax_cross_entropy: class_weights have the shape (C,), one for each column of the "
            f"scores {describe(x)}; got {describe(class_weights)}"
        )
    if isinstance(array, np.ndarray) and not (array >= 0).all():
        raise ValueError("softmax_cross_entropy: a weight in class_weights is negative, or nan")
    return array


def _dtype_of(x: Any) -> Any:
    """Return the dtype of what is computed from scores: that of the loss."""
    dtype = x.dtype if x.dtype.kind in "fV" else np.dtype(np.float64)
    return dtype if current().autocast is None else np.promote_types(dtype, np.float32)


def softmax_cross_entropy_simple(x: ArrayLike, t: ArrayLike) -> Variable:
    """Compose `softmax_cross_entropy` of simpler functions: slower, the same values.

    Args:
        x: Scores (logits), of shape (N, C).
        t: Labels, integers from 0 to C - 1, of shape (N,).

    Returns:
        A Variable of shape ().

    Raises:
        TypeError: The labels are no integers.
        ValueError: The shapes do not fit, a label is out of range, or the batch is empty.

    Example:
        >>> import numpy as np
        >>> softmax_cross_entropy_simple(np.array([[0.0, 0.0]]), np.array([1]))
        variable(0.6931471805599453)

    Deep Learning from Scratch 3, step 47.
    """
    t = check_labels("softmax_cross_entropy_simple", x, t)
    xp = get_array_module(t)
    right = log_softmax(x)[xp.arange(len(t)), t]
    return -right.sum() / len(t)
