"""The CUDA backend of DeZero, on CuPy.

Importing this package imports no CuPy and never fails: what a machine lacks is told when it is
asked for, by `is_available`, `diagnose`, or the error of the first array that is made.
"""

from __future__ import annotations

from dezero_cuda.__about__ import __version__
from dezero_cuda.backend_cupy import CudaBackend, is_available
from dezero_cuda.diagnosis import CudaUnavailableError, diagnose

__all__ = [
    "CudaBackend",
    "CudaUnavailableError",
    "__version__",
    "backend",
    "diagnose",
    "is_available",
]

backend = CudaBackend()
"""What the entry point ``cuda`` of the group ``dezero.backends`` names."""
