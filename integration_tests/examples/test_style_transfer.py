"""Pixels take on a style, and keep the content, whatever network looks at them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from dezero_core import Device
from dezero_nn import VGG16

FOLDER = Path(__file__).parents[2] / "examples" / "style_transfer"
MODULES = ("transfer", "networks", "images", "picture")

Run = Callable[..., CompletedProcess[str]]


def figures(output: str) -> tuple[float, float, float, float]:
    """Return the accuracy on textures, the distances in style before and after, and in content."""
    share = re.search(r"tells ([\d.]+)% of new textures", output)
    style = re.search(r"^distance in style ([\d.]+) -> ([\d.]+), in", output, re.M)
    content = re.search(r"^distance in content 0 -> ([\d.]+)$", output, re.M)
    assert share is not None and style is not None and content is not None, output
    return float(share[1]), float(style[1]), float(style[2]), float(content[1])


def test_the_style_comes_and_the_content_stays(run_example: Run, tmp_path: Path) -> None:
    done = run_example("style_transfer/transfer.py", "--quick", "--network", "textures")
    assert done.returncode == 0, done.stderr
    share, before, after, content = figures(done.stdout)
    assert share > 20.0  # by chance: 12.5
    assert after < 0.1 * before
    assert 0.01 < content < 1.0
    out = tmp_path / "runs" / "style_transfer"
    assert sorted(path.name for path in out.iterdir()) == ["result.png", "transfer.png"]
    with Image.open(out / "result.png") as result:
        assert (result.size, result.mode) == ((64, 64), "RGB")


def test_images_of_ones_own_are_read_and_the_seed_decides(run_example: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, shape in (("photo.png", (40, 60, 3)), ("gray.jpg", (50, 30))):
        Image.fromarray(random.integers(256, size=shape, dtype=np.uint8)).save(tmp_path / name)
    results = []
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        images = ("--content", "photo.png", "--style", "gray.jpg", "--size", "32")
        network = ("--network", "textures", "--updates", "5", "--seed", seed)
        painting = ("--optimizer", "adam", "--steps", "30", "--out", out)
        done = run_example("style_transfer/transfer.py", *images, *network, *painting)
        assert done.returncode == 0, done.stderr
        _, before, after, _ = figures(done.stdout)
        assert after < before
        results.append((tmp_path / out / "result.png").read_bytes())
    assert results[0] == results[1]
    assert results[0] != results[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the script, whose modules have names that others have, too."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import transfer

    yield transfer
    for name in MODULES:
        del sys.modules[name]


def test_an_image_is_its_own_content_and_style(script: ModuleType) -> None:
    np.random.seed(0)
    eye = script.TextureNet()
    content, style = script.landscape(32), script.painting(32)
    wish = script.Wish(eye, content, style, keep=1.0)
    of_style = [float(part) for part in wish.parts(script.Variable(style[None]))]
    of_content = [float(part) for part in wish.parts(script.Variable(content[None]))]
    np.testing.assert_allclose(of_style, [0.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(of_content[1], 0.0, atol=1e-6)
    assert of_content[0] > 0.1
    # Where things are is no matter of style.
    rolled = np.roll(content[None], 8, axis=3)
    np.testing.assert_allclose(
        script.gram(script.Variable(rolled)).data,
        script.gram(script.Variable(content[None])).data,
        rtol=1e-4,
    )


def test_vgg16_looks_at_four_sizes(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import networks

    # Without its weights, a file of half a gigabyte: new ones do for the shapes.
    monkeypatch.setattr(networks, "VGG16", lambda pretrained: VGG16())
    maps = networks.VGGEye(Device("cpu")).look(np.zeros((1, 3, 32, 32), dtype=np.float32))
    assert [y.shape for y in maps] == [
        (1, 64, 32, 32),
        (1, 128, 16, 16),
        (1, 256, 8, 8),
        (1, 512, 4, 4),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--content", "nowhere.png"], 1, "nowhere.png"),
        (["--steps", "0"], 2, "0 is not at least 1"),
        (["--size", "8"], 2, "8 is less than 16"),
        (["--keep", "nan"], 2, "nan is negative or not finite"),
        (["--seed", "-1"], 2, "-1 is negative"),
    ],
)
def test_mistakes_are_named(
    run_example: Run, arguments: list[str], code: int, message: str
) -> None:
    done = run_example("style_transfer/transfer.py", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr


def test_what_is_no_image_is_named(run_example: Run, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    done = run_example("style_transfer/transfer.py", "--style", "text.png")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "text.png" in done.stderr
