"""The convolutional example reaches 98 % on MNIST in one epoch, and names mistakes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "mnist_cnn" / "train.py"
MNIST_FOLDER = ROOT.parent / "shared" / "data" / "mnist"

needs_mnist = pytest.mark.skipif(
    not MNIST_FOLDER.is_dir(), reason="needs MNIST's files in ../shared/data/mnist; no download"
)


def run(folder: Path, *arguments: str, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder,
        # Threads of a linear algebra library that wait for each other take many times as long on a
        # machine that does other things too.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def reached(output: str) -> list[float]:
    return [float(share) for share in re.findall(r"^epoch .*test accuracy ([\d.]+)%", output, re.M)]


@needs_mnist
def test_one_epoch_reaches_98_percent(tmp_path: Path) -> None:
    done = run(tmp_path, "--data", str(MNIST_FOLDER))
    assert done.returncode == 0, done.stderr
    (share,) = reached(done.stdout)
    assert share >= 98.0
    assert "20,538 parameters" in done.stdout
    with np.load(tmp_path / "runs" / "mnist_cnn" / "weights.npz", allow_pickle=False) as weights:
        assert weights["conv2/W"].shape == (32, 16, 3, 3)
        assert weights["scores/W"].shape == (1568, 10)
        assert weights["norm1/avg_mean"].any()


@needs_mnist
def test_a_sixth_of_the_examples_teaches_too(tmp_path: Path) -> None:
    done = run(tmp_path, "--data", str(MNIST_FOLDER), "--quick", "--epochs", "2", "--out", "here")
    assert done.returncode == 0, done.stderr
    first, second = reached(done.stdout)
    assert first >= 90.0
    assert second >= 96.0
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["weights.npz"]

    arguments = ["here/weights.npz", "here/mistakes.png", "--data", str(MNIST_FOLDER)]
    done = run(tmp_path, *arguments, script=SCRIPT.with_name("picture.py"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "mistakes.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "nowhere"], 1, "there is no folder nowhere"),
        (["--epochs", "0"], 2, "0 is not at least 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
