"""Optimizers for DeZero: they change a model's parameters, given their gradients."""

from __future__ import annotations

from dezero_optim.__about__ import __version__
from dezero_optim.adadelta import AdaDelta
from dezero_optim.adagrad import AdaGrad
from dezero_optim.adam import Adam
from dezero_optim.adamw import AdamW
from dezero_optim.averaging import ExponentialMovingAverage
from dezero_optim.group import ParameterGroup
from dezero_optim.hooks import ClipGrad, FreezeParam, WeightDecay
from dezero_optim.lbfgs import LBFGS
from dezero_optim.momentum_sgd import MomentumSGD
from dezero_optim.newton import Newton
from dezero_optim.optimizer import Hook, Optimizer
from dezero_optim.rmsprop import RMSprop
from dezero_optim.scaling import GradScaler
from dezero_optim.schedules import (
    CosineDecay,
    ExponentialDecay,
    LinearWarmup,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
)
from dezero_optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "ClipGrad",
    "CosineDecay",
    "ExponentialDecay",
    "ExponentialMovingAverage",
    "FreezeParam",
    "GradScaler",
    "Hook",
    "LinearWarmup",
    "MomentumSGD",
    "Newton",
    "OneCycle",
    "Optimizer",
    "ParameterGroup",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WeightDecay",
    "__version__",
]
