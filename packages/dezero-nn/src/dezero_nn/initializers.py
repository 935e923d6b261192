r"""What weights are before they are learned.

An initializer is called with a shape and a dtype, and with the number of inputs that each output is
computed from, ``fan_in``, and of outputs that each input goes into, ``fan_out``: layers know these.
Any function of these four may serve as one::

    def ones(shape, dtype, fan_in, fan_out):
        return np.ones(shape, dtype)

    Linear(10, initializer=ones)

Those here that draw take their numbers from NumPy's global generator (``np.random.seed``) unless
they are given one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite, prod, sqrt
from typing import Any, Protocol, TypeAlias

import numpy as np

from dezero_core import Variable
from dezero_core.backend import backend_of
from dezero_core.errors import describe
from dezero_core.typing import Array, DTypeLike, Shape
from dezero_nn._shapes import SHAPES

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LeCunNormal",
    "LeCunUniform",
    "Orthogonal",
    "TruncatedNormal",
    "initialize",
]

#: Where numbers are drawn from; None for NumPy's global generator.
RandomSource: TypeAlias = np.random.Generator | np.random.RandomState | None

# Numbers are drawn as float64, so many at a time: a large float32 matrix needs no second one of
# twice its size. The numbers are the same as if all were drawn at once.
_BLOCK = 1 << 16


class Initializer(Protocol):
    """What layers take as ``initializer=``."""

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Return the first values of a parameter.

        Args:
            shape: The parameter's shape.
            dtype: The parameter's dtype.
            fan_in: From how many inputs each output is computed.
            fan_out: Into how many outputs each input goes.

        Returns:
            A new NumPy array of this shape and dtype.
        """
        ...


def initialize(
    initializer: Initializer,
    shape: Shape,
    dtype: DTypeLike,
    *,
    fan_in: int,
    fan_out: int,
    like: Any = None,
) -> Array:
    """Make the array of a parameter, for authors of layers.

    Args:
        initializer: What gives the values.
        shape: The parameter's shape.
        dtype: The parameter's dtype.
        fan_in: From how many inputs each output is computed.
        fan_out: Into how many outputs each input goes.
        like: An array, or a Variable, on whose device the parameter shall be. Default: the host.

    Returns:
        The array.

    Raises:
        TypeError: The initializer can not be called, or returned another dtype or no array.
        ValueError: It returned another shape.

    Example:
        >>> initialize(Constant(0.5), (2,), np.float32, fan_in=1, fan_out=1)
        array([0.5, 0.5], dtype=float32)
    """
    if not callable(initializer):
        raise TypeError(f"initializer can not be called, it is {initializer!r}")
    dtype = np.dtype(dtype)
    backend = backend_of(like.data if isinstance(like, Variable) else 0 if like is None else like)
    if backend is SHAPES:
        return backend.xp.empty(shape, dtype)
    array = initializer(shape, dtype, fan_in, fan_out)
    if getattr(array, "dtype", None) != dtype:
        raise TypeError(
            f"initializer {initializer!r} returned {describe(array)} for a parameter of {dtype}"
        )
    if array.shape != tuple(shape):
        raise ValueError(
            f"initializer {initializer!r} returned the shape {array.shape} for a parameter of "
            f"shape {tuple(shape)}"
        )
    return backend.asarray(array)


# --- by the number of inputs and outputs ---------------------------------------------------------


@dataclass(frozen=True)
class _Random:
    rng: RandomSource = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if self.rng is not None and not isinstance(
            self.rng, (np.random.Generator, np.random.RandomState)
        ):
            raise TypeError(
                f"{type(self).__name__}: rng is a numpy.random.Generator or RandomState, not "
                f"{self.rng!r}; try numpy.random.default_rng(seed)"
            )


@dataclass(frozen=True)
class _WithGain(_Random):
    gain: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_number(self, "gain", self.gain, least=0)


