"""Trust-region policy optimization: the largest step that hardly changes what the policy does.

How much it changes is measured by the mean divergence KL(old || new) of what it would choose. Near
the old weights that is sᵀ F s / 2, with the Fisher matrix F, the Hessian of the divergence. The
best direction by this measure solves F s = g; conjugate gradients need products with F alone,
which `hvp` computes from the divergence.

J. Schulman and others, "Trust Region Policy Optimization", 2015.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cg
import numpy as np
from cart_pole import ACTIONS, NUMBERS, Episodes, play

from dezero_core import (
    Device,
    Variable,
    as_numpy,
    get_array_module,
    hessian,
    hvp,
    no_grad,
    value_and_grad,
)
from dezero_core import functions as F
from dezero_core.devices import device_of
from dezero_core.typing import Array
from dezero_nn import log_softmax

HIDDEN = 16
SIZE = NUMBERS * HIDDEN + HIDDEN + HIDDEN * ACTIONS + ACTIONS
SCALE = np.array([0.5, 1.0, 0.1, 1.0])  # brings the four numbers of a state to one size
DISCOUNT = 0.98
MOST_KL = 0.01  # the trust region
DAMPING = 1e-2  # added to F's diagonal: some directions change nothing at all
ITERATIONS = 10
CARTS = 32


def log_probabilities(theta: Variable, states: Array) -> Variable:
    """Compute the policy, a network with one hidden layer, from all its weights in one vector.

    Args:
        theta: The weights, of shape (SIZE,).
        states: What is known of N poles, in units of `SCALE`, of shape (N, 4).
    """
    sizes = [NUMBERS * HIDDEN, HIDDEN, HIDDEN * ACTIONS, ACTIONS]
    ends = np.cumsum(sizes)
    W1, b1, W2, b2 = (theta[end - size : end] for size, end in zip(sizes, ends, strict=True))
    h = F.tanh(states @ W1.reshape(NUMBERS, HIDDEN) + b1)
    return log_softmax(h @ W2.reshape(HIDDEN, ACTIONS) + b2)


class Batch:
    """What one round of play tells: states, actions, and how much better than usual they were.

    The carts are on the host; what is learned from goes where the weights are.
    """

    def __init__(self, episodes: Episodes, theta: Array) -> None:
        alive = episodes.alive
        earned = np.zeros(alive.shape[1])
        returns = np.zeros(alive.shape)
        for t in reversed(range(len(alive))):
            earned = alive[t] * (1.0 + DISCOUNT * earned)
            returns[t] = earned
        # Usual is what the carts that are still upright earn on average from this step on.
        usual = returns.sum(axis=1) / np.maximum(alive.sum(axis=1), 1)
        advantage = (returns - usual[:, np.newaxis])[alive]
        device = device_of(theta)
        self.advantage = device.asarray(advantage / (advantage.std() + 1e-8))
        self.states = device.asarray(episodes.states[alive] / SCALE)
        self.actions = device.asarray(episodes.actions[alive])
        with no_grad():
            self.old = log_probabilities(Variable(theta), self.states).data
            self.probabilities = F.exp(self.old).data
        self._rows = device.asarray(np.arange(len(self.actions)))

    def gain(self, theta: Variable) -> Variable:
        """Compute how much better the new policy would have done on these states."""
        new = log_probabilities(theta, self.states)[self._rows, self.actions]
        ratio = F.exp(new - self.old[self._rows, self.actions])
        return F.mean(ratio * self.advantage)

    def divergence(self, theta: Variable) -> Variable:
        """Compute the mean KL(old || new) over these states."""
        difference = self.old - log_probabilities(theta, self.states)
        return F.mean(F.sum(self.probabilities * difference, axis=1))

    def fisher_product(self, theta: Array, v: Array) -> Array:
        """Compute (F + damping) v."""
        product: Array = hvp(self.divergence, theta, v).data + DAMPING * v
        return product


@dataclass(frozen=True)
class Update:
    """One step of the policy.

    Attributes:
        mean_return: How many steps the poles stayed upright before it.
        kl: By how much it changed the policy.
        products: How many products with the Fisher matrix it took.
    """

    mean_return: float
    kl: float
    products: int


def learn(
    updates: int, longest: int, random: np.random.Generator, device: Device, *, natural: bool
) -> Iterator[Update]:
    """Improve a policy; yield each update.

    Args:
        updates: How often.
        longest: After how many steps an episode ends.
        random: Where everything is drawn from.
        device: Where the policy is computed.
        natural: Whether to go along the natural gradient, or along the gradient as it is. Both go
            to the border of the trust region.
    """
    theta = first_weights(random, device)
    for _ in range(updates):
        batch, mean_return = collect(theta, longest, random)
        value, gradient = value_and_grad(batch.gain)(theta)
        product = partial(batch.fisher_product, theta)
        direction, products = gradient.data, 1
        if natural:
            found = cg.solve(product, gradient.data, iterations=ITERATIONS, tolerance=1e-10)
            direction, products = found.x, len(found.residuals)
        # sᵀ F s / 2 = MOST_KL at the border.
        curvature = float(direction @ product(direction))
        step = math.sqrt(2.0 * MOST_KL / max(curvature, 1e-12)) * direction
        theta, kl = search(batch, theta, step, float(value))
        yield Update(mean_return, kl, products)


def first_weights(random: np.random.Generator, device: Device) -> Array:
    """Draw the weights that a policy begins with: small, so that it pushes either way."""
    return device.asarray(random.normal(scale=0.3, size=SIZE))


def collect(theta: Array, longest: int, random: np.random.Generator) -> tuple[Batch, float]:
    """Let the carts run as the policy says; return what it tells, and the mean return.

    Between a push and the next, states go to where the policy is, and what it says comes back.
    """
    device = device_of(theta)

    def choose(states: np.ndarray) -> np.ndarray:
        with no_grad():
            p = as_numpy(F.exp(log_probabilities(theta, device.asarray(states / SCALE))[:, 1]))
        return (random.random(len(states)) < p).astype(np.int64)

    episodes = play(choose, CARTS, longest, random)
    return Batch(episodes, theta), episodes.mean_return


def search(batch: Batch, theta: Array, step: Array, value: float) -> tuple[Array, float]:
    """Halve the step until it is an improvement inside the trust region."""
    with no_grad():
        for _ in range(10):
            there = Variable(theta + step)
            kl = float(batch.divergence(there))
            if kl <= 1.5 * MOST_KL and float(batch.gain(there)) > value:
                return there.data, kl
            step = 0.5 * step
    return theta, 0.0


def compare(
    random: np.random.Generator, longest: int, iterations: int, device: Device
) -> np.ndarray:
    """Return how far conjugate gradients are from the exact natural gradient, as a share.

    The exact one solves the equation with the whole Fisher matrix, which `hessian` computes.
    """
    theta = first_weights(random, device)
    batch, _ = collect(theta, longest, random)
    gradient = value_and_grad(batch.gain)(theta)[1].data
    found = cg.solve(partial(batch.fisher_product, theta), gradient, iterations=iterations)
    fisher = hessian(batch.divergence)(theta).data + DAMPING * get_array_module(theta).eye(SIZE)
    exact = as_numpy(F.linalg.solve(fisher, gradient))
    errors: np.ndarray = np.linalg.norm(found.steps - exact, axis=1) / np.linalg.norm(exact)
    return errors
