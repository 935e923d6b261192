from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from dezero_data import DataLoader, Dataset, Digits, SinCurve, Spiral, get_spiral, item_rng
from dezero_data.randomness import ItemRandom, using_item_random
from dezero_data.transforms import Compose, ToFloat


class Table(Dataset):
    def prepare(self) -> None:
        self.data = np.arange(12.0).reshape(6, 2)
        self.label = np.arange(6)


class TestDataset:
    def test_items(self) -> None:
        table = Table()
        assert len(table) == 6
        x, t = table[2]
        np.testing.assert_array_equal(x, [4.0, 5.0])
        assert t == 2
        assert table[-1][1] == 5
        assert table[np.int8(3)][1] == 3  # type: ignore[index]

    def test_prepare_sees_which_part(self) -> None:
        class Parts(Dataset):
            def prepare(self) -> None:
                self.data = ["train"] if self.train else ["test"]

        assert Parts()[0] == ("train", None)
        assert Parts(train=False)[0] == ("test", None)

    def test_transforms(self) -> None:
        table = Table(transform=lambda x: x / 2, target_transform=lambda t: -t)
        x, t = table[2]
        np.testing.assert_array_equal(x, [2.0, 2.5])
        assert t == -2
        xs, ts = table.__getitems__(np.array([2, 0, 2]))
        np.testing.assert_array_equal(xs, [[2.0, 2.5], [0.0, 0.5], [2.0, 2.5]])
        np.testing.assert_array_equal(ts, [-2, 0, -2])

    def test_without_a_transform_the_attribute_can_be_called(self) -> None:
        assert Table().transform(3) == 3
        assert Table().target_transform("a") == "a"

    def test_iterates_over_items(self) -> None:
        assert [t for _, t in Table()] == [0, 1, 2, 3, 4, 5]  # type: ignore[attr-defined]

    def test_a_batch_is_a_copy(self) -> None:
        table = Table()
        xs, _ = table.__getitems__(np.arange(6))
        xs[:] = 0
        assert table.data.sum() == 66

    def test_data_in_a_list(self) -> None:
        class Words(Dataset):
            def prepare(self) -> None:
                self.data = ["one", "three"]
                self.label = [1, 3]

        xs, ts = Words(transform=len).__getitems__(np.array([1, 0]))
        np.testing.assert_array_equal(xs, [5, 3])
        np.testing.assert_array_equal(ts, [3, 1])

    @pytest.mark.parametrize("index", [6, -7, 10**30])
    def test_index_out_of_range(self, index: int) -> None:
        with pytest.raises(IndexError, match=f"Table: no item {index} among 6"):
            Table()[index]

    @pytest.mark.parametrize("index", [6, -7])
    def test_index_of_a_batch_out_of_range(self, index: int) -> None:
        with pytest.raises(IndexError, match=f"Table: no item {index} among 6"):
            Table().__getitems__(np.array([0, index, 100]))

    @pytest.mark.parametrize("index", [1.0, "1", slice(2), None, np.array([1, 2])])
    def test_index_of_the_wrong_kind(self, index: Any) -> None:
        with pytest.raises(TypeError, match=f"one integer, not a {type(index).__name__}"):
            Table()[index]

    @pytest.mark.parametrize("indices", [[0.0, 1.0], [[0, 1]], 3, [True, False]])
    def test_indices_of_the_wrong_kind(self, indices: Any) -> None:
        with pytest.raises(TypeError, match=r"integers of shape \(N,\), not"):
            Table().__getitems__(indices)

    def test_refuses_arguments(self) -> None:
        with pytest.raises(TypeError, match="Table: train is True or False, not 'data'"):
            Table("data")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Table: transform is a float, which cannot be called"):
            Table(transform=0.5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Table: target_transform is a str"):
            Table(target_transform="int")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"transform is a list, .*; Compose makes one of sev"):
            Table(transform=[float])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Table: transform is a class, Compose"):
            Table(transform=Compose)

    def test_more_data_than_labels(self) -> None:
        class Uneven(Dataset):
            def prepare(self) -> None:
                self.data, self.label = np.zeros(3), np.zeros(2)

        with pytest.raises(ValueError, match=r"Uneven: prepare\(\) set 3 items of data, but 2 la"):
            Uneven()

    def test_without_data(self) -> None:
        class Empty(Dataset):
            pass

        with pytest.raises(RuntimeError, match=r"set self.data in Empty.prepare\(\), which Dat"):
            len(Empty())

    def test_a_constructor_of_its_own(self) -> None:
        class Own(Dataset):
            def __init__(self, size: int) -> None:
                self.data = np.arange(size)

        assert Own(3)[2] == (2, None)
        x, t = next(DataLoader(Own(3), 3, shuffle=False))
        assert x.tolist() == [0, 1, 2] and t is None

    def test_repr(self) -> None:
        class Empty(Dataset):
            pass

        class Words(Dataset):
            def prepare(self) -> None:
                self.data = ["one", "three"]

        class Lazy(Dataset):
            def __getitem__(self, index: int) -> tuple[Any, Any]:
                return index, None

            def __len__(self) -> int:
                return 1000000

        assert repr(Table()) == "<Table: 6 items, data float64 (2,), labels int64>"
        assert repr(Words()) == "<Words: 2 items, data in a list>"
        assert repr(Lazy()) == "<Lazy: 1000000 items>"
        assert repr(Empty()) == "<Empty without data>"


