"""Initializers: what they draw, from where, and in what layers use them."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.testing import fake_device
from dezero_core.typing import Array
from dezero_nn import Linear, initializers
from dezero_nn.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Orthogonal,
    TruncatedNormal,
    initialize,
)
from dezero_nn.layers import Conv2d, Deconv2d

DRAWING = [
    LeCunNormal,
    LeCunUniform,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    TruncatedNormal,
    Orthogonal,
]


def source() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("initializer", "deviation", "bound"),
    [
        (LeCunNormal(rng=source()), sqrt(1 / 200), None),
        (LeCunUniform(rng=source()), sqrt(1 / 200), sqrt(3 / 200)),
        (GlorotNormal(rng=source()), sqrt(2 / 500), None),
        (GlorotNormal(5 / 3, rng=source()), 5 / 3 * sqrt(2 / 500), None),
        (GlorotUniform(rng=source()), sqrt(2 / 500), sqrt(6 / 500)),
        (HeNormal(rng=source()), sqrt(2 / 200), None),
        (HeNormal(0.2, rng=source()), sqrt(2 / (1.04 * 200)), None),
        (HeUniform(rng=source()), sqrt(2 / 200), sqrt(6 / 200)),
        # The tails beyond two deviations take this with them.
        (TruncatedNormal(0.5, rng=source()), 0.5 * 0.87963, 1.0),
        (Orthogonal(rng=source()), sqrt(1 / 300), None),
    ],
    ids=repr,
)
def test_draws_have_the_spread_and_the_bounds_of_the_papers(
    initializer: Any, deviation: float, bound: float | None
) -> None:
    array = initializer((200, 300), np.float32, 200, 300)
    assert (array.shape, array.dtype) == ((200, 300), np.float32)
    assert abs(array.mean()) < 0.02 * deviation
    assert array.std() == pytest.approx(deviation, rel=0.01)
    if bound is not None:
        assert 0.99 * bound < np.abs(array).max() <= np.float32(bound)


@pytest.mark.parametrize("kind", DRAWING)
def test_draws_come_from_the_global_generator_or_from_the_given_one(kind: Any) -> None:
    np.random.seed(4)
    first = kind()((3, 5), np.float64, 3, 5)
    np.random.seed(4)
    np.testing.assert_array_equal(kind()((3, 5), np.float64, 3, 5), first)
    given_one = kind(rng=np.random.RandomState(4))((3, 5), np.float64, 3, 5)
    np.testing.assert_array_equal(given_one, first)
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    drawn = [kind(rng=source())((3, 5), np.float32, 3, 5) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]
    assert drawn[0].std() > 0


def test_many_numbers_drawn_in_blocks_are_those_drawn_at_once() -> None:
    n = (1 << 16) + 4321
    np.random.seed(1)
    array = LeCunNormal()((n, 3), np.float32, n, 3)
    np.random.seed(1)
    at_once = np.random.randn(n, 3).astype(np.float32) * np.float32(sqrt(1 / n))
    np.testing.assert_array_equal(array, at_once)


@given(st.integers(1, 6), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_orthogonal_rows_or_columns_are_orthonormal(rows: int, rest: list[int]) -> None:
    array = Orthogonal(2.0, rng=source())((rows, *rest), np.float64, 1, 1)
    assert array.shape == (rows, *rest)
    matrix = array.reshape(rows, -1)
    product = matrix @ matrix.T if rows <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_spread_evenly() -> None:
    # Without the signs of the triangular factor, the first element would never be positive.
    rng = source()
    draws = [Orthogonal(rng=rng)((2, 2), np.float64, 2, 2) for _ in range(400)]
    assert 150 < sum(W[0, 0] > 0 for W in draws) < 250
    assert 150 < sum(np.linalg.det(W) > 0 for W in draws) < 250


def test_layers_tell_their_fans() -> None:
    seen: list[Any] = []

    def spy(shape: Any, dtype: Any, fan_in: int, fan_out: int) -> Array:
        seen.append((shape, np.dtype(dtype).name, fan_in, fan_out))
        return np.full(shape, 2, dtype)

    x = np.ones((1, 6, 8, 8), np.float32)
    layer = Linear(3, in_size=2, initializer=spy)
    assert layer.W.data.tolist() == [[2.0] * 3] * 2
    Linear(3, dtype=np.float64, initializer=spy)(np.ones((4, 7)))
    Conv2d(4, (3, 5), groups=2, initializer=spy)(x)
    Deconv2d(4, 2, initializer=spy)(x)
    assert seen == [
        ((2, 3), "float32", 2, 3),
        ((7, 3), "float64", 7, 3),
        ((4, 3, 3, 5), "float32", 45, 30),
        ((6, 4, 2, 2), "float32", 24, 16),
    ]


def test_the_first_input_decides_on_the_device() -> None:
    with fake_device() as device:
        layer = Linear(3, nobias=True, initializer=Constant(0.25))
        layer(device.asarray(np.ones((2, 4), np.float32)))
        assert type(layer.W.data) is device.array_types[0]
        assert device.to_numpy(layer.W.data).tolist() == [[0.25] * 3] * 4


def test_initializers_of_others_are_checked() -> None:
    settings: dict[str, Any] = {"fan_in": 2, "fan_out": 3}
    with pytest.raises(TypeError, match=r"initializer can not be called, it is 0\.5"):
        Linear(3, in_size=2, initializer=0.5)  # type: ignore[arg-type]
    wide: Any = lambda shape, *_: np.zeros(shape)  # noqa: E731
    with pytest.raises(TypeError, match=r"returned float64\[2, 3\] for a parameter of float32"):
        initialize(wide, (2, 3), np.float32, **settings)
    turned: Any = lambda shape, dtype, *_: np.zeros(shape[::-1], dtype)  # noqa: E731
    with pytest.raises(ValueError, match=r"the shape \(3, 2\) for a parameter of shape \(2, 3\)"):
        initialize(turned, (2, 3), np.float32, **settings)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: HeNormal(float("nan")), ValueError, "HeNormal: slope must be finite, got nan"),
        (lambda: GlorotNormal("x"), TypeError, "GlorotNormal: gain must be a number, got 'x'"),
        (lambda: GlorotUniform(-1), ValueError, "gain must be finite, at least 0, got -1"),
        (lambda: Constant(float("inf")), ValueError, "Constant: value must be finite"),
        (lambda: TruncatedNormal(cut=0), ValueError, "cut must be finite, at least 0.01"),
        (lambda: LeCunNormal(rng=3), TypeError, r"LeCunNormal: rng is .*default_rng\(seed\)"),
        (lambda: Orthogonal()((3,), float, 1, 3), ValueError, r"shape \(3,\) has no rows"),
        (lambda: HeNormal()((0, 3), float, 0, 3), ValueError, "HeNormal: .* without inputs"),
    ],
)
def test_initializers_say_what_is_wrong(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_constants_and_what_initializers_show() -> None:
    assert Constant(3)((2,), np.float32, 1, 1).tolist() == [3.0, 3.0]
    assert repr(HeNormal(0.2)) == "HeNormal(slope=0.2)"
    assert set(initializers.__all__) >= {kind.__name__ for kind in DRAWING}
