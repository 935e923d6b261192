"""Learn to balance a pole on a cart by trial and error: deep Q-learning (DQN).

    python examples/dqn/train.py
    python examples/dqn/train.py --gymnasium

The first needs nothing but DeZero: the physics is in cartpole.py, what learns is in agent.py. The
second balances the pole of Gymnasium, which has to be installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from agent import Agent
from cartpole import CartPole
from tqdm import tqdm

from dezero_core import Device
from dezero_viz import plot_curves

SOLVED = 195.0  # the mean return of the last 100 episodes that counts as balancing
FIRST_STEPS = 500  # are taken before learning begins
CURIOUS_STEPS = 4000  # until here the share of random actions falls, from all of them
CURIOSITY = 0.02  # to this


class World(Protocol):
    """What can be acted in: CartPole, or Gymnasium's."""

    def reset(self) -> np.ndarray:
        """Begin an episode; return its first state."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool]:
        """Act; return the state, the reward, whether the pole fell, and whether time is up."""


class GymnasiumCartPole:
    """The pole of Gymnasium.

    Args:
        seed: What the first states are drawn by.
        limit: An episode is broken off after so many steps.
    """

    def __init__(self, seed: int, limit: int) -> None:
        try:
            import gymnasium
        except ImportError as error:
            raise ValueError(
                f"Gymnasium cannot be imported ({error}); install it with: python -m pip install "
                "gymnasium; or leave out --gymnasium, to use physics of our own"
            ) from error
        self.world: Any = gymnasium.make("CartPole-v1", max_episode_steps=limit)
        self.seed: int | None = seed

    def reset(self) -> np.ndarray:
        """Begin an episode; return its first state."""
        state, _ = self.world.reset(seed=self.seed)
        self.seed = None  # it is given once, and holds for all episodes
        return np.asarray(state, np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool]:
        """Act; return the state, the reward, whether the pole fell, and whether time is up."""
        state, reward, fell, time_is_up, _ = self.world.step(action)
        return np.asarray(state, np.float32), float(reward), bool(fell), bool(time_is_up)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            return run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Learn to balance a pole on a cart (DQN).")
    parser.add_argument("--gymnasium", action="store_true", help="its pole, not that of our own")
    parser.add_argument("--steps", type=int, help="at most (default: 60000)")
    parser.add_argument("--limit", type=int, default=500, help="steps an episode (default: 500)")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "dqn"))
    parser.add_argument("--quick", action="store_true", help="5000 steps, just to see it work")
    options = parser.parse_args(arguments)
    if options.steps is None:
        options.steps = 5000 if options.quick else 60_000
    for name, least in (("steps", FIRST_STEPS + 1), ("limit", 1), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"argument --{name}: {getattr(options, name)} is less than {least}")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> int:
    """Learn, try what was learned, and draw; return the exit code."""
    make = GymnasiumCartPole if options.gymnasium else CartPole
    world, test_world = make(options.seed, options.limit), make(options.seed + 1, options.limit)
    options.out.mkdir(parents=True, exist_ok=True)
    np.random.seed(options.seed)  # the first weights
    agent = Agent(state_size=4, n_actions=2, random=np.random.default_rng(options.seed))
    agent.to(options.device)
    started = time.perf_counter()
    returns = train(agent, world, options.steps)
    agent.to(Device("cpu"))
    last = returns[-100:]
    print(
        f"{len(returns)} episodes in {time.perf_counter() - started:.1f} s, the last {len(last)} "
        f"with a mean return of {np.mean(last):.1f}"
        + (": solved" if len(last) == 100 and np.mean(last) >= SOLVED else "")
    )
    tries = [episode(agent, test_world) for _ in range(20 if options.quick else 100)]
    print(
        f"{len(tries)} new episodes without random actions: mean return {np.mean(tries):.1f}, "
        f"least {min(tries):.0f}"
    )
    means = [float(np.mean(returns[max(0, i - 99) : i + 1])) for i in range(len(returns))]
    history = {"each": {"return": returns}, "mean of the last 100": {"return": means}}
    plot_curves(history, xlabel="episode", to_file=options.out / "returns.png")
    agent.model.save_weights(options.out / "weights.npz")
    print(f"wrote returns.png and weights.npz into {options.out.resolve()}")
    return 0


def train(agent: Agent, world: World, steps: int) -> list[float]:
    """Act and learn until it is solved, or for so many steps; return each episode's return."""
    returns: list[float] = []
    state, total = world.reset(), 0.0
    # The bar draws itself on a terminal only.
    with tqdm(total=steps, unit=" steps", leave=False, disable=None) as bar:
        for step in range(steps):
            epsilon = max(CURIOSITY, 1 - step / CURIOUS_STEPS)
            action = agent.act(state, epsilon)
            next_state, reward, fell, time_is_up = world.step(action)
            agent.remember(state, action, reward, next_state, fell, time_is_up)
            state, total = next_state, total + reward
            if step >= FIRST_STEPS:
                agent.learn()
            bar.update()
            if fell or time_is_up:
                returns.append(total)
                state, total = world.reset(), 0.0
                last = returns[-100:]
                if len(returns) % 20 == 0:
                    bar.write(
                        f"episode {len(returns):4}   step {step + 1:6}   random {epsilon:4.0%}"
                        f"   mean return of the last {len(last):3}: {np.mean(last):5.1f}"
                    )
                if len(last) == 100 and np.mean(last) >= SOLVED:
                    break
    return returns or [total]


def episode(agent: Agent, world: World) -> float:
    """Return how long the agent balances the pole when it does what it thinks best."""
    state, total, ends = world.reset(), 0.0, False
    while not ends:
        state, reward, fell, time_is_up = world.step(agent.act(state))
        total, ends = total + reward, fell or time_is_up
    return total


if __name__ == "__main__":
    sys.exit(main())
