"""The CUDA backend of DeZero, on CuPy."""

from __future__ import annotations

from dezero_cuda.__about__ import __version__

__all__ = ["__version__"]
