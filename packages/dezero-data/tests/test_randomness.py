from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data.randomness import (
    ItemRandom,
    item_random,
    item_rng,
    map_items,
    using_item_random,
)

DRAWS = {
    "uniform": lambda random: random.uniform(-1.0, 2.0, size=3),
    "integers": lambda random: random.integers(-5, 9, size=(2, 2)),
    "normal": lambda random: random.normal(size=5),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 1000),
    indices=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
)
def test_a_batch_draws_what_its_items_draw_alone(
    draw: Any, seed: int, epoch: int, indices: list[int]
) -> None:
    batch = ItemRandom(seed, epoch, indices)
    first, second = draw(batch), draw(batch)
    assert not np.array_equal(first, second)
    for position, index in enumerate(indices):
        alone = ItemRandom(seed, epoch, [index])
        np.testing.assert_array_equal(draw(alone)[0], first[position])
        np.testing.assert_array_equal(draw(alone)[0], second[position])


def test_the_numbers_stay_what_they_are() -> None:
    """On every machine and in every version, or resuming would break. Here in plain integers."""

    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    step = 0x9E3779B97F4A7C15
    key = mix(1 + step)
    for coordinate in (2, 3):
        key = mix((key + step * coordinate) % 2**64)
    random = ItemRandom(seed=1, epoch=2, indices=[3, 4])
    for draw in range(2):
        start = mix((key + step * draw) % 2**64)
        wanted = [mix((start + step * element) % 2**64) % 10**6 for element in (1, 2)]
        assert random.integers(0, 10**6, size=2)[0].tolist() == wanted
    assert ItemRandom(1, 2, [3, 4]).integers(0, 10**6).tolist() == [263600, 836181]


def test_uniform_numbers_are_uniform() -> None:
    drawn = ItemRandom(0, 0, np.arange(1000)).uniform(size=100)
    assert drawn.shape == (1000, 100)
    assert drawn.dtype == np.float64
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert _chi_square(drawn, 100) < 160  # 99 degrees of freedom: 1 in 10000 is above
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / drawn.size)


def _chi_square(unit: Any, bins: int) -> float:
    found = np.histogram(unit, bins, (0.0, 1.0))[0]
    wanted = unit.size / bins
    return float(((found - wanted) ** 2 / wanted).sum())


