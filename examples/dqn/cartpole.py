"""A pole that stands on a cart, to be balanced by pushing the cart to the left or to the right.

A. G. Barto, R. S. Sutton and C. W. Anderson, "Neuronlike Adaptive Elements That Can Solve Difficult
Learning Control Problems", 1983, with the constants and limits that are usual since: those of
Gymnasium's CartPole.
"""

from __future__ import annotations

import math

import numpy as np

GRAVITY = 9.8  # m/s^2
CART, POLE = 1.0, 0.1  # masses, kg
HALF = 0.5  # of the pole's length, m: where its mass is thought to be
FORCE = 10.0  # of a push, N
STEP = 0.02  # s
FAR, TILTED = 2.4, math.radians(12)  # where it ends, m and radians


class CartPole:
    """The cart and its pole. Each step that the pole stands is worth 1.

    Args:
        seed: What the first states are drawn by.
        limit: An episode is broken off after so many steps, with the pole still up.
    """

    def __init__(self, seed: int, limit: int = 500) -> None:
        self.limit = limit
        self.random = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        """Begin an episode; return its state: place, speed, angle, and angular speed."""
        self.steps = 0
        self.state: list[float] = self.random.uniform(-0.05, 0.05, 4).tolist()
        return np.array(self.state, np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool]:
        """Push to the left (0) or to the right (1).

        Returns:
            The state, what the step was worth, whether the pole fell, and whether time is up.
        """
        x, speed, angle, spin = self.state
        push = FORCE if action else -FORCE
        sine, cosine = math.sin(angle), math.cos(angle)
        # Newton's laws of the two bodies, solved for the two accelerations.
        pull = (push + POLE * HALF * spin**2 * sine) / (CART + POLE)
        turn = GRAVITY * sine - cosine * pull
        turn /= HALF * (4 / 3 - POLE * cosine**2 / (CART + POLE))
        thrust = pull - POLE * HALF * turn * cosine / (CART + POLE)
        x, speed = x + STEP * speed, speed + STEP * thrust
        angle, spin = angle + STEP * spin, spin + STEP * turn
        self.state = [x, speed, angle, spin]
        self.steps += 1
        fell = abs(x) > FAR or abs(angle) > TILTED
        return np.array(self.state, np.float32), 1.0, fell, self.steps >= self.limit
