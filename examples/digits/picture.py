"""Draw the picture of the project's README: a run of train.py, and what the network answers.

python examples/digits/picture.py docs/_static/demo.png
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from train import RECIPES, History, load, scores, train

from dezero_core import Device
from dezero_core.files import atomic_write
from dezero_data import Digits
from dezero_nn import MLP, relu, softmax
from dezero_viz import plot_curves

ROWS, COLUMNS = 4, 7
BLUE, VERMILION, GRAY = "#0072B2", "#D55E00", "#555555"


def main() -> None:
    """Train as train.py does, and draw."""
    recipe = RECIPES["digits"]
    train_set, test_set = load("digits", None)
    np.random.seed(0)
    model = MLP(recipe.sizes, activation=relu)
    with contextlib.redirect_stdout(io.StringIO()):
        device = Device("cpu")
        history = train(model, recipe, recipe.epochs, train_set, test_set, device)
    probabilities = softmax(scores(model, test_set)).data

    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.0, 1.25), wspace=0.03)
    draw_curves(left, history)
    draw_answers(right, probabilities)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    with atomic_write(Path(sys.argv[1])) as file:
        file.write(buffer.getvalue())


def draw_curves(figure: Figure, history: History) -> None:
    """Draw loss and accuracy below each other."""
    axes = figure.subplots(2, 1, sharex=True)
    plot_curves(history, ax=axes)
    axes[0].set_xlabel("")
    figure.suptitle(
        f"After 30 epochs, {history['test accuracy'][-1]:.1%} of the test digits are right",
        fontsize=12,
    )


def draw_answers(figure: Figure, probabilities: np.ndarray) -> None:
    """Draw test digits with the network's answers, all of its mistakes first."""
    digits = Digits(train=False, transform=None)
    labels = np.array([label for _, label in digits])
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    right = np.random.default_rng(3).permutation(np.flatnonzero(answers == labels))
    chosen = np.concatenate([wrong, right])[: ROWS * COLUMNS]
    for axes, i in zip(figure.subplots(ROWS, COLUMNS).flat, chosen, strict=True):
        is_right = answers[i] == labels[i]
        axes.imshow(digits[i][0][0], cmap="gray_r", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(GRAY if is_right else VERMILION)
        axes.spines[:].set_linewidth(0.6 if is_right else 1.8)
        said = f"{answers[i]}" if is_right else f"{answers[i]} (is {labels[i]})"
        axes.set_title(
            f"{said}  {probabilities[i, answers[i]]:.0%}",
            fontsize=8.5,
            color=BLUE if is_right else VERMILION,
            pad=3,
        )
    figure.suptitle(
        f"Answers: all {len(wrong)} mistakes, and some of the {len(right)} digits it got right",
        fontsize=12,
    )


if __name__ == "__main__":
    main()
