"""Models (book step 45): those of `dezero_nn`."""

from __future__ import annotations

from dezero_nn import MLP, Model, Sequential

__all__ = ["MLP", "Model", "Sequential"]
