"""Logistic regression on handwritten digits by Newton's method, without its matrix.

A Newton step solves H s = g, with the Hessian H of all 650 weights. `hessian` makes the matrix; the
conjugate gradients need its products with vectors alone, which `hvp` computes.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import cg
import numpy as np

from dezero_core import Device, Variable, as_numpy, hessian, hvp, value_and_grad
from dezero_core import functions as F
from dezero_core.typing import Array
from dezero_data import Digits
from dezero_nn import softmax_cross_entropy

PIXELS, CLASSES = 64, 10
SIZE = PIXELS * CLASSES + CLASSES
WEIGHT_DECAY = 1e-3


class Problem:
    """The loss of all training digits, as a function of the weights: one vector of 650 numbers.

    Args:
        examples: How many digits; None for all.
        device: Where they lie, and where the loss is computed.
    """

    def __init__(self, examples: int | None, device: Device) -> None:
        train, test = Digits(train=True), Digits(train=False)
        x, test_x = (data.reshape(-1, PIXELS) / 16.0 for data in (train.data, test.data))
        self.x, self.t = device.asarray(x[:examples]), device.asarray(train.label[:examples])
        self.test_x, self.test_t = device.asarray(test_x), device.asarray(test.label)
        self.start = device.asarray(np.zeros(SIZE))

    def loss(self, theta: Variable) -> Variable:
        """Compute the mean cross-entropy, and a penalty that makes the minimum the only one."""
        W, b = theta[: PIXELS * CLASSES].reshape(PIXELS, CLASSES), theta[PIXELS * CLASSES :]
        return softmax_cross_entropy(self.x @ W + b, self.t) + WEIGHT_DECAY * F.sum(theta**2)

    def accuracy(self, theta: Array) -> float:
        """Return the share of the test digits that these weights get right."""
        W, b = theta[: PIXELS * CLASSES].reshape(PIXELS, CLASSES), theta[PIXELS * CLASSES :]
        return float(((self.test_x @ W + b).argmax(axis=1) == self.test_t).mean())


@dataclass(frozen=True)
class Comparison:
    """One Newton step, found in both ways.

    Attributes:
        residuals: How far from solved the equation was after each iteration, as a share.
        errors: How far from the exact step, the same.
        cg_seconds: How long the products took.
        exact_seconds: How long the matrix and its equation took.
    """

    residuals: np.ndarray
    errors: np.ndarray
    cg_seconds: float
    exact_seconds: float


def compare(problem: Problem, iterations: int) -> Comparison:
    """Find the Newton step at the start by conjugate gradients, and exactly."""
    theta = problem.start
    _, gradient = value_and_grad(problem.loss)(theta)
    started = time.perf_counter()
    found = cg.solve(
        lambda v: hvp(problem.loss, theta, v).data, -gradient.data, iterations=iterations
    )
    cg_seconds = time.perf_counter() - started

    started = time.perf_counter()
    exact = as_numpy(F.linalg.solve(hessian(problem.loss)(theta).data, -gradient.data))
    exact_seconds = time.perf_counter() - started
    errors = np.linalg.norm(found.steps - exact, axis=1) / np.linalg.norm(exact)
    return Comparison(found.residuals / found.residuals[0], errors, cg_seconds, exact_seconds)


@dataclass(frozen=True)
class Step:
    """One step of `newton`.

    Attributes:
        loss: The loss before it, and so is `slope`, the length of the gradient.
        products: How many products with the Hessian it took.
        accuracy: The share of test digits that are right before it.
    """

    loss: float
    slope: float
    products: int
    accuracy: float


def newton(problem: Problem, steps: int) -> tuple[Array, list[Step]]:
    """Minimize by Newton's method, each step by conjugate gradients.

    Far from the minimum a rough solution is enough. So the equations are solved the better the
    smaller the gradient is, which makes the method faster than linear and saves most products.

    J. Nocedal, S. Wright, "Numerical Optimization", 2nd edition, section 7.1.
    """
    theta = problem.start
    history = []
    for _ in range(steps):
        loss, gradient = value_and_grad(problem.loss)(theta)
        slope = math.sqrt(float(gradient.data @ gradient.data))
        found = cg.solve(
            lambda v, at=theta: hvp(problem.loss, at, v).data,
            -gradient.data,
            iterations=SIZE,
            tolerance=min(0.5, math.sqrt(slope)),
        )
        products = len(found.residuals) - 1
        history.append(Step(float(loss), slope, products, problem.accuracy(theta)))
        theta = theta + found.x
    return theta, history
