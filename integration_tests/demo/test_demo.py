"""The demo does what the README promises, and stops cleanly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "digits" / "train.py"
MNIST_FOLDER = ROOT.parent / "shared" / "data" / "mnist"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_digits_are_learned_drawn_saved_and_loaded_again(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    epochs = re.findall(r"^epoch +(\d+)/30 .*test loss \d+\.\d+, accuracy ", done.stdout, re.M)
    assert epochs == [str(n) for n in range(1, 31)]
    reached = re.search(r"^test accuracy ([\d.]+)%, in [\d.]+ s$", done.stdout, re.M)
    assert reached is not None, done.stdout
    assert float(reached[1]) >= 97.0
    out = tmp_path / "runs" / "digits"
    assert f"into {out}" in done.stdout
    assert "all 360 predictions are identical" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["curves.png", "graph.svg", "weights.npz"]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    graph = (out / "graph.svg").read_text(encoding="utf-8")
    assert graph.rstrip().endswith("</svg>")
    assert "l0/W: (64, 200) float32" in graph
    with np.load(out / "weights.npz", allow_pickle=False) as weights:
        assert {path: weights[path].shape for path in weights} == {
            "l0/W": (64, 200),
            "l0/b": (200,),
            "l1/W": (200, 10),
            "l1/b": (10,),
        }


def test_the_seed_decides_the_run_and_the_folder_is_a_choice(tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = run(tmp_path, "--quick", "--seed", seed, "--out", name)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "weights.npz").read_bytes() for name in "abc")
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
def test_mistakes_are_named(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_ctrl_c_leaves_no_broken_file(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", str(SCRIPT), "--epochs", "100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "interrupted: no file was left half-written" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / "runs" / "digits").iterdir()) == []


@pytest.mark.skipif(
    not MNIST_FOLDER.is_dir(), reason="needs MNIST's files in ../shared/data/mnist; no download"
)
def test_mnist_is_read_from_a_folder(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--dataset", "mnist", "--data", str(MNIST_FOLDER), "--epochs", "1", "--out", "m"
    )
    assert done.returncode == 0, done.stderr
    reached = re.search(r"^test accuracy ([\d.]+)%", done.stdout, re.M)
    assert reached is not None
    assert float(reached[1]) >= 95.0
    assert "all 10000 predictions are identical" in done.stdout
