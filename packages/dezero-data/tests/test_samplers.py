"""Samplers: what they give is a function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import DataLoader
from dezero_data.samplers import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    WeightedSampler,
)

PAIRS = [(float(i), i) for i in range(10)]


def labels(loader: DataLoader) -> list[list[int]]:
    return [t.tolist() for _, t in loader]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSampler(PAIRS, seed=4),
        lambda: RandomSampler(PAIRS, seed=4, replacement=True),
        lambda: WeightedSampler(np.arange(10), seed=4),
        lambda: WeightedSampler(np.arange(10), seed=4, replacement=False),
        lambda: DistributedSampler(RandomSampler(PAIRS, seed=4), 1, 3),
    ],
)
def test_an_order_depends_on_seed_and_epoch_alone(make: Any) -> None:
    sampler, other = make(), make()
    assert isinstance(sampler, Sampler)
    first = list(sampler)
    assert len(first) == len(sampler)
    assert list(sampler) == first
    other.set_epoch(7)
    later = list(other)
    assert later != first
    sampler.set_epoch(7)
    assert list(sampler) == later
    sampler.set_epoch(0)
    assert list(sampler) == first


class TestRandom:
    def test_each_once(self) -> None:
        assert sorted(RandomSampler(PAIRS, seed=1)) == list(range(10))
        some = list(RandomSampler(PAIRS, num_samples=4))
        assert len(set(some)) == 4

    def test_with_replacement(self) -> None:
        sampler = RandomSampler(PAIRS, num_samples=1000, replacement=True)
        counts = np.bincount(list(sampler), minlength=10)
        assert counts.sum() == 1000
        assert counts.min() > 60 and counts.max() < 140

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="11 of 10 items are too many"):
            RandomSampler(PAIRS, num_samples=11)
        with pytest.raises(TypeError, match=r"3 has no length; .* range\(n\)"):
            RandomSampler(3)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="num_samples is at least 1, not 0"):
            RandomSampler(PAIRS, num_samples=0)
        with pytest.raises(TypeError, match=r"seed is an integer, not 1\.5"):
            RandomSampler(PAIRS, seed=1.5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="seed is at least 0, not -1"):
            RandomSampler(PAIRS, seed=-1)


class TestWeighted:
    def test_frequencies(self) -> None:
        weights = np.array([1, 0, 2, 5])
        counts = np.bincount(list(WeightedSampler(weights, num_samples=8000)), minlength=4)
        np.testing.assert_allclose(counts / 1000, weights, atol=0.15)
        assert counts[1] == 0

    def test_without_replacement_the_heavy_come_first(self) -> None:
        sampler = WeightedSampler([1, 0, 9], replacement=False)
        assert len(sampler) == 2
        firsts = []
        for epoch in range(1000):
            sampler.set_epoch(epoch)
            order = list(sampler)
            assert sorted(order) == [0, 2]
            firsts.append(order[0])
        assert 60 < firsts.count(0) < 140

    def test_ends_of_the_scale(self) -> None:
        assert set(WeightedSampler([0, 1e-300, 0], num_samples=50)) == {1}

    @pytest.mark.parametrize(
        ("weights", "kind", "message"),
        [
            ([], TypeError, "weights are numbers of shape"),
            ([[1.0]], TypeError, "weights are numbers of shape"),
            ("ab", TypeError, "weights are numbers of shape"),
            ([1, -1], ValueError, r"these go from -1\.0 to 1\.0"),
            ([1, np.nan], ValueError, "weights are finite"),
            ([0, 0], ValueError, "not all zero"),
        ],
    )
    def test_bad_weights(self, weights: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            WeightedSampler(weights)

    def test_too_many(self) -> None:
        with pytest.raises(ValueError, match="3 items are too many, for 2 have a weight"):
            WeightedSampler([1, 0, 1], num_samples=3, replacement=False)

    def test_drawn_twice_is_two_items(self) -> None:
        loader = DataLoader(PAIRS, 5, sampler=WeightedSampler([1] + [0] * 9, num_samples=5))
        assert labels(loader) == [[0, 0, 0, 0, 0]]


class TestDistributed:
    @given(size=st.integers(0, 30), world=st.integers(1, 7), drop=st.booleans())
    def test_shares(self, size: int, world: int, drop: bool) -> None:
        shares = [
            list(
                DistributedSampler(RandomSampler(range(size), seed=2), rank, world, drop_last=drop)
            )
            for rank in range(world)
        ]
        each = size // world if drop else -(-size // world)
        assert {len(share) for share in shares} == {each}
        assert len(DistributedSampler(range(size), 0, world, drop_last=drop)) == each
        seen = [index for share in shares for index in share]
        if drop:
            assert len(set(seen)) == len(seen)
        else:
            assert set(seen) == set(range(size))

    def test_ranks_have_one_order_in_each_epoch(self) -> None:
        loaders = [
            DataLoader(PAIRS, 2, sampler=DistributedSampler(RandomSampler(PAIRS, seed=9), rank, 2))
            for rank in range(2)
        ]
        epochs = []
        for _ in range(2):
            shares = [list(chain(*labels(loader))) for loader in loaders]
            assert sorted(shares[0] + shares[1]) == list(range(10))
            epochs.append(shares)
        assert epochs[0] != epochs[1]

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="rank is from 0 to 1 where world_size is 2, not 2"):
            DistributedSampler(range(3), 2, 2)
        with pytest.raises(ValueError, match="world_size is at least 1, not 0"):
            DistributedSampler(range(3), 0, 0)
        with pytest.raises(TypeError, match="a int is no sampler, it yields nothing"):
            DistributedSampler(3, 0, 2)  # type: ignore[arg-type]


class TestInALoader:
    def test_a_list_is_a_sampler(self) -> None:
        loader = DataLoader(PAIRS, 2, sampler=[5, 3, 1])
        assert labels(loader) == labels(loader) == [[5, 3], [1]]
        assert (len(loader), loader.shuffle, loader.data_size) == (2, False, 10)
        assert labels(DataLoader(PAIRS, 2, sampler=np.array([5, 3, 1]), drop_last=True)) == [[5, 3]]

    def test_the_loader_tells_the_epoch(self) -> None:
        loader = DataLoader(PAIRS, 10, sampler=RandomSampler(PAIRS, seed=0))
        orders = [labels(loader)[0] for _ in range(2)]
        for epoch in range(2):
            sampler = RandomSampler(PAIRS, seed=0)
            sampler.set_epoch(epoch)
            assert orders[epoch] == list(sampler)

    def test_batches_of_any_size(self) -> None:
        loader = DataLoader(PAIRS, batch_sampler=[[1], [2, 3, 4], (5, 6)])
        assert labels(loader) == [[1], [2, 3, 4], [5, 6]]
        assert (len(loader), loader.batch_size) == (3, None)
        sampler = BatchSampler(RandomSampler(PAIRS, seed=3), 4, drop_last=True)
        assert len(sampler) == 2
        loader = DataLoader(PAIRS, batch_sampler=sampler)
        first, second = labels(loader), labels(loader)
        assert [len(batch) for batch in first] == [4, 4]
        assert first != second

    def test_no_batches_at_all(self) -> None:
        assert labels(DataLoader(PAIRS, batch_sampler=[])) == []
        assert labels(DataLoader(PAIRS, 3, sampler=[])) == []

    @pytest.mark.parametrize(
        ("sampler", "kind", "message"),
        [
            (iter([1]), TypeError, "a list_iterator is no sampler, it has no length"),
            (7, TypeError, "a int is no sampler, it yields nothing"),
            ("abc", TypeError, "a str is no sampler"),
            ([0, 1.5], TypeError, r"list gave 1\.5, a float, as number 1"),
            ([0, "a"], TypeError, "list gave 'a', a str, as number 1"),
            ([True, False], TypeError, "list gave True, a bool, as number 0"),
            ([[0], [1]], TypeError, r"list gave \[0\], a list, as number 0"),
            ([[0], [1, 2]], TypeError, r"list gave \[0\], a list, as number 0"),
            ([2**70], TypeError, "an index is an integer"),
        ],
    )
    def test_bad_samplers(self, sampler: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            DataLoader(PAIRS, 2, sampler=sampler)

    @pytest.mark.parametrize(
        ("sampler", "kind", "message"),
        [
            ([1, 2], TypeError, r"sequences of indices, not a int \(1, as number 0\)"),
            ([[1], ["a"]], TypeError, "batch 1 of list gave 'a', a str"),
            ([[1], []], ValueError, "an empty batch, as number 1"),
        ],
    )
    def test_bad_batch_samplers(self, sampler: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            DataLoader(PAIRS, batch_sampler=sampler)

    @pytest.mark.parametrize("options", [{"batch_size": 2}, {"sampler": [1]}, {"drop_last": True}])
    def test_what_a_batch_sampler_replaces(self, options: Any) -> None:
        with pytest.raises(ValueError, match="batch_sampler says which batches there are"):
            DataLoader(PAIRS, batch_sampler=[[1]], **options)

    def test_an_index_that_is_not_there(self) -> None:
        with pytest.raises(IndexError) as caught:
            next(DataLoader(PAIRS, 1, sampler=[77]))
        assert "index 77" in caught.value.__notes__[0]


def test_reprs() -> None:
    shared = DistributedSampler(WeightedSampler([1, 2], num_samples=5, seed=3), 1, 2)
    assert repr(shared) == (
        "DistributedSampler(WeightedSampler(5 of 2 items, with replacement, seed=3), "
        "rank=1, world_size=2)"
    )
    assert repr(BatchSampler(SequentialSampler("abc"), 2)) == (
        "BatchSampler(SequentialSampler(3 items), batch_size=2)"
    )
    assert repr(RandomSampler("abc", num_samples=2)) == "RandomSampler(2 of 3 items, seed=0)"


class Remembering:
    """A sampler with a state of its own."""

    def __init__(self) -> None:
        self.given = 0

    def __iter__(self) -> Iterator[int]:
        self.given += 1
        return iter([self.given % 10, (self.given + 1) % 10])

    def __len__(self) -> int:
        return 2

    def state_dict(self) -> dict[str, Any]:
        return {"given": self.given}

    def load_state_dict(self, state: Any) -> None:
        if state["given"] < 0:
            raise ValueError("given is not negative")
        self.given = state["given"]


def test_the_state_of_a_sampler_is_part_of_the_loader_s() -> None:
    loader = DataLoader(PAIRS, 1, sampler=Remembering())
    list(loader)
    next(loader)
    state = loader.state_dict()
    other = DataLoader(PAIRS, 1, sampler=Remembering())
    other.load_state_dict(state)
    assert labels(other) == [[3]]
    assert labels(other) == labels(other.__class__(PAIRS, 1, sampler=[3, 4]))
    state["sampler"] = {"given": -1}
    with pytest.raises(ValueError, match="given is not negative"):
        other.load_state_dict(state)
