"""The CUDA backend of DeZero, on CuPy.

Importing this package imports no CuPy and never fails: what a machine lacks is told when it is
asked for, by `is_available`, `diagnose`, or the error of the first array that is made.
"""

from __future__ import annotations

from dezero_cuda.__about__ import __version__
from dezero_cuda.backend_cupy import CudaBackend, is_available
from dezero_cuda.cudnn_library import diagnose_cudnn, using_cudnn
from dezero_cuda.diagnosis import CudaUnavailableError, diagnose
from dezero_cuda.memory import (
    DeviceMemoryError,
    MemoryStats,
    empty_cache,
    memory_stats,
    set_memory_limit,
)
from dezero_cuda.precision import allow_tf32, tf32_allowed

__all__ = [
    "CudaBackend",
    "CudaUnavailableError",
    "DeviceMemoryError",
    "MemoryStats",
    "__version__",
    "allow_tf32",
    "backend",
    "diagnose",
    "diagnose_cudnn",
    "empty_cache",
    "is_available",
    "memory_stats",
    "set_memory_limit",
    "tf32_allowed",
    "using_cudnn",
]

backend = CudaBackend()
"""What the entry point ``cuda`` of the group ``dezero.backends`` names."""
