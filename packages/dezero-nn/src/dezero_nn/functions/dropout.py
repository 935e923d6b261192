"""Noise in training: elements left out at random."""

from __future__ import annotations

from typing import Any

from dezero_core import Config, Variable, as_variable
from dezero_core.primitive import primitive
from dezero_core.typing import Array, ArrayLike

__all__ = ["dropout"]


# The mask is the extra output, in booleans: a quarter of the memory that the factors would take.
@primitive(extras=["kept"])
def _dropout(xp: Any, x: Array, *, ratio: float, generator: Any) -> Any:
    source = xp.random if generator is None else generator
    kept = xp.asarray(source.random(x.shape)) > ratio
    return _masked(x, kept, ratio), kept


def _masked(x: Any, kept: Any, ratio: float) -> Any:
    return x * kept * (1 / (1 - ratio))


_dropout.defvjp(lambda xp, gy, kept, ratio: _masked(gy, kept, ratio))


def dropout(x: ArrayLike, dropout_ratio: float = 0.5, generator: Any = None) -> Variable:
    r"""Leave out elements at random in training; in test mode leave all as they are.

    .. math:: y_i = \frac{m_i x_i}{1 - r} \qquad P(m_i = 0) = r, \quad P(m_i = 1) = 1 - r

    What is kept grows, so that sums have the same mean in training and in test mode (inverted
    dropout).

    Args:
        x: Of any shape.
        dropout_ratio: The share r that is left out, from 0 to less than 1.
        generator: What to draw from: a generator of the array library that `x` belongs to, such as
            ``numpy.random.default_rng(0)``. None is the library's global one.

    Returns:
        A Variable of the shape of `x`.

    Raises:
        ValueError: `dropout_ratio` is not from 0 to less than 1.

    Example:
        >>> import numpy as np
        >>> from dezero_core import test_mode
        >>> dropout(np.ones(5), generator=np.random.default_rng(0))
        variable([2. 0. 0. 0. 2.])
        >>> with test_mode():
        ...     dropout(np.ones(5))
        variable([1. 1. 1. 1. 1.])

    N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    2014; Deep Learning from Scratch 3, step 54.
    """
    if not 0 <= dropout_ratio < 1:
        raise ValueError(f"dropout: dropout_ratio is from 0 to less than 1, got {dropout_ratio}")
    if not Config.train or not dropout_ratio:
        return as_variable(x)
    return _dropout(x, ratio=dropout_ratio, generator=generator)
