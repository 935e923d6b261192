from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import ConcatDataset, DataLoader, Dataset, Subset, item_rng, random_split
from dezero_data.randomness import ItemRandom, using_item_random


class Numbers(Dataset):
    """0, 1, 2, ... with the labels 0, -1, -2, ..., from a start on."""

    def __init__(self, start: int = 0, size: int = 10, **options: Any) -> None:
        self.start, self.size = start, size
        self.calls: list[int] = []
        super().__init__(**options)

    def prepare(self) -> None:
        self.data = np.arange(self.start, self.start + self.size, dtype=np.float64)
        self.label = -self.data

    def __getitems__(self, indices: Any) -> Any:
        self.calls.append(len(indices))
        return super().__getitems__(indices)


class TestSubset:
    def test_items(self) -> None:
        subset = Subset(Numbers(), [5, -1, 5])
        assert [subset[index][0] for index in (0, 1, 2, -3)] == [5, 9, 5, 5]
        assert len(subset) == 3
        assert [x for x, _ in subset] == [5, 9, 5]  # type: ignore[attr-defined]
        assert subset.indices.tolist() == [5, 9, 5]

    def test_a_batch_is_asked_for_once(self) -> None:
        numbers = Numbers()
        x, t = Subset(numbers, [5, 2, 7, 1]).__getitems__(np.array([3, 0, -2]))
        assert (x.tolist(), t.tolist()) == ([1, 5, 7], [-1, -5, -7])
        assert numbers.calls == [3]

    def test_of_a_list_of_pairs(self) -> None:
        pairs = [(float(number), number) for number in range(6)]
        x, t = next(DataLoader(Subset(pairs, [4, 2, 0]), 2, shuffle=False))
        assert (x.tolist(), t.tolist()) == ([4, 2], [4, 2])

    def test_of_a_subset(self) -> None:
        assert Subset(Subset(Numbers(), [9, 8, 7]), [2, 0])[0][0] == 7

    def test_of_nothing(self) -> None:
        assert len(Subset(Numbers(), [])) == 0
        assert len(Subset(Numbers(), np.flatnonzero(np.zeros(10)))) == 0

    @pytest.mark.parametrize("index", [10, -11])
    def test_no_such_item(self, index: int) -> None:
        with pytest.raises(IndexError, match=f"Subset: no item {index} among 10"):
            Subset(Numbers(), [0, index])
        with pytest.raises(IndexError, match=f"Subset: no item {index} among 3"):
            Subset(Numbers(), [1, 2, 3])[index]
        with pytest.raises(IndexError, match=f"Subset: no item {index} among 3"):
            Subset(Numbers(), [1, 2, 3]).__getitems__(np.array([index]))

    @pytest.mark.parametrize("indices", [[0.0], [[0, 1]], 3, [True, False], ["a"]])
    def test_indices_of_the_wrong_kind(self, indices: Any) -> None:
        with pytest.raises(TypeError, match=r"Subset: indices are integers of shape \(N,\), not"):
            Subset(Numbers(), indices)

    def test_index_of_the_wrong_kind(self) -> None:
        with pytest.raises(TypeError, match="Subset: an index is one integer, not a slice"):
            Subset(Numbers(), [1, 2])[:1]  # type: ignore[index]

    def test_no_data_set(self) -> None:
        with pytest.raises(TypeError, match="Subset: a set is no data set, it has no __getitem__"):
            Subset({1}, [0])

    def test_repr(self) -> None:
        assert repr(Subset(Numbers(), [1, 2])) == "<Subset: 2 of the 10 items of Numbers>"


class TestConcatDataset:
    def test_items(self) -> None:
        both = ConcatDataset([Numbers(0, 3), Numbers(size=0), Numbers(10, 4)])
        assert len(both) == 7
        assert [x for x, _ in both] == [0, 1, 2, 10, 11, 12, 13]  # type: ignore[attr-defined]
        assert (both[-1][0], both[-7][0]) == (13, 0)

    @given(
        sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
        data=st.data(),
    )
    def test_a_batch_is_its_items(self, sizes: list[int], data: st.DataObject) -> None:
        both = ConcatDataset([Numbers(100 * n, size) for n, size in enumerate(sizes)])
        if len(both) == 0:
            return
        places = st.integers(-len(both), len(both) - 1)
        indices = data.draw(st.lists(places, min_size=1, max_size=12))
        x, t = both.__getitems__(np.array(indices))
        assert x.tolist() == [both[index][0] for index in indices]
        assert t.tolist() == [both[index][1] for index in indices]

    def test_each_part_is_asked_once(self) -> None:
        parts = [Numbers(0, 5), Numbers(5, 5), Numbers(10, 5)]
        ConcatDataset(parts).__getitems__(np.array([12, 0, 13, 1, 2]))
        assert [part.calls for part in parts] == [[3], [], [2]]

    def test_without_labels(self) -> None:
        class Bare(Numbers):
            def prepare(self) -> None:
                self.data = np.arange(3.0)

        x, t = ConcatDataset([Bare(), Bare()]).__getitems__(np.array([4, 0]))
        assert (x.tolist(), t) == ([1, 0], None)
        with pytest.raises(
            TypeError, match=r"Bare \(number 0\) gives no labels, but Numbers \(number 1\) gives it"
        ):
            ConcatDataset([Bare(), Numbers()]).__getitems__(np.array([0, 5]))

    def test_items_of_other_makes(self) -> None:
        rows = [{"id": n, "word": f"w{n}", "more": (n, None)} for n in range(4)]
        both = ConcatDataset([rows[:2], rows[2:]])
        batch = both.__getitems__(np.array([3, 0, 2]))
        assert batch["id"].tolist() == [3, 0, 2]
        assert batch["word"] == ["w3", "w0", "w2"]
        assert batch["more"][0].tolist() == [3, 0, 2]
        assert batch["more"][1] is None
        with pytest.raises(TypeError, match=r"list \(number 0\) gives a dict of \['id'"):
            ConcatDataset([rows, [{"id": 1}]]).__getitems__(np.array([0, 4]))

    def test_items_of_different_shapes(self) -> None:
        wide = [(np.zeros(3), 0)]
        with pytest.raises(
            TypeError, match=r"gives items of shape \(\), but list \(number 1\) gives items of shap"
        ):
            ConcatDataset([Numbers(), wide]).__getitems__(np.array([0, 10]))

    def test_no_such_item(self) -> None:
        both = ConcatDataset([Numbers(), Numbers()])
        with pytest.raises(IndexError, match="ConcatDataset: no item 20 among 20"):
            both[20]
        with pytest.raises(TypeError, match="ConcatDataset: an index is one integer, not a str"):
            both["a"]  # type: ignore[index]

    def test_refuses(self) -> None:
        with pytest.raises(ValueError, match="no data set to begin with"):
            ConcatDataset([])
        with pytest.raises(TypeError, match="ConcatDataset: a int is no data set"):
            ConcatDataset([Numbers(), 3])

    def test_repr(self) -> None:
        both = ConcatDataset([Numbers(size=2), [(0, 0)]])
        assert repr(both) == "<ConcatDataset: 3 items, 2 of Numbers + 1 of list>"


