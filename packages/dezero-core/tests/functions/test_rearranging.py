from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.testing import fake_device


def check_adjoint(function: Any, shape: tuple[int, ...]) -> None:
    """All of these are linear: the gradient of a product is the product with the transpose."""
    rng = np.random.default_rng(0)
    x, other = Variable(rng.normal(size=shape)), rng.normal(size=shape)
    y = function(x)
    weights = rng.normal(size=y.shape)
    F.sum(y * weights).backward()
    assert x.grad is not None
    found = np.sum(x.grad.data * other)
    np.testing.assert_allclose(found, np.sum(weights * function(other).data), atol=1e-12)


shapes = array_shapes(min_dims=1, max_dims=3, max_side=4)


@given(shape=shapes, data=st.data())
def test_flip_and_roll_are_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(float(np.prod(shape))).reshape(shape)
    axes = data.draw(st.permutations(range(-len(shape), 0)))[: data.draw(st.integers(0, 3))]
    np.testing.assert_array_equal(F.flip(x, axes).data, np.flip(x, tuple(axes)))
    shifts = [data.draw(st.integers(-9, 9)) for _ in axes]
    np.testing.assert_array_equal(F.roll(x, shifts, axes).data, np.roll(x, shifts, tuple(axes)))
    check_adjoint(lambda x: F.roll(x, shifts, axes), shape)


@given(shape=shapes, data=st.data())
def test_repeat_and_tile_are_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(float(np.prod(shape))).reshape(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    counts = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    np.testing.assert_array_equal(F.repeat(x, counts, axis).data, np.repeat(x, counts, axis))
    check_adjoint(lambda x: F.repeat(x, counts, axis), shape)
    reps = data.draw(st.lists(st.integers(0, 3), max_size=4))
    np.testing.assert_array_equal(F.tile(x, reps).data, np.tile(x, reps))
    check_adjoint(lambda x: F.tile(x, reps), shape)


@given(
    shape=shapes,
    mode=st.sampled_from(["constant", "edge", "wrap", "reflect", "symmetric"]),
    data=st.data(),
)
def test_pad_is_numpys(shape: tuple[int, ...], mode: str, data: st.DataObject) -> None:
    x = np.arange(float(np.prod(shape))).reshape(shape)
    widths = [(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))) for _ in shape]
    y = F.pad(x, widths, mode)
    np.testing.assert_array_equal(y.data, np.pad(x, widths, mode))  # type: ignore[call-overload]
    assert not y.requires_grad
    check_adjoint(lambda x: F.pad(x, widths, mode), shape)


def test_pad_takes_widths_as_numpy_does() -> None:
    x = np.ones((2, 3))
    for width in (1, (1, 2), [(1, 2)], ((1, 2), (0, 3)), np.array([[1], [2]])):
        np.testing.assert_array_equal(F.pad(x, width).data, np.pad(x, width))
    assert F.pad(x, 0, mode="edge").shape == (2, 3)
    assert F.pad(2.0, 0).data == 2.0


def test_pad_keeps_the_dtype() -> None:
    assert F.pad(np.ones(2, np.float32), 1, constant_values=0.5).dtype == np.float32
    assert F.pad(np.ones(2, np.int32), 1).data.tolist() == [0, 1, 1, 0]


def test_repeat_of_all_elements_in_a_row() -> None:
    x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    y = F.repeat(x, [1, 0, 2, 1])
    assert y.data.tolist() == [1.0, 3.0, 3.0, 4.0]
    y.backward()
    assert x.grad is not None and x.grad.data.tolist() == [[1.0, 0.0], [2.0, 1.0]]
    assert F.repeat(3.0, 2).data.tolist() == [3.0, 3.0]
    assert F.repeat(np.ones((2, 2)), [2], axis=0).shape == (4, 2)


def test_repeats_of_each_element_work_on_a_device() -> None:
    with fake_device() as device:
        x = Variable(device.asarray(np.array([1.0, 2.0])))
        y = F.repeat(x, [2, 1])
        y.backward()
        assert x.grad is not None
        assert device.to_numpy(y.data).tolist() == [1.0, 1.0, 2.0]
        assert device.to_numpy(x.grad.data).tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.flip(x, 2), IndexError, r"flip: axis 2 is out of range: .*\[2, 3\]"),
        (lambda x: F.flip(x, (0, -2)), ValueError, "flip: .*names an axis twice"),
        (lambda x: F.roll(x, (1, 2), 0), ValueError, r"roll: shift=\(1, 2\) and axis=0 differ"),
        (lambda x: F.roll(x, 1.5), TypeError, "integer"),
        (lambda x: F.roll(x, 1, 2), ValueError, "roll: axis 2 is out of range"),
        (lambda x: F.repeat(x, -1), ValueError, "repeat: repeats=-1"),
        (lambda x: F.repeat(x, [1, 2, 3], 0), ValueError, r"repeat: .*one number or 2,.*\[2, 3\]"),
        (lambda x: F.repeat(x, 2, 2), ValueError, "repeat: axis 2 is out of range"),
        (lambda x: F.tile(x, (2, -1)), ValueError, r"tile: reps=\(2, -1\) is negative"),
        (lambda x: F.pad(x, -1), ValueError, r"pad: pad_width=-1 .* 2 pairs.*\[2, 3\]"),
        (lambda x: F.pad(x, 1.5), ValueError, "pad: pad_width=1.5"),
        (lambda x: F.pad(x, ((1, 2), (3, 4), (5, 6))), ValueError, "pad: pad_width="),
        (lambda x: F.pad(x, ((1, 2), (3,))), ValueError, "pad: pad_width="),
        (lambda x: F.pad(x, 1, "mean"), ValueError, "pad: no mode 'mean'; there is 'constant'"),
        (lambda x: F.pad(x, 1, constant_values=x), TypeError, "pad: constant_values"),
        (lambda x: F.pad(x[:0], 1, "edge"), ValueError, r"pad: axis 0 .*\[0, 3\] has no element"),
    ],
)
def test_errors_name_the_function_and_the_shapes(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        call(np.ones((2, 3)))
