from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import backend as core_backend
from dezero_data import DataLoader, Dataset


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

    def test_no_length(self) -> None:
        class Endless:
            def __getitem__(self, index: int) -> tuple[int, int]:
                return index, index

        with pytest.raises(TypeError, match="a Endless is no data set, it has no __len__"):
            DataLoader(Endless(), 2)

    def test_rng(self) -> None:
        with pytest.raises(TypeError, match=r"not a int; try numpy.random.default_rng\(seed\)"):
            DataLoader(Numbers(), 2, rng=0)  # type: ignore[arg-type]

    @pytest.mark.parametrize("items", [[1.0, 2.0], ["ab", "cd"], [(1, 2, 3)] * 2])
    def test_no_pairs(self, items: Any) -> None:
        with pytest.raises(TypeError, match=r"list\[0\] is a \w+, not a pair of data and label"):
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


class _Cuda:
    """As much of a backend as a loader needs."""

    name = "cuda"
    xp = np
    kernels: dict[str, Any] = {}  # noqa: RUF012

    class Array:
        def __init__(self, values: Any) -> None:
            self.values = values

    array_types = (Array,)
    lacks = ""

    def is_available(self) -> bool:
        return not self.lacks

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if self.lacks:
            raise RuntimeError(self.lacks)
        return self.Array(x)

    def to_numpy(self, x: Any) -> Any:
        return x.values

    def synchronize(self) -> None:
        pass


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> _Cuda:
    backend = _Cuda()
    monkeypatch.setattr("dezero_data.dataloaders.get_backend", {"cuda": backend}.__getitem__)
    return backend


class TestGPU:
    def test_to_gpu_and_back(self, cuda: _Cuda) -> None:
        loader = DataLoader(Numbers(), 4, shuffle=False, gpu=True)
        assert loader.gpu
        x, t = next(loader)
        assert isinstance(x, _Cuda.Array)
        assert isinstance(t, _Cuda.Array)
        assert x.values.tolist() == [0, 1, 2, 3]
        loader.to_cpu()
        assert isinstance(next(loader)[0], np.ndarray)
        assert not DataLoader(Numbers(), 4).gpu
        loader.to_gpu()
        assert isinstance(next(loader)[0], _Cuda.Array)

    def test_without_labels(self, cuda: _Cuda) -> None:
        assert next(DataLoader([(1.0, None)], 1, gpu=True))[1] is None

    def test_without_a_device(self, cuda: _Cuda) -> None:
        cuda.lacks = "no driver"
        with pytest.raises(RuntimeError, match="no driver"):
            DataLoader(Numbers(), 4, gpu=True)
        loader = DataLoader(Numbers(), 4)
        with pytest.raises(RuntimeError, match="no driver"):
            loader.to_gpu()
        assert not loader.gpu

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(core_backend, "_backends", {})
        monkeypatch.setattr(core_backend, "_discovered", True)
        with pytest.raises(LookupError, match=r"DataLoader: no GPU to load to.*dezero-cuda"):
            DataLoader(Numbers(), 4, gpu=True)
