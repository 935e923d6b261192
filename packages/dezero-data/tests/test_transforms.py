from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dezero_data.transforms import (
    AsType,
    Compose,
    Flatten,
    Normalize,
    ToFloat,
    ToInt,
    apply_to_batch,
)

BATCHES = hnp.arrays(
    st.sampled_from([np.uint8, np.int64, np.float32, np.float64]),
    st.tuples(*[st.integers(1, 4)] * 4),
    elements=st.integers(0, 100),
)
TRANSFORMS = [
    Compose(),
    Flatten(),
    AsType(np.int16),
    ToFloat(),
    ToInt(),
    ToInt(np.int16),
    Normalize(),
    Normalize(1.5, 4.0),
    Normalize([0.5], (2.0,)),
    Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)]),
    Compose([ToFloat(), Normalize(3, 2), Normalize([1.0], 4), Flatten()]),
    Compose([AsType(np.float64), Normalize([1.0])]),
    Compose([Flatten(), lambda x: x[:1], Normalize(1, 2)]),
    Compose([lambda x: x[0], Flatten()]),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@given(xs=BATCHES)
def test_a_batch_is_its_items(transform: Any, xs: np.ndarray[Any, Any]) -> None:
    before = xs.copy()
    got = apply_to_batch(transform, xs)
    wanted = np.stack([transform(x) for x in xs])
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(xs, before)


def test_compose_goes_from_first_to_last() -> None:
    compose = Compose([lambda x: x + 1, lambda x: x * 10])
    assert compose(1) == 20
    assert Compose()(1) == 1
    np.testing.assert_array_equal(compose.batch(np.array([1, 2])), [20, 30])


def test_compose_asks_each_transform_once_per_batch() -> None:
    class Twice:
        calls = 0

        def __call__(self, x: Any) -> Any:
            raise AssertionError("asked for an item")

        def batch(self, xs: Any) -> Any:
            self.calls += 1
            return 2 * xs

    twice = Twice()
    np.testing.assert_array_equal(Compose([twice, twice]).batch(np.arange(3)), [0, 4, 8])
    assert twice.calls == 2


def test_compose_goes_item_by_item_from_the_first_that_knows_no_batches() -> None:
    seen = []

    class Batches:
        def __call__(self, x: Any) -> Any:
            seen.append(x.shape)
            return x

        def batch(self, xs: Any) -> Any:
            return self(xs)

    compose = Compose([Batches(), lambda x: x[:2], Batches()])
    assert compose.batch(np.zeros((2, 5))).shape == (2, 2)
    assert seen == [(2, 5), (2,), (2,)]


def test_compose_writes_over_nothing_that_is_not_its_own() -> None:
    unit = Compose([ToFloat(), Normalize(1.0, 2.0)])
    xs = np.ones((2, 3), dtype=np.float32)
    np.testing.assert_array_equal(unit.batch(xs), np.zeros((2, 3)))
    np.testing.assert_array_equal(xs, np.ones((2, 3)))

    class Kept:
        kept = np.ones((2, 3), dtype=np.float32)

        def __call__(self, x: Any) -> Any:
            return self.kept

        batch = __call__

    Compose([ToFloat(), Kept(), Normalize(1.0, 2.0)]).batch(xs.astype(np.uint8))
    np.testing.assert_array_equal(Kept.kept, np.ones((2, 3)))


@pytest.mark.parametrize("way", ["item", "batch", "item by item"])
def test_an_error_says_in_which_transform(way: str) -> None:
    def crash(x: Any) -> Any:
        raise ZeroDivisionError

    xs = np.ones((2, 3))
    with pytest.raises(ValueError if way == "batch" else ZeroDivisionError) as caught:
        if way == "item":
            Compose([Flatten(), Compose([crash])])(xs[0])
        elif way == "batch":
            Compose([Flatten(), Compose([Normalize([1.0, 2.0])])]).batch(xs)
        else:
            Compose([Flatten(), Compose([crash])]).batch(xs)
    notes = caught.value.__notes__
    inner = "Normalize(mean=[1.0, 2.0], std=1.0)" if way == "batch" else "crash"
    assert notes[0] == f"This was in transforms[0] of Compose, {inner}."
    assert notes[-1] == f"This was in transforms[1] of Compose, Compose([{inner}])."
    if way == "item by item":
        assert notes[1] == "This was at position 0 of the batch."


