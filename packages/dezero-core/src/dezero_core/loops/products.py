"""Products of matrices in single precision, tile by tile, and with nothing copied.

BLAS copies both matrices into blocks first, so that it reads any size and any order of axes well,
and divides the work among threads. That takes longer than the product, if it is small; and BLAS may
have been built without the vectors that the processor has.
"""

from __future__ import annotations

from typing import Any

from numpy import arange

from dezero_core.compiled import fused
from dezero_core.loops.tiles import COLUMNS, SIDE, VECTOR, make_dot_tile, make_tile

__all__ = [
    "COLUMNS",
    "VECTOR",
    "add_product",
    "add_product_of_rows",
    "is_small",
    "multiply",
    "multiply_all",
    "multiply_rows",
]

# The rows of a tile: as many as registers can hold beside the vectors of b, of 32 and of 16.
_ROWS = 12 if VECTOR == 16 else 6
# What is left over has fewer rows.
_FEW = _ROWS // 3
# With so many multiplications this is faster than BLAS with two threads.
_MOST = {16: 5 << 19, 8: 5 << 18, 0: 0}[VECTOR]
# A block of so many columns of `a` and some hundred rows stays in the second cache, where all tiles
# read it. It does not depend on the rows: a product has the same digits however it is divided.
_INNER = 256
# So many numbers of it do, where they are whole rows.
_BLOCK = 1 << 16

_tile, _low_tile = make_tile(_ROWS, full=True), make_tile(_FEW, full=True)
_narrow_tile, _row = make_tile(_ROWS, full=False), make_tile(1, full=False)
_dot_tile = make_dot_tile()


def is_small(k, m, n):
    """Whether `multiply` is the faster one, if n columns are multiplied by k x m or m x k weights.

    Columns that fill their tiles by less than three quarters take as long as if they did.
    """
    return k * m * n <= _MOST and 4 * n >= 3 * COLUMNS * -(-n // COLUMNS)


@fused
def multiply(a, b, c):
    """Compute c = a b in single precision.

    Args:
        a: Of shape (M, K).
        b: Of shape (K, N), with rows whose numbers are side by side.
        c: Where to put the product, (M, N), with rows like that.
    """
    c[:] = 0
    add_product(a, b, c)


@fused
def add_product(a, b, c):
    """Compute c += a b, as `multiply` does."""
    rows, starts = arange(len(a)) * (a.strides[0] // 4), arange(len(b)) * (b.strides[0] // 4)
    add_product_of_rows(a, rows, a.strides[1] // 4, b, starts, c)


@fused
def add_product_of_rows(a, rows, step, b, starts, c):
    """Compute c += a b, where rows lie anywhere, and may overlap.

    Args:
        a: The numbers, of any shape.
        rows: Where each of M rows begins.
        step: How far their numbers are apart.
        b: The same, of K rows whose numbers are side by side.
        starts: Where each of them begins.
        c: What to add to, (M, N), with rows whose numbers are side by side.
    """
    M, N = c.shape
    for k in range(0, len(starts), _INNER):
        some = starts[k : k + _INNER]
        for column in range(0, N, COLUMNS):
            n, row = min(N - column, COLUMNS), 0
            if n == COLUMNS:
                while row + _ROWS <= M:
                    _tile(a, rows, k * step, step, b, some, c, row, column, n)
                    row += _ROWS
                while row + _FEW <= M:
                    _low_tile(a, rows, k * step, step, b, some, c, row, column, n)
                    row += _FEW
            while row + _ROWS <= M:
                _narrow_tile(a, rows, k * step, step, b, some, c, row, column, n)
                row += _ROWS
            while row < M:
                _row(a, rows, k * step, step, b, some, c, row, column, n)
                row += 1


# --- of as many matrices as there are -------------------------------------------------------------


@fused
def multiply_all(a, b, c):
    """Compute c = a b for a stack of matrices; a stack of one is for all.

    Args:
        a: Of shape (n or 1, M, K).
        b: Of shape (n or 1, K, N), with rows whose numbers are side by side.
        c: Where to put the products, (n, M, N), with rows like that.
    """
    for i in range(len(c)):
        multiply(a[i % len(a)], b[i % len(b)], c[i])


@fused
def multiply_rows(a, b, c):
    """Compute c = a bᵀ for a stack of matrices, as `multiply_all` does.

    Args:
        a: Of shape (n or 1, M, K), with rows whose numbers are side by side.
        b: Of shape (n or 1, N, K), with rows like that.
        c: Where to put the products, (n, M, N), with rows like that.
    """
    for i in range(len(c)):
        x, y, z = a[i % len(a)], b[i % len(b)], c[i]
        z[:] = 0
        M, K = x.shape
        block = max(_BLOCK // max(K, 1) // SIDE * SIDE, SIDE)
        for first in range(0, M, block):
            for column in range(0, len(y), SIDE):
                for row in range(first, min(first + block, M), SIDE):
                    _dot_tile(x, y, z, row, column)


# Compiled for arrays of any strides, once: for each combination of layouts it would take seconds.
_stacks: list[Any] = [multiply_all, multiply_rows]
for _multiply in _stacks:
    _multiply.compile("void(float32[:, :, :], float32[:, :, :], float32[:, :, :])")
    _multiply.disable_compile()
