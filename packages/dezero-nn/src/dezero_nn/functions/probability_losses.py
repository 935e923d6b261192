"""Losses that compare probabilities: of yes and no, or distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import Variable
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike
from dezero_nn.functions._reductions import (
    Reduction,
    check_one_shape,
    check_range,
    reduce_losses,
)
from dezero_nn.functions.activations import sigmoid

__all__ = ["binary_cross_entropy", "kl_divergence", "sigmoid_cross_entropy"]

# --- yes or no ---------------------------------------------------------------------------------


# A rule of its own: composed of sigmoid and log it is not finite for large scores.
@primitive(autocast="single")
def _sigmoid_cross_entropy(xp: Any, x: Array, t: Array) -> Any:
    return xp.maximum(x, 0) - x * t + xp.log1p(xp.exp(-xp.absolute(x)))


_sigmoid_cross_entropy.defvjp(
    lambda xp, gy, x, t: gy * (sigmoid.on(xp, x) - t),
    lambda xp, gy, x: -gy * x,
)


def sigmoid_cross_entropy(x: ArrayLike, t: ArrayLike, reduction: Reduction = "mean") -> Variable:
    r"""Cross entropy of `sigmoid` against yes or no: right for scores of any size.

    .. math:: L = -\frac{1}{N} \sum_n \sum_i t_{n,i} \log p_{n,i} + (1 - t_{n,i}) \log (1 - p_{n,i})
        \qquad p = \frac{1}{1 + e^{-x}}

    The mean is over the examples: the losses that belong to one example are summed.

    Args:
        x: Scores (logits), of shape (N, ...).
        t: Targets from 0 to 1, of the same shape: numbers or booleans. They are never broadcast.
            A gradient flows to a Variable.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each loss.

    Returns:
        A Variable of shape (); of the shape of `x` without reduction.

    Raises:
        ValueError: The shapes differ, a target is not from 0 to 1 (looked at on the host alone),
            there is no such reduction, or no mean, for there are no examples.

    Example:
        >>> import numpy as np
        >>> x, t = np.array([0.0, 1000.0, -1000.0]), np.array([1, 1, 1])
        >>> sigmoid_cross_entropy(x, t, reduction="none")
        variable([6.93147181e-01 0.00000000e+00 1.00000000e+03])

    C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.2.
    """
    check_one_shape("sigmoid_cross_entropy", x, t, reduction)
    check_range("sigmoid_cross_entropy", "targets", t)
    return reduce_losses(_sigmoid_cross_entropy(x, _as_numbers_like(x, t)), reduction)


# The smallest logarithm, and the smallest divisor of a gradient: what is impossible, and happens,
# costs much, but not without end.
_LEAST_LOG = -100.0
_LEAST_VARIANCE = 1e-12


@primitive(autocast="single")
@np.errstate(divide="ignore")
def _binary_cross_entropy(xp: Any, p: Array, t: Array) -> Any:
    yes = xp.maximum(xp.log(p), _LEAST_LOG)
    no = xp.maximum(xp.log1p(-p), _LEAST_LOG)
    return -(t * yes + (1 - t) * no)


@primitive(autocast="single")
@np.errstate(divide="ignore")
def _log_odds(xp: Any, p: Array) -> Any:
    return xp.maximum(xp.log(p), _LEAST_LOG) - xp.maximum(xp.log1p(-p), _LEAST_LOG)


def _over_variance(xp: Any, g: Any, p: Any) -> Any:
    return g / xp.maximum(p * (1 - p), _LEAST_VARIANCE)


_binary_cross_entropy.defvjp(
    lambda xp, gy, p, t: _over_variance(xp, gy * (p - t), p),
    lambda xp, gy, p: -gy * _log_odds.on(xp, p),
)
_log_odds.defvjp(lambda xp, gy, p: _over_variance(xp, gy, p))


def binary_cross_entropy(p: ArrayLike, t: ArrayLike, reduction: Reduction = "mean") -> Variable:
    r"""Cross entropy of probabilities against yes or no.

    .. math:: L = -\frac{1}{N} \sum_n \sum_i t_{n,i} \log p_{n,i} + (1 - t_{n,i}) \log (1 - p_{n,i})

    Where a network ends in scores, `sigmoid_cross_entropy` is faster, and right for large ones too:
    in a probability next to 1 their digits are lost. Logarithms less than -100 count as -100, so
    that the loss is finite where a probability is exactly 0 or 1.

    Args:
        p: Probabilities, of shape (N, ...).
        t: Targets from 0 to 1, of the same shape: numbers or booleans. They are never broadcast.
            A gradient flows to a Variable.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each loss.

    Returns:
        A Variable of shape (); of the shape of `p` without reduction.

    Raises:
        ValueError: The shapes differ, a probability or target is not from 0 to 1 (looked at on the
            host alone), there is no such reduction, or no mean, for there are no examples.

    Example:
        >>> import numpy as np
        >>> p, t = np.array([0.5, 0.0]), np.array([1, 1])
        >>> binary_cross_entropy(p, t, reduction="none")
        variable([  0.69314718 100.        ])

    C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.2.
    """
    name = "binary_cross_entropy"
    check_one_shape(name, p, t, reduction)
    check_range(name, "probabilities", p, "; of scores take the sigmoid_cross_entropy")
    check_range(name, "targets", t)
    return reduce_losses(_binary_cross_entropy(p, _as_numbers_like(p, t)), reduction)


def _as_numbers_like(x: Any, t: Any) -> Any:
    """Return constant targets in the predictions' type: float32 shall stay float32."""
    dtype = getattr(x, "dtype", None)
    if isinstance(t, Variable) and t.dtype.kind == "f":
        return t
    t = t.data if isinstance(t, Variable) else t
    if dtype is None or not hasattr(t, "dtype"):
        return t
    return t.astype(dtype if dtype.kind in "fV" else np.float64, copy=False)


