"""`Function`: the book's way to define an operation, on the same graph as primitives."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Function, GraphError, Variable, no_grad
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads, gradient_check
from dezero_core.testing import FakeDevice, fake_device


class Cube(Function):
    def forward(self, x: Any) -> Any:
        return x * x * x

    def backward(self, gy: Variable) -> Any:
        (x,) = self.inputs
        return 3 * gy * x * x


class Tanh(Function):
    """Reads its result, as the book's does."""

    def forward(self, x: Any) -> Any:
        return np.tanh(x)

    def backward(self, gy: Variable) -> Any:
        y = self.outputs[0]()
        assert y is not None
        return gy * (1 - y * y)


class Product(Function):
    def forward(self, x0: Any, x1: Any) -> Any:
        return x0 * x1

    def backward(self, gy: Variable) -> Any:
        x0, x1 = self.inputs
        return gy * x1, gy * x0


class SumAndProduct(Function):
    def forward(self, x0: Any, x1: Any) -> Any:
        return x0 + x1, x0 * x1

    def backward(self, g0: Variable, g1: Variable) -> Any:
        x0, x1 = self.inputs
        return g0 + g1 * x1, g0 + g1 * x0


def value(x: Variable | None) -> Any:
    assert x is not None
    return x.data.tolist()


def test_one_input_and_one_output() -> None:
    x = Variable(np.array([1.0, 2.0]))
    f = Cube()
    y = f(x)
    assert isinstance(y, Variable) and value(y) == [1.0, 8.0]
    assert f.inputs == (x,) or f.inputs[0] is x
    assert f.outputs[0]() is y
    assert y.creator is f
    y.backward()
    assert value(x.grad) == [3.0, 12.0]


def test_many_inputs() -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(5.0))
    Product()(x0, x1).backward()
    assert (value(x0.grad), value(x1.grad)) == (5.0, 2.0)


def test_many_outputs() -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(5.0))
    total, product = SumAndProduct()(x0, x1)
    assert (value(total), value(product)) == (7.0, 10.0)
    (3 * total + product).backward()
    assert (value(x0.grad), value(x1.grad)) == (8.0, 5.0)


@pytest.mark.parametrize(("used", "expected"), [(0, (1.0, 1.0)), (1, (5.0, 2.0))])
def test_an_output_that_nothing_was_computed_from(used: int, expected: Any) -> None:
    for create_graph in (False, True):
        x0, x1 = Variable(np.array(2.0)), Variable(np.array(5.0))
        SumAndProduct()(x0, x1)[used].backward(create_graph=create_graph)
        assert (value(x0.grad), value(x1.grad)) == expected


def test_no_inputs_that_need_a_gradient() -> None:
    y = Cube()(np.array(2.0))
    assert value(y) == 8.0 and not y.requires_grad
    assert value(Cube()(2.0)) == 8.0
    with no_grad():
        assert not Cube()(Variable(np.array(2.0))).requires_grad


def test_0d_results_stay_arrays() -> None:
    assert type(Cube()(Variable(np.array(2.0))).data) is np.ndarray


def test_gradients_are_right_to_any_order() -> None:
    x, w = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    check_grads(lambda x: Cube()(x), (x,), order=4)
    check_grads(lambda x: Tanh()(x), (x,), order=4)
    check_grads(lambda x, w: Product()(x, w), (x, w), order=3)
    check_grads(lambda x, w: SumAndProduct()(x, w), (x, w), order=3)
    check_grads(lambda x, w: SumAndProduct()(x, w)[1], (x, w), order=3)
    check_grads(lambda x: F.exp(Tanh()(x) * Cube()(x)), (x,), order=2)
    assert gradient_check(lambda x: Tanh()(x), x)


def test_broadcasting_is_undone_here_too() -> None:
    x0, x1 = Variable(np.ones((2, 3))), Variable(np.array(2.0))
    Product()(x0, x1).backward()
    assert value(x1.grad) == 6.0
    check_grads(lambda x0, x1: Product()(x0, x1), (np.ones((2, 3)), np.full(3, 2.0)), order=2)


def test_it_mixes_with_primitives() -> None:
    x = Variable(np.array(2.0))
    y = F.exp(Cube()(x * 0.5)) + x
    y.backward()
    assert value(x.grad) == pytest.approx(np.exp(1.0) * 3 * 0.5 + 1)


def test_the_result_is_there_for_backward_though_the_user_dropped_it() -> None:
    x = Variable(np.array(0.5))
    y = Tanh()(x) * 2.0
    y.backward(create_graph=True)
    gx = x.grad
    assert value(gx) == pytest.approx(2 * (1 - np.tanh(0.5) ** 2))
    assert gx is not None
    x.cleargrad()
    gx.backward()
    t = np.tanh(0.5)
    assert value(x.grad) == pytest.approx(-4 * t * (1 - t * t))


def test_gradients_in_an_input_may_be_none() -> None:
    class Scaled(Function):
        def forward(self, x: Any, factor: Any) -> Any:
            return x * factor

        def backward(self, gy: Variable) -> Any:
            return gy * self.inputs[1], None

    x, factor = Variable(np.array(2.0)), Variable(np.array(3.0))
    Scaled()(x, factor).backward()
    assert value(x.grad) == 3.0 and factor.grad is None


