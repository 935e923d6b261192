"""Schedules of the learning rate."""

from __future__ import annotations

from dezero_optim.schedules.decays import (
    CosineDecay,
    ExponentialDecay,
    LinearWarmup,
    OneCycle,
    StepDecay,
)
from dezero_optim.schedules.plateau import ReduceOnPlateau
from dezero_optim.schedules.schedule import Chain, Product, Schedule

__all__ = [
    "Chain",
    "CosineDecay",
    "ExponentialDecay",
    "LinearWarmup",
    "OneCycle",
    "Product",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
]
