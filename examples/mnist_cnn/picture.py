"""Draw what the network of train.py gets wrong, from the weights that it left.

python examples/mnist_cnn/picture.py --data FOLDER runs/mnist_cnn/weights.npz mistakes.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from train import PIXELS, ConvNet

from dezero_core import no_grad, test_mode
from dezero_data import MNIST, DataLoader
from dezero_nn import softmax
from dezero_viz import plot_confusion_matrix, plot_images

SHOWN = 40  # mistakes


def main() -> None:
    """Load the weights, ask for all test digits, and draw."""
    parser = argparse.ArgumentParser(description="Draw the mistakes of a trained network.")
    parser.add_argument("weights", type=Path, help="what train.py left")
    parser.add_argument("to_file", type=Path, help="the picture: png, svg or pdf")
    parser.add_argument("--data", type=Path, help="the folder with MNIST's four files")
    options = parser.parse_args()

    test_set = MNIST(train=False, transform=PIXELS, root=options.data)
    model = ConvNet()
    model.load_weights(options.weights)
    with no_grad(), test_mode():
        batches = DataLoader(test_set, 500, shuffle=False)
        p = np.concatenate([softmax(model(x)).data for x, _ in batches])
    t = test_set.label

    wrong = np.flatnonzero(p.argmax(axis=1) != t)
    # Those it was surest of first.
    worst = wrong[np.argsort(-p[wrong].max(axis=1))][:SHOWN]
    digits = np.stack([test_set[i][0][0] for i in worst])
    figure = Figure(figsize=(13.0, 4.9), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1.0))
    plot_images(digits, t[worst], p[worst], columns=8, figure=left)
    # With the last panel the whole figure is written.
    plot_confusion_matrix(p, t, ax=right.subplots(), to_file=options.to_file)


if __name__ == "__main__":
    main()
