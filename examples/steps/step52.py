"""Step 52: the same program on a GPU.

Arrays on a GPU are another library's, CuPy's, with NumPy's names. A function asks which library
its input belongs to and computes with that, so only where the data lies has to be said: a model and
a loader are moved, and the rest stays as it was. But for one thing: the program queues work that
the GPU does in its own time, and whoever reads a number waits until all of it is done. So losses
are left where they are, and read once in an epoch. Without a GPU this program tells what is
missing, and runs on the processor.

    python examples/steps/step52.py --data FOLDER

takes MNIST from its four files in a folder; without --data it takes the small digits that come with
the package.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import dezero
import dezero.functions as F
from dezero import DataLoader, optimizers
from dezero.datasets import MNIST, Digits
from dezero.models import MLP

EPOCHS = 5
BATCH_SIZE = 100


def main(arguments: Sequence[str] | None = None) -> None:
    """Tell what is there, then train on the best of it."""
    parser = argparse.ArgumentParser(description="Train on a GPU, if there is one.")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with MNIST's four files")
    options = parser.parse_args(arguments)
    try:
        train_set = Digits() if options.data is None else MNIST(train=True, root=options.data)
    except OSError as error:
        raise SystemExit(str(error)) from error

    print("a GPU that can be used:", dezero.cuda.gpu_enable)
    if not dezero.cuda.gpu_enable:
        try:
            dezero.cuda.as_cupy(np.ones(3))
        except (LookupError, RuntimeError) as error:
            # A LookupError prints as the repr of its message; args[0] is the message.
            print("missing:", error.args[0])

    np.random.seed(0)
    train_loader = DataLoader(train_set, BATCH_SIZE)
    model = MLP((1000, 10), activation=F.relu)
    optimizer = optimizers.Adam().setup(model)
    if dezero.cuda.gpu_enable:
        train_loader.to_gpu()
        model.to_gpu()

    for epoch in range(1, EPOCHS + 1):
        started = time.perf_counter()
        losses, sizes = [], []
        for x, t in train_loader:
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            losses.append(loss.data)
            sizes.append(len(t))
        total = np.dot(dezero.cuda.as_numpy(F.stack(losses)), sizes)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch}: loss {total / len(train_set):.4f}, {seconds:.2f} s")

    y = model(x)
    print("computed with:", dezero.cuda.get_array_module(y).__name__)
    print("on the host again:", type(dezero.cuda.as_numpy(y)).__name__)


if __name__ == "__main__":
    main()
