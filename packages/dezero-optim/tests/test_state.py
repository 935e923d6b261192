"""Saving an optimizer and going on, bit for bit; and states that do not fit."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

from dezero_core import as_numpy
from dezero_core.protocols import StatefulObject
from dezero_core.testing import fake_device
from dezero_optim import SGD, AdaDelta, AdaGrad, Adam, AdamW, MomentumSGD, RMSprop

MAKERS = [
    SGD,
    MomentumSGD,
    lambda: MomentumSGD(nesterov=True),
    AdaGrad,
    AdaDelta,
    RMSprop,
    lambda: RMSprop(momentum=0.5, centered=True),
    Adam,
    AdamW,
]


def arrays(source: Any) -> list[Any]:
    return [p.data.copy() for p in source.parameters]


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        return dict(found)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_training_resumes_bit_for_bit(
    make: Any, dtype: Any, new_named_source: Any, give_grads: Any
) -> None:
    start = [np.ones((3, 4), dtype), np.full(2, 2.0, dtype)]
    source = new_named_source(*[a.copy() for a in start])
    optimizer = make().setup(source)
    optimizer.add_group([source.parameters[1]], lr=0.25)
    for step in range(3):
        give_grads(source, step)
        optimizer.update()
    optimizer.lr *= 0.3
    optimizer.groups[0].lr = 0.125
    state = optimizer.state_dict()
    saved = through_a_file(state)
    middle = arrays(source)
    for step in range(3, 6):
        give_grads(source, step)
        optimizer.update()

    other = new_named_source(*middle)
    resumed = make().setup(other)
    resumed.add_group([other.parameters[1]], lr=1.0)
    resumed.load_state_dict(saved)
    assert isinstance(resumed, StatefulObject)
    assert (resumed.t, resumed.lr, resumed.groups[0].lr) == (3, optimizer.lr, 0.125)
    for step in range(3, 6):
        give_grads(other, step)
        resumed.update()
    for a, b in zip(arrays(source), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)
    # What was saved is a copy.
    for key, value in saved.items():
        np.testing.assert_array_equal(value, state[key])


def test_keys_are_paths_or_numbers(new_named_source: Any, new_source: Any, give_grads: Any) -> None:
    for kind, path in ((new_named_source, "layers/0/W"), (new_source, "0")):
        source = kind(np.ones(2, np.float32), np.ones(3, np.float32))
        optimizer = Adam().setup(source)
        give_grads(source, 0)
        source.parameters[1].cleargrad()
        optimizer.update()
        state = optimizer.state_dict()
        numbers = {"t": 1, "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
        assert {k: v for k, v in state.items() if not k.startswith("state/")} == numbers
        assert set(state) - set(numbers) == {f"state/{path}/sum_g", f"state/{path}/sum_g2"}
        optimizer.load_state_dict(state)


def test_a_state_that_does_not_fit_is_refused_as_a_whole(
    new_named_source: Any, give_grads: Any
) -> None:
    source = new_named_source(np.ones((2, 3)), np.ones(4))
    optimizer = Adam().setup(source)
    give_grads(source, 0)
    optimizer.update()
    before = optimizer.state_dict()
    bad = dict(before)
    bad["lr"] = float("nan")
    bad["beta1"] = 1.5
    bad["t"] = 1.5
    bad["state/layers/0/W/sum_g"] = np.zeros((3, 2))
    bad["state/layers/1/W/sum_g"] = "text"
    del bad["state/layers/0/W/sum_g2"], bad["eps"]
    bad["state/layers/7/W/sum_g"] = np.zeros(2)
    bad["momentum"] = 0.9
    with pytest.raises(ValueError) as caught:
        optimizer.load_state_dict(bad)
    assert str(caught.value).splitlines() == [
        "Adam.load_state_dict: the state does not fit; nothing was changed",
        "  no number, at least 0: lr, nan",
        "  not less than 1: beta1, 1.5",
        "  no whole number, at least 0: t, 1.5",
        "  of another shape: state/layers/0/W/sum_g, (3, 2), wanted (2, 3)",
        "  no array of numbers: state/layers/1/W/sum_g, <class 'str'>",
        "  missing: eps",
        "  missing: state/layers/0/W/sum_g2",
        "  unexpected: momentum",
        "  unexpected: state/layers/7/W/sum_g",
    ]
    after = optimizer.state_dict()
    assert before.keys() == after.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)


def test_a_model_without_arrays_is_named(new_named_source: Any, give_grads: Any) -> None:
    source = new_named_source(np.ones(2))
    optimizer = Adam().setup(source)
    give_grads(source, 0)
    optimizer.update()
    fresh = Adam().setup(new_named_source(None))
    with pytest.raises(ValueError, match=r"no array yet: layers/0/W; load the model's state first"):
        fresh.load_state_dict(optimizer.state_dict())
    assert fresh.t == 0
    for operation in (fresh.__class__().state_dict, lambda: Adam().load_state_dict({})):
        with pytest.raises(RuntimeError, match="there is no target"):
            operation()


def test_a_state_loads_onto_the_parameters_device(new_source: Any, give_grads: Any) -> None:
    source = new_source(np.ones(3, np.float32))
    optimizer = Adam().setup(source)
    give_grads(source, 0)
    optimizer.update()
    with fake_device() as device:
        moved = new_source(device.asarray(source.parameters[0].data))
        other = Adam().setup(moved)
        other.load_state_dict(optimizer.state_dict())
        (param,) = moved.parameters
        assert type(other.state_of(param)["sum_g"]) is device.array_types[0]
        (grad,) = give_grads(source, 1)
        optimizer.update()
        param.grad = device.asarray(grad)
        with device.forbid():
            other.update()
        np.testing.assert_allclose(as_numpy(param), source.parameters[0].data, rtol=1e-6)
        assert type(other.state_dict()["state/0/sum_g"]) is np.ndarray


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))]
)
def test_copies_go_on_by_themselves(duplicate: Any, give_grads: Any) -> None:
    source = Model()
    optimizer = Adam(0.1).setup(source)
    optimizer.add_group([source.parameters[0]], lr=0.5)
    give_grads(source, 0)
    optimizer.update()
    other, other_source = duplicate((optimizer, source))
    assert other.target is other_source
    for place in (optimizer, other):
        give_grads(place.target, 1)
        place.update()
    for a, b in zip(arrays(source), arrays(other_source), strict=True):
        np.testing.assert_array_equal(a, b)
    give_grads(source, 2)
    optimizer.update()
    assert (source.parameters[0].data != other_source.parameters[0].data).all()
    assert other.t == 2


class Model:
    """At the top level, where pickle finds it."""

    def __init__(self) -> None:
        from dezero_core import Parameter

        self.parameters = [Parameter(np.ones((2, 3))), Parameter(np.ones(4))]

    def params(self) -> Any:
        return iter(self.parameters)
