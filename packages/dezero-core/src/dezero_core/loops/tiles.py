"""A tile of a product of matrices, whose sums stay in registers.

Each turn of its loop reads a few vectors, and multiplies each of some with each of the others. That
sums stay in registers is not left to the compiler to find out: a tile's instructions are written
here, in the language of Numba's compiler, LLVM.

K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

__all__ = ["COLUMNS", "SIDE", "VECTOR", "make_dot_tile", "make_tile"]

# What Numba compiles for: what its environment variables say, or the processor.
_told: str | None = getattr(config, "CPU_FEATURES", None)
_features = get_host_cpu_features() if _told is None else _told
#: How many numbers a vector has; 0 if a processor has no instruction that loads a part of one.
VECTOR = 16 if "+avx512f" in _features else 8 if "+avx2" in _features else 0
_LANES = VECTOR or 8
_VECTORS = 2
#: The columns of a tile.
COLUMNS = _VECTORS * _LANES
#: The rows and columns of a tile of inner products.
SIDE = 5 if _LANES == 16 else 3

_FLOAT, _INT, _INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR, _PLACES, _MASK = (ir.VectorType(x, _LANES) for x in (_FLOAT, _INT, ir.IntType(1)))
_POINTER = _VECTOR.as_pointer()
_ZERO = ir.Constant(_VECTOR, [0.0] * _LANES)


def make_tile(height: int, *, full: bool) -> Any:
    """Return ``tile(a, rows, first, step, b, starts, c, row, column, n)`` for so many rows.

    It adds to rows of c from `row` on, and n columns from `column` on, at most `COLUMNS`, the sum
    over k of ``a[rows[row] + first + k * step]`` times the numbers of b from ``starts[k]`` on. Both
    are numbers in memory, wherever their axes end; c has two axes, the last one contiguous. If it
    is `full` n is `COLUMNS`: to load a part of a vector takes longer than a whole one.
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
        signature = types.void(a, rows, place, place, b, starts, c, place, place, place)
        return signature, _written(lambda *operands: _Tile(*operands, full=full).write(height))

    return intrinsic(tile)


def make_dot_tile() -> Any:
    """Return ``tile(a, b, c, row, column)``, for `SIDE` rows and columns or what is left of them.

    It adds the inner products of rows of a, from `row` on, and of rows of b, from `column` on, to
    what c has there. All have two axes; those of a and b that are summed over are contiguous.
    """

    def tile(typing: Any, a: Any, b: Any, c: Any, row: Any, column: Any) -> Any:
        signature = types.void(a, b, c, types.intp, types.intp)
        return signature, _written(lambda *operands: _DotTile(*operands).write())

    return intrinsic(tile)


def _written(write: Callable[..., None]) -> Any:
    """Return what Numba calls to have an intrinsic's instructions written."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        operands = [
            context.make_array(kind)(context, builder, x) if isinstance(kind, types.Array) else x
            for kind, x in zip(signature.args, args, strict=True)
        ]
        write(builder, operands)
        return context.get_dummy_value()

    return generate


class _Writer:
    """Writes what is the same in both."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def _width(self, array: Any) -> Any:
        """Return how far the rows of a matrix are apart."""
        stride, _ = cgutils.unpack_tuple(self._builder, array.strides)
        return self._builder.ashr(stride, _INDEX(2))

    def _get(self, array: Any, place: Any) -> Any:
        """Return a number of an array."""
        return self._builder.load(self._builder.gep(array.data, [place]))

    def _at(self, array: Any, place: Any) -> Any:
        """Return where a vector begins."""
        return self._builder.bitcast(self._builder.gep(array.data, [place]), _POINTER)

    def _load(self, place: Any, mask: Any) -> Any:
        """Return a vector, with zeros where the mask is false; None is a mask of a whole one."""
        if mask is None:
            return self._builder.load(place, align=4)
        return self._call("masked.load", place, _INT(4), mask, _ZERO)

    def _spread(self, number: Any, kind: Any) -> Any:
        """Return a vector of one number."""
        one = self._builder.insert_element(ir.Constant(kind, ir.Undefined), number, _INT(0))
        return self._builder.shuffle_vector(one, one, ir.Constant(_PLACES, [0] * _LANES))

    def _first(self, n: Any, start: int = 0) -> Any:
        """Return the mask of a vector that begins at `start`, of which there are n numbers."""
        places = ir.Constant(_PLACES, list(range(start, start + _LANES)))
        n = self._spread(self._builder.trunc(n, _INT), _PLACES)
        return self._builder.icmp_signed("<", places, n)

    def _sums(self, rows: int, columns: int) -> list[list[Any]]:
        """Return sums: LLVM keeps in registers what is put on the stack so.

        They are zero whenever we come by.
        """
        return [
            [cgutils.alloca_once_value(self._builder, _ZERO) for _ in range(columns)]
            for _ in range(rows)
        ]

    def _add_product(self, x: Any, y: Any, total: Any) -> None:
        """Add a product of vectors to a sum."""
        after = self._call("fma", x, y, self._builder.load(total))
        self._builder.store(after, total)

    def _call(self, name: str, *args: Any, result: Any = _VECTOR, **options: Any) -> Any:
        """Call one of LLVM's functions on vectors."""
        suffix = f"v{_LANES}f32" + (".p0" if name.startswith("masked") else "")
        kind = ir.FunctionType(result, [x.type for x in args])
        function = cgutils.get_or_insert_function(
            self._builder.module, kind, f"llvm.{name}.{suffix}"
        )
        return self._builder.call(function, args, **options)


