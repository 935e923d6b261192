"""Schedules: values, composition, state. Averages of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_core import as_numpy
from dezero_core.protocols import StatefulObject
from dezero_core.testing import fake_device
from dezero_optim import (
    LBFGS,
    SGD,
    Adam,
    CosineDecay,
    ExponentialDecay,
    ExponentialMovingAverage,
    LinearWarmup,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
)


def rates(schedule: Schedule, n: int, lr: float = 1.0) -> list[float]:
    optimizer = SGD(lr)
    schedule.setup(optimizer)
    found = []
    for _ in range(n):
        found.append(optimizer.lr)
        schedule.update()
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (StepDecay(2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
        (ExponentialDecay(0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (CosineDecay(2, end=0.5), [1, 0.75, 0.5, 0.5, 0.5]),
        (LinearWarmup(2, start=0.5), [0.5, 0.75, 1, 1, 1]),
        (OneCycle(5, rise=0.6, start=0.2, end=0.1), [0.2, 0.6, 1.0, 0.55, 0.1]),
        (OneCycle(2, rise=0.0), [1.0, 4e-6, 4e-6]),
        (LinearWarmup(2).then(StepDecay(1, 0.5)), [0, 0.5, 1, 0.5, 0.25]),
        (ExponentialDecay(0.5).then(LinearWarmup(1), at=1), [1, 0, 1, 1]),
        (LinearWarmup(2) * ExponentialDecay(0.5), [0, 0.25, 0.25, 0.125]),
        (LinearWarmup(1).then(LinearWarmup(1)).then(StepDecay(1, 0.5)), [0, 0, 1, 0.5]),
        ((LinearWarmup(1) * LinearWarmup(2)).then(StepDecay(1, 0.5)), [0, 0.5, 1, 0.5]),
    ],
)
def test_values(schedule: Schedule, expected: list[float]) -> None:
    np.testing.assert_allclose(rates(schedule, len(expected)), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rates(schedule, len(expected), 3.0), np.multiply(expected, 3))


def test_every_optimizer_and_every_group_follows(new_source: Any) -> None:
    source = new_source(np.ones(1), np.ones(1), np.ones(1))
    optimizer = Adam(0.5).setup(source)
    group = optimizer.add_group([source.parameters[0]], lr=2.0)
    optimizer.add_group([source.parameters[1]], beta1=0.5)
    schedule = StepDecay(1, 0.5).setup(optimizer)
    schedule.update()
    assert (optimizer.lr, optimizer.alpha, group.lr) == (0.25, 0.25, 1.0)
    assert "lr" not in optimizer.groups[1].hyperparameters
    schedule.base = 4.0
    schedule.update()
    assert (optimizer.lr, group.lr) == (1.0, 0.5)
    other = LBFGS(lr=0.5)
    StepDecay(1, 0.5).setup(other).update()
    assert other.lr == 0.25


def test_a_plateau_within_a_composition() -> None:
    optimizer = SGD(1.0)
    plateau = ReduceOnPlateau(rate=0.5, patience=0)
    schedule = (LinearWarmup(2, start=0.5) * plateau).setup(optimizer)
    found = []
    for metric in (3.0, None, 3.0, None, 2.0, 2.0):
        schedule.update(metric)
        found.append(optimizer.lr)
    assert found == [0.75, 1.0, 0.5, 0.5, 0.5, 0.25]
    assert plateau.best == 2.0
    with pytest.raises(ValueError, match=r"Product\.update: the metric is nan"):
        schedule.update(float("nan"))
    assert optimizer.lr == 0.25


def test_a_schedule_resumes(new_source: Any) -> None:
    def make() -> Any:
        source = new_source(np.ones(1))
        optimizer = SGD(0.3).setup(source)
        optimizer.add_group(source, lr=0.7)
        warm = LinearWarmup(3).then(CosineDecay(9))
        return optimizer, (warm * ReduceOnPlateau(0.5, patience=1)).setup(optimizer)

    metrics = [3.0, 2.0, 2.0, -2.0, -1.0, -1.0, -1.0, -1.0, -3.0]
    optimizer, schedule = make()
    for metric in metrics[:5]:
        schedule.update(metric)
    assert isinstance(schedule, StatefulObject)
    state = {key: np.asarray(value) for key, value in schedule.state_dict().items()}
    other, resumed = make()
    other.lr = 9.0
    resumed.load_state_dict(state)
    assert (other.lr, other.groups[0].lr) == (optimizer.lr, optimizer.groups[0].lr)
    for metric in metrics[5:]:
        schedule.update(metric)
        resumed.update(metric)
        assert (other.lr, other.groups[0].lr) == (optimizer.lr, optimizer.groups[0].lr)
    assert schedule.parts[1].scale == 0.25


def test_a_schedules_state_that_does_not_fit_is_refused() -> None:
    schedule = (LinearWarmup(2) * ReduceOnPlateau()).setup(SGD(0.5))
    before = schedule.state_dict()
    assert before == {
        "t": 0,
        "base": 0.5,
        "1/scale": 1.0,
        "1/best": float("inf"),
        "1/waited": 0,
        "1/cooling": 0,
    }
    bad = {**before, "t": -1, "base": "x", "1/waited": 0.5, "extra": 1}
    del bad["1/best"]
    with pytest.raises(ValueError) as caught:
        schedule.load_state_dict(bad)
    assert str(caught.value).splitlines()[1:] == [
        "  missing: 1/best",
        "  unexpected: extra",
        "  no whole number, at least 0: t, -1",
        "  no number: base, 'x'",
        "  no whole number: 1/waited, 0.5",
    ]
    assert schedule.state_dict() == before


def test_schedules_of_your_own() -> None:
    class Half(Schedule):
        def factor(self, t: int) -> float:
            return 0.5

    assert rates(Half() * Half(), 2) == [0.25, 0.25]
    with pytest.raises(NotImplementedError, match="Schedule has no method factor"):
        Schedule().setup(SGD())


def test_schedules_that_make_no_sense_are_named() -> None:
    for make, message in (
        (lambda: StepDecay(0), "StepDecay: every must be at least 1, got 0"),
        (lambda: ExponentialDecay(-1), "ExponentialDecay: rate must be a finite number"),
        (lambda: CosineDecay(0), "CosineDecay: steps must be at least 1"),
        (lambda: CosineDecay(5, end=float("nan")), "CosineDecay: end must be a finite number"),
        (lambda: LinearWarmup(-3), "LinearWarmup: steps must be at least 1"),
        (lambda: OneCycle(1), "OneCycle: steps must be at least 2"),
        (lambda: OneCycle(9, rise=1), "OneCycle: rise .* less than 1"),
        (lambda: ReduceOnPlateau(1.0), "ReduceOnPlateau: rate .* less than 1"),
        (lambda: ReduceOnPlateau(patience=-1), "ReduceOnPlateau: patience must be at least 0"),
        (lambda: StepDecay(3).then(CosineDecay(3)), "StepDecay has no end; say when"),
        (lambda: StepDecay(3).then(CosineDecay(3), at=0), "then: at must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    for wrong, message in (
        (lambda: StepDecay(2.5), "StepDecay: every must be a whole number, got 2.5"),  # type: ignore
        (lambda: StepDecay(True), "must be a whole number, got True"),
        (lambda: LinearWarmup(3).then(3), "a schedule can follow, not <class 'int'>"),  # type: ignore
        (lambda: LinearWarmup(3) * 3, "unsupported operand"),  # type: ignore
        (lambda: LinearWarmup(3).setup(object()), r"LinearWarmup\.setup: wanted is an optimizer"),
    ):
        with pytest.raises(TypeError, match=message):
            wrong()
    with pytest.raises(RuntimeError, match=r"StepDecay\.update: there is no optimizer"):
        StepDecay(1).update()


# --- averages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("shape", [(), (3,), (300, 500)])
def test_an_average_follows_its_formula(
    warmup: bool, shape: tuple[int, ...], new_source: Any
) -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape) for _ in range(5)]
    source = new_source(values[0].copy(), None)
    (w, lazy) = source.parameters
    average = ExponentialMovingAverage(source, 0.7, warmup=warmup)
    expected = values[0]
    for t, value in enumerate(values, start=1):
        w.data = value
        average.update()
        decay = min(0.7, (1 + t) / (10 + t)) if warmup else 0.7
        expected = decay * expected + (1 - decay) * value
    with average.applied():
        np.testing.assert_allclose(w.data, expected, rtol=1e-12, atol=1e-14)
        assert lazy.data is None
    assert w.data is values[-1]


def test_averages_come_off_after_an_error_and_are_copies(new_source: Any) -> None:
    source = new_source(np.ones(2, np.float16))
    (w,) = source.parameters
    average = ExponentialMovingAverage(source, 0.5)
    average.update()
    own = w.data
    with pytest.raises(KeyError), average.applied():
        assert w.dtype == np.float16
        w.data[...] = 7
        raise KeyError
    assert w.data is own
    assert average.state_dict()["average/0"].tolist() == [1, 1]
    assert average.state_dict()["average/0"].dtype == np.float32


def test_an_average_resumes_and_refuses_what_does_not_fit(new_named_source: Any) -> None:
    source = new_named_source(np.ones((2, 3)), np.ones(1))
    average = ExponentialMovingAverage(source, 0.5)
    average.update()
    source.parameters[0].data += 1
    average.update()
    state = average.state_dict()
    assert isinstance(average, StatefulObject)
    assert set(state) == {"t", "decay", "average/layers/0/W", "average/layers/1/W"}
    other = ExponentialMovingAverage(source)
    other.load_state_dict(state)
    assert (other.t, other.decay) == (2, 0.5)
    for a in (average, other):
        a.update()
    for key, value in average.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[key], value)
    bad = {**state, "decay": 1.0, "average/layers/0/W": np.ones(3), "average/x": np.ones(1)}
    with pytest.raises(ValueError) as caught:
        other.load_state_dict(bad)
    assert str(caught.value).splitlines()[1:] == [
        "  not less than 1: decay, 1.0",
        "  of another shape: average/layers/0/W, (3,), wanted (2, 3)",
        "  unexpected: average/x",
    ]
    assert other.t == 3
    with pytest.raises(ValueError, match="no array yet: layers/0/W"):
        ExponentialMovingAverage(new_named_source(None, np.ones(1))).load_state_dict(state)


def test_an_average_follows_its_parameter_to_a_device(new_source: Any) -> None:
    source = new_source(np.zeros(3, np.float32))
    (w,) = source.parameters
    average = ExponentialMovingAverage(source, 0.5)
    average.update()
    with fake_device() as device:
        w.data = device.asarray(np.full(3, 4, np.float32))
        average.update()
        with device.forbid():
            average.update()
            with average.applied():
                shown = w.data
        assert as_numpy(shown).tolist() == [3, 3, 3]


def test_an_average_of_nonsense_is_named(new_source: Any) -> None:
    with pytest.raises(TypeError, match=r"ExponentialMovingAverage: wanted is a model"):
        ExponentialMovingAverage(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"decay .* less than 1, got 1"):
        ExponentialMovingAverage(new_source(), 1)
    average = ExponentialMovingAverage(new_source())
    average.decay = float("nan")
    with pytest.raises(ValueError, match="decay must be a finite number"):
        average.update()