@pytest.mark.parametrize("vary", ["seed", "epoch", "index", "draw", "element", "child"])
def test_numbers_that_differ_in_one_coordinate_are_independent(vary: str) -> None:
    """Neighbors along each coordinate: evenly spread over the square, and not correlated."""
    n = 20000
    small = np.arange(n // 100)
    if vary == "seed":
        u = np.concatenate([ItemRandom(s, 0, np.arange(100)).uniform() for s in small])
        u = u.reshape(-1, 100).T.reshape(-1)
    elif vary == "epoch":
        u = np.concatenate([ItemRandom(0, e, np.arange(100)).uniform() for e in small])
        u = u.reshape(-1, 100).T.reshape(-1)
    elif vary == "index":
        u = ItemRandom(0, 0, np.arange(n)).uniform()
    elif vary == "draw":
        random = ItemRandom(0, 0, np.arange(100))
        u = np.stack([random.uniform() for _ in small], axis=1).reshape(-1)
    elif vary == "element":
        u = ItemRandom(0, 0, [0]).uniform(size=n)[0]
    else:
        random = ItemRandom(0, 0, np.arange(100))
        u = np.stack([random.child(int(k)).uniform() for k in small], axis=1).reshape(-1)
    assert len(u) == n
    assert _chi_square(u, 100) < 160
    cells = np.histogram2d(u[:-1], u[1:], 10, ((0, 1), (0, 1)))[0]
    wanted = (n - 1) / 100
    assert ((cells - wanted) ** 2 / wanted).sum() < 160
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / np.sqrt(n)


def test_each_bit_is_one_half_of_the_time() -> None:
    bits = ItemRandom(7, 1, np.arange(20000))._bits(())
    ones = (bits[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(ones.mean(axis=0) - 0.5).max() < 4.5 * 0.5 / np.sqrt(20000)


def test_integers() -> None:
    drawn = ItemRandom(0, 0, np.arange(5000)).integers(-2, 3, size=4)
    assert drawn.dtype == np.int64
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert np.abs(counts - 4000).max() < 4 * np.sqrt(20000 * 0.2 * 0.8)


def test_integers_between_bounds_of_each_item() -> None:
    random = ItemRandom(0, 0, np.arange(200))
    high = np.arange(1, 201)
    drawn = random.integers(0, high)
    assert drawn.shape == (200,)
    assert (drawn < high).all()
    assert len(np.unique(drawn)) > 50
    both = random.integers(np.array([0, 100]), np.array([1, 101]), size=2)
    np.testing.assert_array_equal(both, np.tile([0, 100], (200, 1)))
    extremes = np.iinfo(np.int64)
    wide = random.integers(extremes.min, extremes.max)
    assert (wide < 0).any()
    assert (wide > 0).any()


def test_normal_numbers_are_normal() -> None:
    drawn = ItemRandom(3, 0, np.arange(1000)).normal(size=(10, 10))
    assert drawn.shape == (1000, 10, 10)
    n = drawn.size
    assert abs(drawn.mean()) < 4 / np.sqrt(n)
    assert abs(drawn.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((drawn**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert abs((np.abs(drawn) < 1).mean() - 0.682689) < 4 * np.sqrt(0.22 / n)


def test_uniform_between_bounds() -> None:
    drawn = ItemRandom(0, 0, [1, 2]).uniform(np.array([0.0, 10.0]), np.array([1.0, 20.0]), size=2)
    assert ((drawn >= [0, 10]) & (drawn < [1, 20])).all()


def test_an_item_goes_on_where_the_batch_stands() -> None:
    batch, again = ItemRandom(0, 0, [5, 6]), ItemRandom(0, 0, [5, 6])
    rows = [again.uniform() for _ in range(4)]
    assert batch.uniform()[1] == rows[0][1]
    one = batch.item(1)
    assert one.indices.tolist() == [6]
    assert one.uniform()[0] == rows[1][1]
    assert one.uniform()[0] == rows[2][1]
    # The batch has item 1's draws behind it, and none of item 0's.
    np.testing.assert_array_equal(batch.uniform(), [rows[1][0], rows[3][1]])


def test_children_are_apart() -> None:
    random = ItemRandom(0, 0, [5, 6])
    child = random.child(1)
    first = child.uniform(size=4)
    random.uniform()
    np.testing.assert_array_equal(random.child(1).uniform(size=4), first)
    others = [ItemRandom(0, 0, [5, 6]), random.child(0), random.child(2), child.child(1)]
    for other in others:
        assert not np.isin(other.uniform(size=4), first).any()
    np.testing.assert_array_equal(ItemRandom(0, 0, [6]).child(1).uniform(size=4)[0], first[1])
    np.testing.assert_array_equal(random.item(1).child(1).uniform(size=4)[0], first[1])


def test_generators() -> None:
    random = ItemRandom(0, 0, [5, 6])
    one = random.item(0)
    first, second = one.generator().random(3), one.generator().random(3)
    assert not np.isin(first, second).any()
    np.testing.assert_array_equal(ItemRandom(0, 0, [5]).generator().random(3), first)
    with pytest.raises(ValueError, match=r"these are 2; take one with item\(position\)"):
        random.generator()


def test_of_no_items() -> None:
    random = ItemRandom(0, 0, [])
    assert len(random) == 0
    assert random.uniform(size=(2, 3)).shape == (0, 2, 3)
    assert random.integers(0, 5).shape == (0,)
    assert ItemRandom(0, 0, [1]).normal(size=0).shape == (1, 0)


@pytest.mark.parametrize(
    ("seed", "epoch", "indices", "error", "message"),
    [
        (0.5, 0, [0], TypeError, "seed is an integer, not 0.5"),
        (0, None, [0], TypeError, "epoch is an integer, not None"),
        (-1, 0, [0], ValueError, r"seed is from 0 to 2\*\*64 - 1, not -1"),
        (2**64, 0, [0], ValueError, "seed is from 0"),
        (0, 0, [0.5], TypeError, "indices are integers, not float64"),
        (0, 0, [[1]], ValueError, r"indices have shape \(N,\), not \(1, 1\)"),
    ],
)
def test_refuses(seed: Any, epoch: Any, indices: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"^ItemRandom: {message}"):
        ItemRandom(seed, epoch, indices)


def test_refuses_draws_that_make_no_sense() -> None:
    random = ItemRandom(0, 0, [1, 2])
    with pytest.raises(ValueError, match="nothing is at least 3 and below 3"):
        random.integers(3, 3)
    with pytest.raises(IndexError, match="no item 2 among 2"):
        random.item(2)
    with pytest.raises(IndexError, match="no item -1 among 2"):
        random.item(-1)


def test_within_a_loader() -> None:
    streams = ItemRandom(0, 0, [1, 2])
    with using_item_random(streams) as given_back:
        assert given_back is streams
        assert item_random(2) is streams
        with using_item_random(streams.item(0)):
            assert len(item_random(1)) == 1
        assert item_random(2) is streams
        with pytest.raises(RuntimeError, match=r"2 items are being loaded, but .* for 1"):
            item_random(1)
        with pytest.raises(RuntimeError, match="apply_to_batch"):
            item_rng()
    assert item_random(2) is not streams


def test_streams_are_of_the_thread_that_loads() -> None:
    found: list[Any] = []
    with using_item_random(ItemRandom(0, 0, [1, 2])):
        thread = threading.Thread(target=lambda: found.append(item_random(5)))
        thread.start()
        thread.join()
    assert len(found[0]) == 5


def test_an_error_leaves_no_streams_behind() -> None:
    with pytest.raises(ZeroDivisionError), using_item_random(ItemRandom(0, 0, [1, 2])):
        raise ZeroDivisionError
    assert len(item_random(3)) == 3


def test_outside_of_a_loader_numpys_global_state_decides() -> None:
    np.random.seed(0)
    first = item_random(3).uniform(size=2)
    np.random.seed(0)
    singly = np.concatenate([item_random(1).uniform(size=2) for _ in range(3)])
    np.testing.assert_array_equal(singly, first)
    assert not np.array_equal(item_random(3).uniform(size=2), first)
    np.random.seed(0)
    drawn = item_rng().random()
    np.random.seed(0)
    assert item_rng().random() == drawn
    assert item_rng().random() != drawn


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_of_ones_own_comes_first(make: Any) -> None:
    first = item_random(3, make(5)).uniform(size=2)
    with using_item_random(ItemRandom(0, 0, [1, 2])):
        state = np.random.get_state()[1]
        rng = make(5)
        singly = np.concatenate([item_random(1, rng).uniform(size=2) for _ in range(3)])
        np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(singly, first)


def test_map_items_gives_each_item_its_stream() -> None:
    def draw(_: Any) -> float:
        return float(item_rng().random())

    with using_item_random(ItemRandom(0, 4, [7, 9])):
        both = map_items(draw, "ab")
        again = map_items(draw, "ab")
    with using_item_random(ItemRandom(0, 4, [9])):
        assert [draw("b"), draw("b")] == [both[1], again[1]]
    assert len({*both, *again}) == 4
    np.random.seed(1)
    outside = map_items(draw, "ab")
    np.random.seed(1)
    assert [draw("a"), draw("b")] == outside


def test_map_items_tells_which_item_failed() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        map_items(lambda x: 1 / x, [1, 0])
    assert caught.value.__notes__ == ["This was at position 1 of the batch."]
    with (
        pytest.raises(ZeroDivisionError) as caught,
        using_item_random(ItemRandom(0, 0, [30, 40])),
    ):
        map_items(lambda x: 1 / x, [1, 0])
    assert caught.value.__notes__ == [
        "This was at position 1 of the batch, index 40 of the data set."
    ]
