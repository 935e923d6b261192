"""Products of matrices on the host: by BLAS or by tiles of our own, in one thread or in several.

BLAS is what NumPy multiplies with, and hard to beat. But NumPy's OpenBLAS takes some processors
for older ones, and multiplies with vectors of half the size: where the processor has AVX-512 and
BLAS does without, large products in single precision are computed by `dezero_core.loops.products`,
if Numba is installed, in about half the time. docs/design/products.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from dezero_core.backend import kernels_of
from dezero_core.blas import lacks_avx512, one_blas_thread
from dezero_core.compiled import Loops
from dezero_core.parallel import Pool, find_pool, thread_count
from dezero_core.typing import Array

__all__ = ["has_tiles", "matmul"]

_loops = Loops("dezero_core.loops.products")

# Products of more multiplications than this are large: OpenBLAS divides them among its threads.
_LARGE: Final = 1 << 18
# Waking a thread up takes some 25 us, and so does waiting for it. A product of less than this many
# multiplications is done by then; by tiles, twice as many are.
_SHARED: Final = 1 << 23
# A product by tiles that starts the threads: 0.3 ms in one. BLAS's have none to wait for then.
_STARTS: Final = 1 << 25
# To add up a vector at the end takes as long as eight turns of the loop before it.
_LEAST_INNER: Final = 256


def matmul(xp: Any, a: Array, b: Array, out: Array | None = None) -> Array:
    """Compute ``xp.matmul(a, b, out=out)``; in threads if these have been started.

    It is what rules multiply matrices with: on a backend with a kernel for the primitive `matmul`,
    that computes it.

    Args:
        xp: The arrays' namespace; for anything but NumPy it does all.
        a: Of shape (..., m, k).
        b: Of shape (..., k, n).
        out: Where to put the result, or None for a new array.

    Returns:
        The product, of shape (..., m, n).

    Example:
        >>> import numpy as np
        >>> matmul(np, np.eye(2), np.ones((2, 3))).shape
        (2, 3)
    """
    if xp is not np:
        return _elsewhere(xp, a, b) if out is None else xp.matmul(a, b, out=out)
    if out is None and a.ndim == b.ndim == 2 and a.dtype is b.dtype:
        # The first question is asked soonest, and most often answered with yes.
        if a.size * b.size <= _LARGE or a.size * b.shape[1] <= _LARGE or a.dtype.char not in "fd":
            # In half of the time that the function takes.
            return a.dot(b)
    elif a.ndim < 2 or b.ndim < 2 or a.size * b.shape[-1] <= _LARGE:
        return np.matmul(a, b, out=out)
    return _large(a, b, out)


# The kernel of each namespace but NumPy's for the primitive `matmul`, found on first use.
_kernels: dict[Any, Callable[..., Any] | None] = {}


def _elsewhere(xp: Any, a: Any, b: Any) -> Any:
    """Multiply on another backend, by its kernel if it has one for these; or multiply Variables."""
    if xp not in _kernels:
        _kernels[xp] = kernels_of(xp).get("matmul")
    kernel = _kernels[xp]
    y = NotImplemented if kernel is None else kernel(xp, a, b)
    return xp.matmul(a, b) if y is NotImplemented else y


def _large(a: Array, b: Array, out: Array | None) -> Array:
    if a.dtype != b.dtype or a.dtype.char not in "fd" or a.shape[-1] != b.shape[-2]:
        return np.matmul(a, b, out=out)  # not by BLAS; or it says what is wrong
    if out is None:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = np.empty((*stack, a.shape[-2], b.shape[-1]), a.dtype.type)
    multiply = _find_tiles(a, b, out)
    count = out.size * a.shape[-1]
    pool = find_pool(start=multiply is not None and count >= _STARTS)
    if multiply is not None:
        if pool is None or count < 2 * _SHARED:
            multiply(a, b, out)
        else:
            _divide(multiply, a, b, out, pool)
    elif pool is None or not pool.divides_products:
        np.matmul(a, b, out=out)
    elif count < _SHARED:
        with one_blas_thread:
            np.matmul(a, b, out=out)
    else:
        _divide(np.matmul, a, b, out, pool)
    return out


# --- tiles ---------------------------------------------------------------------------------------


def has_tiles() -> bool:
    """Tell whether large products in single precision are computed by tiles here, not by BLAS."""
    return _tiles() is not None


def _tiles() -> Any:
    loops = _loops.module() if _may_beat_blas() else None
    return loops if loops is not None and loops.VECTOR >= 16 else None


@cache
def _may_beat_blas() -> bool:
    """Tell whether vectors of twice the size make up for what BLAS may have more of threads."""
    return lacks_avx512() and 2 * thread_count() >= one_blas_thread.most


def _find_tiles(a: Array, b: Array, out: Array) -> Callable[[Array, Array, Array], Any] | None:
    """Return what multiplies by tiles, if that is better than BLAS and can be done.

    That depends on shapes, dtypes, strides and the processor, never on values.
    """
    if a.dtype.char != "f" or out.dtype != a.dtype:
        return None
    loops = _tiles()
    if loops is None:
        return None
    # Numba would compile anew for arrays that may not be written to. `behaved` is aligned as well.
    if not all(x.flags.behaved and x.dtype.isnative for x in (a, b, out)) or out.strides[-1] != 4:
        return None
    (m, inner), n = a.shape[-2:], b.shape[-1]
    # Columns that fill their tiles badly take as long as if they did.
    if b.strides[-1] == 4 and m >= 4 and 5 * n >= 3 * loops.COLUMNS * -(-n // loops.COLUMNS):
        return partial(_by_tiles, loops.multiply_all)
    if b.strides[-2] == a.strides[-1] == 4 and inner >= _LEAST_INNER and min(m, n) >= 4:
        return partial(_by_tiles, lambda a, b, y: loops.multiply_rows(a, b.swapaxes(1, 2), y))
    return None


def _by_tiles(multiply: Callable[..., None], a: Array, b: Array, out: Array) -> None:
    """Multiply matrices, or stacks of them along one axis; or go along the first of several."""
    if out.ndim <= 3:
        multiply(*(x if x.ndim == 3 else x[None] for x in (a, b, out)))
        return
    for i in range(len(out)):
        of_a, of_b = _of_stack(a, i, out.ndim), _of_stack(b, i, out.ndim)
        _by_tiles(multiply, of_a, of_b, out[i])


# --- threads -------------------------------------------------------------------------------------


def _divide(multiply: Callable[..., Any], a: Array, b: Array, out: Array, pool: Pool) -> None:
    """Multiply in threads: parts of a stack, or of the longer of columns and rows."""
    *stack, m, n = out.shape
    if stack and stack[0] >= pool.size:
        parts = _slices(stack[0], pool.size)
        calls = [(_of_stack(a, i, out.ndim), _of_stack(b, i, out.ndim), out[i]) for i in parts]
    elif n >= m:
        calls = [(a, b[..., i], out[..., i]) for i in _slices(n, pool.size)]
    else:
        calls = [(a[..., i, :], b, out[..., i, :]) for i in _slices(m, pool.size)]
    pool.run([partial(multiply, *operands) for operands in calls])


def _of_stack(a: Array, part: slice | int, ndim: int) -> Array:
    """Return what belongs to some of the results of a stack of products."""
    if a.ndim < ndim:
        return a
    if len(a) == 1:
        return a[0] if isinstance(part, int) else a
    return a[part]


def _slices(length: int, n: int) -> list[slice]:
    """Divide a length in multiples of 32, as tiles and BLAS do; the first part is the largest."""
    unit = 32 if length >= 32 * n else 1
    step = -(-length // (unit * n)) * unit
    return [slice(i, min(i + step, length)) for i in range(0, length, step)]
