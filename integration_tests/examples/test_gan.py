"""Noise becomes digits of several kinds, and mistakes are named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def figures(output: str) -> tuple[float, float, list[int]]:
    """Return the distances before and after training, and the shares of the digits in per cent."""
    distances = re.search(r"^distance ([\d.]+) -> ([\d.]+), in", output, re.M)
    shares = re.search(r"^shares of 0 to 9: (.*)$", output, re.M)
    assert distances is not None and shares is not None, output
    return (
        float(distances[1]),
        float(distances[2]),
        [int(share) for share in re.findall(r"\d+", shares[1])],
    )


def test_pictures_come_near_to_digits(run_example: Run, tmp_path: Path) -> None:
    done = run_example("gan/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    before, after, shares = figures(done.stdout)
    assert after < 0.65 * before
    # It has not fallen for making one kind alone.
    assert sum(share >= 2 for share in shares) >= 3
    out = tmp_path / "runs" / "gan-digits"
    assert sorted(path.name for path in out.iterdir()) == ["generator.npz", "samples.png"]
    assert (out / "samples.png").read_bytes().startswith(b"\x89PNG")
    with np.load(out / "generator.npz", allow_pickle=False) as arrays:
        assert arrays["draw/W"].shape == (32, 1, 4, 4)
        assert arrays["norm1/avg_mean"].any()


def test_the_seed_decides_the_run(run_example: Run, tmp_path: Path) -> None:
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = run_example("gan/train.py", "--epochs", "1", "--seed", seed, "--out", out)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "generator.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "mnist", "--data", "nowhere"], 1, "there is no folder nowhere"),
        (["--data", "folder"], 2, "--data is for --dataset mnist"),
        (["--epochs", "0"], 2, "0 is not at least 1"),
        (["--dataset", "letters"], 2, "invalid choice"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, arguments: list[str], code: int, message: str
) -> None:
    done = run_example("gan/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
