"""The state of a loader: training goes on in mid-epoch with the batches that would have come."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core.protocols import StatefulObject
from dezero_data import DataLoader
from dezero_data.randomness import item_rng
from dezero_data.samplers import BatchSampler, RandomSampler, WeightedSampler


class Jitter:
    def __init__(self, size: int = 11) -> None:
        self.size = size

    def __getitem__(self, index: int) -> tuple[float, int]:
        return index + 0.5 * item_rng().random(), index

    def __len__(self) -> int:
        return self.size


def flat(batches: Any) -> list[tuple[int, float]]:
    return [pair for x, t in batches for pair in zip(t.tolist(), x.tolist(), strict=True)]


MAKERS: dict[str, Callable[[], DataLoader]] = {
    "by numpy.random": lambda: DataLoader(Jitter(), 3),
    "by seed": lambda: DataLoader(Jitter(), 3, seed=2),
    "by a generator": lambda: DataLoader(Jitter(), 3, rng=np.random.default_rng(2)),
    "by the old generator": lambda: DataLoader(Jitter(), 3, rng=np.random.RandomState(2)),
    "in order": lambda: DataLoader(Jitter(), 3, shuffle=False, drop_last=True),
    "by a sampler": lambda: DataLoader(Jitter(), 3, sampler=WeightedSampler(np.arange(11))),
    "by a batch sampler": lambda: DataLoader(
        Jitter(), batch_sampler=BatchSampler(RandomSampler(Jitter(), seed=2), 3)
    ),
    "ahead": lambda: DataLoader(Jitter(), 3, seed=2, prefetch=2),
}


@pytest.mark.parametrize("done", [0, 1, 3, 4])
@pytest.mark.parametrize("how", MAKERS)
def test_goes_on(how: str, done: int) -> None:
    np.random.seed(1)
    whole = MAKERS[how]()
    assert isinstance(whole, StatefulObject)
    list(whole)
    for _ in range(min(done, len(whole))):
        next(whole)
    state, numpy_state = copy.deepcopy(whole.state_dict()), np.random.get_state()
    assert only_plain(state)
    rest = [next(whole) for _ in range(len(whole) - whole.iteration)]
    with pytest.raises(StopIteration):
        next(whole)
    wanted = [flat(rest), flat(whole), flat(whole)]

    np.random.seed(99)
    other = MAKERS[how]()
    next(other)
    other.load_state_dict(state)
    np.random.set_state(numpy_state)
    assert (other.epoch, other.iteration) == (1, min(done, len(other)))
    assert [flat(other), flat(other), flat(other)] == wanted


def only_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and only_plain(each) for key, each in value.items())
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    return value is None or isinstance(value, (bool, int, float, str))


def test_the_order_is_kept_in_few_bytes() -> None:
    assert DataLoader(Jitter(200), 3).state_dict()["index"].dtype == np.uint8
    assert DataLoader(Jitter(300), 3).state_dict()["index"].dtype == np.uint16
    assert DataLoader(Jitter(300), 3, shuffle=False).state_dict()["index"] is None


def test_loading_draws_nothing() -> None:
    loader = DataLoader(Jitter(), 3)
    state = loader.state_dict()
    np.random.seed(4)
    wanted = np.random.random()
    np.random.seed(4)
    loader.load_state_dict(state)
    assert np.random.random() == wanted


def test_a_loop_goes_on_once_and_then_starts_over() -> None:
    loader = DataLoader(Jitter(), 3, shuffle=False)
    next(loader)
    state = loader.state_dict()
    loader.load_state_dict(state)
    next(loader)
    # Now in the middle by itself: a new epoch, as ever.
    assert [t.tolist()[0] for _, t in loader] == [0, 3, 6, 9]
    loader.load_state_dict(state)
    assert [t.tolist()[0] for _, t in loader] == [3, 6, 9]


def changed(**entries: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda state: state | entries


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(data_size=12), "data_size: saved was 12, here it is 11"),
        (changed(batch_size=4), "batch_size: saved was 4, here it is 3"),
        (changed(seed=3), "seed: saved was 3, here it is 2"),
        (changed(order="in order"), "order: saved was 'in order', here it is 'shuffled by seed'"),
        (changed(kind="TokenLoader"), "kind: saved was 'TokenLoader', here it is 'DataLoader'"),
        (changed(iteration=5), "iteration: saved was 5, of 4 batches"),
        (changed(iteration=-1), "iteration is a number from 0 on, not -1"),
        (changed(epoch="one"), "epoch is a number from 0 on, not 'one'"),
        (changed(index=None), "index is an array of integers, not NoneType"),
        (changed(index=np.zeros(11, int)), "index: it is no order of the items"),
        (changed(index=np.arange(10)), "index: it is no order of the items"),
        (changed(extra=1), "unexpected: extra"),
        (lambda state: {"seed": 2}, "missing: kind"),
        (lambda state: [state], "a list is no state"),
    ],
)
def test_what_does_not_fit_changes_nothing(change: Any, message: str) -> None:
    loader = DataLoader(Jitter(), 3, seed=2)
    next(loader)
    state = copy.deepcopy(loader.state_dict())
    with pytest.raises(ValueError, match="load_state_dict: the state does not fit") as caught:
        loader.load_state_dict(change(state))
    assert message in str(caught.value)
    after = loader.state_dict()
    assert np.array_equal(after.pop("index"), state.pop("index"))
    assert after == state


def test_all_that_does_not_fit_is_listed() -> None:
    state = DataLoader(Jitter(), 3, seed=2).state_dict()
    with pytest.raises(ValueError, match=r"data_size: (?s:.)*batch_size: (?s:.)*seed: "):
        DataLoader(Jitter(12), 4, seed=3).load_state_dict(state)


def test_a_generator_of_another_kind() -> None:
    state = DataLoader(Jitter(), 3, rng=np.random.RandomState(0)).state_dict()
    rng = np.random.default_rng(0)
    loader = DataLoader(Jitter(), 3, rng=rng)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match="rng has no such state"):
        loader.load_state_dict(state)
    assert rng.bit_generator.state == before


def test_ends_of_batches_that_do_not_fit() -> None:
    loader = DataLoader(Jitter(), batch_sampler=[[1, 2], [3]])
    state = loader.state_dict()
    state["ends"] = np.array([2, 2])
    with pytest.raises(ValueError, match="ends: batches do not end there"):
        loader.load_state_dict(state)


def test_a_seed_that_was_not_given_is_taken_over() -> None:
    np.random.seed(0)
    loader = DataLoader(Jitter(), 3, shuffle=False)
    state = loader.state_dict()
    np.random.seed(1)
    other = DataLoader(Jitter(), 3, shuffle=False)
    assert other.seed != loader.seed
    other.load_state_dict(state)
    assert flat(other) == flat(loader)