# --- distributions -----------------------------------------------------------------------------


@primitive(autocast="single")
def _kl_divergence(xp: Any, x: Array, t: Array) -> Any:
    return t * _log_ratio(xp, x, t)


def _log_ratio(xp: Any, x: Any, t: Any) -> Any:
    """Compute log(t) - x, and 0 where t is 0: what never happens tells nothing."""
    happens = t > 0
    return xp.log(xp.where(happens, t, 1.0)) - xp.where(happens, x, 0.0)


_kl_divergence.defvjp(
    lambda xp, gy, t: -gy * t,
    lambda xp, gy, x, t: gy * (_log_ratio(xp, x, t) + (t > 0)),
)


def kl_divergence(x: ArrayLike, t: ArrayLike, reduction: Reduction = "mean") -> Variable:
    r"""Kullback-Leibler divergence of predicted distributions from those that are wanted.

    .. math:: L = \frac{1}{N} \sum_n \sum_i t_{n,i} (\log t_{n,i} - x_{n,i})

    Where t is 0 the term is 0. The mean is over the examples, whose terms are summed.

    Args:
        x: Predictions, *logarithms* of probabilities, as `log_softmax` gives them, of shape
            (N, ...).
        t: Probabilities that are wanted, of the same shape. A gradient flows to a Variable.
        reduction: ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for each term.

    Returns:
        A Variable of shape (); of the shape of `x` without reduction.

    Raises:
        ValueError: The shapes differ, a probability in `t` is not from 0 to 1 (looked at on the
            host alone), there is no such reduction, or no mean, for there are no examples.

    Example:
        >>> import numpy as np
        >>> x, t = np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]])
        >>> kl_divergence(x, t)
        variable(0.6931471805599453)

    S. Kullback, R. Leibler, "On Information and Sufficiency", 1951.
    """
    check_one_shape("kl_divergence", x, t, reduction)
    check_range("kl_divergence", "probabilities", t)
    return reduce_losses(_kl_divergence(x, _as_numbers_like(x, t)), reduction)
