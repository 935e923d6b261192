"""RNN and LSTM learn the sine and go on by themselves, as the README tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

Run = Callable[..., CompletedProcess[str]]


def table(output: str) -> dict[str, tuple[float, float, float]]:
    """Return last loss, error of the next value, and error when going on alone, of each model."""
    rows = re.findall(r"^(\w+) +([\d.]+) +([\d.]+) +([\d.]+) +[\d,]+ +[\d.]+$", output, re.M)
    return {kind: (float(loss), float(near), float(far)) for kind, loss, near, far in rows}


def test_steps_59_and_60_the_lstm_is_better_after_as_many_epochs(
    run_example: Run, tmp_path: Path
) -> None:
    done = run_example("sine/train.py")
    assert done.returncode == 0, done.stderr
    found = table(done.stdout)
    assert list(found) == ["RNN", "LSTM"]
    rnn, lstm = found.values()
    assert lstm[0] < rnn[0] < 0.003  # the noise alone is 0.00083
    assert max(rnn[1], lstm[1]) < 0.1
    assert lstm[2] < 0.2
    assert lstm[2] < rnn[2] < 0.6
    out = tmp_path / "runs" / "sine"
    assert sorted(path.name for path in out.iterdir()) == ["lstm.npz", "rnn.npz", "sine.png"]
    assert (out / "sine.png").read_bytes().startswith(b"\x89PNG")
    with np.load(out / "lstm.npz", allow_pickle=False) as weights:
        assert weights["recurrent/h2f/W"].shape == (50, 50)


def test_the_seed_decides_the_run(run_example: Run, tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = run_example("sine/train.py", "--epochs", "8", "--seed", seed, "--out", name)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "lstm.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_quick_learns_too(run_example: Run) -> None:
    done = run_example("sine/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    # Who always says 0 has a loss of 0.5.
    assert max(loss for loss, _, _ in table(done.stdout).values()) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "0 is not at least 1"),
        (["--alpha", "-1"], "-1.0 is not above 0"),
        (["--seed", "some"], "invalid int value"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("sine/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
