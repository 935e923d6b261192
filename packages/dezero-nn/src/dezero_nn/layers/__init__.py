"""Layers: functions that carry the parameters they learn."""

from __future__ import annotations

from dezero_nn.layers.layer import Layer
from dezero_nn.layers.linear import Linear

__all__ = ["Layer", "Linear"]