def test_instances_keep_what_forward_found_out() -> None:
    class Relu(Function):
        def forward(self, x: Any) -> Any:
            self.mask = x > 0
            return x * self.mask

        def backward(self, gy: Variable) -> Any:
            return gy * self.mask

    x = Variable(np.array([-1.0, 2.0]))
    y = Relu()(x)
    y.backward(create_graph=True)
    assert value(x.grad) == [0.0, 1.0]


# --- what backward returns -----------------------------------------------------------------------


def test_without_create_graph_backward_records_nothing() -> None:
    recorded: list[bool] = []

    class Watching(Cube):
        def backward(self, gy: Variable) -> Any:
            gx = super().backward(gy)
            recorded.append(gx.requires_grad)
            return gx

    x = Variable(np.array(2.0))
    y = Watching()(x)
    y.backward()
    y.backward(create_graph=True)
    assert recorded == [False, True]


class PlainCube(Cube):
    def backward(self, gy: Variable) -> Any:
        return 3 * gy.data * self.inputs[0].data ** 2


def test_plain_arrays_do_for_first_gradients() -> None:
    x = Variable(np.array(2.0))
    PlainCube()(x).backward()
    assert value(x.grad) == 12.0


def test_plain_arrays_can_not_be_differentiated_again() -> None:
    x = Variable(np.array(2.0))
    y = PlainCube()(x)
    with pytest.raises(GraphError) as caught:
        y.backward(create_graph=True)
    message = str(caught.value)
    assert "backward of PlainCube" in message and "create_graph=True" in message
    assert "Compute with the Variables" in message
    assert x.grad is None


@pytest.mark.parametrize("n", [1, 3])
def test_a_wrong_number_of_gradients(n: int) -> None:
    class Wrong(Product):
        def backward(self, gy: Variable) -> Any:
            return (gy,) * n

    x = Variable(np.array(2.0))
    with pytest.raises(
        GraphError, match=f"backward of Wrong: it returned {n} gradients for 2 inputs"
    ):
        Wrong()(x, x).backward()
    assert x.grad is None


def test_a_gradient_of_a_shape_that_does_not_fit() -> None:
    class Wrong(Cube):
        def backward(self, gy: Variable) -> Any:
            return Variable(np.ones(5))

    with pytest.raises(ValueError, match=r"backward of Wrong.*float64\[5\].*\[3\]"):
        Wrong()(Variable(np.ones(3))).backward()


def test_errors_name_the_class() -> None:
    class Failing(Function):
        def forward(self, x: Any) -> Any:
            raise FloatingPointError("no")

    class FailingBackward(Cube):
        def backward(self, gy: Variable) -> Any:
            raise FloatingPointError("no")

    x = Variable(np.ones(3))
    with pytest.raises(FloatingPointError, match=r"Failing: no \(got inputs\[0\]: float64\[3\]\)"):
        Failing()(x)
    with pytest.raises(FloatingPointError, match=r"backward of FailingBackward: no"):
        FailingBackward()(x).backward()
    assert x.grad is None


def test_methods_that_are_missing() -> None:
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no method forward"):
        Empty()(Variable(np.ones(3)))

    class Forward(Function):
        def forward(self, x: Any) -> Any:
            return x * 1.0

    y = Forward()(Variable(np.ones(3)))
    with pytest.raises(NotImplementedError, match="Forward has no method backward"):
        y.backward()


@pytest.mark.parametrize("result", [[1.0], "text", None])
def test_forward_must_return_arrays(result: Any) -> None:
    class Wrong(Function):
        def forward(self, x: Any) -> Any:
            return result

    with pytest.raises((TypeError, ValueError), match="Wrong"):
        Wrong()(Variable(np.ones(3)))


def test_inputs_that_are_no_arrays() -> None:
    with pytest.raises(TypeError, match="<class 'list'> is not supported"):
        Cube()([1.0])


# --- memory, versions, devices -------------------------------------------------------------------


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    with fake_device() as device:
        yield device


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_there_are_no_cycles(no_collector: None) -> None:
    x = Variable(np.ones(3))
    y = Tanh()(x)
    total, _ = SumAndProduct()(y, x)
    total.backward()
    references = [weakref.ref(o) for o in (x, y, total, y.creator)]
    del x, y, total, _
    assert [reference() for reference in references] == [None] * 4
    assert gc.collect() == 0


def test_unrecorded_calls_hold_no_inputs(no_collector: None) -> None:
    f = Cube()
    x = Variable(np.ones(3))
    with no_grad():
        f(x)
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_a_change_in_place_of_an_input_is_an_error() -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    y = Cube()(x)
    x.data += 1.0
    with pytest.raises(RuntimeError, match=r"backward of Cube: inputs\[0\].*'x'.*changed in place"):
        y.backward()


def test_it_runs_on_a_device(device: FakeDevice) -> None:
    x0, x1 = Variable(device.asarray([1.0, 2.0])), Variable(device.asarray([3.0, 4.0]))
    with device.forbid():
        total, product = SumAndProduct()(x0, x1)
        (total + product).backward()
    assert x0.grad is not None
    assert device.to_numpy(x0.grad.data).tolist() == [4.0, 5.0]


def test_recorded_gradients_on_a_device_need_no_sync(device: FakeDevice) -> None:
    x = Variable(device.asarray([1.0, 2.0]))
    with device.forbid():
        y = Cube()(x)
        y.backward(create_graph=True)
        gx = x.grad
        assert gx is not None
        x.cleargrad()
        gx.backward()
    assert device.to_numpy(x.grad.data).tolist() == [6.0, 12.0]  # type: ignore[attr-defined]
