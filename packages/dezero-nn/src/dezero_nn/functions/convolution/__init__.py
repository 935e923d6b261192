"""Convolution and its transpose, by the algorithm that suits the shapes.

- `operations`: what is computed, and the rules of the gradients.
- `geometry`: the sizes, and what must fit together.
- `algorithms`: which algorithm computes what, and how to force one.
- `general`: the one for any array library. `columns`, `pointwise`, `depthwise`, `winograd`: those
  for NumPy; `depthwise_rows`, in compiled loops.
"""

from __future__ import annotations

from dezero_nn.functions.convolution.operations import (
    conv1d,
    conv2d,
    conv2d_simple,
    deconv1d,
    deconv2d,
)

__all__ = ["conv1d", "conv2d", "conv2d_simple", "deconv1d", "deconv2d"]
