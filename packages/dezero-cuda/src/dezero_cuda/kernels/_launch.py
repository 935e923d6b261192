"""Sources compiled once for each dtype, and kernels launched with little ado."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np

from dezero_core.typing import Array

__all__ = [
    "DTYPES",
    "address",
    "computed_dtype",
    "contiguous",
    "current_device",
    "elements",
    "launch",
    "lies_here",
    "load_function",
    "options",
    "rows",
    "source",
    "supported",
]

#: The dtypes that sources are compiled for. ``bfloat16`` is that of ml_dtypes.
DTYPES = ("float16", "bfloat16", "float32", "float64")
_Grid: TypeAlias = tuple[int, ...]

# By dtype, not by name: NumPy computes a dtype's name anew each time.
_names: dict[Any, str | None] = {}
_functions: dict[tuple[Any, ...], Callable[..., Any]] = {}
_BEFORE = {"dropout": ("common.cuh", "philox.cuh")}
_THREADS = 256
_MOST_BLOCKS = 1 << 14


@cache
def source(name: str) -> str:
    """Return the whole CUDA source of a name, such as ``"activations"``."""
    folder = files("dezero_cuda.kernels")
    parts = (*_BEFORE.get(name, ("common.cuh",)), f"{name}.cu")
    return "\n".join((folder / part).read_text(encoding="utf-8") for part in parts)


def options(dtype_name: str) -> tuple[str, ...]:
    """Return what a source is compiled with for a dtype, beside what CuPy adds."""
    return ("-std=c++17", f"-DTYPE_{dtype_name}")


def supported(xp: Any, *arrays: Array | None) -> Any:
    """Return the dtype that all arrays have; None if kernels do not know it, or they differ.

    Args:
        xp: The namespace whose arrays they have to be.
        *arrays: Arrays; None stands for one that is not there.
    """
    dtype = None
    for x in arrays:
        if x is None:
            continue
        if type(x) is not xp.ndarray or (dtype is not None and x.dtype != dtype):
            return None
        dtype = x.dtype
    return dtype if _name(dtype) else None


def _name(dtype: Any) -> str | None:
    if dtype not in _names:
        _names[dtype] = dtype.name if dtype is not None and dtype.name in DTYPES else None
    return _names[dtype]


def computed_dtype(dtype: Any) -> Any:
    """Return the dtype that kernels compute in: C of the sources."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def contiguous(xp: Any, x: Array) -> Array:
    """Return the array, or a copy in C order if its elements do not lie so."""
    return x if x.flags.c_contiguous else xp.ascontiguousarray(x)


def address(x: Array) -> int:
    """Return where an array's first element lies in device memory."""
    return int(x.data.ptr)


def current_device(xp: Any) -> int:
    """Return the number of the device on which kernels are launched."""
    return int(xp.cuda.runtime.getDevice())


def lies_here(xp: Any, x: Array) -> bool:
    """Tell whether an array lies on the device on which kernels are launched."""
    return bool(getattr(x.device, "id", current_device(xp)) == current_device(xp))


def load_function(xp: Any, name: str, function: str, dtype_name: str) -> Callable[..., Any]:
    """Compile a source, unless that was done before, and return a kernel on the current device.

    The result is CuPy's bare function object: its call takes half the time of a RawKernel's.
    """
    module = xp.RawModule(code=source(name), options=options(dtype_name))
    kernel: Callable[..., Any] = module.get_function(function).kernel
    return kernel


def launch(
    xp: Any, name: str, function: str, dtype: Any, grid: _Grid, block: _Grid, args: tuple[Any, ...]
) -> None:
    """Queue a kernel on the current stream. Nothing waits for it.

    Args:
        xp: CuPy.
        name: The source.
        function: The kernel in it.
        dtype: What T is.
        grid: The number of blocks.
        block: The number of threads in each.
        args: Arrays, and Python's int for ``long long``, float for ``double``, 0 for no array.
    """
    key = (current_device(xp), name, function, dtype, xp)
    kernel = _functions.get(key)
    if kernel is None:
        kernel = _functions[key] = load_function(xp, name, function, _name(dtype) or "")
    kernel(grid, block, args)


def elements(n: int, lanes: int) -> tuple[_Grid, _Grid]:
    """Return grid and block for n elements, of which a thread takes some at a time."""
    return (max(1, min(_MOST_BLOCKS, -(-n // (lanes * _THREADS)))),), (_THREADS,)


def rows(n: int, columns: int) -> tuple[_Grid, _Grid]:
    """Return grid and block for n rows: a warp for each short one, a block for each long one."""
    if columns <= 1024:
        return (-(-n // 4),), (32, 4)
    return (n,), (256 if columns <= 8192 else 512,)
