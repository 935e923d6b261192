"""The command that needs a card, as far as it goes without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import run_all


def test_without_a_card_it_says_so_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def absent(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(run_all.ctypes, "CDLL", absent)
    assert run_all.main(["--out", str(tmp_path / "out")]) == 2
    assert "There is no card to run on: no NVIDIA driver is installed" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


class Driver:
    """As much of libcuda as is asked."""

    def __init__(self, error: int = 0, version: int = 13010, count: int = 1) -> None:
        self.error, self.version, self.count = error, version, count

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self.error

    def cuDriverGetVersion(self, place: Any) -> None:  # noqa: N802
        place._obj.value = self.version

    def cuDeviceGetCount(self, place: Any) -> None:  # noqa: N802
        place._obj.value = self.count


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (Driver(error=100), "finds no device"),
        (Driver(count=0), "but no device"),
        (Driver(version=11080), "is for CUDA 11"),
    ],
)
def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, driver: Driver, words: str) -> None:
    monkeypatch.setattr(run_all.ctypes, "CDLL", lambda name: driver)
    reason, _ = run_all.look_for_card()
    assert reason is not None and words in reason


def test_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_all.ctypes, "CDLL", lambda name: Driver())
    assert run_all.look_for_card() == (None, 13010)


@pytest.mark.parametrize(("driver", "cuda"), [(12080, "12"), (13010, "13")])
def test_cupy_and_cudnn_are_those_of_the_driver(
    driver: int, cuda: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = run_all.Runner(tmp_path, tmp_path, 0.0)
    monkeypatch.setattr(run, "succeeds", lambda command: False)
    monkeypatch.setattr(
        run, "has_distribution", lambda text: not text.startswith(("cupy", "nvidia"))
    )
    cupy, frontend, library = run_all.missing(run, driver)
    assert cupy == f"cupy-cuda{cuda}x[ctk]>=14,<15"
    assert frontend.startswith("nvidia-cudnn-frontend>=1.")
    assert library.startswith(f"nvidia-cudnn-cu{cuda}>=9.")
    monkeypatch.setattr(run, "succeeds", lambda command: True)
    assert run_all.missing(run, driver) == []


def test_cudnn_is_for_the_cuda_of_the_cupy_that_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = run_all.Runner(tmp_path, tmp_path, 0.0)
    monkeypatch.setattr(run, "succeeds", lambda command: "cudnn" not in command[-1])
    monkeypatch.setattr(run, "has_distribution", lambda text: not text.startswith("nvidia"))
    _, library = run_all.missing(run, 13010)
    assert library.startswith("nvidia-cudnn-cu12>=9.")


def test_packages_are_found_where_they_lie(tmp_path: Path) -> None:
    path = run_all.write_metadata(tmp_path, tmp_path / "site")
    code = (
        "from importlib.metadata import entry_points, version;"
        "from dezero_core.backend import backends;"
        "assert version('dezero-cuda') == '0.1.0';"
        "assert 'cuda' in backends(), backends();"
        "import dezero_cuda; print(dezero_cuda.__file__)"
    )
    environment = {"PYTHONPATH": ":".join(path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(run_all.ROOT / "packages")


def test_all_steps_and_their_summary(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(run_all, "look_for_card", lambda: (None, 12080))
    monkeypatch.setattr(run_all, "missing", lambda run, driver: [])
    monkeypatch.setattr(run_all, "PROBE", "print('a card')")
    test = tmp_path / "test_two.py"
    test.write_text(
        "import pytest\n"
        "@pytest.mark.gpu\ndef test_right(): pass\n"
        "@pytest.mark.gpu\ndef test_wrong(): assert False\n"
        "def test_other(): pass\n"
    )
    monkeypatch.setattr(run_all, "TESTS", (str(test),))
    out = tmp_path / "out"
    status = run_all.main(["--out", str(out), "--no-bench", "--no-torch", "--seconds", "120"])
    assert status == 1
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [(step["name"], step["status"]) for step in summary["steps"]] == [
        ("device", 0),
        ("tests", 1),
    ]
    assert summary["driver"] == 12080
    assert summary["ok"] is False
    tests = summary["tests"]
    assert (tests["tests"], tests["failures"], tests["skipped"]) == (2, 1, 0)
    assert [name.rpartition("::")[2] for name in tests["failed"]] == ["test_wrong"]
    text = capsys.readouterr().out
    assert "tests           failed (1)" in text
    assert "2 tests, 1 failures" in text


def test_a_step_that_takes_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_all.Runner(tmp_path, tmp_path, run_all.time.monotonic() + 60)
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    assert not run.step("slow", command, 1.0)
    assert run.steps[0]["status"] == 124
    assert not run.ok
    assert "begun" in capsys.readouterr().out


def test_versions(tmp_path: Path) -> None:
    assert run_all.numbers("14.2.0\n") == (14, 2)
    run = run_all.Runner(tmp_path, tmp_path, 0.0)
    assert run.has_distribution("numpy>=2.0,<3")
    assert not run.has_distribution("numpy>=99")
    assert not run.has_distribution("a-package-that-nobody-has>=1")
