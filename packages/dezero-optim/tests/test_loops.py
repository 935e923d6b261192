"""Compiled loops and NumPy give the same parameters and states, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core.compiled import using_compiled
from dezero_optim import SGD, Adam, AdamW, MomentumSGD

pytest.importorskip("numba", reason="Numba is not installed")

MAKERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: SGD(0.1),
    "momentum_sgd": lambda: MomentumSGD(0.1, 0.9),
    "nesterov": lambda: MomentumSGD(0.1, 0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("size", [(70, 41), (600_001,)])
@pytest.mark.parametrize("name", MAKERS)
def test_updates_are_numpys_to_the_last_bit(
    name: str, size: tuple[int, ...], dtype: Any, new_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dezero_optim import loops

    calls: list[str] = []
    loop = getattr(loops, name)
    monkeypatch.setattr(loops, name, lambda *args: (calls.append(name), loop(*args)))
    found = []
    for allowed in (True, False):
        rng = np.random.default_rng(0)
        source = new_source(rng.normal(size=size).astype(dtype))
        optimizer = MAKERS[name]().setup(source)
        (param,) = source.parameters
        with using_compiled(allowed):
            for scale in (1.0, 1e-3, 30.0):
                param.grad = Variable((rng.normal(size=size) * scale).astype(dtype))
                optimizer.update()
        found.append([param.data, *optimizer.state_of(param).values()])
        assert bool(calls) == allowed
        calls.clear()
    for ours, numpys in zip(*found, strict=True):
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours, numpys)


def test_nan_and_infinity_stay_what_they_are(new_source: Any) -> None:
    source = new_source(np.zeros(5000, np.float32))
    grad = np.ones(5000, np.float32)
    grad[:2] = np.nan, np.inf
    source.parameters[0].grad = Variable(grad)
    SGD(1.0).setup(source).update()
    assert source.parameters[0].data[:3].tolist()[1:] == [-np.inf, -1.0]
    assert np.isnan(source.parameters[0].data[0])


def test_a_step_of_ones_own_is_not_left_to_the_loop_of_another(new_source: Any) -> None:
    class Doubled(SGD):
        def _step(self, xp: Any, numbers: Any, p: Any, g: Any, work: Any, *state: Any) -> None:
            p -= 2 * numbers[0] * g

    for optimizer, expected in ((SGD(0.25), 0.75), (Doubled(0.25), 0.5)):
        source = new_source(np.ones(5000))
        source.parameters[0].grad = Variable(np.ones(5000))
        optimizer.setup(source).update()
        np.testing.assert_array_equal(source.parameters[0].data, expected)
