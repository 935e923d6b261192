"""What a page tells of arrays agrees with NumPy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dezero_core.backend import get_backend
from dezero_viz.explorer._statistics import SAMPLE, SMALL, describe


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1", "?"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
    )
)
def test_any_array(x: Any) -> None:
    facts = describe(x)
    json.dumps(facts, allow_nan=False)
    assert facts["size"] == x.size
    assert facts["zeros"] == np.count_nonzero(x == 0)
    values = x.astype(np.float64)
    finite = values[np.isfinite(values)]
    assert facts["nonfinite"] == x.size - finite.size
    if not finite.size:
        assert [facts[name] for name in ("min", "max", "mean", "std", "histogram")] == [None] * 5
        return
    assert facts["min"] == pytest.approx(finite.min(), rel=1e-8)
    assert facts["max"] == pytest.approx(finite.max(), rel=1e-8)
    assert sum(facts["histogram"]["counts"]) == finite.size
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = finite.mean(), finite.std()
    scale = np.abs(finite).max()
    if scale < 1e150:
        assert facts["mean"] == pytest.approx(mean, rel=1e-6, abs=1e-9 * scale)
        assert facts["std"] == pytest.approx(std, rel=1e-6, abs=1e-7 * scale)


def test_pieces_are_merged_exactly() -> None:
    x = np.random.default_rng(0).normal(1e4, 1, size=700_001).astype(np.float32)
    facts = describe(x.reshape(1, -1))
    wide = x.astype(np.float64)
    assert facts["mean"] == pytest.approx(wide.mean(), rel=1e-8)
    assert facts["std"] == pytest.approx(wide.std(), rel=1e-6)
    assert (facts["min"], facts["max"]) == (pytest.approx(wide.min()), pytest.approx(wide.max()))


def test_a_large_array_is_sampled_for_its_histogram_alone() -> None:
    x = np.zeros(3 * SAMPLE + 1, np.float32)
    x[1] = 7.0  # between the elements of the sample
    facts = describe(x)
    assert (facts["max"], facts["zeros"]) == (7.0, x.size - 1)
    histogram = facts["histogram"]
    assert histogram["sample"] == sum(histogram["counts"]) == len(x[::4])
    assert (histogram["low"], histogram["high"]) == (0.0, 7.0)
    assert describe(np.ones(SAMPLE))["histogram"]["sample"] == SAMPLE


def test_the_histogram_is_numpys() -> None:
    x = np.random.default_rng(1).normal(size=5000)
    counts, edges = np.histogram(x, bins=24)
    histogram = describe(x)["histogram"]
    assert histogram["counts"] == counts.tolist()
    assert (histogram["low"], histogram["high"]) == (
        pytest.approx(edges[0]),
        pytest.approx(edges[-1]),
    )


def test_what_is_not_finite_is_counted_apart() -> None:
    facts = describe(np.array([np.nan, np.inf, -np.inf, 1.0, 3.0, 0.0]))
    assert (facts["nonfinite"], facts["zeros"]) == (3, 1)
    assert (facts["min"], facts["max"], facts["mean"]) == (0.0, 3.0, pytest.approx(4 / 3))
    assert sum(facts["histogram"]["counts"]) == 3
    assert describe(np.full(3, np.nan))["mean"] is None


def test_the_largest_numbers_overflow_quietly() -> None:
    big = np.finfo(np.float64).max
    facts = describe(np.array([-big, big]))
    assert facts["std"] is None
    assert facts["histogram"]["counts"] == [1, *[0] * 22, 1]


def test_booleans_have_two_bars() -> None:
    facts = describe(np.array([True, False, True]))
    assert facts["histogram"]["counts"] == [1, 2]
    assert facts["mean"] == pytest.approx(2 / 3)


def test_values_of_small_arrays() -> None:
    assert describe(np.array(2.5))["value"] == "2.5"
    assert describe(np.array([[1, 2], [3, 4]]))["value"] == "[[1, 2],\n [3, 4]]"
    assert describe(np.zeros(SMALL))["value"].count("0.") == SMALL
    assert describe(np.zeros(SMALL + 1))["value"] is None
    assert describe(np.zeros((3, 0)))["size"] == 0


def test_an_array_on_a_device() -> None:
    from dezero_core.testing import fake_device

    with fake_device() as device:
        x = get_backend("fake").asarray(np.arange(6.0).reshape(2, 3))
        assert device is not None
        assert describe(x) == describe(np.arange(6.0).reshape(2, 3))
