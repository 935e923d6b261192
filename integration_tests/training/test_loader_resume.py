"""An epoch that is interrupted and goes on from a checkpoint has the batches of one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_data import MNIST, ArrayDataset, DataLoader
from dezero_data.transforms import Compose, RandomCrop, ToFloat
from dezero_nn import Checkpoint

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def mnist(transform: Any) -> Any:
    if not FOLDER.is_dir():
        pytest.skip(f"the files of MNIST are not in {FOLDER}")
    return MNIST(train=True, transform=transform, root=FOLDER)


def synthetic(transform: Any) -> Any:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6000, 1, 28, 28), dtype=np.uint8)
    return ArrayDataset(images, np.arange(6000), transform=transform)


def digests(batches: Any) -> list[tuple[int, float, bytes]]:
    """Sum up batches: an epoch of MNIST need not be in memory twice."""
    return [(len(x), float(x.sum(dtype=np.float64)), t.tobytes()) for x, t in batches]


@pytest.mark.parametrize("make", [mnist, synthetic])
def test_interrupted_and_resumed_with_two_workers(tmp_path: Path, make: Any) -> None:
    # Each image is cropped at random: the random numbers of items must go on as well.
    dataset = make(Compose([RandomCrop(28, pad=4), ToFloat()]))
    path = tmp_path / "run.npz"

    np.random.seed(0)
    wanted = digests(DataLoader(dataset, 100))

    np.random.seed(0)
    first = DataLoader(dataset, 100, num_workers=2)
    before = digests(next(first) for _ in range(len(first) // 3))
    Checkpoint(loader=first).save(path)
    del first  # its workers have loaded further, which must not count

    np.random.seed(1)
    second = DataLoader(dataset, 100, num_workers=2)
    Checkpoint(loader=second).load(path)
    after = digests(second)
    assert len(wanted) == len(dataset) // 100
    assert before + after == wanted
    # And so does the next epoch, whose order NumPy's generator gives, which was saved as well.
    np.random.seed(0)
    whole = DataLoader(dataset, 100)
    whole.reset()
    assert digests([next(whole)]) == digests([next(second)])
