"""Products that sum over axes: matrices, tensors, and whatever Einstein's notation can say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from operator import index
from typing import Any

import numpy as np

from dezero_core.errors import describe
from dezero_core.functions._axes import normalize_axis, shape_of
from dezero_core.functions._subscripts import fresh_letters, read_subscripts
from dezero_core.functions.arithmetic import multiply
from dezero_core.primitive import primitive
from dezero_core.products import matmul as product
from dezero_core.typing import Array, ArrayLike, Shape
from dezero_core.variable import Variable

__all__ = ["dot", "einsum", "matmul", "outer", "tensordot"]

# --- matrices ---------------------------------------------------------------------------------


@primitive(autocast="half")
def matmul(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""Matrix product, :math:`y_{ij} = \sum_n x_{0,in}\, x_{1,nj}`, also as ``x0 @ x1``.

    Args:
        x0: Of shape (..., m, n), or a vector of shape (n,), which counts as a row.
        x1: Of shape (..., n, k), or a vector of shape (n,), which counts as a column. The axes
            before the last two count a stack of matrices; they are broadcast.

    Returns:
        A Variable of shape (..., m, k), without the axis that a vector lacks.

    Raises:
        ValueError: The shapes do not fit, or one is a number: for that there is `multiply`.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> W = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> y = F.matmul(W, np.array([1.0, 1.0]))
        >>> y.backward()
        >>> y, W.grad
        (variable([3. 7.]), variable([[1. 1.]
                  [1. 1.]]))

    Deep Learning from Scratch 3, step 41.
    """
    ndim0, ndim1 = getattr(x0, "ndim", 0), getattr(x1, "ndim", 0)
    multiply = partial(product, np) if xp is np and min(ndim0, ndim1) > 1 else xp.matmul
    try:
        if ndim1 == 2 < ndim0 and x0.flags.c_contiguous:
            # The same matrix for all: one large product is up to three times as fast as many small.
            rows = x0.reshape(prod(x0.shape[:-1]), x0.shape[-1])
            return multiply(rows, x1).reshape(*x0.shape[:-1], x1.shape[-1])
        return multiply(x0, x1)
    except ValueError as error:
        raise ValueError(_misfit(x0, x1) or str(error)) from None


def _misfit(x0: Array, x1: Array) -> str | None:
    """Say in the words of matrices why two arrays have no product."""
    if not getattr(x0, "ndim", 0) or not getattr(x1, "ndim", 0):
        return "a number is no matrix; for products with numbers there is multiply"
    n0, n1 = x0.shape[-1], x1.shape[-2 if x1.ndim > 1 else 0]
    if n0 != n1:
        rows = "elements" if x1.ndim == 1 else "rows"
        return f"x0 has {n0} columns and x1 has {n1} {rows}; these must be equally many"
    return None


def _matmul_vjp_x0(xp: Any, gy: Any, x1: Any) -> Any:
    if x1.ndim == 2:
        return product(xp, gy, x1.T) if gy.ndim <= 2 else matmul.on(xp, gy, x1.T)
    if x1.ndim == 1:
        return gy.reshape(*gy.shape, 1) * x1
    if gy.ndim < x1.ndim:
        # x0 was a vector beside a stack.
        return product(xp, x1, gy.reshape(*gy.shape, 1)).reshape(x1.shape[:-1])
    return product(xp, gy, xp.swapaxes(x1, -1, -2))


def _matmul_vjp_x1(xp: Any, gy: Any, x0: Any, x1_shape: Shape) -> Any:
    if x0.ndim == 2:
        return product(xp, x0.T, gy)
    if x0.ndim == 1:
        if len(x1_shape) == 1:
            return x0 * gy
        return x0.reshape(-1, 1) * gy.reshape(*gy.shape[:-1], 1, gy.shape[-1])
    if len(x1_shape) > 2:
        return product(xp, xp.swapaxes(x0, -1, -2), gy)
    n = prod(x0.shape[:-1])
    rows = gy.reshape(n, *x1_shape[1:])
    return product(xp, x0.reshape(n, x0.shape[-1]).T, rows)


matmul.defvjp(_matmul_vjp_x0, _matmul_vjp_x1)


def dot(x0: ArrayLike, x1: ArrayLike) -> Variable:
    """Dot product: of vectors, of matrices, or with a number, as `numpy.dot`.

    Args:
        x0: Of shape (..., n), or a number.
        x1: Of shape (n,) or (..., n, k), or a number.

    Returns:
        The product where one is a number, otherwise the sum over the last axis of `x0` and the
        last but one of `x1`, of shape (*all other axes of x0, *all other axes of x1*). Up to two
        axes that is `matmul`; with more, this is every matrix by every matrix.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> F.dot(Variable(np.array([1.0, 2.0])), np.array([3.0, 4.0]))
        variable(11.0)
    """
    n0, n1 = _ndim(x0), _ndim(x1)
    if not n0 or not n1:
        return multiply(x0, x1)
    if n0 == 1 or n1 <= 2:
        return matmul(x0, x1)
    return tensordot(x0, x1, axes=(-1, -2))


