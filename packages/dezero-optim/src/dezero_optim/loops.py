"""Updates as compiled loops: one pass over memory (see `dezero_core.compiled`).

They have the names and take the numbers of the kernels of backends (`Elementwise._kernel`). All
arrays have one axis and one dtype, and so have the numbers. Operations come in the order in which
`_step` has them, so that parameters are the same to the last bit, with Numba or without.
"""

from __future__ import annotations

from numpy import sqrt

from dezero_core.compiled import loop

__all__ = ["adam", "adamw", "momentum_sgd", "nesterov", "sgd"]


@loop
def sgd(p, g, lr):
    """Do a step of `dezero_optim.SGD`."""
    for j in range(len(p)):
        p[j] -= lr * g[j]


@loop
def momentum_sgd(p, g, v, lr, momentum):
    """Do a step of `dezero_optim.MomentumSGD`."""
    for j in range(len(p)):
        v[j] = momentum * v[j] - lr * g[j]
        p[j] += v[j]


@loop
def nesterov(p, g, v, lr, momentum):
    """Do a step of `dezero_optim.MomentumSGD` with Nesterov's momentum."""
    for j in range(len(p)):
        step = lr * g[j]
        v[j] = momentum * v[j] - step
        p[j] = p[j] - step + momentum * v[j]


@loop
def adam(p, g, sum_g, sum_g2, beta1, beta2, rate, eps):
    """Do a step of `dezero_optim.Adam`."""
    for j in range(len(p)):
        sum_g[j] = beta1 * sum_g[j] + g[j]
        sum_g2[j] = beta2 * sum_g2[j] + g[j] * g[j]
        p[j] -= sum_g[j] / (sqrt(sum_g2[j]) + eps) * rate


@loop
def adamw(p, g, sum_g, sum_g2, keep, beta1, beta2, rate, eps):
    """Do a step of `dezero_optim.AdamW`."""
    for j in range(len(p)):
        sum_g[j] = beta1 * sum_g[j] + g[j]
        sum_g2[j] = beta2 * sum_g2[j] + g[j] * g[j]
        p[j] = keep * p[j] - sum_g[j] / (sqrt(sum_g2[j]) + eps) * rate
