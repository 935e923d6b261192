"""Linear algebra with gradients, under the names of `numpy.linalg`.

Matrices may be stacked: whatever axes come before the last two are counted through. On a GPU a
singular matrix is not noticed, since that would make the host wait; NaN or infinity comes out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from dezero_core.errors import describe
from dezero_core.functions._axes import kept_shape, normalize_axes, shape_of
from dezero_core.primitive import primitive
from dezero_core.typing import ArrayLike, Shape
from dezero_core.variable import Variable

__all__ = ["cholesky", "det", "inv", "norm", "slogdet", "solve"]


def _t(xp: Any, x: Any) -> Any:
    """Transpose the matrices of a stack."""
    return xp.swapaxes(x, -1, -2)


# --- equations --------------------------------------------------------------------------------


@primitive(autocast="single")
def inv(xp: Any, x: ArrayLike) -> Any:
    r"""Inverse of a square matrix, :math:`x^{-1}`.

    To multiply by an inverse, use `solve`: it is faster, and loses fewer digits.

    Args:
        x: Of shape (..., n, n).

    Returns:
        A Variable of the same shape.

    Raises:
        LinAlgError: The matrix is singular, or not square.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
        variable([[0.5  0.  ]
                  [0.   0.25]])
    """
    return xp.linalg.inv(x)


# From x y = 1: dy = -y dx y.
inv.defvjp(lambda xp, gy, y: -xp.matmul(_t(xp, y), xp.matmul(gy, _t(xp, y))))


@primitive(autocast="single")
def solve(xp: Any, x0: ArrayLike, x1: ArrayLike) -> Any:
    r"""Solution :math:`y` of the linear equations :math:`x_0\, y = x_1`.

    Args:
        x0: The matrix, of shape (..., n, n).
        x1: The right-hand side: one vector, of shape (n,), or matrices of shape (..., n, k). As in
            NumPy 2, anything with two and more axes counts as matrices.

    Returns:
        A Variable: of shape (..., n) for a vector, otherwise (..., n, k), where the leading axes
        of both operands are broadcast.

    Raises:
        LinAlgError: The matrix is singular, or not square.
        ValueError: The shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.solve(np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([3.0, 4.0]))
        variable([1. 1.])
    """
    shape0, shape1 = shape_of("solve", x0), shape_of("solve", x1)
    if len(shape1) > 1 and shape0[:-2] != shape1[:-2]:
        # Only NumPy broadcasts stacks by itself.
        stack = xp.broadcast_shapes(shape0[:-2], shape1[:-2])
        x0 = xp.broadcast_to(x0, stack + shape0[-2:])
        x1 = xp.broadcast_to(x1, stack + shape1[-2:])
    return xp.linalg.solve(x0, x1)


def _solve_vjp(
    xp: Any, gy: Any, needs: Sequence[bool], x0: Any, y: Any, x1_shape: Shape
) -> tuple[Any, Any]:
    if len(x1_shape) == 1:
        gy, y = gy.reshape(*gy.shape, 1), y.reshape(*y.shape, 1)
    gx1 = solve.on(xp, _t(xp, x0), gy)
    gx0 = -xp.matmul(gx1, _t(xp, y)) if needs[0] else None
    return gx0, gx1.reshape(gx1.shape[:-1]) if len(x1_shape) == 1 else gx1


# Both gradients share one solution.
solve.defvjp_joint(_solve_vjp)

# --- determinants -----------------------------------------------------------------------------


@primitive(autocast="single")
def det(xp: Any, x: ArrayLike) -> Any:
    r"""Determinant of a square matrix.

    For large matrices it overflows: see `slogdet`. The gradient is
    :math:`\det(x)\, x^{-\mathsf{T}}`, and needs a matrix that is not singular.

    Args:
        x: Of shape (..., n, n).

    Returns:
        A Variable of shape (...).

    Raises:
        LinAlgError: The matrix is not square; in the backward pass also, it is singular.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.det(np.array([[0.0, 1.0], [1.0, 0.0]]))
        variable(-1.0)
    """
    return xp.linalg.det(x)


det.defvjp(lambda xp, gy, x, y: (gy * y).reshape(*y.shape, 1, 1) * _t(xp, inv.on(xp, x)))


@primitive(multiple_outputs=True, autocast="single")
def slogdet(xp: Any, x: ArrayLike) -> Any:
    r"""Sign of the determinant of a square matrix, and the logarithm of its absolute value.

    The gradient of the logarithm is :math:`x^{-\mathsf{T}}`. The sign has none.

    Args:
        x: Of shape (..., n, n).

    Returns:
        Two Variables of shape (...): the sign, 1 or -1, or 0 for a singular matrix; the logarithm,
        then minus infinity.

    Raises:
        LinAlgError: The matrix is not square; in the backward pass also, it is singular.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.slogdet(np.diag([1.0, -1.0, 1.0]))
        (variable(-1.0), variable(0.0))
    """
    return tuple(xp.linalg.slogdet(x))


slogdet.defvjp(
    lambda xp, gy, x: gy[1].reshape(*gy[1].shape, 1, 1) * _t(xp, inv.on(xp, x)),
)

# --- factors ----------------------------------------------------------------------------------


@primitive(autocast="single")
def cholesky(xp: Any, x: ArrayLike) -> Any:
    r"""Lower triangular factor :math:`y` of a symmetric, positive definite matrix, \
    :math:`y\, y^\mathsf{T} = x`.

    Only the lower triangle of `x` is read; the gradient is that for a symmetric `x`, so it is
    symmetric too.

    Args:
        x: Of shape (..., n, n).

    Returns:
        A Variable of the same shape, zero above the diagonal.

    Raises:
        LinAlgError: The matrix is not positive definite, or not square.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 10.0]]))
        variable([[2. 0.]
                  [1. 3.]])

    I. Murray, "Differentiation of the Cholesky decomposition", 2016, equation 10.
    """
    return xp.linalg.cholesky(x)


def _cholesky_vjp(xp: Any, gy: Any, y: Any) -> Any:
    yt = _t(xp, y)
    half = _half_triangle.on(xp, xp.matmul(yt, gy))
    # y^-T half y^-1, by two solutions with the transposed factor.
    g = solve.on(xp, yt, _t(xp, solve.on(xp, yt, _t(xp, half))))
    return (g + _t(xp, g)) * 0.5


cholesky.defvjp(_cholesky_vjp)


@primitive
def _half_triangle(xp: Any, x: ArrayLike) -> Any:
    """Return the lower triangle with half the diagonal."""
    n = x.shape[-1]
    below = xp.tri(n, k=-1, dtype=x.dtype)
    return x * ((below + xp.tri(n, dtype=x.dtype)) * 0.5)


_half_triangle.defvjp(lambda xp, gy: _half_triangle.on(xp, gy))

# --- lengths ----------------------------------------------------------------------------------


def norm(
    x: ArrayLike,
    ord: float | Literal["fro"] | None = None,
    axis: int | tuple[int, int] | None = None,
    keepdims: bool = False,
) -> Variable:
    r"""Norm of vectors, :math:`\sqrt{\sum x^2}` unless `ord` says otherwise, or of matrices.

    Args:
        x: Of any shape.
        ord: None for the square root of the sum of squares: the length of a vector, the Frobenius
            norm of a matrix. For vectors also 2, the same; 1, the sum of absolute values; and
            ``inf`` and ``-inf``, the largest and the smallest absolute value. For matrices also
            ``"fro"``.
        axis: One axis for vectors, two for matrices. None for all elements; with `ord`, `x` must
            then be a vector or a matrix.
        keepdims: Whether the axes stay, with length 1.

    Returns:
        A Variable. The gradient at the origin is 0, one of the subgradients, and elements
        that tie for the largest share theirs equally.

    Raises:
        ValueError: There is no such `ord` here.
        AxisError: An axis is out of range.

    Example:
        >>> import numpy as np
        >>> from dezero_core import functions as F
        >>> F.linalg.norm(np.array([[3.0, 4.0], [5.0, 12.0]]), axis=1)
        variable([ 5. 13.])
    """
    shape = shape_of("norm", x)
    axes = normalize_axes("norm", axis, shape)
    n = len(shape if axes is None else axes)
    known = {1: _VECTOR_NORMS, 2: (None, "fro")}.get(n, (None,) if axes is None else ())
    if ord not in known:
        raise ValueError(
            "norm: there is ord None, 1, 2, inf and -inf over one axis, None and 'fro' over two, "
            f"None over all (got x: {describe(x)}, ord={ord!r}, axis={axis!r})"
        )
    return _norm(x, ord=ord, axis=axes, keepdims=keepdims)


_VECTOR_NORMS = (None, 1, 2, math.inf, -math.inf)


@primitive(autocast="single")
def _norm(xp: Any, x: ArrayLike, *, ord: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return xp.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdims)


def _norm_vjp(xp: Any, gy: Any, x: Any, y: Any, ord: Any, axis: tuple[int, ...] | None) -> Any:
    kept = kept_shape(x.shape, axis)
    gy, y = gy.reshape(kept), y.reshape(kept)
    if ord == 1:
        return gy * xp.sign(x)
    if ord in (math.inf, -math.inf):
        extreme = (xp.absolute(x) == y).astype(y.dtype)
        return gy / extreme.sum(axis=axis, keepdims=True) * extreme * xp.sign(x)
    # At the origin 0/1, not 0/0.
    return x * (gy / xp.where(y == 0, 1.0, y))


_norm.defvjp(_norm_vjp)
