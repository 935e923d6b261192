"""The spiral is learned as the README tells, and the boundary is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def last_epoch(output: str) -> dict[str, float]:
    line = re.findall(r"^epoch .*$", output, re.M)[-1]
    return {name: float(value) for name, value in re.findall(r"(\w+ \w+) (\d\.\d+)", line)}


def test_step_48_the_boundary_follows_the_arms(run_example: Run, tmp_path: Path) -> None:
    done = run_example("spiral/train.py")
    assert done.returncode == 0, done.stderr
    reached = last_epoch(done.stdout)
    assert reached["train loss"] < 0.14
    assert reached["train accuracy"] >= 0.95
    assert reached["test accuracy"] >= 0.93
    out = tmp_path / "runs" / "spiral"
    names = ["boundary.png", "curves.png", "weights.npz"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "boundary.png").read_bytes().startswith(b"\x89PNG")
    with np.load(out / "weights.npz", allow_pickle=False) as weights:
        assert weights["l0/W"].shape == (2, 10)


def test_the_seed_decides_the_run(run_example: Run, tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = run_example("spiral/train.py", "--epochs", "30", "--seed", seed, "--out", name)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "weights.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_quick_learns_too(run_example: Run) -> None:
    done = run_example("spiral/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    assert last_epoch(done.stdout)["test accuracy"] >= 0.75


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "0 is not at least 1"),
        (["--hidden", "0"], "0 is not at least 1"),
        (["--lr", "nan"], "nan is not above 0"),
        (["--hidden", "many"], "invalid int value"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("spiral/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