class _Tile(_Writer):
    """Writes a tile of which a vector is a part of a row."""

    def __init__(self, builder: Any, operands: Sequence[Any], *, full: bool) -> None:
        super().__init__(builder)
        self._a, self._rows, self._first_of_a, self._step = operands[:4]
        self._b, self._starts, self._c, self._row, self._column, n = operands[4:]
        starts = range(0, COLUMNS, _LANES)
        self._masks = [None if full else self._first(n, start) for start in starts]

    def write(self, height: int) -> None:
        """Write it for so many rows."""
        builder = self._builder
        (inner,) = cgutils.unpack_tuple(builder, self._starts.shape)
        width = self._width(self._c)
        rows = [builder.add(self._row, _INDEX(r)) for r in range(height)]
        of_a = [builder.add(self._get(self._rows, row), self._first_of_a) for row in rows]
        sums = self._sums(height, _VECTORS)
        with cgutils.for_range(builder, inner) as loop:
            of_b = [
                self._load(place, mask)
                for place, mask in self._vectors(self._b, self._get(self._starts, loop.index))
            ]
            along = builder.mul(loop.index, self._step)
            for start, totals in zip(of_a, sums, strict=True):
                factor = self._spread(self._get(self._a, builder.add(start, along)), _VECTOR)
                for vector, total in zip(of_b, totals, strict=True):
                    self._add_product(factor, vector, total)
        for row, totals in zip(rows, sums, strict=True):
            start = builder.mul(row, width)
            for (place, mask), total in zip(self._vectors(self._c, start), totals, strict=True):
                after = builder.fadd(builder.load(total), self._load(place, mask))
                if mask is None:
                    builder.store(after, place, align=4)
                else:
                    self._call("masked.store", after, place, _INT(4), mask, result=ir.VoidType())

    def _vectors(self, array: Any, start: Any) -> list[tuple[Any, Any]]:
        """Return where a row has the tile's vectors, and their masks."""
        builder = self._builder
        start = builder.add(start, self._column)
        return [
            (self._at(array, builder.add(start, _INDEX(v * _LANES))), mask)
            for v, mask in enumerate(self._masks)
        ]


class _DotTile(_Writer):
    """Writes a tile of which a vector is a part of the sum."""

    def __init__(self, builder: Any, operands: Sequence[Any]) -> None:
        super().__init__(builder)
        self._a, self._b, self._c, self._row, self._column = operands

    def write(self) -> None:
        """Write it."""
        builder = self._builder
        (_, inner), (M, N) = (cgutils.unpack_tuple(builder, x.shape) for x in (self._a, self._c))
        rows, columns = self._places(self._row, M), self._places(self._column, N)
        of_a, of_b = (
            [builder.mul(i, self._width(x)) for i in places]
            for x, places in ((self._a, rows), (self._b, columns))
        )
        sums = self._sums(SIDE, SIDE)

        def add(k: Any, mask: Any) -> None:
            b = [self._load(self._at(self._b, builder.add(start, k)), mask) for start in of_b]
            for start, totals in zip(of_a, sums, strict=True):
                a = self._load(self._at(self._a, builder.add(start, k)), mask)
                for vector, total in zip(b, totals, strict=True):
                    self._add_product(a, vector, total)

        whole = builder.sdiv(inner, _INDEX(_LANES))
        with cgutils.for_range(builder, whole) as loop:
            add(builder.mul(loop.index, _INDEX(_LANES)), None)
        done = builder.mul(whole, _INDEX(_LANES))
        with builder.if_then(builder.icmp_signed("<", done, inner)):
            add(done, self._first(builder.sub(inner, done)))
        self._store(rows, columns, sums)

    def _places(self, first: Any, n: Any) -> list[Any]:
        """Return the places from the first on, and the last one again where there are no more."""
        last = self._builder.sub(n, _INDEX(1))
        places = [self._builder.add(first, _INDEX(i)) for i in range(SIDE)]
        return [
            self._builder.select(self._builder.icmp_signed("<", i, last), i, last) for i in places
        ]

    def _store(self, rows: list[Any], columns: list[Any], sums: list[list[Any]]) -> None:
        builder, width = self._builder, self._width(self._c)
        stores = []
        for row, totals in zip(rows, sums, strict=True):
            start = builder.mul(row, width)
            for column, total in zip(columns, totals, strict=True):
                place = builder.gep(self._c.data, [builder.add(start, column)])
                zero, vector = ir.Constant(_FLOAT, 0.0), builder.load(total)
                add = self._call(
                    "vector.reduce.fadd", zero, vector, result=_FLOAT, fastmath=("reassoc",)
                )
                stores.append((builder.fadd(builder.load(place), add), place))
        # All are read before: what stands for a place twice is stored twice, and added once.
        for after, place in stores:
            builder.store(after, place)
