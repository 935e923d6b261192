"""Models: layers that can be drawn, and ready-made ones."""

from __future__ import annotations

from dezero_nn.models.mlp import MLP
from dezero_nn.models.model import Model
from dezero_nn.models.sequential import Sequential

__all__ = ["MLP", "Model", "Sequential"]
