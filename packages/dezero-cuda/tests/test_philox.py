"""Random numbers: published values, and the same on the host and on a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dezero_cuda.kernels import KERNELS, Philox, seed
from dezero_cuda.kernels._launch import elements, launch
from dezero_cuda.kernels.philox import philox_blocks

# The known answers of philox4x32-10 that come with Random123: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def joined(low: int, high: int) -> int:
    return low | high << 32


@pytest.mark.parametrize(("counter", "key", "wanted"), KNOWN)
def test_the_host_gives_published_values(counter: Any, key: Any, wanted: Any) -> None:
    found = philox_blocks([joined(*counter[:2])], joined(*counter[2:]), joined(*key))
    assert found.dtype == np.uint32
    assert found.tolist() == [list(wanted)]


def test_a_device_gives_published_values(place: Any) -> None:
    rows = [[joined(*c[:2]), joined(*c[2:]), joined(*key)] for c, key, _ in KNOWN]
    out = place.put(np.zeros((3, 4), np.uint32))
    args = (place.put(np.array(rows, np.uint64)), out, 3)
    launch(place.xp, "dropout", "philox_blocks", np.dtype(np.float32), *elements(3, 1), args)
    assert place.get(out).tolist() == [list(wanted) for *_, wanted in KNOWN]


def test_numbers_are_spread_evenly() -> None:
    u = Philox(7).random(100_000)
    assert u.dtype == np.float32 and u.min() >= 0 and u.max() < 1
    counts, _ = np.histogram(u, bins=20, range=(0, 1))
    # Chi-squared with 19 degrees of freedom exceeds 43.8 once in 1000 times.
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01


def test_a_generator_goes_on_and_begins_anew() -> None:
    generator = Philox(1)
    first, second = generator.random(8), generator.random((2, 3))
    np.testing.assert_array_equal(Philox(1).random(16)[:8], first)
    np.testing.assert_array_equal(Philox(1).random(16)[8:14], second.reshape(-1))
    generator.restart()
    np.testing.assert_array_equal(generator.random(8), first)
    assert generator.random().shape == () and generator.random((0, 2)).shape == (0, 2)
    assert Philox().seed != Philox().seed
    assert repr(generator) == "Philox(1)"


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_seeds_out_of_range_are_named(number: int) -> None:
    with pytest.raises(ValueError, match=r"seed is from 0 to less than 2\*\*64, got"):
        Philox(number)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("number", [0, 12345, (1 << 64) - 1])
def test_a_device_leaves_out_what_the_host_does(number: int, dtype: Any, place: Any) -> None:
    host, there = Philox(number), Philox(number)
    # The counter goes on from call to call, by whole blocks.
    for i, shape in enumerate([(5,), (3, 1000), (1,), (), (64, 64)]):
        x = np.asarray(np.random.default_rng(i).normal(size=shape)).astype(dtype)
        wanted = host.random(shape) > 0.3
        y, kept = KERNELS["dropout"](place.xp, place.put(x), ratio=0.3, generator=there)
        np.testing.assert_array_equal(place.get(kept), wanted)
        tolerance = 1e-3 if dtype == np.float16 else 1e-6
        np.testing.assert_allclose(place.get(y), x * wanted / 0.7, rtol=tolerance)
        gx = KERNELS["dropout.vjp.x"](place.xp, place.put(x), kept, 0.3)
        np.testing.assert_array_equal(place.get(gx), place.get(y))
    done = place.get(there.state(place.xp)).tolist()
    assert done == [2 + 750 + 1 + 1 + 1024, 0]


def test_without_a_generator_the_seed_determines_masks(place: Any) -> None:
    x = place.put(np.ones(1000, np.float32))

    def draw() -> Any:
        return place.get(KERNELS["dropout"](place.xp, x, ratio=0.5, generator=None)[1])

    seed(3)
    first, second = draw(), draw()
    seed(3)
    np.testing.assert_array_equal(draw(), first)
    np.testing.assert_array_equal(first, Philox(3).random(1000) > 0.5)
    assert 400 < first.sum() < 600 and (first != second).any()


def test_parts_of_arrays_draw_the_same(place: Any) -> None:
    # Not aligned: elements go one by one, with the same numbers.
    x = place.put(np.ones(103, np.float32))[1:]
    _, kept = KERNELS["dropout"](place.xp, x, ratio=0.5, generator=Philox(5))
    np.testing.assert_array_equal(place.get(kept), Philox(5).random(102) > 0.5)
