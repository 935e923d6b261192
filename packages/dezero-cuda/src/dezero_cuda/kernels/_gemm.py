"""Products of matrices by cuBLAS, which reads them as they lie: by rows or columns, in stacks.

CuPy's own product of stacks copies what is transposed, computes half precision in single, and knows
no TF32. So its bindings of cuBLAS are called here: one call for a product, or for a whole stack.

cuBLAS reads matrices by columns. What lies by rows is the transposed matrix to it, so it is asked
for the transposed product, with the factors exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_double, c_float
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from dezero_core.typing import Array, Shape
from dezero_cuda.kernels._launch import address, contiguous, current_device
from dezero_cuda.precision import tf32_allowed

__all__ = ["multiply"]

#: An axis of a stack: its length, and by how many elements a, b and the result go on.
_Axis: TypeAlias = tuple[int, ...]

_LARGEST = 2**31 - 1
# So many calls cost less than copies that make one call of them.
_MOST_CALLS = 4
_NUMBERS = {"single": (c_float(1), c_float(0)), "double": (c_double(1), c_double(0))}


class _Mode(NamedTuple):
    """How cuBLAS is told what to compute: its numbers for the dtype, and for how it computes."""

    dtype: int
    compute: int
    one: int
    zero: int


class _Matrix(NamedTuple):
    """How a matrix lies: by columns or by rows, and how far apart these begin, in elements."""

    by_columns: bool
    step: int


_modes: dict[tuple[Any, ...], _Mode | None] = {}


def cuda_of(xp: Any) -> Any:
    """Return what CuPy has of CUDA: the bindings, and the device."""
    return xp.cuda


def multiply(xp: Any, dtype: Any, a: Array, b: Array) -> Array | None:
    """Multiply matrices, or stacks of them that are broadcast. Nothing waits.

    Half precision is summed up in single; single precision is computed with TF32 if that is allowed
    and the device has it.

    Args:
        xp: CuPy.
        dtype: What both hold, one of `_launch.DTYPES`.
        a: Of shape (..., m, k).
        b: Of shape (..., k, n).

    Returns:
        The product, of shape (..., m, n), in C order. None if the device has no such product, or
        shapes do not fit, or are too large.
    """
    mode = _find_mode(xp, dtype)
    if mode is None or a.shape[-1] != b.shape[-2] or max(*a.shape, *b.shape) > _LARGEST:
        return None
    stack = a.shape[:-2]
    if stack != b.shape[:-2]:
        try:
            stack = np.broadcast_shapes(stack, b.shape[:-2])
        except ValueError:
            return None
    m, k = a.shape[-2:]
    y = xp.empty((*stack, m, b.shape[-1]), dtype)
    if not y.size:
        return y
    if not k:
        y.fill(0)
        return y
    a, b = _readable(xp, a), _readable(xp, b)
    axes = _join(_axes_of(stack, a, b, y)) if stack else []
    if len(axes) > 1 and _calls(axes) > _MOST_CALLS:
        a, b = (contiguous(xp, xp.broadcast_to(x, (*stack, *x.shape[-2:]))) for x in (a, b))
        axes = _join(_axes_of(stack, a, b, y))
    _call(xp, mode, a, b, y, axes)
    return y


def _find_mode(xp: Any, dtype: Any) -> _Mode | None:
    """Return what to tell cuBLAS on the current device; None if it has no product of a dtype."""
    tf32 = dtype == np.float32 and tf32_allowed()
    key = (xp, current_device(xp), dtype, tf32)
    if key not in _modes:
        _modes[key] = _make_mode(cuda_of(xp), dtype.name, tf32)
    return _modes[key]


def _make_mode(cuda: Any, name: str, tf32: bool) -> _Mode | None:
    blas, runtime = cuda.cublas, cuda.runtime
    # bfloat16 and TF32 came with Ampere, compute capability 8.0.
    is_recent = int(cuda.Device().compute_capability) >= 80
    one, zero = map(addressof, _NUMBERS["double" if name == "float64" else "single"])
    if name == "float64":
        return _Mode(runtime.CUDA_R_64F, blas.CUBLAS_COMPUTE_64F, one, zero)
    if name == "bfloat16" and not is_recent:
        return None
    dtypes = {
        "float16": runtime.CUDA_R_16F,
        "bfloat16": runtime.CUDA_R_16BF,
        "float32": runtime.CUDA_R_32F,
    }
    fast = tf32 and is_recent
    compute = blas.CUBLAS_COMPUTE_32F_FAST_TF32 if fast else blas.CUBLAS_COMPUTE_32F
    return _Mode(dtypes[name], compute, one, zero)


# --- how they lie -------------------------------------------------------------------------------


def _readable(xp: Any, x: Array) -> Array:
    """Return matrices, or a copy if cuBLAS cannot read them as they lie."""
    if x.flags.c_contiguous or (
        all(stride >= 0 and not stride % x.itemsize for stride in x.strides) and _lie(x) is not None
    ):
        return x
    return xp.ascontiguousarray(x)


def _lie(x: Array) -> _Matrix | None:
    """Return how matrices lie; None if neither rows nor columns are in one piece."""
    (rows, columns), size = x.shape[-2:], x.itemsize
    down, right = x.strides[-2:]
    # The stride of an axis of length 1 says nothing.
    if columns == 1 or right == size:
        if rows == 1:
            return _Matrix(False, columns)
        if columns * size <= down <= _LARGEST * size:
            return _Matrix(False, down // size)
    if (rows == 1 or down == size) and rows * size <= right <= _LARGEST * size:
        return _Matrix(True, right // size)
    return None


def _axes_of(stack: Shape, a: Array, b: Array, y: Array) -> list[_Axis]:
    """Return the axes of a stack. A broadcast operand does not go on along one: by 0 elements."""
    steps = [_steps(x, stack) for x in (a, b, y)]
    return [axis for axis in zip(stack, *steps, strict=True) if axis[0] > 1]


def _steps(x: Array, stack: Shape) -> list[int]:
    missing = len(stack) + 2 - x.ndim
    own = zip(x.shape[:-2], x.strides[:-2], strict=True)
    return [0] * missing + [stride // x.itemsize if n > 1 else 0 for n, stride in own]


def _join(axes: Sequence[_Axis]) -> list[_Axis]:
    """Make one axis of neighbors that all three go along in equal steps."""
    joined: list[_Axis] = []
    for n, *steps in axes:
        if joined and joined[-1][1:] == tuple([n * step for step in steps]):
            n *= joined.pop()[0]
        joined.append((n, *steps))
    return joined


def _calls(axes: Sequence[_Axis]) -> int:
    """Return how many calls a stack takes: its longest axis goes in one."""
    lengths = [n for n, *_ in axes]
    return prod(lengths) // max(lengths)


# --- calls --------------------------------------------------------------------------------------


def _call(xp: Any, mode: _Mode, a: Array, b: Array, y: Array, axes: list[_Axis]) -> None:
    """Queue the products."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    lie_a, lie_b = _lie(a), _lie(b)
    assert lie_a is not None and lie_b is not None  # _readable saw to it
    if axes and not lie_a.by_columns:
        # One matrix b for all: the rows of all a are one long matrix, if they follow each other.
        length, step_a, step_b, _ = axes[-1]
        if not step_b and step_a == m * lie_a.step and length * m <= _LARGEST:
            m *= length
            axes = axes[:-1]
    cuda = cuda_of(xp)
    handle = cuda.device.get_cublas_handle()
    blas = cuda.cublas
    size = y.itemsize
    at_a, at_b, at_y = address(a), address(b), address(y)
    # The transposed product: what lies by rows, cuBLAS sees transposed already.
    head = (handle, int(lie_b.by_columns), int(lie_a.by_columns), n, m, k, mode.one)
    algorithm = blas.CUBLAS_GEMM_DEFAULT
    if not axes:
        blas.gemmEx(
            *head,
            *(at_b, mode.dtype, lie_b.step),
            *(at_a, mode.dtype, lie_a.step),
            mode.zero,
            *(at_y, mode.dtype, n),
            mode.compute,
            algorithm,
        )
        return
    length, step_a, step_b, step_y = longest = max(axes)
    others = [axis for axis in axes if axis is not longest]
    for place in np.ndindex(*[axis[0] for axis in others]):
        at = [
            start + size * sum(i * axis[which] for i, axis in zip(place, others, strict=True))
            for which, start in enumerate((at_a, at_b, at_y), 1)
        ]
        blas.gemmStridedBatchedEx(
            *head,
            *(at[1], mode.dtype, lie_b.step, step_b),
            *(at[0], mode.dtype, lie_a.step, step_a),
            mode.zero,
            *(at[2], mode.dtype, n, step_y),
            length,
            mode.compute,
            algorithm,
        )
