"""The core and data sets: batches of plain arrays, for whoever wants them (book step 50)."""

from __future__ import annotations

import numpy as np

from dezero_data import DataLoader, SinCurve, Spiral

loader = DataLoader(Spiral(train=True), batch_size=30)
batches = list(loader)
assert len(batches) == 10
assert {(x.shape, x.dtype, type(t)) for x, t in batches} == {
    ((30, 2), np.dtype("float32"), np.ndarray)
}
labels = np.concatenate([t for _, t in batches])
assert np.bincount(labels).tolist() == [100, 100, 100]
assert len(SinCurve(train=True)) == 999
