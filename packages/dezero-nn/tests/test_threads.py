"""What is computed in threads is the same as in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dezero_nn.functions as F
from dezero_core import Variable
from dezero_core.parallel import in_threads


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEZERO_NUM_THREADS", "3")
    in_threads(len, "abc", start=True)


def compute(function: Callable[..., Any], operands: list[np.ndarray[Any, Any]]) -> list[Any]:
    variables = [Variable(operand) for operand in operands]
    y = function(*variables)
    y.grad = Variable(np.random.default_rng(1).normal(size=y.shape).astype(y.dtype))
    y.backward()
    return [y.data, *[variable.grad.data for variable in variables if variable.grad is not None]]


def normal(*shapes: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        pytest.param(
            lambda x, W, b: F.conv2d(x, W, b, pad=1),
            [(30, 3, 24, 24), (8, 3, 3, 3), (8,)],
            id="columns",
        ),
        pytest.param(
            lambda x, W, b: F.conv2d(x, W, b, stride=2, groups=2),
            [(30, 4, 25, 25), (8, 2, 5, 5), (8,)],
            id="columns, groups",
        ),
        pytest.param(
            lambda x, W, b: F.conv2d(x, W, b, pad=1),
            [(9, 64, 30, 30), (64, 64, 3, 3), (64,)],
            id="winograd",
        ),
        pytest.param(
            lambda x, W, b: F.conv2d(x, W, b),
            [(8, 128, 28, 28), (128, 128, 1, 1), (128,)],
            id="pointwise",
        ),
        pytest.param(lambda x: F.pooling(x, 2, 2), [(40, 8, 48, 48)], id="pooling"),
        pytest.param(lambda x: F.pooling(x, 3, 2, 1), [(40, 8, 47, 47)], id="pooling, overlap"),
        pytest.param(F.relu, [(64, 128, 128)], id="relu"),
        pytest.param(F.gelu, [(64, 128, 128)], id="gelu"),
        pytest.param(F.linear, [(256, 300), (300, 500), (500,)], id="linear"),
        pytest.param(lambda x, W: F.linear(x, W), [(5, 90, 300), (300, 500)], id="linear, 3 axes"),
    ],
)
def test_the_same_in_threads(
    threads: None, function: Callable[..., Any], shapes: list[tuple[int, ...]]
) -> None:
    operands = normal(*shapes)
    divided = compute(function, operands)
    # Inside of work that is divided already, nothing is divided again.
    alone = in_threads(lambda _: compute(function, operands), "ab")[0]
    assert len(divided) == 1 + len(operands)
    for got, wanted in zip(divided, alone, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
