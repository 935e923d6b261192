"""The checks of the spec table find what they are there to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dezero_core import Function, GraphError, Variable, primitive
from dezero_core import functions as F
from dezero_core.testing import CHECKS, OperationSpec, check_spec, fake_device
from dezero_core.testing.specs import (
    away_from,
    booleans,
    constant,
    integers,
    normal,
    positive,
    uniform,
)


def operation(forward: Callable[..., Any], *rules: Callable[..., Any]) -> Any:
    made = primitive(forward)
    made.defvjp(*rules)
    return made


def spec(function: Callable[..., Any], reference: Any = np.square, **changes: Any) -> OperationSpec:
    settings = {"operands": (normal(2, 3),), "differentiable": (0,)} | changes
    return OperationSpec("square", function, reference=reference, **settings)


square = operation(lambda xp, x: x * x, lambda xp, gy, x: 2 * gy * x)


def test_a_right_operation_passes_all() -> None:
    check_spec(spec(square))
    check_spec(spec(lambda x: x * x))


def change(xp: Any, x: Any) -> Any:
    x *= x
    return x


def change_gradient(xp: Any, gy: Any, x: Any) -> Any:
    gy *= 2
    return gy * x


def forget_strides(xp: Any, x: Any) -> Any:
    buffer = np.frombuffer(x.tobytes(order="A"), x.dtype)
    return (buffer * buffer).reshape(x.shape)


def branch(xp: Any, gy: Any, x: Any) -> Any:
    return 2 * gy * x if float(gy.sum()) else gy


hidden = primitive(lambda xp, x: x * 1.0)

WRONG: dict[str, tuple[str, Callable[..., Any], type[Exception], str]] = {
    "another value": ("values", lambda x: x * x * 1.001, AssertionError, "square: result 0"),
    "another shape": ("values", lambda x: F.reshape(x * x, (3, 2)), AssertionError, "shape"),
    "another dtype": (
        "values",
        lambda x: F.astype(x * x, np.float32),
        AssertionError,
        "float32, reference float64",
    ),
    "an array for a Variable": (
        "values",
        lambda x: np.square(getattr(x, "data", x)) if isinstance(x, Variable) else x * x,
        AssertionError,
        "result 0 is <class 'numpy.ndarray'>",
    ),
    "more results": ("values", lambda x: (x * x, x), AssertionError, "2 results, the reference"),
    "operands changed": (
        "values",
        operation(change, lambda xp, gy, x: 2 * gy * x),
        ValueError,
        "read-only",
    ),
    "a wrong rule": (
        "derivatives",
        operation(lambda xp, x: x * x, lambda xp, gy, x: gy * x),
        AssertionError,
        "derivative 1 with respect to argument 0",
    ),
    "a rule that can not be differentiated": (
        "derivatives",
        operation(lambda xp, x: x * x, lambda xp, gy, x: 2 * gy * hidden.on(xp, x)),
        AssertionError,
        "derivative 2 with respect to argument 0",
    ),
    "no gradient": ("derivatives", lambda x: hidden(x) ** 2, AssertionError, "no gradient reaches"),
    "a gradient changed by a rule": (
        "derivatives",
        operation(lambda xp, x: x * x, change_gradient),
        ValueError,
        "read-only",
    ),
    "other gradients with create_graph": (
        "create_graph",
        operation(
            lambda xp, x: x * x, lambda xp, gy, x: gy * x * (2 if isinstance(x, np.ndarray) else 3)
        ),
        AssertionError,
        "operand 0 with create_graph",
    ),
    "float64 where there was float32": (
        "float32",
        operation(lambda xp, x: x * x * np.float64(1.0), lambda xp, gy, x: 2 * gy * x),
        AssertionError,
        "turns float32 into float64",
    ),
    "memory taken as it lies": (
        "layouts",
        operation(forget_strides, lambda xp, gy, x: 2 * gy * x),
        AssertionError,
        "operands",
    ),
    "a host array on the device": (
        "fake_device",
        operation(lambda xp, x: x * x + np.zeros(3, x.dtype), lambda xp, gy, x: 2 * gy * x),
        TypeError,
        "square|lambda",
    ),
    "a value read on the device": (
        "fake_device",
        operation(lambda xp, x: x * x, branch),
        AssertionError,
        "float: a sync",
    ),
    "a function that the device lacks": (
        "fake_device",
        operation(lambda xp, x: x * x + 0 * xp.spacing(x), lambda xp, gy, x: 2 * gy * x),
        AttributeError,
        "spacing",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found(case: str) -> None:
    check, function, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        CHECKS[check](spec(function))
    with pytest.raises(kind, match=message):
        check_spec(spec(function))


def test_operands_changed_on_the_device_are_found() -> None:
    def sneaky(xp: Any, x: Any) -> Any:
        y = x * x
        if xp is not np:
            x += 0 * x + 1
        return y

    changing = operation(sneaky, lambda xp, gy: gy)
    with pytest.raises(AssertionError, match="operand 0 on fake, which must not change"):
        CHECKS["fake_device"](spec(changing))


def test_an_operation_without_gradient() -> None:
    check_spec(spec(F.floor, np.floor, differentiable=()))
    with pytest.raises(AssertionError, match="recorded, though no operand is differentiable"):
        check_spec(spec(square, differentiable=()))


def test_checks_that_a_row_switches_off() -> None:
    double = operation(lambda xp, x: x * x * np.float64(1.0), lambda xp, gy, x: 2 * gy * x)
    check_spec(spec(double, float32=False))
    host = operation(lambda xp, x: np.square(x), lambda xp, gy, x: 2 * gy * np.asarray(x))
    check_spec(spec(host, device=False, order=1))
    with fake_device() as device:
        check_spec(spec(host, device=False, order=1), device=device)
    reading = operation(lambda xp, x: x * x, branch)
    check_spec(spec(reading, device="moves", order=1, float32=False))


def test_an_operation_that_can_be_differentiated_once() -> None:
    class Once(Function):
        def forward(self, x: Any) -> Any:
            return x * x

        def backward(self, gy: Variable) -> Any:
            return 2 * gy.data * self.inputs[0].data

    check_spec(spec(lambda x: Once()(x), order=1))
    with pytest.raises(GraphError, match="can not be differentiated again"):
        check_spec(spec(lambda x: Once()(x)))


def test_several_results_and_operands() -> None:
    check_spec(
        OperationSpec(
            "both",
            lambda x, i, w: (F.get_item(x, i) * w, x + 1),
            operands=(normal(4, 3), integers(0, 4, 5), normal(3)),
            reference=lambda x, i, w: (x[i] * w, x + 1),
            differentiable=(0, 2),
        )
    )


def test_on_a_backend_by_name() -> None:
    with fake_device() as device:
        check_spec(spec(square), device="fake")
        check_spec(spec(square), device=device)
        wrong = operation(lambda xp, x: x * x, lambda xp, gy, x: 2 * gy * x)
        device.kernels[wrong.kernel_name] = lambda xp, x: x * x * 1.5
        with pytest.raises(AssertionError, match="order 1 on fake"):
            check_spec(spec(wrong), device=device)


def test_positions_must_exist() -> None:
    with pytest.raises(ValueError, match=r"differentiable=\(1,\) names operands"):
        spec(square, differentiable=(1,))


def test_samples_are_the_same_each_time_and_read_only() -> None:
    row = spec(square)
    (first,), (second,), (other,) = row.sample(), row.sample(), row.sample(seed=1)
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()
    with pytest.raises(ValueError, match="read-only"):
        first += 1


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 0, 3)])
def test_samplers(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    samples = {
        "normal": normal(*shape)(rng),
        "positive": positive(*shape, low=0.5)(rng),
        "uniform": uniform(-1.0, 3.0, *shape)(rng),
        "away_from": away_from((-1.0, 1.0), *shape)(rng),
    }
    for name, x in samples.items():
        assert (x.shape, x.dtype) == (shape, np.float64), name
    assert (samples["positive"] >= 0.5).all() and (samples["positive"] <= 2.5).all()
    assert (samples["uniform"] >= -1).all() and (samples["uniform"] <= 3).all()
    i, b = integers(2, 5, *shape)(rng), booleans(*shape)(rng)
    assert i.shape == b.shape == shape and b.dtype == bool
    assert ((i >= 2) & (i < 5)).all()
    x = np.ones(shape)
    c = constant(x)(rng)
    assert c is not x and c.shape == shape


@pytest.mark.parametrize("size", [1, 2, 5, 50, 500])
@pytest.mark.parametrize("points", [0.0, (-1.0, 1.0), (), (3.0,)])
def test_away_from_keeps_its_distance(size: int, points: Any) -> None:
    x = away_from(points, size)(np.random.default_rng(0))
    gap = 1.0 / (2 * size + 40)
    assert x.shape == (size,)
    assert (np.abs(x[:, None] - np.atleast_1d(np.asarray(points, float))) > gap / 2).all()
    assert (np.diff(np.sort(x)) > gap / 2).all()
    if size >= 5 and np.size(points):
        lowest, highest = np.min(points), np.max(points)
        assert x.min() < highest and x.max() > lowest