class TestRandomSplit:
    def test_counts(self) -> None:
        parts = random_split(Numbers(), [7, 3], np.random.default_rng(0))
        assert [len(part) for part in parts] == [7, 3]
        order = np.random.default_rng(0).permutation(10)
        assert np.concatenate([part.indices for part in parts]).tolist() == order.tolist()

    @given(size=st.integers(0, 200), tenths=st.sampled_from([(10,), (9, 1), (8, 1, 1), (3, 3, 4)]))
    def test_fractions(self, size: int, tenths: tuple[int, ...]) -> None:
        parts = random_split([(0, 0)] * size, [n / 10 for n in tenths], np.random.RandomState(0))
        assert sorted(np.concatenate([part.indices for part in parts])) == list(range(size))
        for part, share in zip(parts, tenths, strict=True):
            assert abs(len(part) - size * share / 10) <= 1

    def test_one_fraction_of_one_item(self) -> None:
        assert [len(part) for part in random_split([(0, 0)], [1.0])] == [1]
        assert [len(part) for part in random_split([(0, 0)], [1])] == [1]
        assert [len(part) for part in random_split([(0, 0)] * 5, [1.0])] == [5]

    def test_fractions_that_rounding_would_cut(self) -> None:
        parts = random_split([(0, 0)] * 100, [0.29, 0.71])
        assert [len(part) for part in parts] == [29, 71]

    def test_draws_from_numpy_s_global_state(self) -> None:
        np.random.seed(4)
        wanted = np.random.permutation(10)
        np.random.seed(4)
        first, second = random_split(Numbers(), [5, 5])
        assert [*first.indices, *second.indices] == wanted.tolist()

    @pytest.mark.parametrize(
        ("lengths", "error", "message"),
        [
            ([5, 4], ValueError, r"integers of sum 10.* or fractions of sum 1; \[5, 4\] have the"),
            ([0.5, 0.4], ValueError, r"have the sum 0\.9"),
            ([11, -1], ValueError, "a length is not negative, as -1 is"),
            ([float("nan")], ValueError, "a length is not negative, as nan is"),
            (["5", 5], TypeError, "a length is a number, not '5'"),
            ([True, 9], TypeError, "a length is a number, not True"),
            ([], ValueError, r"\[\] have the sum 0"),
            (0.9, TypeError, r"one for each part, such as \[0.9, 0.1\], not 0.9"),
        ],
    )
    def test_refuses_lengths(self, lengths: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            random_split(Numbers(), lengths)

    def test_refuses_a_seed(self) -> None:
        with pytest.raises(TypeError, match=r"not 0; try numpy\.random\.default_rng\(seed\)"):
            random_split(Numbers(), [1.0], 0)  # type: ignore[arg-type]


def test_items_keep_their_streams() -> None:
    """What a random transform draws for an item depends on its number alone."""

    def noisy(x: Any) -> Any:
        return x + item_rng().uniform(0, 0.5)

    parts = [Numbers(0, 5, transform=noisy), Numbers(5, 5, transform=noisy)]
    both = ConcatDataset(parts)

    def load(*indices: int) -> list[float]:
        with using_item_random(ItemRandom(0, 0, indices)):
            x: Any = both.__getitems__(np.array(indices))[0]
            values: list[float] = x.tolist()
            return values

    together = load(7, 1, 3, 9)
    assert together == [*load(7), *load(1), *load(3), *load(9)]
    assert [int(x) for x in together] == [7, 1, 3, 9]
    assert len({x % 1 for x in together}) == 4


def test_some_of_the_streams_go_on_from_where_they_are() -> None:
    batch = ItemRandom(0, 0, [5, 6, 7])
    twin = ItemRandom(0, 0, [5, 6, 7])
    assert batch.uniform().tolist() == twin.uniform().tolist()
    some = batch.take([2, 0])
    assert some.indices.tolist() == [7, 5]
    wanted = twin.uniform()[[2, 0]].tolist()
    assert some.uniform().tolist() == wanted
    assert batch.uniform()[[2, 0]].tolist() == wanted  # drawn of `some` alone
