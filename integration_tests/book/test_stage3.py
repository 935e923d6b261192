"""Programs of steps 23 to 36 as a reader of the book writes them, through `import dezero`.

The figures themselves are tested in `packages/dezero-core/tests/test_book.py`.
"""

from __future__ import annotations

import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dezero
import dezero.core_simple as dz
from dezero import Function, Variable
from dezero.utils import get_dot_graph, plot_dot_graph


def goldstein(x: Any, y: Any) -> Any:
    return (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)) * (
        30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    )


class Sin(Function):
    """As in step 27, with plain arrays in `backward`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.sin(x)

    def backward(self, gy: Variable) -> Variable:
        x = self.inputs[0].data
        return gy * np.cos(x)


class TwiceSin(Function):
    """As in step 33, with Variables, so that it can be differentiated again."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.sin(x)

    def backward(self, gy: Variable) -> Variable:
        (x,) = self.inputs
        return gy * dezero.functions.cos(x)


def test_step_23_the_simple_core() -> None:
    dz.setup_variable()
    x = dz.Variable(np.array(1.0))
    y = (x + 3) ** 2
    y.backward()
    assert (repr(y), repr(x.grad)) == ("variable(16.0)", "variable(8.0)")
    assert dz.Variable is dezero.Variable and issubclass(Sin, dz.Function)
    with dz.using_config("enable_backprop", False):
        assert dz.Config.enable_backprop is False
        assert (x * x).creator is None
    assert dz.Config.enable_backprop is True
    assert dz.as_variable(dz.as_array(2.0)).data == 2.0


def test_step_24_a_function_of_two_variables() -> None:
    x, y = Variable(np.array(1.0)), Variable(np.array(1.0))
    z = goldstein(x, y)
    z.backward()
    assert x.grad is not None and y.grad is not None
    assert (float(x.grad), float(y.grad)) == (-5376.0, 8064.0)


def test_step_26_its_graph(tmp_path: Path) -> None:
    x, y = Variable(np.array(1.0), name="x"), Variable(np.array(1.0), name="y")
    z = goldstein(x, y)
    z.name = "z"
    text = get_dot_graph(z, verbose=False)
    assert text.startswith("digraph g {")
    plot_dot_graph(z, verbose=False, to_file=str(tmp_path / "goldstein.png"))
    assert (tmp_path / "goldstein.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("sine", [Sin, TwiceSin])
def test_step_27_ones_own_function(sine: type[Function]) -> None:
    x = Variable(np.array(math.pi / 4))
    y = sine()(x)
    y.backward()
    assert abs(float(y) - 0.7071067811865476) < 2e-16
    assert x.grad is not None and abs(float(x.grad) - 0.7071067811865476) < 1e-15


def test_step_27_ones_own_function_takes_its_memory_along() -> None:
    y = Sin()(Variable(np.array(1.0)))
    gone = weakref.ref(y.creator)
    del y
    assert gone() is None


def test_step_33_newton_by_derivatives_of_derivatives() -> None:
    x = Variable(np.array(2.0))
    steps = []
    for _ in range(7):
        y = x**4 - 2 * x**2
        x.cleargrad()
        y.backward(create_graph=True)
        gx = x.grad
        assert gx is not None
        x.cleargrad()
        gx.backward()
        gx2 = x.grad
        assert gx2 is not None
        x.data -= gx.data / gx2.data
        steps.append(float(x))
    assert np.allclose(steps[:3], [1.4545454545454546, 1.1510467893775467, 1.0253259289766978])
    assert steps[-1] == 1.0


def test_step_34_derivatives_of_ones_own_function() -> None:
    x = Variable(np.array(1.0))
    y = TwiceSin()(x)
    y.backward(create_graph=True)
    derivatives = []
    for _ in range(3):
        gx = x.grad
        assert gx is not None
        derivatives.append(float(gx))
        x.cleargrad()
        gx.backward(create_graph=True)
    wanted = [0.5403023058681398, -0.8414709848078965, -0.5403023058681398]
    assert np.allclose(derivatives, wanted, rtol=1e-15)
