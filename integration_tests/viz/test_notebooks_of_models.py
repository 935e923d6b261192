"""What notebooks show of dezero-nn's models, and a monitor in a checkpoint."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_nn import MLP, Checkpoint, Linear, Sequential, relu
from dezero_viz import Monitor


def test_a_model_shows_itself_as_a_tree() -> None:
    model = Sequential(MLP((200, 10), activation=relu), Linear(3))
    model(np.ones((1, 64), np.float32))
    html = model._repr_html_()
    assert html is not None
    assert html.count("<details") == 5  # the whole, the MLP, three Linear
    assert "15,043 parameters" in html and "<b>MLP</b>(activation=relu)" in html


def test_without_dezero_viz_a_model_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())
    assert MLP((2,))._repr_html_() is None


def test_a_monitor_in_a_checkpoint_goes_on(tmp_path: Path) -> None:
    def train(monitor: Any, checkpoint: Any, epochs: int) -> None:
        for epoch in monitor.epochs(epochs):
            for _ in monitor.batches(range(4)):
                monitor.log(loss=1 / epoch)
            checkpoint.save(tmp_path / "run.npz")

    model = MLP((3, 2))
    with Monitor(tmp_path, show=False) as monitor:
        train(monitor, Checkpoint(model=model, monitor=monitor), 2)
    with Monitor(tmp_path, show=False) as monitor:
        checkpoint = Checkpoint(model=model, monitor=monitor)
        checkpoint.load(tmp_path / "run.npz")
        assert (monitor.epoch, monitor.step) == (2, 8)
        train(monitor, checkpoint, 4)
    assert monitor.history["loss"] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert len((tmp_path / "epochs.csv").read_text().splitlines()) == 5