def fail_at_three(x: Any) -> Any:
    if np.max(x) == 3:
        raise ZeroDivisionError("three")
    return x


class _WholeBatches:
    def __call__(self, x: Any) -> Any:
        return fail_at_three(x)

    def batch(self, xs: Any) -> Any:
        return fail_at_three(xs)

    def __repr__(self) -> str:
        return "WholeBatches()"


class TestTransformsThatFail:
    @pytest.mark.parametrize("which", ["transform", "target_transform"])
    @pytest.mark.parametrize(
        ("transform", "name"),
        [
            (fail_at_three, "fail_at_three"),
            (_WholeBatches(), "WholeBatches()"),
            (Compose([fail_at_three]), "Compose([fail_at_three])"),
        ],
    )
    def test_the_error_names_data_set_index_and_transform(
        self, which: str, transform: Any, name: str
    ) -> None:
        class Numbers(Dataset):
            def prepare(self) -> None:
                self.data = self.label = np.arange(5)

        numbers = Numbers(**{which: transform})
        with pytest.raises(ZeroDivisionError, match="three") as caught:
            numbers[3]
        assert caught.value.__notes__[-1] == f"Numbers: {which} {name} failed on item 3"

        with pytest.raises(ZeroDivisionError, match="three") as caught:
            numbers.__getitems__(np.array([1, 3, 2]))
        whole = hasattr(transform, "batch")
        where = "the items 1, 3, 2, as one batch" if whole else "item 3"
        assert f"Numbers: {which} {name} failed on {where}" in caught.value.__notes__

    def test_a_large_batch_is_not_listed_whole(self) -> None:
        table = Table(transform=_WholeBatches())
        table.data = np.full(100, 3)
        table.label = None
        with pytest.raises(ZeroDivisionError) as caught:
            table.__getitems__(np.arange(100))
        assert "the items 0, 1, 2, 3, 4, 5, 6, 7, ..., as one batch" in caught.value.__notes__[0]


class TestRandomTransforms:
    def test_items_and_labels_have_streams_of_their_own(self) -> None:
        def draw(x: Any) -> Any:
            return x + item_rng().uniform(0.0, 0.5)

        class Numbers(Dataset):
            def prepare(self) -> None:
                self.data = self.label = np.arange(5)

        numbers = Numbers(transform=draw, target_transform=draw)
        with using_item_random(ItemRandom(seed=0, epoch=0, indices=[3, 1, 4])):
            x, t = numbers.__getitems__(np.array([3, 1, 4]))
        assert t is not None
        assert x.astype(int).tolist() == t.astype(int).tolist() == [3, 1, 4]
        assert len({value % 1 for value in [*x.tolist(), *t.tolist()]}) == 6
        with using_item_random(ItemRandom(seed=0, epoch=0, indices=[1])):
            assert numbers[1] == (x[1], t[1])

    def test_no_draw_from_the_global_state_unless_a_transform_draws(self) -> None:
        np.random.seed(3)
        wanted = np.random.rand()
        np.random.seed(3)
        Table().__getitems__(np.array([1, 2]))
        Table(transform=lambda x: x).__getitems__(np.array([1, 2]))
        assert np.random.rand() == wanted


