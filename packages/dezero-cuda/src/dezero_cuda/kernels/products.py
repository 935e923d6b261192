"""Products that sum over axes, all as products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from dezero_core.typing import Array
from dezero_cuda.kernels._gemm import multiply
from dezero_cuda.kernels._launch import supported

__all__ = ["KERNELS", "matmul"]


def matmul(xp: Any, x0: Array, x1: Array) -> Any:
    """Compute the product of matrices, of stacks of them, or of a matrix and a vector.

    Args:
        xp: CuPy.
        x0: Of shape (..., m, k), or (k,).
        x1: Of shape (..., k, n), or (k,).

    Returns:
        The product; NotImplemented if the arrays are no floating-point numbers of one dtype, both
        are vectors, or shapes do not fit.
    """
    dtype = supported(xp, x0, x1)
    # The product of two vectors is a sum, which cuBLAS's product of matrices is slow at.
    if dtype is None or min(x0.ndim, x1.ndim) == 0 or max(x0.ndim, x1.ndim) == 1:
        return NotImplemented
    a = x0 if x0.ndim > 1 else x0.reshape(1, -1)
    b = x1 if x1.ndim > 1 else x1.reshape(-1, 1)
    y = multiply(xp, dtype, a, b)
    if y is None:
        return NotImplemented
    if x0.ndim == 1:
        return y.reshape(*y.shape[:-2], y.shape[-1])
    return y if x1.ndim > 1 else y.reshape(y.shape[:-1])


def _tensordot(
    xp: Any, x0: Array, x1: Array, *, axes: tuple[tuple[int, ...], tuple[int, ...]]
) -> Any:
    dtype = supported(xp, x0, x1)
    if dtype is None:
        return NotImplemented
    kept0 = [i for i in range(x0.ndim) if i not in axes[0]]
    kept1 = [i for i in range(x1.ndim) if i not in axes[1]]
    if not (kept0 or kept1):
        return NotImplemented  # a sum, as that of two vectors
    # In the order of x0's axes, which then are less often copied.
    pairs = sorted(zip(*axes, strict=True))
    rows = [x0.shape[i] for i in kept0]
    summed = prod([x0.shape[i] for i, _ in pairs])
    columns = [x1.shape[i] for i in kept1]
    a = x0.transpose(kept0 + [i for i, _ in pairs]).reshape(prod(rows), summed)
    b = x1.transpose([i for _, i in pairs] + kept1).reshape(summed, prod(columns))
    y = multiply(xp, dtype, a, b)
    return NotImplemented if y is None else y.reshape(*rows, *columns)


def _einsum(xp: Any, *operands: Array, subscripts: str, optimize: Any = True) -> Any:
    """Compute what is a product of two stacks of matrices, in whatever order the axes are."""
    dtype = supported(xp, *operands) if len(operands) == 2 else None
    if dtype is None:
        return NotImplemented
    a, b = operands
    inputs, result = subscripts.split("->")
    of_a, of_b = inputs.split(",")
    stack = [i for i in of_a if i in of_b and i in result]
    summed = [i for i in of_a if i in of_b and i not in result]
    rows = [i for i in of_a if i not in of_b]
    columns = [i for i in of_b if i not in of_a]
    sizes = dict(zip(of_a + of_b, a.shape + b.shape, strict=True))
    if (
        len({*of_a}) < len(of_a)  # diagonals
        or len({*of_b}) < len(of_b)
        or not {*rows, *columns} <= {*result}  # sums over one operand alone
        or not summed  # nothing but products of single numbers,
        or not (rows or columns)  # or sums of these
        or any(sizes[i] != n for i, n in zip(of_a, a.shape, strict=True))  # broadcast
    ):
        return NotImplemented
    lengths = [[sizes[i] for i in group] for group in (stack, rows, summed, columns)]
    n_rows, n_summed, n_columns = map(prod, lengths[1:])
    a = a.transpose([of_a.index(i) for i in stack + rows + summed])
    b = b.transpose([of_b.index(i) for i in stack + summed + columns])
    a = a.reshape(*lengths[0], n_rows, n_summed)
    b = b.reshape(*lengths[0], n_summed, n_columns)
    y = multiply(xp, dtype, a, b)
    if y is None:
        return NotImplemented
    made = stack + rows + columns
    y = y.reshape(*lengths[0], *lengths[1], *lengths[3])
    return y.transpose([made.index(i) for i in result])


#: What stands in for primitives and their rules, by name.
KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"matmul": matmul, "tensordot": _tensordot, "einsum": _einsum}
)
