"""Each picture of the gallery is there, small, and what its lines still draw."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "_static" / "gallery"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    location = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    assert location is not None and location.loader is not None
    module = importlib.util.module_from_spec(location)
    sys.modules["gallery"] = module  # where dataclasses look up their module
    location.loader.exec_module(module)
    return module


def test_each_picture_is_there_once_and_small(gallery: ModuleType) -> None:
    pictures = [entry.picture for entry in gallery.entries() if entry.picture is not None]
    assert len(pictures) >= 20
    assert sorted(pictures) == sorted(PICTURES.iterdir())
    for picture in pictures:
        assert picture.stat().st_size <= gallery.MOST_BYTES, picture.name
        with Image.open(picture) as image:
            image.load()
            assert image.width <= 1600, picture.name
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 8, picture.name


def test_every_plot_is_in_the_gallery(gallery: ModuleType) -> None:
    import dezero_viz

    code = "\n".join(entry.code for entry in gallery.entries())
    drawing = {name for name in dezero_viz.__all__ if name.startswith(("plot_", "grad_cam"))}
    assert [name for name in sorted(drawing - {"plot_dot_graph"}) if f"{name}(" not in code] == []


def test_the_lines_of_the_page_draw_its_pictures(gallery: ModuleType, tmp_path: Path) -> None:
    """What is photographed depends on the browser's fonts; of these the page alone is made."""
    seen = 0
    for entry, value in gallery.values():
        if entry.picture is None:
            continue
        if not hasattr(value, "savefig"):
            kinds = ("content", "_repr_html_")
            assert isinstance(value, str) or any(hasattr(value, k) for k in kinds), entry.code
            continue
        gallery.draw(value, tmp_path / "now.png")
        now, before = (
            Image.open(path).convert("RGB") for path in (tmp_path / "now.png", entry.picture)
        )
        # Numbers end in other digits on other machines, and letters have other shapes.
        assert np.abs(np.subtract(now.size, before.size)).max() <= 8, entry.picture.name
        small = [np.asarray(image.resize((64, 64)), dtype=float) for image in (now, before)]
        assert np.sqrt(np.mean((small[0] - small[1]) ** 2)) < 25, entry.picture.name
        seen += 1
    assert seen >= 16


def test_a_name_that_is_unknown(gallery: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery.main(["no-such-picture"]) == 2
    assert "no picture no-such-picture; there are ['activations'," in capsys.readouterr().out