class TestSinCurve:
    def test_the_recipe(self) -> None:
        x = np.linspace(0, 2 * np.pi, 1000)
        np.random.seed(7)
        wave = SinCurve(train=True)
        np.random.seed(7)
        wanted = np.sin(x) + np.random.uniform(-0.05, 0.05, size=1000)
        assert (wave.data.shape, wave.label.shape, wave.data.dtype) == (
            (999, 1),
            (999, 1),
            np.float64,
        )
        np.testing.assert_array_equal(wave.data[:, 0], wanted[:-1])
        np.testing.assert_array_equal(wave.label[:, 0], wanted[1:])

    def test_for_testing_without_noise(self) -> None:
        np.random.seed(7)
        wanted = np.random.rand()
        np.random.seed(7)
        wave = SinCurve(train=False)
        assert np.random.rand() == wanted
        np.testing.assert_array_equal(wave.data[:, 0], np.cos(np.linspace(0, 2 * np.pi, 1000))[:-1])
        np.testing.assert_array_equal(wave.data[1:], wave.label[:-1])

    @pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
    def test_a_generator(self, make: Any) -> None:
        waves = [SinCurve(rng=make(0)).data for _ in range(2)]
        np.testing.assert_array_equal(waves[0], waves[1])
        assert np.abs(waves[0][:, 0] - np.sin(np.linspace(0, 2 * np.pi, 1000)[:-1])).max() > 0.049
        with pytest.raises(TypeError, match=r"SinCurve: rng is .* not 0"):
            SinCurve(rng=0)  # type: ignore[arg-type]

    def test_in_sequence(self) -> None:
        x, t = next(DataLoader(SinCurve(train=False), 3, shuffle=False))
        np.testing.assert_array_equal(x[1:], t[:-1])


class TestSpiral:
    @pytest.mark.parametrize(("train", "seed"), [(True, 1984), (False, 2020)])
    def test_the_recipe_point_by_point(self, train: bool, seed: int) -> None:
        random = np.random.RandomState(seed)
        points = np.zeros((300, 2), dtype=np.float32)
        labels = np.zeros(300, dtype=int)
        for j in range(3):
            for i in range(100):
                rate = i / 100
                theta = 4 * j + 4 * rate + random.randn() * 0.2
                points[100 * j + i] = rate * np.sin(theta), rate * np.cos(theta)
                labels[100 * j + i] = j
        order = random.permutation(300)
        x, t = get_spiral(train)
        np.testing.assert_array_equal(x, points[order])
        np.testing.assert_array_equal(t, labels[order])

    def test_the_first_point(self) -> None:
        x, t = get_spiral(train=True)
        assert (x.shape, x.dtype, t.shape, t.dtype) == ((300, 2), np.float32, (300,), np.int64)
        np.testing.assert_allclose(x[0], [-0.13981389, -0.00721657], rtol=1e-6)
        assert t[0] == 1

    def test_leaves_the_global_generator_alone(self) -> None:
        np.random.seed(7)
        wanted = np.random.rand()
        np.random.seed(7)
        Spiral(), Spiral(train=False)
        assert np.random.rand() == wanted

    def test_dataset(self) -> None:
        spiral = Spiral(train=False, transform=lambda x: x * 2)
        x, t = get_spiral(train=False)
        assert len(spiral) == 300
        np.testing.assert_array_equal(spiral[5][0], 2 * x[5])
        assert spiral[5][1] == t[5]


class TestDigits:
    def test_the_two_parts(self) -> None:
        train, test = Digits(train=True), Digits(train=False)
        assert (len(train), len(test)) == (1437, 360)
        for part in (train, test):
            assert part.data.shape == (len(part), 1, 8, 8)
            assert part.data.dtype == np.uint8
            assert part.data.max() == 16
            assert part.label.dtype == np.int64
        assert np.bincount(test.label).tolist() == [36] * 10
        # The numbers of each digit that the source documents.
        counts = np.bincount(train.label) + np.bincount(test.label)
        assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]

    def test_contents(self) -> None:
        sums = [
            hashlib.sha256(part.data.tobytes() + part.label.astype("<i8").tobytes()).hexdigest()[
                :16
            ]
            for part in (Digits(train=True), Digits(train=False))
        ]
        assert sums == ["e404dbab4f187b67", "dbc7af74908c4dba"]

    def test_no_image_is_in_both_parts(self) -> None:
        parts = [
            {image.tobytes() for image in part.data}
            for part in (Digits(train=True), Digits(train=False))
        ]
        assert not parts[0] & parts[1]

    def test_default_transform(self) -> None:
        digits = Digits()
        x, t = digits[0]
        assert (x.shape, x.dtype, t) == ((64,), np.float32, 0)
        np.testing.assert_array_equal(x, digits.data[0].ravel() / 16)
        assert (x.min(), x.max()) == (0.0, 15 / 16)

    def test_without_a_transform(self) -> None:
        x, _ = Digits(transform=None)[0]
        assert (x.shape, x.dtype) == ((1, 8, 8), np.uint8)
        x, _ = Digits(transform=Compose([ToFloat()]))[0]
        assert (x.shape, x.dtype) == ((1, 8, 8), np.float32)

    def test_two_instances_share_nothing(self) -> None:
        Digits().data[:] = 0
        assert Digits().data.max() == 16

    def test_labels(self) -> None:
        assert Digits.labels() == {digit: str(digit) for digit in range(10)}
