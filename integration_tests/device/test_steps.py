"""Steps of the book that concern devices: the GPU of step 52, and recurrent networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import Device
from dezero_core import backend as core_backend
from dezero_core.testing import FakeDevice

from .conftest import Place
from .watching import Watch


def test_step_52_takes_the_gpu(
    place: Place,
    load: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = load("steps/step52.py")
    if isinstance(place.backend, FakeDevice):
        # Under the names that the step asks for.
        known = {**core_backend.backends(), "cuda": place.backend}
        monkeypatch.setattr(core_backend, "_backends", known)
        place.backend.xp.__name__ = "cupy"
    monkeypatch.setattr(script, "EPOCHS", 2)
    watch = Watch(place, monkeypatch)
    script.main([])
    if watch.device is not None:
        # Fifteen batches; after them their mean loss comes down.
        assert watch.between == {(2, 0, 0): 2 * 14, (2, 1, 0): 1}
    printed = capsys.readouterr().out
    assert "a GPU that can be used: True" in printed
    assert "computed with: cupy" in printed
    assert "on the host again: ndarray" in printed


@pytest.mark.parametrize("step", ["step59", "step60"])
def test_recurrent_networks_of_the_steps(
    step: str, place: Place, load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss comes down after each piece that is learned, as the book has it."""
    script = load(f"steps/{step}.py")
    losses = []
    for where in ("cpu", place.name):
        np.random.seed(0)
        kind = script.SimpleRNN if step == "step59" else script.BetterRNN
        model = kind(20, 1)
        model(np.zeros((1, 1)))
        model.to(where)
        wave = script.datasets.SinCurve(train=True)
        with monkeypatch.context() as patch:
            watch = Watch(place if where != "cpu" else None, patch)
            if step == "step60":
                patch.setattr(script, "EPOCHS", 1)
                script.train(model, script.SeqDataLoader(wave, script.BATCH_SIZE, device=where))
            else:
                device = Device(where)
                pairs = [tuple(map(device.asarray, wave[i])) for i in range(90)]
                _ = place.traffic
                script.train(model, pairs, 1)
        if watch.device is not None:
            between = {(8, 0, 1): 1} if step == "step60" else {(0, 0, 1): 2}
            assert watch.between == between
        losses.append(watch.gradients)
    for g, wanted in zip(losses[1][0], losses[0][0], strict=True):
        place.assert_same(g, wanted, f"a gradient of {step}")