@primitive
def outer(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    """Products of all pairs, ``y[i, j] = x0[i] * x1[j]``.

    Args:
        x0: Of any shape with m elements: it is flattened.
        x1: Of any shape with n elements.

    Returns:
        A Variable of shape (m, n).

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.outer(np.array([1, 2]), np.array([3, 4, 5]))
        variable([[ 3  4  5]
                  [ 6  8 10]])
    """
    return xp.outer(x0, x1)


outer.defvjp(
    lambda xp, gy, x0_shape, x1: product(xp, gy, x1.reshape(-1)).reshape(x0_shape),
    lambda xp, gy, x0, x1_shape: product(xp, x0.reshape(-1), gy).reshape(x1_shape),
)

# --- tensors ----------------------------------------------------------------------------------


def tensordot(
    x0: ArrayLike, x1: ArrayLike, axes: int | Sequence[int | Sequence[int]] = 2
) -> Variable:
    """Sum of products over some axes of one operand, paired with axes of the other.

    Args:
        x0: The first operand.
        x1: The second operand.
        axes: How many axes are paired, the last of `x0` with the first of `x1`; or two sequences
            (or two numbers): the axes of `x0`, and their partners in `x1`.

    Returns:
        A Variable: first the other axes of `x0`, then those of `x1`.

    Raises:
        AxisError: An axis is out of range.
        ValueError: Paired axes differ in number or in length, or one comes twice.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> images, W = np.ones((10, 3, 8, 8)), np.ones((5, 3, 8, 8))
        >>> F.tensordot(images, W, axes=((1, 2, 3), (1, 2, 3))).shape
        (10, 5)
    """
    axes0, axes1 = _pair_axes(x0, x1, axes)
    if not axes0 and not (_ndim(x0) and _ndim(x1)):
        return multiply(x0, x1)
    return _tensordot(x0, x1, axes=(axes0, axes1))


@primitive(autocast="half")
def _tensordot(
    xp: Any, x0: ArrayLike, x1: ArrayLike, *, axes: tuple[tuple[int, ...], tuple[int, ...]]
) -> Any:
    return xp.tensordot(x0, x1, axes=axes)


def _tensordot_vjp(xp: Any, gy: Any, other: Any, mine: Any, theirs: Any, *, first: bool) -> Any:
    """Return the gradient of the operand whose axes `mine` were paired with `theirs` of `other`."""
    n_others = other.ndim - len(theirs)
    n_mine = gy.ndim - n_others
    free_theirs = tuple([i for i in range(other.ndim) if i not in theirs])
    free_mine = [i for i in range(n_mine + len(mine)) if i not in mine]
    start = n_mine if first else 0
    # The paired axes come out in the order of their partners, beside the free ones.
    paired = [axis for _, axis in sorted(zip(theirs, mine, strict=True))]
    from_gy = tuple(range(start, start + n_others))
    g = _tensordot.on(xp, gy, other, axes=(from_gy, free_theirs))
    places = [*free_mine, *paired]
    return xp.transpose(g, tuple([places.index(i) for i in range(len(places))]))


_tensordot.defvjp(
    lambda xp, gy, x1, axes: _tensordot_vjp(xp, gy, x1, *axes, first=True),
    lambda xp, gy, x0, axes: _tensordot_vjp(xp, gy, x0, *reversed(axes), first=False),
)


def _ndim(x: ArrayLike) -> int:
    return getattr(x, "ndim", 0)


def _pair_axes(x0: ArrayLike, x1: ArrayLike, axes: Any) -> tuple[tuple[int, ...], ...]:
    """Return for each operand the axes to sum over, counted from 0."""
    shapes = shape_of("tensordot", x0), shape_of("tensordot", x1)
    got = f"(got x0: {describe(x0)}, x1: {describe(x1)}, axes={axes!r})"
    if isinstance(axes, Sequence):
        if len(axes) != 2:
            raise ValueError(f"tensordot: axes must be a number, or two sequences {got}")
        pair = [part if isinstance(part, Sequence) else (part,) for part in axes]
    else:
        ndim = len(shapes[0])
        if not 0 <= index(axes) <= min(map(len, shapes)):
            raise ValueError(f"tensordot: there are not as many axes {got}")
        pair = [range(ndim - axes, ndim), range(axes)]
    axes0, axes1 = (
        tuple([normalize_axis("tensordot", axis, shape) for axis in part])
        for part, shape in zip(pair, shapes, strict=True)
    )
    if len(axes0) != len(axes1) or any(len({*part}) < len(part) for part in (axes0, axes1)):
        raise ValueError(f"tensordot: axes must come in pairs, each axis once {got}")
    return axes0, axes1


# --- Einstein's notation ----------------------------------------------------------------------


def einsum(
    subscripts: str, *operands: ArrayLike, optimize: bool | str | Sequence[Any] = True
) -> Variable:
    """Sum of products in Einstein's notation, such as ``"bij,bjk->bik"``.

    Each axis of each operand has a letter. Axes with the same letter run together; letters that
    the result does not have are summed over. A letter twice in one operand takes its diagonal.
    An ellipsis stands for any axes that remain, which are broadcast from the right. Without
    ``->`` the result has the ellipsis and, in alphabetical order, the letters that come once.

    Args:
        subscripts: The letters of each operand, ``->``, and those of the result.
        *operands: The operands, of as many axes as they have letters.
        optimize: In which order three and more operands are multiplied, as `numpy.einsum` takes
            it. Any but False also computes through matrix products, ten times as fast; that is
            why the default is True, unlike NumPy's. Gradients always are computed so.

    Returns:
        A Variable.

    Raises:
        ValueError: The subscripts are malformed, or do not fit the operands.
        TypeError: `subscripts` is no string.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable, functions as F
        >>> x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> trace = F.einsum("ii", x)
        >>> trace.backward()
        >>> trace, x.grad
        (variable(5.0), variable([[1. 0.]
                  [0. 1.]]))
    """
    terms, result = read_subscripts(subscripts, [_ndim(x) for x in operands])
    explicit = f"{','.join(terms)}->{result}"
    if len(operands) == 1:
        return _einsum_of_one(operands[0], subscripts=explicit)
    return _einsum(*operands, subscripts=explicit, optimize=optimize)


@primitive
def _einsum_of_one(xp: Any, x: ArrayLike, *, subscripts: str) -> Any:
    # Apart from `_einsum`, since its rule does not need the operand: it must not be kept.
    return _sum_products(xp, subscripts, (x,))


@primitive(autocast="half")
def _einsum(xp: Any, *operands: ArrayLike, subscripts: str, optimize: Any = True) -> Any:
    if any([not hasattr(x, "dtype") for x in operands]):
        # NumPy would take a number for a float64 array.
        dtype = xp.result_type(*operands)
        operands = tuple([x if hasattr(x, "dtype") else xp.asarray(x, dtype) for x in operands])
    return _sum_products(xp, subscripts, operands, optimize=optimize)


def _sum_products(xp: Any, subscripts: str, operands: tuple[Any, ...], **options: Any) -> Any:
    dtypes = [getattr(x, "dtype", None) for x in operands]
    if not any(dtype is not None and dtype.kind == "V" for dtype in dtypes):
        return xp.einsum(subscripts, *operands, **options)
    # It knows no bfloat16.
    wide = [x.astype(np.promote_types(x.dtype, np.float32), copy=False) for x in operands]
    return xp.einsum(subscripts, *wide, **options).astype(np.result_type(*dtypes))


_einsum_of_one.defvjp(
    lambda xp, gy, x_shape, subscripts: _einsum_vjp(xp, gy, 0, x_shape, (), subscripts)
)
_einsum.defvjp_joint(
    lambda xp, gy, needs, operands, subscripts: [
        _einsum_vjp(xp, gy, i, x.shape, [*operands[:i], *operands[i + 1 :]], subscripts)
        if need
        else None
        for i, (x, need) in enumerate(zip(operands, needs, strict=True))
    ]
)


def _einsum_vjp(
    xp: Any, gy: Any, i: int, shape: Shape, others: Sequence[Any], subscripts: str
) -> Any:
    """Return the gradient of operand `i`: the same sum over the others, with `gy` in its place."""
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    term = terms[i]
    factors = [result, *terms[:i], *terms[i + 1 :]]
    letters = "".join(dict.fromkeys(term))
    shared = "".join([letter for letter in letters if any(letter in f for f in factors)])
    contraction = f"{','.join(factors)}->{shared}"
    if others:
        g = _einsum.on(xp, gy, *others, subscripts=contraction)
    else:
        g = _einsum_of_one.on(xp, gy, subscripts=contraction)

    # Along a letter that nobody else has, or has with length 1, the gradient is the same.
    mine = dict(zip(term, shape, strict=True))
    given = dict(zip(shared, g.shape, strict=True))
    full = tuple([given[a] if given.get(a, 1) != 1 else mine[a] for a in letters])
    if full != g.shape:
        g = xp.broadcast_to(g.reshape(tuple([given.get(a, 1) for a in letters])), full)

    if len(letters) < len(term):
        # A diagonal was taken: the gradient goes onto it, through one identity for each repetition.
        fresh = fresh_letters(subscripts)
        spread, identities, pairs = "", [], []
        for letter in term:
            if letter in spread:
                size = full[letters.index(letter)]
                identities.append(_identity_like.on(xp, gy, n=size))
                pairs.append(letter + next(fresh))
                letter = pairs[-1][1]
            spread += letter
        g = _einsum.on(xp, g, *identities, subscripts=f"{','.join([letters, *pairs])}->{spread}")
    return g


@primitive
def _identity_like(xp: Any, x: ArrayLike, *, n: int) -> Any:
    # Without a rule: a constant, where the operand lives.
    return xp.eye(n, dtype=x.dtype)
