from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import DataLoader, Dataset
from dezero_data.randomness import item_rng
from dezero_data.samplers import SequentialSampler


class Numbers(Dataset):
    size = 10

    def prepare(self) -> None:
        self.data = np.arange(float(self.size))
        self.label = -np.arange(self.size)


def values(loader: DataLoader) -> list[list[float]]:
    return [x.tolist() for x, _ in loader]


class TestBatches:
    def test_in_order(self) -> None:
        loader = DataLoader(Numbers(), 4, shuffle=False)
        batches = list(loader)
        assert [x.tolist() for x, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert [t.tolist() for _, t in batches] == [  # type: ignore[union-attr]
            [0, -1, -2, -3],
            [-4, -5, -6, -7],
            [-8, -9],
        ]
        assert len(loader) == 3

    @given(
        size=st.integers(0, 30),
        batch_size=st.integers(1, 12),
        shuffle=st.booleans(),
        drop_last=st.booleans(),
    )
    def test_each_item_once(
        self, size: int, batch_size: int, shuffle: bool, drop_last: bool
    ) -> None:
        pairs = [(float(i), i) for i in range(size)]
        loader = DataLoader(pairs, batch_size, shuffle, drop_last=drop_last)
        for _ in range(2):
            batches = list(loader)
            assert len(batches) == len(loader)
            assert all(len(x) == batch_size for x, _ in batches[:-1])
            got = [t for _, ts in batches for t in ts.tolist()]  # type: ignore[union-attr]
            wanted = size - size % batch_size if drop_last else size
            assert len(set(got)) == len(got) == wanted
            if not shuffle:
                assert got == list(range(wanted))

    def test_dtypes_of_a_list_of_pairs(self) -> None:
        pairs = [(np.ones((1, 2), np.float32), np.uint8(3))] * 3
        x, t = next(DataLoader(pairs, 2))
        assert (x.shape, x.dtype) == ((2, 1, 2), np.float32)
        assert (t.shape, t.dtype) == ((2,), np.uint8)  # type: ignore[union-attr]

    def test_without_labels(self) -> None:
        class Unlabeled(Dataset):
            def prepare(self) -> None:
                self.data = np.arange(3.0)

        x, t = next(DataLoader(Unlabeled(), 2, shuffle=False))
        assert (x.tolist(), t) == ([0.0, 1.0], None)
        assert next(DataLoader([(1.0, None)], 1))[1] is None

    def test_lazy_items_from_files(self, tmp_path: Path) -> None:
        class Files(Dataset):
            def __getitem__(self, index: int) -> tuple[Any, Any]:
                return np.load(tmp_path / f"{index}.npy"), index

            def __len__(self) -> int:
                return 3

        for i in range(3):
            np.save(tmp_path / f"{i}.npy", np.full(2, i))
        x, t = next(DataLoader(Files(), 3, shuffle=False))
        assert x.tolist() == [[0, 0], [1, 1], [2, 2]]
        assert t.tolist() == [0, 1, 2]  # type: ignore[union-attr]


class TestEpochs:
    def test_starts_over_by_itself(self) -> None:
        loader = DataLoader(Numbers(), 5, shuffle=False)
        assert values(loader) == values(loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]

    def test_is_an_iterator(self) -> None:
        loader = DataLoader(Numbers(), 5, shuffle=False)
        assert iter(loader) is loader
        assert next(loader)[0].tolist() == [0, 1, 2, 3, 4]
        assert loader.iteration == 1
        assert next(loader)[0].tolist() == [5, 6, 7, 8, 9]
        with pytest.raises(StopIteration):
            next(loader)
        assert next(loader)[0].tolist() == [0, 1, 2, 3, 4]

    def test_a_new_epoch_after_break(self) -> None:
        loader = DataLoader(Numbers(), 5, shuffle=False)
        for _ in loader:
            break
        assert values(loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]

    def test_a_new_order_after_break(self) -> None:
        loader = DataLoader(Numbers(), 10, rng=np.random.default_rng(0))
        for x, _ in loader:
            first = x.tolist()
            break
        for x, _ in loader:
            assert x.tolist() != first
            assert sorted(x.tolist()) == sorted(first)

    def test_a_failed_batch_is_asked_for_again(self) -> None:
        class Flaky(Numbers):
            fails = True

            def __getitem__(self, index: int) -> tuple[Any, Any]:
                if self.fails:
                    raise OSError("gone")
                return super().__getitem__(index)

        flaky = Flaky()
        loader = DataLoader(flaky, 5, shuffle=False)
        with pytest.raises(OSError, match="gone"):
            next(loader)
        flaky.fails = False
        assert values(loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]

    def test_a_data_set_that_grows(self) -> None:
        pairs = [(0.0, 0)]
        loader = DataLoader(pairs, 2, shuffle=False)
        pairs += [(1.0, 1), (2.0, 2)]
        assert values(loader) == [[0.0]]
        assert values(loader) == [[0.0, 1.0], [2.0]]


class TestShuffling:
    def test_draws_from_numpy_s_global_state(self) -> None:
        np.random.seed(3)
        orders = [np.random.permutation(10).tolist() for _ in range(2)]
        after = np.random.rand()
        np.random.seed(3)
        loader = DataLoader(Numbers(), 10)
        epoch = values(loader)
        assert np.random.rand() == after
        assert epoch == [orders[0]]
        assert values(loader) == [orders[1]]

    @pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
    def test_draws_from_a_generator(self, make: Any) -> None:
        np.random.seed(3)
        wanted = np.random.rand()
        np.random.seed(3)
        loader = DataLoader(Numbers(), 10, rng=make(5))
        assert values(loader) == [make(5).permutation(10).tolist()]
        assert np.random.rand() == wanted

    def test_no_draw_without_shuffling(self) -> None:
        np.random.seed(3)
        wanted = np.random.rand()
        np.random.seed(3)
        list(DataLoader(Numbers(), 3, shuffle=False))
        assert np.random.rand() == wanted


class TestWholeBatches:
    def test_asked_once_per_batch(self) -> None:
        class Counting(Numbers):
            calls: tuple[int, ...] = ()

            def __getitems__(self, indices: Any) -> Any:
                self.calls += (len(indices),)
                return super().__getitems__(indices)

        counting = Counting()
        list(DataLoader(counting, 4))
        assert counting.calls == (4, 4, 2)

    def test_without_the_base_class(self) -> None:
        class Squares:
            def __getitem__(self, index: int) -> Any:
                raise AssertionError("asked for an item")

            def __getitems__(self, indices: Any) -> Any:
                return indices**2, indices

            def __len__(self) -> int:
                return 4

        assert values(DataLoader(Squares(), 4, shuffle=False)) == [[0, 1, 4, 9]]

    def test_the_nearer_definition_counts(self) -> None:
        class Halves(Numbers):
            def __getitem__(self, index: int) -> tuple[Any, Any]:
                x, t = super().__getitem__(index)
                return x / 2, t

        class Again(Halves):
            def __getitems__(self, indices: Any) -> Any:
                return indices, indices

        assert values(DataLoader(Halves(), 10, shuffle=False)) == [[i / 2 for i in range(10)]]
        assert values(DataLoader(Again(), 10, shuffle=False)) == [list(range(10))]


class TestBadInput:
    @pytest.mark.parametrize("batch_size", [0, -3])
    def test_batch_size_too_small(self, batch_size: int) -> None:
        with pytest.raises(ValueError, match=f"batch_size is at least 1, not {batch_size}"):
            DataLoader(Numbers(), batch_size)

    @pytest.mark.parametrize("batch_size", [2.0, "2", None, True])
    def test_batch_size_no_integer(self, batch_size: Any) -> None:
        with pytest.raises(TypeError, match=f"batch_size is an integer, not {batch_size!r}"):
            DataLoader(Numbers(), batch_size)

    def test_batch_size_of_numpy(self) -> None:
        assert len(DataLoader(Numbers(), np.int64(5))) == 2  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("dataset", "missing"),
        [(iter([]), "__getitem__"), ({1}, "__getitem__"), (3, "__getitem__")],
    )
    def test_no_data_set(self, dataset: Any, missing: str) -> None:
        with pytest.raises(
            TypeError, match=f"a {type(dataset).__name__} is no data set, it has no {missing}"
        ):
            DataLoader(dataset, 2)

    def test_a_class_in_place_of_a_data_set(self) -> None:
        message = r"DataLoader: Numbers is a class, not a data set; Numbers\(...\) makes one"
        with pytest.raises(TypeError, match=message):
            DataLoader(Numbers, 2)

    def test_no_length(self) -> None:
        class Endless:
            def __getitem__(self, index: int) -> tuple[int, int]:
                return index, index

        with pytest.raises(TypeError, match="a Endless is no data set, it has no __len__"):
            DataLoader(Endless(), 2)

    def test_rng(self) -> None:
        with pytest.raises(TypeError, match=r"not 0; try numpy.random.default_rng\(seed\)"):
            DataLoader(Numbers(), 2, rng=0)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("items", "message"),
        [
            ([object(), object()], r"list gives items that no array can hold: object"),
            ([(1, None), (1, 2)], r"list, as labels, gives items that no array can hold: None"),
            ([(1, 2), 3], r"list gives a tuple and a int in one batch"),
            (["a", 3], r"list gives a str and a int in one batch"),
        ],
    )
    def test_nothing_to_stack(self, items: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            next(DataLoader(items, 2, shuffle=False))

    @pytest.mark.parametrize(
        ("items", "message"),
        [
            ([(1, 2), (1, 2, 3)], r"list gives items with lengths 2 and 3"),
            ([{"a": 1}, {"b": 1}], r"list gives items with the keys \['a'\] and \['b'\]"),
            ([{"a": [1]}, {"a": [1, 2]}], r"list, as 'a', gives items with lengths 1 and 2"),
        ],
    )
    def test_items_that_are_not_alike(self, items: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            next(DataLoader(items, 2, shuffle=False))

    def test_no_pair_of_batches(self) -> None:
        class Samples(Numbers):
            def __getitems__(self, indices: Any) -> Any:
                return [self[index] for index in indices]

        with pytest.raises(TypeError, match=r"Samples\.__getitems__ gives a list, not a pair"):
            next(DataLoader(Samples(), 2))

    def test_items_of_different_shapes(self) -> None:
        pairs = [(np.zeros(2), 0), (np.zeros(3), 1)]
        with pytest.raises(ValueError, match=r"list gives items of shapes \(2,\) and \(3,\)"):
            next(DataLoader(pairs, 2))

    @pytest.mark.parametrize(
        ("options", "kind", "message"),
        [
            ({"num_workers": -1}, ValueError, "num_workers is at least 0, not -1"),
            ({"num_workers": 1.5}, TypeError, "num_workers is an integer, not 1.5"),
            ({"prefetch": True}, TypeError, "prefetch is an integer, not True"),
            ({"timeout": 0}, ValueError, "timeout is more than 0 seconds, not 0"),
            ({"timeout": "1"}, TypeError, "timeout is a number of seconds or None, not '1'"),
            ({"seed": -1}, ValueError, "seed is at least 0, not -1"),
            ({"seed": 2**64}, ValueError, "seed is at most 18446744073709551615"),
            ({"seed": 0, "rng": np.random.default_rng(0)}, ValueError, "give one of them"),
            ({"collate": 3}, TypeError, "collate is a int, which cannot be called"),
            ({"gpu": True, "device": "cuda:1"}, ValueError, 'gpu=True means device="cuda"'),
            ({"device": 0}, TypeError, 'a device is a text like "cpu", "cuda" or "cuda:1", not 0'),
            ({"device": "cuda:x"}, ValueError, "not 'cuda:x'"),
            ({"device": "numpy:0"}, ValueError, "devices of <backend 'numpy'> have no numbers"),
            ({"device": "tpu"}, LookupError, "there is no device 'tpu'; there is 'cpu'"),
        ],
    )
    def test_options(self, options: Any, kind: Any, message: str) -> None:
        with pytest.raises(kind, match=message):
            DataLoader(Numbers(), 2, **options)

    def test_which_item_failed(self) -> None:
        class Sheep:
            def __getitem__(self, index: int) -> tuple[int, int]:
                if index == 5:
                    raise OSError("no such sheep")
                return index, index

            def __len__(self) -> int:
                return 8

        with pytest.raises(OSError, match="no such sheep") as caught:
            list(DataLoader(Sheep(), 4, shuffle=False))
        assert "position 1 of the batch, index 5" in caught.value.__notes__[0]

    def test_which_batch_failed(self) -> None:
        class Herd(Numbers):
            def __getitems__(self, indices: Any) -> Any:
                raise OSError("no such herd")

        with pytest.raises(OSError, match="no such herd") as caught:
            next(DataLoader(Herd(), 4, shuffle=False))
        assert caught.value.__notes__ == ["This was in the batch of items 0, 1, 2, 3 of Herd."]

    def test_a_collate_that_fails(self) -> None:
        def no(items: Any) -> Any:
            raise OSError("no room")

        with pytest.raises(OSError, match="no room") as caught:
            next(DataLoader(Numbers(), 2, shuffle=False, collate=no))
        assert caught.value.__notes__ == ["This was in collate, of items 0, 1 of Numbers."]


class Point(NamedTuple):
    x: float
    y: float


class TestCollate:
    def test_fields(self) -> None:
        items = [
            {"image": np.full((2, 2), i), "name": f"n{i}", "where": Point(i, -i), "mask": None}
            for i in range(2)
        ]
        batch = next(DataLoader(items, 2, shuffle=False))
        assert batch["image"].shape == (2, 2, 2)
        assert batch["name"] == ["n0", "n1"]
        assert isinstance(batch["where"], Point)
        assert batch["where"].y.tolist() == [0, -1]
        assert batch["mask"] is None

    def test_tuples_and_single_values(self) -> None:
        triples = next(DataLoader([(1, 2.0, "a"), (3, 4.0, "b")], 2, shuffle=False))
        assert [part if isinstance(part, list) else part.tolist() for part in triples] == [
            [1, 3],
            [2.0, 4.0],
            ["a", "b"],
        ]
        assert next(DataLoader([1.0, 2.0], 2, shuffle=False)).tolist() == [1.0, 2.0]

    def test_of_the_user(self) -> None:
        def pad(items: list[Any]) -> Any:
            longest = max(map(len, items))
            return np.array([item + [0] * (longest - len(item)) for item in items])

        loader = DataLoader([[1], [2, 3], [4]], 2, shuffle=False, collate=pad)
        assert [batch.tolist() for batch in loader] == [[[1, 0], [2, 3]], [[4]]]

    def test_of_the_user_gets_items_where_there_are_batches(self) -> None:
        loader = DataLoader(Numbers(), 2, shuffle=False, collate=lambda items: items)
        assert next(loader) == [(0.0, 0), (1.0, -1)]

    def test_a_dictionary_of_a_whole_batch(self) -> None:
        class Named(Numbers):
            def __getitems__(self, indices: Any) -> Any:
                return {"x": self.data[indices]}

        assert next(DataLoader(Named(), 3, shuffle=False))["x"].tolist() == [0, 1, 2]


class TestRandomStreams:
    def test_seed_decides_order_and_streams(self) -> None:
        np.random.seed(1)
        first = [list(DataLoader(Jitter(), 4, seed=5)) for _ in range(2)]
        other = list(DataLoader(Jitter(), 4, seed=6))
        assert flat(first[0]) == flat(first[1]) != flat(other)

    def test_an_item_has_other_numbers_in_each_epoch(self) -> None:
        loader = DataLoader(Jitter(), 4, shuffle=False, seed=5)
        assert loader.epoch == 0
        first = flat(list(loader))
        assert loader.epoch == 1
        assert flat(list(loader)) != first
        again = DataLoader(Jitter(), 8, shuffle=False, seed=5)
        assert flat(list(again)) == first  # whatever the batch

    def test_numpy_s_seed_makes_all_repeatable_and_stays_as_it_was(self) -> None:
        runs = []
        for _ in range(2):
            np.random.seed(3)
            loader = DataLoader(Jitter(), 4, shuffle=False)
            runs.append((flat(list(loader)), np.random.random()))
        np.random.seed(3)
        assert runs[0] == runs[1]
        assert runs[0][1] == np.random.random()

    @pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
    def test_a_generator_decides_the_seed_and_stays_as_it_was(self, make: Any) -> None:
        rng = make(4)
        loader = DataLoader(Jitter(), 4, rng=rng)
        wanted = make(4)
        assert loader.seed == DataLoader(Jitter(), 4, rng=make(4)).seed
        assert loader.index.tolist() == wanted.permutation(8).tolist()
        assert rng.permutation(5).tolist() == wanted.permutation(5).tolist()

    def test_an_item_that_comes_twice_differs(self) -> None:
        (batch,) = DataLoader(Jitter(), 4, seed=0, sampler=[3, 3, 1, 3])
        x, t = batch
        assert t.tolist() == [3, 3, 1, 3]
        assert len(set(x.tolist())) == 4
        assert x.tolist()[0] == next(DataLoader(Jitter(), 1, seed=0, sampler=[3]))[0].item()


class Jitter:
    def __getitem__(self, index: int) -> tuple[float, int]:
        return index + 0.5 * item_rng().random(), index

    def __len__(self) -> int:
        return 8


def flat(batches: list[Any]) -> list[tuple[int, float]]:
    return [pair for x, t in batches for pair in zip(t.tolist(), x.ravel().tolist(), strict=True)]


class TestPrefetch:
    def test_same_batches(self) -> None:
        for size in (1, 3):
            ahead = DataLoader(Jitter(), 3, seed=2, prefetch=size)
            plain = DataLoader(Jitter(), 3, seed=2)
            for _ in range(2):
                assert flat(list(ahead)) == flat(list(plain))

    def test_is_ahead_by_as_many_as_asked_for(self) -> None:
        class Counting(Jitter):
            def __init__(self) -> None:
                self.loaded = 0
                self.enough = threading.Event()

            def __getitem__(self, index: int) -> tuple[float, int]:
                self.loaded += 1
                if self.loaded == 3:
                    self.enough.set()
                return super().__getitem__(index)

        counting = Counting()
        loader = DataLoader(counting, 1, prefetch=2)
        next(loader)
        assert counting.enough.wait(10)  # one in our hands, two on the shelf
        loader.reset()
        assert counting.loaded == 3

    def test_errors_arrive_and_the_batch_is_asked_for_again(self) -> None:
        class Flaky(Jitter):
            fails = True

            def __getitem__(self, index: int) -> tuple[float, int]:
                if index == 2 and self.fails:
                    raise OSError("gone")
                return super().__getitem__(index)

        flaky = Flaky()
        loader = DataLoader(flaky, 1, shuffle=False, prefetch=2)
        assert [next(loader)[1].item() for _ in range(2)] == [0, 1]
        with pytest.raises(OSError, match="gone"):
            next(loader)
        flaky.fails = False
        assert [next(loader)[1].item() for _ in range(2)] == [2, 3]

    def test_threads_end(self) -> None:
        before = threading.active_count()
        for use in (list, next):
            loader = DataLoader(Jitter(), 2, prefetch=1)
            use(loader)  # type: ignore[operator]
            del loader
        wait_until(lambda: threading.active_count() == before)


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class TestRepr:
    def test_tells_what_and_where(self) -> None:
        loader = DataLoader(Numbers(), 4, shuffle=False, prefetch=2)
        next(loader)
        assert repr(loader) == (
            "DataLoader(Numbers of 10 items, batch_size=4, in order, prefetch=2; "
            "batch 1 of 3 in epoch 0)"
        )
        loader.reset()
        assert "shuffled by seed" in repr(DataLoader(Numbers(), 4, seed=0))
        assert "by SequentialSampler" in repr(
            DataLoader(Numbers(), 4, sampler=SequentialSampler(Numbers()))
        )


def test_a_loader_can_be_pickled_and_goes_on() -> None:
    loader = DataLoader([(i, i) for i in range(6)], 2, shuffle=False)
    next(loader)
    twin = pickle.loads(pickle.dumps(loader))
    assert [next(each)[1].tolist() for each in (loader, twin)] == [[2, 3], [2, 3]]
