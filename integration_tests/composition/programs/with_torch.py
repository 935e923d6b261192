"""Data sets and loaders feed a training loop of PyTorch's: no network of DeZero's is loaded."""

from __future__ import annotations

import sys

import torch

from dezero_data import DataLoader, Spiral

torch.manual_seed(0)
train = Spiral(train=True)
loader = DataLoader(train, batch_size=30, seed=0)
model = torch.nn.Sequential(torch.nn.Linear(2, 10), torch.nn.Sigmoid(), torch.nn.Linear(10, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
means = []
for _ in range(200):
    total = 0.0
    for x, t in loader:
        loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(t))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(t)
    means.append(total / len(train))

assert means[0] > 1.0
assert means[-1] < 0.3, means[-1]
assert not {"dezero", "dezero_nn", "dezero_optim"} & set(sys.modules)
