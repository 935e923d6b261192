"""Conjugate gradients find what the whole matrices give, and what they find is of use."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def errors(output: str, exact: str) -> dict[int, float]:
    rows = re.findall(rf"^ +(\d+) iterations: .*from the exact {exact} (\S+)$", output, re.M)
    return {int(count): float(error) for count, error in rows}


def returns(output: str) -> list[tuple[float, ...]]:
    """Return the mean returns at first and at last, and the largest KL, of both methods."""
    pattern = r"upright for (\d+) steps at first, for (\d+) of \d+ .* KL ([\d.]+)$"
    return [tuple(map(float, found)) for found in re.findall(pattern, output, re.M)]


def test_the_steps_are_those_of_the_whole_matrices(run_example: Run, tmp_path: Path) -> None:
    done = run_example("conjugate_gradients/solve.py", "--quick")
    assert done.returncode == 0, done.stderr
    newton, natural = errors(done.stdout, "step"), errors(done.stdout, "one")
    assert newton[10] < 0.1
    assert newton[20] < 1e-3
    assert newton[60] < 1e-9
    assert natural[10] < 1e-3
    assert natural[20] < 1e-9
    rows = re.findall(r"^ +\d+ +(\d\.\d+) +(\S+) +(\d+) +([\d.]+)%$", done.stdout, re.M)
    losses, slopes, products, shares = np.array(rows, dtype=float).T
    assert len(rows) == 9
    assert losses[0] == pytest.approx(np.log(10.0), abs=1e-6)
    assert slopes[-1] < 1e-8
    assert slopes[-1] < slopes[-2] ** 1.3  # faster than linear
    assert products.sum() < 200
    assert shares[-1] >= 88.0
    assert len(returns(done.stdout)) == 2
    for first, last, kl in returns(done.stdout):
        assert first < 40
        assert last > 120
        assert kl <= 0.015
    (picture,) = (tmp_path / "runs" / "conjugate_gradients").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_seed_decides_the_play(run_example: Run) -> None:
    arguments = ["--quick", "--updates", "3", "--iterations", "2", "--seed"]
    runs = [run_example("conjugate_gradients/solve.py", *arguments, seed) for seed in "112"]
    assert [done.returncode for done in runs] == [0, 0, 0]
    first, again, other = (returns(done.stdout) for done in runs)
    assert first == again != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--updates", "0"], "0 is not at least 1"),
        (["--iterations", "0"], "0 is not at least 1"),
        (["--seed", "-1"], "-1 is not at least 0"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("conjugate_gradients/solve.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
