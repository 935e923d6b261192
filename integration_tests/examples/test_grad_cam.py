"""Maps point at the digit that the network names, though nobody told it where digits are."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "grad_cam"

Run = Callable[..., CompletedProcess[str]]


def figures(output: str) -> list[float]:
    """Return accuracy; how often the map is highest at the digit; and, of two, at the asked one."""
    found = [
        *re.findall(r"^test accuracy ([\d.]+)%", output, re.M),
        *re.findall(r"^the map is highest inside the digit's square in ([\d.]+)%", output, re.M),
        *re.findall(r"highest there in ([\d.]+)% of pictures", output),
        *re.findall(r"at the other in ([\d.]+)%", output),
    ]
    assert len(found) == 6, output
    return list(map(float, found))


def test_maps_find_the_digit(run_example: Run, tmp_path: Path) -> None:
    done = run_example("grad_cam/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    accuracy, inside, left, right, not_left, not_right = figures(done.stdout)
    assert accuracy > 80.0
    assert inside > 60.0  # by chance: 6
    assert left > not_left + 20.0
    assert right > not_right + 20.0
    out = tmp_path / "runs" / "grad_cam"
    assert sorted(path.name for path in out.iterdir()) == ["maps.png", "weights.npz"]
    assert (out / "maps.png").read_bytes().startswith(b"\x89PNG")


def test_the_seed_and_the_layer_decide_the_run(run_example: Run, tmp_path: Path) -> None:
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        arguments = ("--quick", "--updates", "3", "--seed", seed, "--out", out, "--layer", "conv3")
        done = run_example("grad_cam/train.py", *arguments)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "weights.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script, which has a name that others have, too."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("train", "picture", "scenes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import train

    yield train
    for name in ("train", "picture", "scenes"):
        del sys.modules[name]


def test_pictures_hold_their_digits(script: ModuleType) -> None:
    digits = np.arange(2 * 64, dtype=np.float32).reshape(2, 1, 8, 8) + 10.0
    labels = np.array([4, 7])
    x, t, corners = script.make_scenes(digits, labels, 5, np.random.default_rng(0))
    assert x.shape == (5, 1, 32, 32)
    for scene, label, (top, left) in zip(x, t, corners, strict=True):
        np.testing.assert_array_equal(
            scene[:, top : top + 8, left : left + 8], digits[list(labels).index(label)]
        )
    _, kinds, places = script.make_pairs(digits, labels, 5, np.random.default_rng(0))
    assert (kinds[:, 0] != kinds[:, 1]).all()
    assert (places[:, 0, 1] <= 8).all()
    assert (places[:, 1, 1] >= 16).all()


def test_a_map_is_compared_with_the_square(script: ModuleType) -> None:
    maps = np.zeros((2, 16, 16))
    maps[0, 4, 2] = 3.0  # pixels 8 and 9 from above, 4 and 5 from the left
    maps[0, 0, 0] = 1.0
    maps[1, 15, 15] = 1.0
    corners = np.array([[8, 4], [8, 4]])
    assert script.found(maps, corners) == (0.5, 0.375)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--updates", "0"], "0 is not at least 1"),
        (["--layer", "scores"], "'scores' is none of conv1, conv2, conv3, conv4"),
        (["--seed", "-1"], "-1 is negative"),
    ],
)
def test_mistakes_are_named(run_example: Run, arguments: list[str], message: str) -> None:
    done = run_example("grad_cam/train.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert message in done.stderr
