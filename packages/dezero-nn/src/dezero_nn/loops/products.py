"""Products of matrices too small for BLAS, which copies both first and divides among threads.

A tile of the result, some rows by two vectors of columns, stays in registers while the sum runs
over the inner axis: each turn loads two vectors of b, and multiplies them by one number of a for
each row. BLAS does the same, in blocks that it copies before, so that it reads any size and any
order of axes well. Up to a few hundred rows and columns all is in the second cache anyway.

That a tile stays in registers is not left to the compiler to find out: its instructions are written
here, in the language of Numba's compiler, LLVM.

K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy import arange

from dezero_core.compiled import fused

__all__ = [
    "VECTOR",
    "add_product_of_rows",
    "add_transposed_product",
    "is_small",
    "multiply",
    "multiply_transposed",
]

_features: Any = get_host_cpu_features()
#: How many numbers a vector has; 0 if a processor has no instruction that loads a part of one.
VECTOR = 16 if _features.get("avx512f") else 8 if _features.get("avx2") else 0
_LANES = VECTOR or 8
# The rows of a tile: as many as registers can hold beside the vectors of b, of 32 and of 16.
_ROWS = 12 if _LANES == 16 else 6
# What is left over has fewer rows.
_FEW = _ROWS // 3
# With so many multiplications this is faster than BLAS with two threads.
_MOST = {16: 5 << 19, 8: 5 << 18, 0: 0}[VECTOR]
_VECTORS = 2
# So many numbers of `a` stay in the second cache, where all columns read them.
_BLOCK = 1 << 16
_COLUMNS = _VECTORS * _LANES


def is_small(k, m, n):
    """Whether `multiply` is the faster one, if n columns are multiplied by k x m or m x k weights.

    Columns that fill their tiles by less than three quarters take as long as if they did.
    """
    return k * m * n <= _MOST and 4 * n >= 3 * _COLUMNS * -(-n // _COLUMNS)


@fused
def multiply(a, b, c):
    """Compute c = a b in single precision.

    Args:
        a: Of shape (M, K), contiguous, and so are the others.
        b: Of shape (K, N).
        c: Where to put the product, (M, N).
    """
    c[:] = 0
    M, K = a.shape
    add_product_of_rows(a.reshape(M * K), arange(M) * K, 1, b.reshape(b.size), _rows(b), c)


@fused
def multiply_transposed(a, b, c):
    """Compute c = aᵀ b, as `multiply` does, of a with the shape (K, M)."""
    c[:] = 0
    add_transposed_product(a, b, c)


@fused
def add_transposed_product(a, b, c):
    """Compute c += aᵀ b, as `multiply_transposed` does."""
    K, M = a.shape
    add_product_of_rows(a.reshape(K * M), arange(M), M, b.reshape(b.size), _rows(b), c)


@fused
def _rows(b):
    """Return where the rows of a matrix begin."""
    return arange(len(b)) * b.shape[1]


@fused
def add_product_of_rows(a, rows, step, b, starts, c):
    """Compute c += a b, where rows lie anywhere, and may overlap.

    Args:
        a: The numbers, with one axis.
        rows: Where each of M rows begins.
        step: How far their numbers are apart.
        b: The same, of K rows whose numbers are side by side.
        starts: Where each of them begins.
        c: What to add to, (M, N), contiguous.
    """
    M, N = c.shape
    block = max(_BLOCK // max(M, 1), 128)
    for k in range(0, len(starts), block):
        some = starts[k : k + block]
        for column in range(0, N, _COLUMNS):
            n, row = min(N - column, _COLUMNS), 0
            if n == _COLUMNS:
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


# --- one tile, in LLVM's instructions ------------------------------------------------------------

_FLOAT, _INT, _INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR, _PLACES, _MASK = (ir.VectorType(x, _LANES) for x in (_FLOAT, _INT, ir.IntType(1)))
_POINTER = _VECTOR.as_pointer()
_ZERO = ir.Constant(_VECTOR, [0.0] * _LANES)


def _make_tile(height: int, *, full: bool) -> Any:
    """Return ``tile(a, rows, first, step, b, starts, c, row, column, n)`` for so many rows.

    It adds to rows of c from `row` on, and n columns from `column` on, at most `_COLUMNS`, what
    `add_product_of_rows` says; all rows of a from their number at `first` on. If it is `full` n is
    `_COLUMNS`: to load a part of a vector takes longer than a whole one.
    """

    def tile(
        typing: Any,
        a: Any,
        rows: Any,
        first: Any,
        step: Any,
        b: Any,
        starts: Any,
        c: Any,
        row: Any,
        column: Any,
        n: Any,
    ) -> Any:
        place = types.intp
        return types.void(a, rows, place, place, b, starts, c, place, place, place), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        operands = [
            context.make_array(kind)(context, builder, x) if isinstance(kind, types.Array) else x
            for kind, x in zip(signature.args, args, strict=True)
        ]
        _Tile(builder, operands, full=full).generate(height)
        return context.get_dummy_value()

    return intrinsic(tile)


class _Tile:
    """Writes what computes a tile."""

    def __init__(self, builder: Any, operands: Sequence[Any], *, full: bool) -> None:
        self._builder = builder
        self._a, self._rows, self._first, self._step, self._b, self._starts, self._c = operands[:7]
        self._row, self._column, n = operands[7:]
        # Which numbers of each vector there are; None if all.
        self._masks: list[Any] = [None] * _VECTORS
        if full:
            return
        rest = self._spread(builder.trunc(n, _INT), _PLACES)
        self._masks = [
            builder.icmp_signed("<", ir.Constant(_PLACES, list(range(v, v + _LANES))), rest)
            for v in range(0, _COLUMNS, _LANES)
        ]

    def generate(self, height: int) -> None:
        """Write it for so many rows."""
        builder = self._builder
        (inner,) = cgutils.unpack_tuple(builder, self._starts.shape)
        _, width = cgutils.unpack_tuple(builder, self._c.shape)
        rows = [builder.add(self._row, _INDEX(r)) for r in range(height)]
        of_a = [builder.add(self._get(self._rows, row), self._first) for row in rows]
        # LLVM keeps in registers what is put on the stack so. It is zero whenever we come by.
        sums = [[cgutils.alloca_once_value(builder, _ZERO) for _ in range(_VECTORS)] for _ in rows]
        with cgutils.for_range(builder, inner) as loop:
            of_b = self._load(self._b, self._get(self._starts, loop.index))
            along = builder.mul(loop.index, self._step)
            for start, totals in zip(of_a, sums, strict=True):
                factor = self._spread(self._get(self._a, builder.add(start, along)), _VECTOR)
                for vector, total in zip(of_b, totals, strict=True):
                    builder.store(self._call("fma", factor, vector, builder.load(total)), total)
        for row, totals in zip(rows, sums, strict=True):
            start = builder.mul(row, width)
            before = self._load(self._c, start)
            for v, (total, mask) in enumerate(zip(totals, self._masks, strict=True)):
                after = builder.fadd(builder.load(total), before[v])
                place = self._at(self._c, start, v)
                if mask is None:
                    builder.store(after, place, align=4)
                else:
                    self._call("masked.store", after, place, _INT(4), mask)

    def _get(self, array: Any, place: Any) -> Any:
        """Return a number of an array."""
        return self._builder.load(self._builder.gep(array.data, [place]))

    def _spread(self, number: Any, kind: Any) -> Any:
        """Return a vector of one number."""
        one = self._builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
        return self._builder.shuffle_vector(one, one, ir.Constant(_PLACES, [0] * _LANES))

    def _at(self, array: Any, start: Any, v: int) -> Any:
        """Return where a row has the tile's vector v."""
        builder = self._builder
        place = builder.add(builder.add(start, self._column), _INDEX(v * _LANES))
        return builder.bitcast(builder.gep(array.data, [place]), _POINTER)

    def _load(self, array: Any, start: Any) -> list[Any]:
        """Return the vectors of a row, zeros where there is nothing."""
        vectors = []
        for v, mask in enumerate(self._masks):
            place = self._at(array, start, v)
            if mask is None:
                vectors.append(self._builder.load(place, align=4))
            else:
                vectors.append(self._call("masked.load", place, _INT(4), mask, _ZERO))
        return vectors

    def _call(self, name: str, *args: Any) -> Any:
        """Call one of LLVM's functions on vectors."""
        suffix = f"v{_LANES}f32" + (".p0" if name.startswith("masked") else "")
        result = ir.VoidType() if name == "masked.store" else _VECTOR
        kind = ir.FunctionType(result, [x.type for x in args])
        function = cgutils.get_or_insert_function(
            self._builder.module, kind, f"llvm.{name}.{suffix}"
        )
        return self._builder.call(function, args)


_tile, _low_tile = _make_tile(_ROWS, full=True), _make_tile(_FEW, full=True)
_narrow_tile, _row = _make_tile(_ROWS, full=False), _make_tile(1, full=False)
