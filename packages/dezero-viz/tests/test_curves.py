"""Curves of training: what the figure holds."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import dezero_viz.plots
from dezero_core import Variable
from dezero_viz import plot_curves

NAN, INF = math.nan, math.inf


def lines(axes: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in axes.get_lines()}


def legend(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


HISTORY = {
    "test accuracy": [0.6, 0.8, 0.9],
    "train loss": [2.3, 0.7, 0.4],
    "test loss": [1.1, 0.6, 0.5],
}


def test_losses_and_accuracies_have_panels_of_their_own() -> None:
    losses, accuracies = plot_curves(HISTORY).axes
    assert (losses.get_ylabel(), accuracies.get_ylabel()) == ("loss", "accuracy")
    assert losses.get_xlabel() == "epoch"
    assert legend(losses) == ["train", "test"]
    assert legend(accuracies) == ["test"]
    np.testing.assert_array_equal(lines(losses)["train"].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines(losses)["train"].get_ydata(), [2.3, 0.7, 0.4])
    np.testing.assert_array_equal(lines(accuracies)["test"].get_ydata(), [0.6, 0.8, 0.9])


def test_a_part_looks_the_same_in_every_panel_and_different_from_the_others() -> None:
    losses, accuracies = plot_curves(HISTORY).axes
    train, test, other = lines(losses)["train"], lines(losses)["test"], lines(accuracies)["test"]
    assert test.get_color() == other.get_color() != train.get_color()
    # Not by color alone.
    assert test.get_linestyle() == other.get_linestyle() != train.get_linestyle()


@pytest.mark.parametrize(
    ("names", "quantities", "labels"),
    [
        (["loss", "acc"], ["loss", "accuracy"], ["loss", "accuracy"]),
        (["train_loss", "val_loss"], ["loss"], ["train", "val"]),
        (["Loss/Train", "Loss/Test"], ["loss"], ["Train", "Test"]),
        (["adam loss", "sgd loss"], ["loss"], ["adam", "sgd"]),
        (["train loss", "train_loss"], ["loss"], ["train", "train_loss"]),
        (["learning rate", "loss"], ["loss", "learning rate"], ["loss", "learning rate"]),
        (["train error", "test error"], ["error"], ["train", "test"]),
        (["val"], ["val"], ["val"]),
    ],
)
def test_names_sort_the_curves(names: list[str], quantities: list[str], labels: list[str]) -> None:
    figure = plot_curves({name: [0.5, 0.25] for name in names})
    assert [axes.get_ylabel() for axes in figure.axes] == quantities
    assert [label for axes in figure.axes for label in lines(axes)] == labels


def test_one_curve_that_is_its_own_panel_needs_no_legend() -> None:
    (axes,) = plot_curves({"loss": [2.0, 1.0]}).axes
    assert axes.get_legend() is None


def test_losses_over_decades_are_logarithmic() -> None:
    (far,) = plot_curves({"loss": [2.0, 0.1, 0.001]}).axes
    (near,) = plot_curves({"loss": [2.0, 0.1, 0.03]}).axes
    (zero,) = plot_curves({"loss": [2.0, 0.1, 0.0]}).axes
    (negative,) = plot_curves({"loss": [200.0, 0.1, -1.0]}).axes
    assert far.get_yscale() == "log"
    assert near.get_yscale() == zero.get_yscale() == negative.get_yscale() == "linear"


@pytest.mark.parametrize("whole", [1.0, 100.0])
def test_accuracies_are_percentages(whole: float) -> None:
    (axes,) = plot_curves({"test accuracy": [0.5 * whole, 0.98 * whole]}).axes
    assert axes.yaxis.get_major_formatter()(whole) == "100%"
    bottom, top = axes.get_ylim()
    assert 0.0 <= bottom < 0.5 * whole
    assert whole < top < 1.05 * whole


def test_smoothing_follows_its_equation() -> None:
    values = [4.0, 2.0, 3.0, 1.0]
    (axes,) = plot_curves({"loss": values}, smooth=0.5).axes
    raw, smooth = axes.get_lines()
    np.testing.assert_array_equal(raw.get_ydata(), values)
    np.testing.assert_allclose(smooth.get_ydata(), [2 / 0.5, 2 / 0.75, 2.5 / 0.875, 1.75 / 0.9375])
    assert raw.get_alpha() < 0.5
    assert raw.get_color() == smooth.get_color()


def test_smoothing_a_constant_leaves_it_alone() -> None:
    (axes,) = plot_curves({"loss": [0.3] * 50}, smooth=0.99).axes
    np.testing.assert_allclose(axes.get_lines()[1].get_ydata(), 0.3)


@pytest.mark.parametrize("smooth", [0.0, 0.5])
def test_what_is_not_finite_is_a_gap(smooth: float) -> None:
    (axes,) = plot_curves({"loss": [1.0, NAN, 3.0, INF, -INF, 2.0, 1.0]}, smooth=smooth).axes
    line = axes.get_lines()[-1]
    gaps = [False, True, False, True, True, False, False]
    np.testing.assert_array_equal(np.isnan(line.get_ydata()), gaps)
    assert line.get_marker() == "o"
    # The points between gaps are marked, since no line shows them.
    assert {0, 2} <= set(line.get_markevery())
    assert np.isfinite(axes.get_ylim()).all()


def test_steps_that_end_in_gaps_are_on_the_axis() -> None:
    (axes,) = plot_curves({"loss": [1.0, 2.0, *[NAN] * 8]}).axes
    left, right = axes.get_xlim()
    assert left <= 1
    assert right >= 10


@pytest.mark.parametrize("name", ["loss", "accuracy", "lr"])
def test_nothing_but_gaps(name: str, tmp_path: Path) -> None:
    figure = plot_curves({name: [NAN, INF]}, to_file=tmp_path / "curves.png")
    assert legend(figure.axes[0]) == [f"{name} (no finite value)"]


def test_long_curves_have_no_marks() -> None:
    (axes,) = plot_curves({"loss": np.linspace(2.0, 1.0, 500)}).axes
    assert axes.get_lines()[0].get_marker() == "None"


def test_numbers_of_every_kind_and_curves_of_every_length() -> None:
    figure = plot_curves(
        {
            "a loss": [1, 2.0, np.float32(3.0), np.array(4.0), Variable(np.array(5.0)), True],
            "b loss": np.arange(3),
            "c loss": (0.5,),
        }
    )
    drawn = lines(figure.axes[0])
    np.testing.assert_array_equal(drawn["a"].get_ydata(), [1, 2, 3, 4, 5, 1])
    assert [len(drawn[name].get_xdata()) for name in "abc"] == [6, 3, 1]


def test_axes_that_are_given() -> None:
    figure = Figure()
    axes = figure.subplots()
    assert plot_curves(HISTORY, ax=axes) is figure
    assert legend(axes) == ["test accuracy", "train loss", "test loss"]
    assert axes.get_ylabel() == "loss and accuracy"
    assert axes.get_yscale() == "linear"


def test_one_for_each_panel_in_a_part_of_a_figure() -> None:
    figure = Figure()
    axes = figure.subfigures(1, 2)[0].subplots(2)
    assert plot_curves(HISTORY, ax=axes) is figure
    assert [place.get_ylabel() for place in axes] == ["loss", "accuracy"]


def test_drawing_again_adds_a_run() -> None:
    figure = Figure()
    axes = figure.subplots()
    plot_curves({"first loss": [3.0, 2.0, 1.0]}, ax=axes)
    plot_curves({"second loss": [4.0, 3.0]}, ax=axes)
    drawn = lines(axes)
    assert legend(axes) == ["first", "second"]
    assert drawn["first"].get_color() != drawn["second"].get_color()
    assert axes.get_xlim()[1] >= 3
    assert axes.get_ylim()[0] <= 1.0 < 4.0 <= axes.get_ylim()[1]


def test_several_runs() -> None:
    runs = {
        "SGD": {"train loss": [3.0, 2.0], "test loss": [3.5, 2.5], "test accuracy": [0.1, 0.2]},
        "Adam": {"train loss": [2.0, 1.0], "test loss": [2.5, 1.5]},
    }
    losses, accuracies = plot_curves(runs).axes
    assert legend(losses) == ["SGD train", "SGD test", "Adam train", "Adam test"]
    assert legend(accuracies) == ["SGD test"]
    drawn = lines(losses)
    np.testing.assert_array_equal(drawn["Adam test"].get_ydata(), [2.5, 1.5])
    # The color is the run's, the dashes are the part's.
    assert drawn["SGD train"].get_color() == drawn["SGD test"].get_color()
    assert drawn["SGD train"].get_color() != drawn["Adam train"].get_color()
    assert drawn["SGD train"].get_linestyle() == drawn["Adam train"].get_linestyle()
    assert drawn["SGD train"].get_linestyle() != drawn["SGD test"].get_linestyle()


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        ("png", b"\x89PNG"),
        ("svg", b"<?xml"),
        ("pdf", b"%PDF"),
        ("jpg", b"\xff\xd8\xff"),
        ("JPEG", b"\xff\xd8\xff"),
    ],
)
def test_files(tmp_path: Path, ending: str, start: bytes) -> None:
    target = tmp_path / f"a name; with 'signs'.{ending}"
    plot_curves(HISTORY, to_file=target)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes().startswith(start)


def test_a_notebook_shows_the_figure() -> None:
    figure: Any = plot_curves(HISTORY)
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("history", "error", "words"),
    [
        ([1.0, 2.0], TypeError, "history must map names .* got list"),
        ({}, ValueError, "history is empty"),
        ({"loss": []}, ValueError, "the curve 'loss' is empty"),
        ({"loss": 3.0}, TypeError, "'loss' must be a sequence of numbers, got float"),
        ({"loss": "123"}, TypeError, "'loss' must be a sequence of numbers, got str"),
        ({"loss": np.array(1.0)}, TypeError, "'loss' must .*ndarray"),
        ({3: [1.0]}, TypeError, "names must be str, got 3"),
        ({"loss": [1.0, "2"]}, TypeError, "'loss' .* got str '2' at position 1"),
        ({"loss": [1.0, None]}, TypeError, "'loss' .*nan leaves a gap.* got NoneType None"),
        ({"loss": [1j]}, TypeError, "'loss' .* got complex"),
        ({"loss": np.ones(2, np.complex64)}, TypeError, "'loss' .* got complex64"),
        ({"loss": np.ones((2, 1))}, TypeError, r"got ndarray of shape \(1,\) at position 0"),
        ({"loss": [[1.0]]}, TypeError, "got list"),
        ({"a": {"loss": [1.0]}, "b": [1.0]}, TypeError, "'a' must be a sequence .* got dict"),
        ({"a": {"loss": [1.0]}, "b": {}}, ValueError, "history is empty"),
        ({"loss": [10**400]}, TypeError, "got int"),
    ],
)
def test_a_history_that_cannot_be_drawn(
    history: Any, error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=f"^plot_curves: .*{words}"):
        plot_curves(history, to_file=tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("smooth", [-0.1, 1.0, 2, NAN, "0.5", None])
def test_smooth_out_of_range(smooth: Any) -> None:
    with pytest.raises(ValueError, match="plot_curves: smooth must be at least 0 and less than 1"):
        plot_curves(HISTORY, smooth=smooth)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("curves", ValueError),
        ("curves.dot", ValueError),
        ("nowhere/curves.png", FileNotFoundError),
        ("taken.png", IsADirectoryError),
    ],
)
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, error: type[Exception]) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(error, match=r"^plot_curves: "):
        plot_curves(HISTORY, to_file=tmp_path / name)


def test_axes_that_are_none() -> None:
    three = list(Figure().subplots(1, 3))
    with pytest.raises(ValueError, match=r"panels loss, accuracy.* 2 of them, got 3"):
        plot_curves(HISTORY, ax=three)
    with pytest.raises(ValueError, match="empty sequence"):
        plot_curves(HISTORY, ax=[])
    wrong: Any
    for wrong in ("left", 3, [Figure()]):
        with pytest.raises(TypeError, match="ax must be an Axes of matplotlib"):
            plot_curves(HISTORY, ax=wrong)


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "dezero_viz.plots._figure", raising=False)
    monkeypatch.delattr(dezero_viz.plots, "_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plot_curves draws with matplotlib.* pip install"):
        plot_curves(HISTORY)


def test_import_is_light_and_pyplot_is_left_alone() -> None:
    script = """
import sys
import dezero_viz
assert "matplotlib" not in sys.modules
dezero_viz.plot_curves({"loss": [2.0, 1.0]})._repr_png_()
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)
