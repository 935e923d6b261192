"""Many carts side by side, each with a pole to be kept upright: pushed to the left or to the right.

The equations and constants are those of A. Barto, R. Sutton, C. Anderson, "Neuronlike Adaptive
Elements That Can Solve Difficult Learning Control Problems", 1983, without friction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
MOST_METERS, MOST_ANGLE = 2.4, np.deg2rad(12.0)
ACTIONS, NUMBERS = 2, 4


@dataclass(frozen=True)
class Episodes:
    """What happened to N carts, in at most T steps.

    Attributes:
        states: Position, speed, angle and angular speed before each step, of shape (T, N, 4).
        actions: The pushes, 0 or 1, of shape (T, N).
        alive: Which poles were upright before each step, of shape (T, N). A step earns 1.
    """

    states: np.ndarray
    actions: np.ndarray
    alive: np.ndarray

    @property
    def mean_return(self) -> float:
        """How many steps the poles stayed upright, on average."""
        return float(self.alive.sum(axis=0).mean())


def play(
    choose: Callable[[np.ndarray], np.ndarray], carts: int, steps: int, random: np.random.Generator
) -> Episodes:
    """Let carts run until all poles fell or the steps are over.

    Args:
        choose: From states, of shape (N, 4), to pushes, of shape (N,).
        carts: How many, N.
        steps: How long, at most.
        random: Where the first states are drawn from.
    """
    state = random.uniform(-0.05, 0.05, (carts, NUMBERS))
    upright = np.ones(carts, dtype=bool)
    states, actions, alive = [], [], []
    for _ in range(steps):
        action = choose(state)
        states.append(state)
        actions.append(action)
        alive.append(upright)
        # Those that fell stay as they are: nobody counts them any more.
        state = np.where(upright[:, np.newaxis], move(state, action), state)
        upright = upright & (abs(state[:, 0]) < MOST_METERS) & (abs(state[:, 2]) < MOST_ANGLE)
        if not upright.any():
            break
    return Episodes(np.array(states), np.array(actions), np.array(alive))


def move(state: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Return the states a fiftieth of a second later."""
    _, speed, angle, spin = state.T
    sine, cosine, mass = np.sin(angle), np.cos(angle), CART + POLE
    push = (np.where(action == 1, FORCE, -FORCE) + POLE * HALF_LENGTH * spin**2 * sine) / mass
    swing = (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE * cosine**2 / mass))
    drive = push - POLE * HALF_LENGTH * swing * cosine / mass
    change = np.stack([speed, drive, spin, swing], axis=1)
    return state + SECONDS * change
