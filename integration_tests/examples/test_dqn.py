"""The pole is balanced, by physics of our own that is Gymnasium's, and mistakes are named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def test_the_pole_is_balanced(run_example: Run, tmp_path: Path) -> None:
    done = run_example("dqn/train.py")
    assert done.returncode == 0, done.stderr
    learned = re.search(r"^\d+ episodes .*mean return of ([\d.]+): solved$", done.stdout, re.M)
    assert learned is not None, done.stdout
    assert float(learned[1]) >= 195
    tried = re.search(r"^100 new episodes .*: mean return ([\d.]+)", done.stdout, re.M)
    assert tried is not None
    assert float(tried[1]) >= 195
    out = tmp_path / "runs" / "dqn"
    assert sorted(path.name for path in out.iterdir()) == ["returns.png", "weights.npz"]
    assert (out / "returns.png").read_bytes().startswith(b"\x89PNG")
    with np.load(out / "weights.npz", allow_pickle=False) as weights:
        assert weights["l0/W"].shape == (4, 64)


def test_the_seed_decides_the_run_and_little_teaches_a_little(
    run_example: Run, tmp_path: Path
) -> None:
    tried = []
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        done = run_example("dqn/train.py", "--quick", "--seed", seed, "--out", out)
        assert done.returncode == 0, done.stderr
        tried.append(re.findall(r"^20 new episodes .*: mean return ([\d.]+)", done.stdout, re.M))
    # Who pushes at random keeps the pole up for 20 steps or so.
    assert all(float(mean) > 60 for (mean,) in tried)
    a, b, c = ((tmp_path / out / "weights.npz").read_bytes() for out in "abc")
    assert a == b
    assert a != c


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the physics."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "dqn"))
    import cartpole

    yield cartpole
    del sys.modules["cartpole"]


def test_the_physics_keeps_energy(world: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody pushes, nothing rubs, and time goes in small steps: the energy must stay as it is.
    monkeypatch.setattr(world, "FORCE", 0.0)
    monkeypatch.setattr(world, "STEP", 1e-5)
    monkeypatch.setattr(world, "TILTED", 3.0)
    cart_pole = world.CartPole(seed=0, limit=10**6)
    cart_pole.reset()
    cart_pole.state = [0.0, 0.3, 0.1, 0.5]
    before = energy(cart_pole.state)
    for _ in range(20_000):
        _, reward, fell, time_is_up = cart_pole.step(0)
        assert (reward, fell, time_is_up) == (1.0, False, False)
    assert cart_pole.state[2] != pytest.approx(0.1, abs=0.05)
    assert energy(cart_pole.state) == pytest.approx(before, abs=1e-4)


def energy(state: list[float]) -> float:
    """Return the energy of a cart of 1 kg and a rod of 0.1 kg and 1 m, which stands on it."""
    _, speed, angle, spin = state
    along = speed + 0.5 * spin * np.cos(angle)
    up = 0.5 * spin * np.sin(angle)
    # Around its middle, a rod of the length l has the moment m l^2 / 12.
    moving = 0.5 * speed**2 + 0.05 * (along**2 + up**2) + 0.5 * 0.1 / 12 * spin**2
    return float(moving + 0.1 * 9.8 * 0.5 * np.cos(angle))


def test_episodes_end_by_a_fall_or_by_time(world: ModuleType) -> None:
    cart_pole = world.CartPole(seed=3, limit=5)
    assert np.abs(cart_pole.reset()).max() <= 0.05
    ends = [cart_pole.step(k % 2)[2:] for k in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]
    cart_pole = world.CartPole(seed=3)
    cart_pole.reset()
    steps = 1
    while not cart_pole.step(1)[2]:
        steps += 1
    assert 5 < steps < 15
    assert cart_pole.state[2] < -world.TILTED  # pushed to the right, it falls to the left


@pytest.mark.skipif(find_spec("gymnasium") is None, reason="needs gymnasium, an extra")
def test_the_physics_is_that_of_gymnasium(world: ModuleType) -> None:
    import gymnasium

    theirs = gymnasium.make("CartPole-v1")
    theirs.reset(seed=0)
    ours = world.CartPole(seed=0)
    ours.reset()
    ours.state = [float(value) for value in theirs.unwrapped.state]
    fell = False
    for action in (0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1):
        if fell:
            break
        state, _, fell, _ = ours.step(action)
        wanted, _, falls, _, _ = theirs.step(action)
        assert state == pytest.approx(wanted, abs=1e-5)
        assert fell == falls
    assert fell


@pytest.mark.skipif(find_spec("gymnasium") is None, reason="needs gymnasium, an extra")
def test_the_pole_of_gymnasium_teaches_too(run_example: Run) -> None:
    done = run_example("dqn/train.py", "--quick", "--gymnasium")
    assert done.returncode == 0, done.stderr
    (mean,) = re.findall(r"^20 new episodes .*: mean return ([\d.]+)", done.stdout, re.M)
    assert float(mean) > 60


@pytest.mark.skipif(find_spec("gymnasium") is not None, reason="gymnasium is installed")
def test_without_gymnasium_it_is_said_what_to_install(run_example: Run, tmp_path: Path) -> None:
    done = run_example("dqn/train.py", "--gymnasium")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "python -m pip install gymnasium" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "100"], "100 is less than 501"),
        (["--limit", "0"], "0 is less than 1"),
        (["--seed", "-1"], "-1 is less than 0"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("dqn/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
