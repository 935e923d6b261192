"""Products of matrices too small for BLAS, which copies both first and divides among threads.

A tile of the result, some rows by two vectors of columns, stays in registers while the sum runs
over the inner axis: each turn loads two vectors of b, and multiplies them by one number of a for
each row. BLAS does the same, in blocks that it copies before, so that it reads any size and any
order of axes well. Up to a few hundred rows and columns all is in the second cache anyway.

Numba does not keep a tile in registers if it is written as loops over arrays; so the instructions
are written here, in the language of its compiler, LLVM.

K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dezero_core.compiled import fused

__all__ = ["add_product", "is_small", "multiply"]

_features: Any = get_host_cpu_features()
# Numbers of a vector; rows of a tile, as many as registers can hold beside the vectors of b, of 32
# with AVX-512 and 16 with AVX2; and the most multiplications with which this is faster than BLAS
# with two threads. Processors with neither have no instruction that loads a part of a vector.
_LANES, _ROWS, _MOST = 8, 6, 0
if _features.get("avx2"):
    _MOST = 5 << 18
if _features.get("avx512f"):
    _LANES, _ROWS, _MOST = 16, 12, 5 << 19
_VECTORS = 2
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
        a: Of shape (M, K), in either order of axes.
        b: Of shape (K, N), contiguous.
        c: Where to put the product, (M, N), contiguous.
    """
    _product(a, b, c, False)


@fused
def add_product(a, b, c):
    """Compute c += a b, as `multiply` does."""
    _product(a, b, c, True)


@fused
def _product(a, b, c, adds):
    M, N = c.shape
    rest = M % _ROWS
    for column in range(0, N, _COLUMNS):
        n = min(N - column, _COLUMNS)
        for row in range(0, M - rest, _ROWS):
            _tile(a, b, c, row, column, n, adds)
        if rest and M > _ROWS and not adds:
            # Rows that are left over are computed with some that are there already.
            _tile(a, b, c, M - _ROWS, column, n, adds)
        else:
            for row in range(M - rest, M):
                _row(a, b, c, row, column, n, adds)


# --- one tile, in LLVM's instructions ------------------------------------------------------------

_FLOAT, _INT, _INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR, _PLACES, _MASK = (ir.VectorType(x, _LANES) for x in (_FLOAT, _INT, ir.IntType(1)))
_POINTER = _VECTOR.as_pointer()
_ZERO = ir.Constant(_VECTOR, [0.0] * _LANES)


def _make_tile(height: int) -> Any:
    """Return ``tile(a, b, c, row, column, n, adds)`` for tiles of so many rows.

    It computes rows from `row` on, and n columns from `column` on, at most `_COLUMNS`, of c = a b,
    or of c += a b.
    """

    def tile(typing: Any, a: Any, b: Any, c: Any, row: Any, column: Any, n: Any, adds: Any) -> Any:
        where = types.intp, types.intp, types.intp
        return types.void(a, b, c, *where, types.boolean), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, b, c = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args[:3], args[:3], strict=True)
        )
        _Tile(builder, a, b, c, *args[3:]).generate(height)
        return context.get_dummy_value()

    return intrinsic(tile)


class _Tile:
    """Writes what computes a tile."""

    def __init__(
        self, builder: Any, a: Any, b: Any, c: Any, row: Any, column: Any, n: Any, adds: Any
    ) -> None:
        self._builder = builder
        self._a, self._b, self._c = a, b, c
        self._row, self._column = row, column
        # Which numbers of each vector there are, and which of them are added to.
        rest = self._spread(builder.trunc(n, _INT), _PLACES)
        self._masks = [
            builder.icmp_signed("<", ir.Constant(_PLACES, list(range(v, v + _LANES))), rest)
            for v in range(0, _COLUMNS, _LANES)
        ]
        added = self._spread(adds, _MASK)
        self._added = [builder.and_(mask, added) for mask in self._masks]

    def generate(self, height: int) -> None:
        """Write it for so many rows."""
        builder = self._builder
        inner, width = cgutils.unpack_tuple(builder, self._b.shape)
        by_row, by_column = (
            builder.sdiv(stride, _INDEX(4))
            for stride in cgutils.unpack_tuple(builder, self._a.strides)
        )
        rows = [builder.add(self._row, _INDEX(r)) for r in range(height)]
        # LLVM keeps in registers what is put on the stack so.
        sums = [[cgutils.alloca_once_value(builder, _ZERO) for _ in range(_VECTORS)] for _ in rows]
        with cgutils.for_range(builder, inner) as loop:
            of_b = self._load(self._b, builder.mul(loop.index, width), self._masks)
            along = builder.mul(loop.index, by_column)
            for row, totals in zip(rows, sums, strict=True):
                place = builder.add(builder.mul(row, by_row), along)
                number = builder.load(builder.gep(self._a.data, [place]))
                factor = self._spread(number, _VECTOR)
                for vector, total in zip(of_b, totals, strict=True):
                    builder.store(self._call("fma", factor, vector, builder.load(total)), total)
        for row, totals in zip(rows, sums, strict=True):
            start = builder.mul(row, width)
            before = self._load(self._c, start, self._added)
            for v, (total, mask) in enumerate(zip(totals, self._masks, strict=True)):
                after = builder.fadd(builder.load(total), before[v])
                self._call("masked.store", after, self._at(self._c, start, v), _INT(4), mask)

    def _spread(self, number: Any, kind: Any) -> Any:
        """Return a vector of one number."""
        one = self._builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
        return self._builder.shuffle_vector(one, one, ir.Constant(_PLACES, [0] * _LANES))

    def _at(self, array: Any, start: Any, v: int) -> Any:
        """Return where a row has the tile's vector v."""
        builder = self._builder
        place = builder.add(builder.add(start, self._column), _INDEX(v * _LANES))
        return builder.bitcast(builder.gep(array.data, [place]), _POINTER)

    def _load(self, array: Any, start: Any, masks: list[Any]) -> list[Any]:
        """Return the vectors of a row, zeros where there is nothing."""
        return [
            self._call("masked.load", self._at(array, start, v), _INT(4), mask, _ZERO)
            for v, mask in enumerate(masks)
        ]

    def _call(self, name: str, *args: Any) -> Any:
        """Call one of LLVM's functions on vectors."""
        suffix = f"v{_LANES}f32" + (".p0" if name.startswith("masked") else "")
        result = ir.VoidType() if name == "masked.store" else _VECTOR
        kind = ir.FunctionType(result, [x.type for x in args])
        function = cgutils.get_or_insert_function(
            self._builder.module, kind, f"llvm.{name}.{suffix}"
        )
        return self._builder.call(function, args)


_tile, _row = _make_tile(_ROWS), _make_tile(1)
