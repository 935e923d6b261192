"""Numbers for formulas: the same results as with Python's, and no dtype is widened."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from dezero_core import constants
from dezero_core import functions as F
from dezero_core.constants import constant


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_constant_keeps_the_dtype(dtype: type[np.floating]) -> None:
    x = np.linspace(0, 1, 5).astype(dtype)
    for number in (1, 0.1, -3.5):
        y = constant(np, number, x.dtype) * x
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, number * x)


def test_a_constant_is_made_once_and_stays_what_it_is() -> None:
    made = constant(np, 0.25, np.dtype(np.float32))
    assert constant(np, 0.25, np.dtype(np.float32)) is made
    assert constant(np, 0.25, np.dtype(np.float64)) is not made
    with pytest.raises(ValueError, match="read-only"):
        made += 1


def test_other_namespaces_take_the_number() -> None:
    assert constant(F, 0.25, None) == 0.25


def test_many_numbers_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "_made", {})
    for i in range(1000):
        assert constant(np, float(i), np.dtype(float)) == i
        assert np.isnan(constant(np, nan, np.dtype(float)))
    assert len(constants._made) <= constants._MOST
