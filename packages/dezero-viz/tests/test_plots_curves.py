"""Plots of functions, schedules, paths and sequences: what the figures hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from dezero_core import Parameter, Variable
from dezero_core import functions as F
from dezero_viz import plot_derivatives, plot_paths, plot_schedule, plot_sequence


def labels(axes: Any) -> list[str]:
    return list(axes.get_legend_handles_labels()[1])


def y_data(axes: Any) -> list[list[float]]:
    return [list(line.get_ydata()) for line in axes.get_lines()]


# --- schedules ------------------------------------------------------------------------------------


@dataclass
class Halving:
    """What the schedules of dezero-optim look like from outside."""

    steps: int | None = 2
    base: float = 0.0
    optimizer: object = None

    def factor(self, t: int) -> float:
        return 0.5**t


def test_a_schedule_is_drawn_to_its_end_from_the_rate_that_is_given() -> None:
    (axes,) = plot_schedule(Halving(), lr=8.0, xlabel="epoch").axes
    assert y_data(axes) == [[8.0, 4.0, 2.0]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "learning rate")
    assert axes.get_legend() is None
    assert axes.get_ylim()[0] == 0.0


def test_a_schedule_that_was_set_up_has_its_own_rate() -> None:
    schedule = Halving(base=2.0, optimizer=object())
    (axes,) = plot_schedule(schedule, steps=2, lr=8.0).axes
    assert y_data(axes) == [[2.0, 1.0]]


def test_several_schedules_and_functions() -> None:
    schedules = {"halving": Halving(), "none": lambda t: 0.5, "lost": lambda t: np.inf}
    (axes,) = plot_schedule(schedules, lr=1.0).axes
    assert labels(axes) == ["halving", "none", "lost"]
    first, second, lost = y_data(axes)
    assert (first, second) == ([1.0, 0.5, 0.25], [0.5, 0.5, 0.5])
    assert np.isnan(lost).all()
    looks = {(line.get_color(), str(line.get_linestyle())) for line in axes.get_lines()}
    assert len(looks) == 3


def test_schedules_drawn_again_differ() -> None:
    axes = Figure().subplots()
    plot_schedule({"a": Halving()}, ax=axes)
    plot_schedule({"b": Halving()}, ax=axes)
    assert labels(axes) == ["a", "b"]
    assert len({line.get_color() for line in axes.get_lines()}) == 2


@pytest.mark.parametrize(
    ("schedules", "steps", "error", "words"),
    [
        ({}, 3, ValueError, "there are no schedules"),
        (3.0, 3, TypeError, "a schedule has a method factor.* got float"),
        (lambda t: 1.0, None, ValueError, "no schedule has an end"),
        (Halving(), 0, ValueError, "steps must be at least 1, got 0"),
        (Halving(), 2.5, TypeError, "steps must be a whole number, got 2.5"),
        (lambda t: "fast", 2, TypeError, "the learning rates must be"),
    ],
)
def test_schedules_that_cannot_be_drawn(
    schedules: Any, steps: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^plot_schedule: {words}"):
        plot_schedule(schedules, steps)


# --- derivatives ----------------------------------------------------------------------------------


def test_the_derivatives_of_the_sine() -> None:
    x = np.linspace(-7, 7, 50)
    (axes,) = plot_derivatives(F.sin, x, order=4, name=r"\sin").axes
    wanted = [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)]
    np.testing.assert_allclose(y_data(axes), wanted, atol=1e-12)
    assert labels(axes)[1::3] == [r"$\sin'$", r"$\sin^{(4)}$"]


def test_derivatives_leave_no_gradients_and_no_infinities() -> None:
    scale = Parameter(np.array(2.0))
    with np.errstate(divide="ignore"):
        (axes,) = plot_derivatives(lambda x: scale * F.log(x), np.array([0.0, 1.0]), order=1).axes
    assert scale.grad is None
    value, slope = y_data(axes)
    assert np.isnan([value[0], slope[0]]).all()
    assert (value[1], slope[1]) == (0.0, 2.0)


def test_order_zero_is_the_function() -> None:
    (axes,) = plot_derivatives(lambda x: x**2, [1, 2, 3], order=0).axes
    assert y_data(axes) == [[1.0, 4.0, 9.0]]


@pytest.mark.parametrize(
    ("f", "x", "order", "error", "words"),
    [
        (F.sin, [], 1, ValueError, "x is empty"),
        (F.sin, [[1.0]], 1, ValueError, r"x must be an array of shape \(N,\), got the shape"),
        (F.sin, "abc", 1, TypeError, "x must be .* of real numbers, got str"),
        (F.sin, [1.0], -1, ValueError, "order must be a whole number from 0, got -1"),
        (lambda x: F.sum(x), [1.0], 1, ValueError, "f must compute element by element"),
        (lambda x: x.data, [1.0], 1, TypeError, "f must return a Variable, got ndarray"),
    ],
)
def test_functions_that_cannot_be_drawn(
    f: Any, x: Any, order: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^plot_derivatives: {words}"):
        plot_derivatives(f, x, order)


# --- paths ----------------------------------------------------------------------------------------


def bowl(x0: Any, x1: Any) -> Any:
    return x0**2 + 4 * x1**2


def test_paths_on_contours() -> None:
    paths = {"a": [[2.0, 1.0], [1.0, 0.0]], "b": np.array([[2.0, 1.0], [0.5, 0.5], [0.0, 0.0]])}
    (axes,) = plot_paths(bowl, paths, minimum=(0, 0)).axes
    assert labels(axes) == ["a, 1 step", "b, 2 steps", "minimum"]
    first, start, end = axes.get_lines()[:3]
    np.testing.assert_array_equal(first.get_xydata(), paths["a"])
    np.testing.assert_array_equal(start.get_xydata(), [[2.0, 1.0]])
    np.testing.assert_array_equal(end.get_xydata(), [[1.0, 0.0]])
    # All of the paths and the minimum are in sight.
    assert axes.get_xlim()[0] < 0.0 < 2.0 < axes.get_xlim()[1]
    assert axes.get_ylim()[0] < 0.0 < 1.0 < axes.get_ylim()[1]
    assert len(axes.collections) >= 2
    levels = axes.collections[-1].levels
    ratios = levels[1:] - levels[0]
    assert (np.diff(ratios) > 0).all()


def test_paths_on_a_curve() -> None:
    x, variables = [2.0, 1.5, 1.1], []

    def f(x: Any) -> Any:
        variables.append(x)
        return Variable(np.asarray(x)) ** 2

    (axes,) = plot_paths(f, x, xlim=(0, 3), ylim=(-1, 9), minimum=0.0).axes
    curve, path = axes.get_lines()[:2]
    np.testing.assert_allclose(curve.get_ydata(), np.linspace(0, 3, 200) ** 2)
    np.testing.assert_allclose(path.get_xydata(), [[2.0, 4.0], [1.5, 2.25], [1.1, 1.21]])
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 3), (-1, 9))
    assert labels(axes) == ["path, 2 steps", "minimum"]


def test_a_path_ends_where_it_leaves_the_finite_numbers() -> None:
    (axes,) = plot_paths(bowl, [[1.0, 1.0], [-3.0, 5.0], [np.inf, 2.0], [0.0, 0.0]]).axes
    assert labels(axes) == ["path, 1 step"]


def test_a_function_with_holes_and_one_that_is_flat() -> None:
    def holes(x0: Any, x1: Any) -> Any:
        return np.where(x0 > 0, bowl(x0, x1), np.nan)

    assert plot_paths(holes, [[1.0, 1.0], [-1.0, 0.5]]).axes[0].collections
    assert labels(plot_paths(lambda a, b: 0 * a, [[0.0, 0.0]]).axes[0]) == ["path, 0 steps"]


@pytest.mark.parametrize(
    ("paths", "settings", "words"),
    [
        ({}, {}, "there are no paths"),
        ([], {}, "the path 'path' is empty"),
        (np.ones((3, 3)), {}, r"the path 'path' must be of shape \(T, 2\).* \(3, 3\)"),
        ([[np.nan, 1.0]], {}, "the path 'path' starts at a point that is not finite"),
        ({"a": [1.0], "b": [[1.0, 2.0]]}, {}, "some paths are of points of one number"),
        ([[1.0, 2.0]], {"minimum": 1.0}, "minimum must be a point of 2, got 1"),
    ],
)
def test_paths_that_cannot_be_drawn(paths: Any, settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^plot_paths: {words}"):
        plot_paths(bowl, paths, **settings)


def test_a_function_that_changes_the_shape() -> None:
    with pytest.raises(ValueError, match="plot_paths: f must keep the shape"):
        plot_paths(lambda a, b: np.ones(3), [[1.0, 2.0]])


# --- sequences ------------------------------------------------------------------------------------


def test_predictions_in_front_of_the_truth() -> None:
    truth = Variable(np.array([[0.0], [1.0], [2.0], [3.0]]))
    predictions = {"RNN": [1.0, 2.0, 6.0], "LSTM": np.array([[1.0], [np.nan], [np.inf]])}
    (axes,) = plot_sequence(predictions, truth, start=1, ylabel="load in kW").axes
    assert labels(axes) == ["truth", "RNN (RMSE 1.73)", "LSTM (RMSE 0)"]
    drawn, first, second = axes.get_lines()
    assert list(drawn.get_ydata()) == [0, 1, 2, 3]
    assert list(first.get_xdata()) == [1, 2, 3]
    np.testing.assert_array_equal(second.get_ydata(), [1.0, np.nan, np.nan])
    assert axes.get_ylabel() == "load in kW"


def test_nothing_finite_is_foretold() -> None:
    (axes,) = plot_sequence([np.nan], [1.0]).axes
    assert labels(axes) == ["truth", "prediction (no finite value)"]


@pytest.mark.parametrize(
    ("predictions", "start", "error", "words"),
    [
        ({}, 0, ValueError, "there are no predictions"),
        ([1.0, 2.0], 2, ValueError, "'prediction' is for the steps 2 to 3, the truth has 0 to 2"),
        ([1.0], -1, ValueError, "the steps -1 to -1"),
        (np.ones((2, 2)), 0, ValueError, r"must be of shape \(T,\) or \(T, 1\), got the shape"),
        ([1.0], 0.5, TypeError, "start must be a whole number, got 0.5"),
        (["a"], 0, TypeError, "must be of shape .* of real numbers, got list"),
    ],
)
def test_sequences_that_cannot_be_drawn(
    predictions: Any, start: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=f"^plot_sequence: .*{words}"):
        plot_sequence(predictions, [1.0, 2.0, 3.0], start=start)