@dataclass(frozen=True)
class _ForRectifiers(_Random):
    slope: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_number(self, "slope", self.slope)


@dataclass(frozen=True)
class LeCunNormal(_Random):
    r"""Normal distribution of variance :math:`1 / \text{fan\_in}`.

    Outputs vary as much as inputs do. The default of all layers, and the book's
    (Y. LeCun et al., "Efficient BackProp", 1998; Deep Learning from Scratch 3, step 44).

    Args:
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    Example:
        >>> from dezero_nn import Linear
        >>> Linear(3, in_size=2, initializer=LeCunNormal(rng=np.random.default_rng(0))).W.shape
        (2, 3)
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        return _normal(self.rng, shape, dtype, sqrt(1 / _fan(self, fan_in)))


@dataclass(frozen=True)
class LeCunUniform(_Random):
    r"""Uniform distribution of variance :math:`1 / \text{fan\_in}`.

    Its bounds are :math:`\pm\sqrt{3 / \text{fan\_in}}` (see `LeCunNormal`).

    Args:
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    Y. LeCun et al., "Efficient BackProp", 1998.
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        return _uniform(self.rng, shape, dtype, sqrt(3 / _fan(self, fan_in)))


@dataclass(frozen=True)
class GlorotNormal(_WithGain):
    r"""Normal distribution of variance :math:`2 g^2 / (\text{fan\_in} + \text{fan\_out})`.

    A compromise between outputs that vary as inputs do, and gradients of inputs that vary as those
    of outputs do: for sigmoid, tanh and softmax (X. Glorot, Y. Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", 2010). Also called Xavier's.

    Args:
        gain: The factor g, such as 5/3 before tanh.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        return _normal(self.rng, shape, dtype, self.gain * sqrt(2 / _fan(self, fan_in, fan_out)))


@dataclass(frozen=True)
class GlorotUniform(_WithGain):
    r"""Uniform distribution of variance :math:`2 g^2 / (\text{fan\_in} + \text{fan\_out})`.

    Its bounds are :math:`\pm g \sqrt{6 / (\text{fan\_in} + \text{fan\_out})}` (see `GlorotNormal`).

    Args:
        gain: The factor g.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        return _uniform(self.rng, shape, dtype, self.gain * sqrt(6 / _fan(self, fan_in, fan_out)))


@dataclass(frozen=True)
class HeNormal(_ForRectifiers):
    r"""Normal distribution of variance :math:`2 / ((1 + a^2)\, \text{fan\_in})`.

    For ReLU, which halves the variance; a is the slope for negative inputs, as of leaky ReLU
    (K. He et al., "Delving Deep into Rectifiers", 2015). Also called Kaiming's.

    Args:
        slope: The slope a, 0 for ReLU.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    Example:
        >>> from dezero_nn import Linear
        >>> layer = Linear(1000, in_size=200, initializer=HeNormal(rng=np.random.default_rng(0)))
        >>> f"{layer.W.data.std():.3f}"
        '0.100'
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        scale = sqrt(2 / ((1 + self.slope**2) * _fan(self, fan_in)))
        return _normal(self.rng, shape, dtype, scale)


@dataclass(frozen=True)
class HeUniform(_ForRectifiers):
    r"""Uniform distribution of variance :math:`2 / ((1 + a^2)\, \text{fan\_in})`.

    Its bounds are :math:`\pm\sqrt{6 / ((1 + a^2)\, \text{fan\_in})}` (see `HeNormal`).

    Args:
        slope: The slope a, 0 for ReLU.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    K. He et al., "Delving Deep into Rectifiers", 2015.
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        scale = sqrt(6 / ((1 + self.slope**2) * _fan(self, fan_in)))
        return _uniform(self.rng, shape, dtype, scale)


