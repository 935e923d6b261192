"""Plots of classes, images, filters, maps, histograms: what the figures hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dezero_core import Config, Parameter, Variable
from dezero_viz import (
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_feature_maps,
    plot_filters,
    plot_histograms,
    plot_images,
)

BLUE, VERMILION = "#0072B2", "#D55E00"


def titles(figure: Any) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


# --- classes --------------------------------------------------------------------------------------

POINTS = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]], dtype=np.float32)


def test_the_examples_and_the_regions_of_three_classes() -> None:
    asked = []

    def model(x: Any) -> Any:
        asked.append((x.dtype, len(x), Config.enable_backprop, Config.train))
        return Variable(-((x[:, None] - POINTS) ** 2).sum(axis=-1))

    figure = plot_decision_boundary(model, POINTS, [0, 1, 2], resolution=100)
    (axes,) = figure.axes
    handles, labels = axes.get_legend_handles_labels()
    assert labels == ["0", "1", "2"]
    assert len({handle.get_marker() for handle in handles}) == 3
    np.testing.assert_array_equal([line.get_xydata()[0] for line in handles], POINTS)
    # A region and its border for each class.
    assert len(axes.collections) == 6
    # In batches, in the dtype of the examples, with nothing recorded, in test mode.
    assert sum(n for _, n, _, _ in asked) == 100 * 100
    assert len(asked) == 2
    assert {(dtype.name, *rest) for dtype, _, *rest in asked} == {("float32", False, False)}


def border(figure: Any) -> Any:
    return figure.axes[0].collections[1].get_paths()[0].vertices


@pytest.mark.parametrize(("threshold", "wanted"), [(0.0, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("columns", [0, 1])
def test_a_single_score_has_a_threshold(threshold: float, wanted: float, columns: int) -> None:
    def model(x: Any) -> Any:
        return x[:, :1] if columns else x[:, 0]

    figure = plot_decision_boundary(model, POINTS, threshold=threshold)
    assert figure.axes[0].get_legend() is None
    # The border lies where the score is, not at the nearest point of the grid.
    np.testing.assert_allclose(border(figure)[:, 0], wanted, atol=1e-6)


def test_one_class_has_all_the_plane() -> None:
    figure = plot_decision_boundary(
        lambda x: np.ones(len(x)), POINTS, [1, 1, 0], names=["no", "yes"]
    )
    (axes,) = figure.axes
    assert axes.get_legend_handles_labels()[1] == ["no", "yes"]
    assert len(axes.collections) == 1


@pytest.mark.parametrize(
    ("x", "t", "settings", "words"),
    [
        (
            np.ones((2, 3)),
            None,
            {},
            r"x must be an array of shape \(N, 2\), got the shape \(2, 3\)",
        ),
        (np.empty((0, 2)), None, {}, "x is empty"),
        (np.full((2, 2), np.nan), None, {}, "no example in x is finite"),
        (POINTS, [0, 1], {}, "t has 2 classes for 3 examples"),
        (POINTS, [0, 1, 0.5], {}, "t must hold whole numbers from 0"),
        (POINTS, [0, 1, -1], {}, "t must hold whole numbers from 0"),
        (POINTS, [0, 1, 3], {"names": ["a", "b"]}, "names must have one for each of the 4"),
        (POINTS, None, {"resolution": 1}, "resolution must be at least 2, got 1"),
    ],
)
def test_boundaries_that_cannot_be_drawn(x: Any, t: Any, settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^plot_decision_boundary: {words}"):
        plot_decision_boundary(lambda p: p[:, 0], x, t, **settings)


def test_a_boundary_of_nothing_that_can_be_called() -> None:
    with pytest.raises(TypeError, match="plot_decision_boundary: the model cannot be called, got"):
        plot_decision_boundary(POINTS, POINTS)  # type: ignore[arg-type]


def test_scores_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"the model's result must be .* it has the shape \(3,\)"):
        plot_decision_boundary(lambda p: np.ones(3), POINTS)


def test_a_confusion_matrix_counts() -> None:
    truth, answers = [0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2]
    figure = plot_confusion_matrix(answers, truth, names=["cat", "dog", "horse", "none"])
    axes, bar = figure.axes
    counts = [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert [int(text.get_text()) for text in axes.texts] == np.ravel(counts).tolist()
    shares = axes.get_images()[0].get_array()
    np.testing.assert_allclose(shares[:3, :3], [[2 / 3, 1 / 3, 0], [0, 1, 0], [0.5, 0, 0.5]])
    assert axes.get_title() == "66.7% of 6 are right"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "horse", "none"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert bar.get_ylabel() == "share of the true class"


def test_scores_choose_their_largest() -> None:
    scores = Variable(np.array([[0.1, 3.0], [2.0, 1.0]]))
    (axes, _) = plot_confusion_matrix(scores, [1, 1]).axes
    assert [text.get_text() for text in axes.texts] == ["0", "0", "1", "1"]


def test_a_matrix_of_very_many_classes_has_no_numbers() -> None:
    (axes, _) = plot_confusion_matrix(np.arange(100), np.arange(100)).axes
    assert not axes.texts
    assert len(axes.get_xticks()) < 50


@pytest.mark.parametrize(
    ("y", "t", "words"),
    [
        ([], [], "y is empty"),
        ([0, 1], [0], "t has 1 classes for 2 examples"),
        ([[0.0, np.nan]], [0], "y holds scores that are NaN"),
        ([0.5], [0], "y must hold whole numbers"),
        (np.ones((2, 2, 2)), [0, 1], r"y must be of shape \(N,\) or \(N, C\)"),
    ],
)
def test_matrices_that_cannot_be_drawn(y: Any, t: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^plot_confusion_matrix: {words}"):
        plot_confusion_matrix(y, t)


# --- images ---------------------------------------------------------------------------------------


def test_images_with_answers() -> None:
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    figure = plot_images(
        np.random.rand(3, 1, 4, 5), [0, 1, 0], probabilities, names=["cat", "dog"], columns=2
    )
    assert titles(figure) == ["cat 90%", "dog 80%", "dog (is cat) 70%"]
    colors = [axes.title.get_color() for axes in figure.axes]
    assert colors == [BLUE, BLUE, VERMILION]
    frames = [axes.spines["top"].get_linewidth() for axes in figure.axes]
    assert frames[2] > frames[0]
    assert figure.axes[0].get_gridspec().get_geometry() == (2, 2)


def test_images_with_scores_labels_alone_and_nothing() -> None:
    images = np.zeros((2, 3, 3))
    assert titles(plot_images(images, predictions=[[5.0, -1.0], [np.nan, 2.0]])) == ["0", "1"]
    assert titles(plot_images(images, labels=[7, 1])) == ["7", "1"]
    assert titles(plot_images(images)) == ["", ""]


@pytest.mark.parametrize(
    ("images", "limits"),
    [
        (np.full((1, 2, 2), 7, dtype=np.uint8), (0, 255)),
        (np.full((1, 2, 2), 0.5), (0, 1)),
        (np.array([[[-1.0, 3.0]]]), (-1, 3)),
        ([np.zeros((2, 2), dtype=np.uint8)], (0, 255)),
    ],
)
def test_what_is_black_and_what_is_white(images: Any, limits: tuple[float, float]) -> None:
    (axes,) = plot_images(images).axes
    assert axes.get_images()[0].get_clim() == limits


def test_images_in_color_and_pixels_that_are_no_numbers() -> None:
    image = np.zeros((1, 3, 2, 2))
    image[0, 0] = 1.0
    image[0, :, 1, 1] = np.nan
    (axes,) = plot_images(image).axes
    shown = axes.get_images()[0].get_array()
    np.testing.assert_allclose(shown[0, 0], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(shown[1, 1], to_rgb(VERMILION))
    (axes,) = plot_images(np.array([[[0.0, np.inf]]])).axes
    gray = axes.get_images()[0]
    np.testing.assert_allclose(gray.to_rgba(gray.get_array())[0, 1, :3], to_rgb(VERMILION))


@pytest.mark.parametrize(
    ("images", "settings", "error", "words"),
    [
        (np.zeros((0, 2, 2)), {}, ValueError, "images is empty"),
        (np.zeros((2, 2)), {}, ValueError, r"images must be of shape .* got the shape \(2, 2\)"),
        (np.zeros((1, 2, 2, 2)), {}, ValueError, r"images must be .* got the shape \(1, 2, 2, 2\)"),
        (np.zeros((201, 1, 1)), {}, ValueError, r"201 images are too many .* images\[:200\]"),
        (np.zeros((2, 1, 1)), {"labels": [1]}, ValueError, "labels has 1 classes for 2 examples"),
        (np.zeros((2, 1, 1)), {"predictions": [1]}, ValueError, "1 predictions for 2 images"),
        (np.zeros((2, 1, 1)), {"columns": 0}, ValueError, "columns must be a whole number"),
        ("photo.png", {}, TypeError, "images must be .* of real numbers, got str"),
        (np.zeros((1, 1, 1)) * 1j, {}, TypeError, "got ndarray of complex128"),
        (np.zeros((1, 1, 1)), {"figure": "left"}, TypeError, "figure must be a Figure .* got str"),
    ],
)
def test_images_that_cannot_be_drawn(
    images: Any, settings: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^plot_images: .*{words}"):
        plot_images(images, **settings)


def mosaic(figure: Any) -> Any:
    return figure.axes[0].get_images()[0].get_array()


def test_filters_of_one_channel_share_a_scale_about_zero() -> None:
    W = Parameter(np.arange(-9.0, 9.0).reshape(2, 1, 3, 3))
    figure = plot_filters(W, columns=2)
    image = figure.axes[0].get_images()[0]
    assert image.get_clim() == (-9.0, 9.0)
    shown = mosaic(figure)
    # Each weight is 4 pixels wide, and nothing lies between the filters.
    np.testing.assert_array_equal(shown[:12:4, :12:4], W.data[0, 0])
    np.testing.assert_array_equal(shown[:12:4, 14::4], W.data[1, 0])
    assert shown.mask[:, 12:14].all()
    assert figure.axes[0].get_xlabel() == "2 filters of 3 × 3"


def test_filters_of_many_channels_have_a_row_each() -> None:
    figure = plot_filters(np.random.rand(5, 4, 3, 3))
    (axes, _) = figure.axes
    assert axes.get_xlabel() == "5 filters (rows) of 4 channels (columns), 3 × 3"
    assert [label.get_text() for label in axes.get_yticklabels()] == list("01234")
    assert mosaic(figure).shape == (5 * 14 - 2, 4 * 14 - 2)


def test_filters_of_three_channels_are_in_color() -> None:
    W = np.zeros((1, 3, 12, 12))
    W[0, 0, 0, 0], W[0, 1, 0, 0] = 2.0, -2.0
    figure = plot_filters(W)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "1 filter of 12 × 12, in color"
    np.testing.assert_allclose(mosaic(figure)[0, 0], [1.0, 0.0, 0.5])
    np.testing.assert_allclose(mosaic(figure)[5, 5], 0.5)


def test_filters_that_are_zero_or_no_numbers() -> None:
    assert plot_filters(np.zeros((1, 1, 2, 2))).axes[0].get_images()[0].get_clim() == (-1.0, 1.0)
    W = np.ones((1, 1, 12, 12))
    W[0, 0, 2, 3] = np.nan
    marks = plot_filters(W).axes[0].get_images()[1].get_array()
    assert marks[2, 3].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert marks[..., 3].sum() == 1.0


def test_feature_maps() -> None:
    maps = np.arange(3.0 * 12 * 12).reshape(1, 3, 12, 12)
    figure = plot_feature_maps(Variable(maps), columns=2)
    (axes, bar) = figure.axes
    np.testing.assert_array_equal(mosaic(figure)[:12, 14:], maps[0, 1])
    assert mosaic(figure).mask[14:, 12:].all()
    assert axes.get_images()[0].get_clim() == (0.0, 431.0)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "2"]
    assert (axes.get_xlabel(), bar.get_ylabel()) == ("3 feature maps of 12 × 12", "activation")


@pytest.mark.parametrize(
    ("draw", "array", "words"),
    [
        (plot_filters, np.ones((3, 3)), r"plot_filters: W must be .* got the shape \(3, 3\)"),
        (plot_filters, Parameter(None), "plot_filters: W has no data yet; call the layer once"),
        (plot_feature_maps, np.ones(3), "plot_feature_maps: maps must be .* got the shape"),
        (plot_feature_maps, np.ones((2, 1, 3, 3)), r"got 2 images .* choose one: maps\[0\]"),
        (plot_feature_maps, np.ones((0, 3, 3)), "plot_feature_maps: maps is empty"),
    ],
)
def test_mosaics_that_cannot_be_drawn(draw: Any, array: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw(array)
    with pytest.raises(ValueError, match="columns must be a whole number from 1, got 0"):
        draw(np.ones((1, 1, 3, 3)), columns=0)


# --- histograms -----------------------------------------------------------------------------------


def test_histograms_count_what_is_not_zero() -> None:
    values = {"l0": np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 3.0, np.nan]), "l1/W": [1e-9, 2e-9]}
    figure = plot_histograms(values, bins=2, xlabel="gradient")
    assert [title.splitlines() for title in titles(figure)] == [
        ["l0", "std 1.05, 29% zero, 1 not finite"],
        ["l1/W", "std 5e-10"],
    ]
    first, second = figure.axes
    assert [bar.get_height() for bar in first.patches] == [1, 4]
    assert [bar.get_height() for bar in second.patches] == [1, 1]
    assert first.title.get_color() == VERMILION
    assert [axes.get_xlabel() for axes in figure.axes] == ["gradient", "gradient"]


def test_histograms_of_nothing_and_of_a_single_value() -> None:
    never = Parameter(None)
    values = [("none", None), ("lazy", never), ("nan", [np.nan]), ("zero", [0.0]), ("one", [5.0])]
    figure = plot_histograms(values)
    said = [title.splitlines()[1] for title in titles(figure)]
    assert said == ["none", "none", "none of 1 is finite", "std 0, 100% zero", "std 0"]
    assert [len(axes.patches) for axes in figure.axes] == [0, 0, 0, 0, 40]
    assert sum(bar.get_height() for bar in figure.axes[4].patches) == 1


def test_long_names_take_several_lines() -> None:
    (title,) = titles(plot_histograms({"encoder/blocks/11/attention/projection/W": [1.0]}))
    assert title.splitlines()[:2] == ["encoder/blocks/11/attention/", "projection/W"]


@pytest.mark.parametrize(
    ("values", "settings", "error", "words"),
    [
        ({}, {}, ValueError, "there are no values"),
        (3, {}, TypeError, "values must map names to arrays.* got int"),
        ({"a": "text"}, {}, TypeError, "'a' must be an array, of real numbers, got str"),
        ({"a": [1.0]}, {"bins": 0}, ValueError, "bins must be a whole number from 1, got 0"),
        ({"a": [1.0]}, {"columns": 1.5}, ValueError, "columns must be a whole number from 1"),
    ],
)
def test_values_that_cannot_be_drawn(
    values: Any, settings: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^plot_histograms: {words}"):
        plot_histograms(values, **settings)


def test_a_part_of_a_figure() -> None:
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    assert plot_histograms({"a": [1.0]}, figure=left) is figure
    assert plot_images(np.zeros((2, 2, 2)), figure=right) is figure
    assert (len(left.axes), len(right.axes)) == (1, 2)
