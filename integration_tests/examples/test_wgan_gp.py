"""The penalty holds the critic's slope at 1, and points move to the heaps."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest

from dezero_core import functions as F

FOLDER = Path(__file__).parents[2] / "examples" / "wgan_gp"

Run = Callable[..., CompletedProcess[str]]


def figures(output: str) -> tuple[float, float, float]:
    """Return the distances before and after training, and the critic's slope."""
    distances = re.search(r"^distance ([\d.]+) -> ([\d.]+), in", output, re.M)
    slope = re.search(r"^the critic's slope is ([\d.]+);", output, re.M)
    assert distances is not None and slope is not None, output
    return float(distances[1]), float(distances[2]), float(slope[1])


def test_points_move_to_the_heaps(run_example: Run, tmp_path: Path) -> None:
    done = run_example("wgan_gp/train.py", "--quick", "--out", "a")
    assert done.returncode == 0, done.stderr
    before, after, slope = figures(done.stdout)
    assert after < 0.5 * before
    assert 0.8 < slope < 1.3
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["critic.npz", "generator.npz", "points.png"]
    assert (tmp_path / "a" / "points.png").read_bytes().startswith(b"\x89PNG")


def test_the_seed_decides_the_run(run_example: Run, tmp_path: Path) -> None:
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = run_example("wgan_gp/train.py", "--updates", "3", "--seed", seed, "--out", out)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "critic.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script, which has a name that others have, too."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("train", "picture"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import train

    yield train
    for name in ("train", "picture"):
        del sys.modules[name]


def test_the_penaltys_gradient_is_that_of_differences(script: ModuleType) -> None:
    np.random.seed(0)
    critic = script.MLP((8, 1), activation=script.relu)
    real, made = script.draw_points(16), script.draw_noise(16)

    def penalty() -> script.Variable:
        np.random.seed(1)  # the same points between
        return F.mean((script.slopes(critic, real, made) - 1.0) ** 2)

    penalty().backward()
    for W in (critic.l0.W, critic.l1.W):
        found, step = float(W.grad.data[0, 0]), 1e-2
        W.data[0, 0] += step
        above = float(penalty())
        W.data[0, 0] -= 2 * step
        below = float(penalty())
        W.data[0, 0] += step
        assert abs(found) > 1e-3
        np.testing.assert_allclose(found, (above - below) / (2 * step), rtol=1e-2)


def test_the_distance_is_that_of_a_shift(script: ModuleType) -> None:
    points = script.draw_points(500)
    # The mean of |cos| over all directions is 2 / pi.
    shifted = script.distance(points, points + np.array([0.5, 0.0], dtype=np.float32))
    np.testing.assert_allclose(shifted, 0.5 * 2 / np.pi, rtol=1e-3)
    assert script.found_heaps(points)[0] > 0.97


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--updates", "0"], "0 is not at least 1"),
        (["--penalty", "-1"], "-1 is negative or not finite"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("wgan_gp/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
