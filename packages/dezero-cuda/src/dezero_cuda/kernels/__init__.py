"""Kernels of our own, for what CuPy does in many passes or launches.

Each file of Python stands beside the CUDA source that it launches. Nothing here imports CuPy, or
compiles, before the first launch. What a kernel does not support, a dtype, a layout, it declines by
returning NotImplemented, and the primitive's general implementation runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dezero_cuda.kernels import (
    activations,
    batch_normalization,
    convolution,
    dropout,
    embedding,
    gradients,
    linear,
    normalization,
    optimizers,
    products,
    recurrent,
    softmax,
    windows,
)
from dezero_cuda.kernels.activations import bias_activation, bias_activation_gradient
from dezero_cuda.kernels.dropout import seed
from dezero_cuda.kernels.philox import Philox

__all__ = ["KERNELS", "Philox", "bias_activation", "bias_activation_gradient", "seed"]

KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **activations.KERNELS,
        **softmax.KERNELS,
        **normalization.KERNELS,
        **batch_normalization.KERNELS,
        **convolution.KERNELS,
        **windows.KERNELS,
        **dropout.KERNELS,
        **embedding.KERNELS,
        **recurrent.KERNELS,
        **products.KERNELS,
        **linear.KERNELS,
        **optimizers.KERNELS,
        **gradients.KERNELS,
    }
)
"""All kernels, by the names under which `dezero_core.backend.Backend` looks for them."""
