"""The umbrella: a program of the book (step 48)."""

from __future__ import annotations

import numpy as np

import dezero
import dezero.functions as F
from dezero import DataLoader, optimizers
from dezero.models import MLP

np.random.seed(0)
train = dezero.datasets.Spiral(train=True)
loader = DataLoader(train, 30)
model = MLP((10, 3))
optimizer = optimizers.SGD(1.0).setup(model)
means = []
for _ in range(100):
    total = 0.0
    for x, t in loader:
        loss = F.softmax_cross_entropy(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        total += float(loss) * len(t)
    means.append(total / len(train))
assert means[0] > 1.0
assert means[-1] < 0.5
