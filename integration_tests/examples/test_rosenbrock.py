"""The four methods reach the minimum in as many steps as the README tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]


def table(output: str) -> dict[str, tuple[int, int, float]]:
    """Return steps, evaluations and the last distance of each method."""
    rows = re.findall(r"^(\S.*?)  +([\d,]+)  +([\d,]+)  +(\S+)  +[\d.]+$", output, re.M)
    return {
        name: (int(steps.replace(",", "")), int(evaluations.replace(",", "")), float(distance))
        for name, steps, evaluations, distance in rows
    }


def test_each_method_reaches_the_minimum(run_example: Run, tmp_path: Path) -> None:
    done = run_example("rosenbrock/minimize.py")
    assert done.returncode == 0, done.stderr
    found = table(done.stdout)
    assert {name: steps for name, (steps, _, _) in found.items()} == {
        "gradient descent": 33_559,
        "momentum": 3_080,
        "Newton": 5,
        "L-BFGS": pytest.approx(22, abs=2),
    }
    assert all(distance <= 1e-6 for _, _, distance in found.values())
    assert found["Newton"][2] < 1e-12
    assert found["L-BFGS"][1] < 80
    (picture,) = (tmp_path / "runs" / "rosenbrock").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_step_28_gradient_descent_creeps(run_example: Run) -> None:
    done = run_example("rosenbrock/minimize.py", "--steps", "1000")
    assert done.returncode == 0, done.stderr
    steps, evaluations, distance = table(done.stdout)["gradient descent"]
    assert (steps, evaluations) == (1000, 1000)
    # The book's (0.68349178, 0.4656506) after 1000 steps.
    assert distance == pytest.approx(0.6208, abs=0.05)


def test_a_start_that_is_drawn_is_the_same_every_time(run_example: Run) -> None:
    runs = [run_example("rosenbrock/minimize.py", "--quick", "--seed", s) for s in "112"]
    assert [done.returncode for done in runs] == [0, 0, 0]
    first, again, other = (done.stdout.splitlines()[0] for done in runs)
    assert first == again != other
    assert table(runs[0].stdout) == table(runs[1].stdout)


def test_who_gets_lost_is_told(run_example: Run) -> None:
    done = run_example("rosenbrock/minimize.py", "--quick", "--lr", "1")
    assert done.returncode == 0, done.stderr
    found = table(done.stdout)
    assert not found["gradient descent"][2] < 1e3
    assert found["Newton"][2] < 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start", "1", "1", "--seed", "0"], "choose"),
        (["--lr", "0"], "0.0 is not above 0"),
        (["--tolerance", "-1"], "-1.0 is not above 0"),
        (["--steps", "0"], "0 is not at least 1"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("rosenbrock/minimize.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