def test_to_int_cuts_off_fractions() -> None:
    got = ToInt()(np.array([1.9, -1.9], dtype=np.float32))
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, [1, -1])
    assert ToInt(np.int16)(np.array([3.0])).dtype == np.int16


def test_flatten_gives_a_copy_of_an_item() -> None:
    image = np.zeros((1, 2, 2))
    Flatten()(image)[:] = 1
    assert image.sum() == 0


def test_flatten_of_an_empty_batch() -> None:
    assert Flatten().batch(np.zeros((0, 1, 8, 8))).shape == (0, 64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normalize_keeps_floating_dtypes(dtype: Any) -> None:
    x: Any = np.array([[1.0], [5.0]], dtype=dtype)
    assert Normalize(1, 2)(x).dtype == dtype
    assert Normalize([1, 2], [2, 3])(x).dtype == dtype
    np.testing.assert_array_equal(Normalize([1, 2], [2, 3])(x), [[0.0], [1.0]])


def test_normalize_makes_integers_float32() -> None:
    x = np.array([0, 51, 255], dtype=np.uint8)
    for normalize in (Normalize(), Normalize(0.0, 255.0), Normalize(np.float64(0), np.int64(255))):
        assert normalize(x).dtype == np.float32
    np.testing.assert_array_equal(Normalize(0.0, 255.0)(x), np.array([0, 0.2, 1], np.float32))


def test_normalize_channels_in_a_batch() -> None:
    xs = np.ones((2, 3, 4, 4), dtype=np.float32)
    got = Normalize((0.0, 1.0, 2.0), 0.5).batch(xs)
    np.testing.assert_array_equal(got[:, :, 0, 0], [[2, 0, -2], [2, 0, -2]])


@pytest.mark.parametrize(
    ("mean", "std", "error", "message"),
    [
        ("a", 1, TypeError, "mean is a finite number, or one per channel, not 'a'"),
        (0, [[1.0]], TypeError, "std is a finite number, or one per channel"),
        (None, 1, TypeError, "mean is a finite number, or one per channel, not None"),
        (0, 0.0, ValueError, "std is 0.0, and nothing can be divided by zero"),
        (0, (1.0, 0.0), ValueError, "divided by zero"),
    ],
)
def test_normalize_refuses(mean: Any, std: Any, error: type[Exception], message: Any) -> None:
    with pytest.raises(error, match=message):
        Normalize(mean, std)


def test_normalize_refuses_another_number_of_channels() -> None:
    normalize = Normalize((0.0, 1.0, 2.0))
    with pytest.raises(ValueError, match=r"3 channels of mean or std.* shape \(1, 28, 28\)"):
        normalize(np.zeros((1, 28, 28)))
    with pytest.raises(ValueError, match=r"shape \(1, 28, 28\)"):
        normalize.batch(np.zeros((3, 1, 28, 28)))
    with pytest.raises(ValueError, match=r"shape \(\)"):
        normalize(np.float32(1))


def test_refuses_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match=r"transforms\[1\] is a int, which cannot be called"):
        Compose([Flatten(), 3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"transforms are a list of functions, not Flatten\(\)"):
        Compose(Flatten())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\[0\] is a class, ToFloat; ToFloat\(...\) makes a tran"):
        Compose([ToFloat])
    assert Compose([float])(2) == 2.0
    with pytest.raises(TypeError):
        AsType("no such dtype")


def test_items_that_end_up_in_different_shapes() -> None:
    def cut(x: Any) -> Any:
        return x[: x[0]]

    with pytest.raises(ValueError, match=r"cut gives items of shapes \(1,\) and \(2,\)"):
        apply_to_batch(cut, np.array([[1, 0], [2, 0]]))


@pytest.mark.parametrize("transform", TRANSFORMS[:-2], ids=repr)
def test_transforms_travel_to_other_processes(transform: Any) -> None:
    assert repr(pickle.loads(pickle.dumps(transform))) == repr(transform)
    assert eval(
        repr(transform),
        {**globals(), **{name: name for name in ("int16", "int64", "float32", "float64")}},
    )