# --- whatever the number of inputs ---------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """The same value everywhere.

    Args:
        value: The value.
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        _check_number(self, "value", self.value)

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Make the values (see `Initializer`)."""
        return np.full(shape, self.value, dtype)


@dataclass(frozen=True)
class TruncatedNormal(_Random):
    r"""Normal distribution without its tails: values too far from 0 are drawn again.

    .. math:: p(w) \propto e^{-w^2 / 2 \sigma^2}, \quad |w| \le c \sigma

    Args:
        scale: The standard deviation :math:`\sigma` of the distribution, tails included.
        cut: How many standard deviations are too far, c.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.
    """

    scale: float = 0.02
    cut: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_number(self, "scale", self.scale, least=0)
        # With less than that, drawing again would take very long.
        _check_number(self, "cut", self.cut, least=0.01)

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        draw = _source(self.rng).standard_normal

        def truncated(n: int) -> Array:
            values = draw(n)
            while (far := np.flatnonzero(np.abs(values) > self.cut)).size:
                values[far] = draw(far.size)
            return values

        array = _fill(shape, dtype, truncated)
        array *= array.dtype.type(self.scale)
        return array


@dataclass(frozen=True)
class Orthogonal(_WithGain):
    r"""Random rotation: rows, or columns if there are fewer of these, are orthonormal.

    .. math:: W W^\mathsf{T} = g^2 I \quad \text{or} \quad W^\mathsf{T} W = g^2 I

    So signals keep their length on the way through many layers, or many steps of time. Of an array
    with more axes than two, the first axis is the rows, the others together are the columns
    (A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", 2014).

    Args:
        gain: The length g of the orthogonal vectors.
        rng: A `numpy.random.Generator` or `RandomState`. Default: NumPy's global generator.

    Example:
        >>> W = Orthogonal(rng=np.random.default_rng(0))((3, 5), np.float64, 3, 5)
        >>> np.allclose(W @ W.T, np.eye(3))
        True
    """

    def __call__(self, shape: Shape, dtype: DTypeLike, fan_in: int, fan_out: int) -> Array:
        """Draw the values (see `Initializer`)."""
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: an array of shape {tuple(shape)} has no rows and columns"
            )
        rows, columns = shape[0], prod(shape[1:])
        values = _source(self.rng).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(values)
        # Without the signs, not all rotations would be equally likely.
        q *= np.where(np.diag(r) < 0, -self.gain, self.gain)
        return np.ascontiguousarray((q if rows >= columns else q.T).reshape(shape), dtype)


# --- what they share -----------------------------------------------------------------------------


def _normal(rng: RandomSource, shape: Shape, dtype: DTypeLike, scale: float) -> Array:
    array = _fill(shape, dtype, _source(rng).standard_normal)
    # The factor in the array's own dtype, as the book has it: its figures depend on the rounding.
    array *= array.dtype.type(scale)
    return array


def _uniform(rng: RandomSource, shape: Shape, dtype: DTypeLike, bound: float) -> Array:
    source = _source(rng)
    return _fill(shape, dtype, lambda n: source.uniform(-bound, bound, n))


def _fill(shape: Shape, dtype: DTypeLike, draw: Callable[[int], Array]) -> Array:
    array = np.empty(shape, dtype)
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        block[...] = draw(block.size)
    return array


def _source(rng: RandomSource) -> Any:
    return np.random if rng is None else rng


def _fan(initializer: Any, *fans: int) -> int:
    total = sum(fans)
    if total < 1:
        name = type(initializer).__name__
        raise ValueError(f"{name}: a parameter without inputs or outputs needs no values")
    return total


def _check_number(
    initializer: Any, name: str, value: float, *, least: float = -float("inf")
) -> None:
    try:
        is_right = isfinite(value) and value >= least
    except TypeError:
        raise TypeError(
            f"{type(initializer).__name__}: {name} must be a number, got {value!r}"
        ) from None
    if not is_right:
        bound = "" if least == -float("inf") else f", at least {least:g}"
        raise ValueError(
            f"{type(initializer).__name__}: {name} must be finite{bound}, got {value!r}"
        )
