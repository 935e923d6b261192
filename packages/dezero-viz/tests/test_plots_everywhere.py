"""What all plots have in common: where they draw, files, devices, no display; some pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave

from dezero_core import Variable
from dezero_core.testing import fake_device
from dezero_viz import (
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_derivatives,
    plot_feature_maps,
    plot_filters,
    plot_grad_cam,
    plot_histograms,
    plot_images,
    plot_paths,
    plot_schedule,
    plot_sequence,
)

BASELINES = Path(__file__).parent / "baselines"
GRID = np.random.default_rng(0).uniform(size=(1, 4, 4))
MAPS = np.random.default_rng(1).normal(size=(6, 1, 5, 5))


def rings(x: Any) -> Any:
    r = np.hypot(x[:, 0], x[:, 1])
    return np.stack([1.2 - r, r - 1.2, np.abs(x[:, 0]) - 1.0], axis=1)


# Each draws with what it is given: an array of its data (as it is, or of another kind), where.
ON_AXES: dict[str, Callable[..., Figure]] = {
    "plot_schedule": lambda wrap, **k: plot_schedule(lambda t: 0.5**t, 5, **k),
    "plot_decision_boundary": lambda wrap, **k: plot_decision_boundary(
        rings, wrap(np.array([[-2.0, -2.0], [2.0, 2.0], [0.0, 0.5]])), [2, 1, 0], **k
    ),
    "plot_confusion_matrix": lambda wrap, **k: plot_confusion_matrix(
        wrap(np.array([0, 1, 1])), wrap(np.array([0, 1, 0])), **k
    ),
    "plot_derivatives": lambda wrap, **k: plot_derivatives(lambda x: x**3, [0.0, 1.0, 2.0], **k),
    "plot_paths": lambda wrap, **k: plot_paths(
        lambda a, b: a**2 + b**2, {"a": wrap(np.array([[1.0, 1.0], [0.5, 0.5]]))}, **k
    ),
    "plot_filters": lambda wrap, **k: plot_filters(wrap(MAPS), **k),
    "plot_feature_maps": lambda wrap, **k: plot_feature_maps(wrap(MAPS[:, 0]), **k),
    "plot_grad_cam": lambda wrap, **k: plot_grad_cam(wrap(GRID), wrap(GRID[0, :2, :2]), **k),
    "plot_sequence": lambda wrap, **k: plot_sequence(
        wrap(np.array([1.0, 2.0])), wrap(np.array([1.0, 2.5])), **k
    ),
}
ON_FIGURES: dict[str, Callable[..., Figure]] = {
    "plot_images": lambda wrap, **k: plot_images(wrap(GRID), wrap(np.array([1])), **k),
    "plot_histograms": lambda wrap, **k: plot_histograms({"a": wrap(GRID)}, **k),
}
ALL = ON_AXES | ON_FIGURES


def as_it_is(array: Any) -> Any:
    return array


@pytest.mark.parametrize("name", ON_AXES)
def test_axes_that_are_given(name: str) -> None:
    figure = Figure()
    left, right = figure.subfigures(1, 2)[0].subplots(1, 2)
    assert ON_AXES[name](as_it_is, ax=right) is figure
    assert right.has_data()
    assert not left.has_data()
    figure.draw_without_rendering()
    with pytest.raises(TypeError, match=f"^{name}: ax must be an Axes of matplotlib, got Figure"):
        ON_AXES[name](as_it_is, ax=figure)


@pytest.mark.parametrize("name", ON_FIGURES)
def test_figures_that_are_given(name: str) -> None:
    figure = Figure()
    assert ON_FIGURES[name](as_it_is, figure=figure) is figure
    assert len(figure.axes) == 1
    with pytest.raises(TypeError, match=f"^{name}: figure must be a Figure"):
        ON_FIGURES[name](as_it_is, figure=figure.axes[0])


@pytest.mark.parametrize("name", ALL)
def test_files_and_notebooks(name: str, tmp_path: Path) -> None:
    figure: Any = ALL[name](as_it_is, to_file=tmp_path / "a plot; with 'signs'.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a plot; with 'signs'.svg"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=f"^{name}: the file name 'plot.gif' ends in '.gif'"):
        ALL[name](as_it_is, to_file="plot.gif")
    with pytest.raises(FileNotFoundError, match=f"^{name}: the folder"):
        ALL[name](as_it_is, to_file=tmp_path / "nowhere" / "plot.png")


@pytest.mark.parametrize("kind", ["list", "Variable", "device"])
@pytest.mark.parametrize("name", ALL.keys() - {"plot_schedule", "plot_derivatives"})
def test_data_of_every_kind(name: str, kind: str) -> None:
    with fake_device() as device:
        wraps = {"list": np.ndarray.tolist, "Variable": Variable, "device": device.asarray}
        drawn = ALL[name](wraps[kind])
    wanted = ALL[name](as_it_is)
    pairs = list(zip(drawn.axes, wanted.axes, strict=True))
    assert pairs
    for ours, theirs in pairs:
        assert ours.get_title() == theirs.get_title()
        for line, other in zip(ours.get_lines(), theirs.get_lines(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())
        for image, other in zip(ours.get_images(), theirs.get_images(), strict=True):
            np.testing.assert_array_equal(image.get_array(), other.get_array())


@pytest.mark.parametrize("name", ALL)
def test_no_text_lies_on_another_or_beyond_the_edge(name: str) -> None:
    figure = ALL[name](as_it_is)
    figure.draw_without_rendering()
    whole = figure.bbox
    boxes = []
    for axes in figure.axes:
        texts = [axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            labels = [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            labels += [t.label2 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            texts += labels
        shown = [text for text in texts if text.get_visible() and text.get_text()]
        boxes += [(text.get_text(), text.get_window_extent()) for text in shown]
    for text, box in boxes:
        assert whole.x0 - 1 <= box.x0 <= box.x1 <= whole.x1 + 1, text
        assert whole.y0 - 1 <= box.y0 <= box.y1 <= whole.y1 + 1, text
    for i, (text, box) in enumerate(boxes):
        for other, second in boxes[:i]:
            assert not box.shrunk(0.9, 0.9).overlaps(second.shrunk(0.9, 0.9)), (text, other)


def test_no_display_is_needed_and_pyplot_is_left_alone(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_plots_everywhere as plots
for draw in plots.ALL.values():
    draw(plots.as_it_is, to_file="plot.png")
assert "matplotlib.pyplot" not in sys.modules
"""
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-W", "error", "-c", script]
    subprocess.run(command, check=True, timeout=300, cwd=tmp_path, env=environment)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


# To change a picture on purpose, delete it, run this twice and look at it.
@pytest.mark.parametrize(
    "name", ["plot_decision_boundary", "plot_feature_maps", "plot_filters", "plot_grad_cam"]
)
def test_pictures_are_as_they_were(name: str, tmp_path: Path) -> None:
    figure = Figure(figsize=(2.0, 2.0))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ON_AXES[name](as_it_is, ax=axes)
    # Letters look different with each version of the fonts; colors and shapes do not.
    for other in figure.axes[1:]:
        other.remove()
    axes.set_axis_off()
    axes.set_title("")
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    figure.savefig(tmp_path / "now.png", dpi=50)
    now = imread(tmp_path / "now.png")[..., :3]
    baseline = BASELINES / f"{name}.png"
    if not baseline.exists():
        imsave(baseline, now)
        pytest.fail(f"{baseline.name} was missing and is written; look at it and run again")
    before = imread(baseline)[..., :3]
    assert now.shape == before.shape
    assert np.sqrt(np.mean((now - before) ** 2)) < 0.02
