"""A folder of pictures is learned, whoever's it is, and asked about afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
from PIL import Image

Run = Callable[..., CompletedProcess[str]]


def paint(root: Path, colors: dict[str, tuple[int, int, int]], each: int) -> None:
    """Make pictures of one color each, of several sizes and formats."""
    random = np.random.default_rng(0)
    for name, color in colors.items():
        (root / name).mkdir(parents=True)
        for number in range(each):
            width, height = random.integers(20, 60, 2)
            noise = random.normal(scale=30.0, size=(height, width, 3))
            pixels = (np.array(color) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.{('png', 'jpg')[number % 2]}")


def test_shapes_are_drawn_and_learned(run_example: Run, tmp_path: Path) -> None:
    done = run_example("own_pictures/train.py", "--quick")
    assert done.returncode == 0, done.stderr
    assert "320 pictures to learn from, 80 to test with: circle, cross, square" in done.stdout
    reached = re.search(r"^test accuracy ([\d.]+)%", done.stdout, re.M)
    assert reached is not None
    assert float(reached[1]) >= 45.0  # by chance it would be 20
    out = tmp_path / "runs" / "own_pictures"
    names = ["answers.png", "classes.json", "curves.png", "weights.npz"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert json.loads((out / "classes.json").read_text(encoding="utf-8")) == {
        "names": ["circle", "cross", "square", "star", "triangle"],
        "size": 32,
    }


def test_ones_own_folder_is_learned_and_asked_about(run_example: Run, tmp_path: Path) -> None:
    paint(tmp_path / "walls", {"brick": (170, 70, 50), "moss": (60, 130, 60)}, each=20)
    arguments = ["--folder", "walls", "--size", "16", "--out"]
    for out, workers in (("a", "0"), ("b", "1")):
        done = run_example("own_pictures/train.py", *arguments, out, "--workers", workers)
        assert done.returncode == 0, done.stderr
        assert "test accuracy 100.00%" in done.stdout
        # As often as it takes, of so few pictures.
        assert "epoch 60/60 " in done.stdout
    # What is random depends on the seed, not on how many workers there are.
    a, b = ((tmp_path / out / "weights.npz").read_bytes() for out in "ab")
    assert a == b

    Image.new("RGB", (90, 40), (55, 120, 65)).save(tmp_path / "what.png")
    done = run_example("own_pictures/train.py", "--predict", "what.png", "--out", "a")
    assert done.returncode == 0, done.stderr
    answers = re.findall(r"^ *([\d.]+)%  (\w+)$", done.stdout, re.M)
    assert [name for _, name in answers] == ["moss", "brick"]
    assert float(answers[0][0]) > 60.0


def test_mistakes_of_the_command_line_are_named(run_example: Run) -> None:
    for arguments, message in (
        (["--folder", "a", "--predict", "b"], "choose"),
        (["--size", "4"], "4 is not at least 8"),
        (["--workers", "-1"], "-1 is not at least 0"),
    ):
        done = run_example("own_pictures/train.py", *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert message in done.stderr


def test_folders_that_will_not_do_are_named(run_example: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    paint(tmp_path / "one", {"brick": (170, 70, 50)}, each=12)
    paint(tmp_path / "torn", {"brick": (170, 70, 50), "moss": (60, 130, 60)}, each=5)
    for picture in (tmp_path / "torn" / "moss").iterdir():
        picture.write_bytes(b"no picture")
    for arguments, message in (
        (["--folder", "nowhere"], "there is no folder nowhere"),
        (["--folder", "empty"], "there are no folders in empty"),
        (["--folder", "one"], "at least 10 in 2"),
        (["--folder", "torn", "--workers", "0"], "is no image, or damaged"),
        (["--predict", "x.png"], "train first"),
    ):
        done = run_example("own_pictures/train.py", *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert message in done.stderr
