"""Operations and their rules: what is kept, what runs, what is refused."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, no_grad, primitive
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads
from dezero_core.gradients import gradients_of
from dezero_core.primitive import Primitive
from dezero_core.testing import FakeDevice, fake_device


class Tracked(np.ndarray[Any, Any]):
    """An array that takes a weak reference; NumPy's own may not tell when they are gone."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    # What is freed here is freed by counting references.
    gc.disable()
    yield
    gc.enable()


def identity_like(name: str, *rules: Callable[..., Any] | None) -> Primitive[...]:
    """Make an operation x0 * x1 of this name with some rules."""

    def forward(xp: Any, x0: Any, x1: Any) -> Any:
        return x0 * x1

    forward.__name__ = name
    operation = primitive(forward)
    operation.defvjp(*rules)
    return operation


# --- what a primitive is -------------------------------------------------------------------------


@primitive
def cube(xp: Any, x: Any) -> Any:
    return x * x * x


cube.defvjp(lambda xp, gy, x: 3 * gy * x * x)


def test_call_computes_and_records() -> None:
    x = Variable(np.array([1.0, 2.0]))
    y = cube(x)
    assert isinstance(y, Variable)
    np.testing.assert_array_equal(y.data, [1.0, 8.0])
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [3.0, 12.0])


def test_arrays_and_numbers_are_constants() -> None:
    for x in (np.array(2.0), 2.0, 2, np.float64(2.0)):
        y = cube(x)
        assert isinstance(y, Variable)
        assert not y.requires_grad
        assert float(y) == 8.0


def test_nothing_is_recorded_under_no_grad() -> None:
    with no_grad():
        assert not cube(Variable(np.array(2.0))).requires_grad


def test_the_name_is_the_functions_without_underscores() -> None:
    @primitive
    def _private(xp: Any, x: Any, *, axis: int = 0) -> Any:
        return x

    assert _private.name == "private"
    assert _private.signature.operands == ("x",)
    assert dict(_private.signature.settings) == {"axis": 0}


def test_an_operation_without_rules_gives_constants() -> None:
    @primitive
    def floor_of(xp: Any, x: Any) -> Any:
        return xp.floor(x)

    assert not floor_of(Variable(np.array(1.5))).requires_grad


def test_compute_works_on_plain_arrays() -> None:
    y, extras = cube.compute(np, np.array(2.0))
    assert (float(y), extras) == (8.0, ())
    assert not isinstance(y, Variable)


def test_on_records_on_variables_only() -> None:
    assert type(cube.on(np, np.array([2.0]))) is np.ndarray
    y = cube.on(F, Variable(np.array([2.0])))
    assert isinstance(y, Variable) and y.requires_grad


def test_derivatives_of_any_order() -> None:
    check_grads(cube, (np.array([1.5, -0.5]),), order=4)


# --- retention -----------------------------------------------------------------------------------


def alive_after(operation: Callable[..., Any], n: int, **settings: Any) -> list[str]:
    """Return which arrays outlive the Variables of a call: operands by number, and the result."""
    arrays = [np.full(3, float(i + 2)).view(Tracked) for i in range(n)]
    references = {f"x{i}": weakref.ref(array) for i, array in enumerate(arrays)}
    leaves = [Variable(np.ones(3)) for _ in arrays]
    operands = [leaf * 1.0 for leaf in leaves]
    for operand, array in zip(operands, arrays, strict=True):
        operand._data = array
    y = operation(*operands, **settings)
    references["y"] = weakref.ref(y._data)
    # What is left is the graph, held by a successor that keeps no array of its own.
    root = F.add(y, 1.0)
    del arrays, array, operands, operand, y
    alive = [name for name, reference in references.items() if reference() is not None]
    del root
    assert not any(reference() is not None for reference in references.values())
    return alive


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ((lambda xp, gy: gy, lambda xp, gy: gy), []),
        ((lambda xp, gy, x1: gy * x1, lambda xp, gy: gy), ["x1"]),
        ((lambda xp, gy: gy, lambda xp, gy, x0: gy * x0), ["x0"]),
        ((lambda xp, gy, y: gy * y, None), ["y"]),
        ((lambda xp, gy, x0, y: gy * y * x0, lambda xp, gy, x1: gy * x1), ["x0", "x1", "y"]),
        ((lambda xp, gy, x0_shape: gy, lambda xp, gy, y_dtype: gy), []),
        ((None, None), []),
    ],
    ids=["nothing", "x1", "x0", "y", "all", "shapes", "no rules"],
)
def test_only_what_rules_name_is_kept(rules: Any, kept: list[str]) -> None:
    assert alive_after(identity_like("op", *rules), 2) == kept


def test_what_the_rule_of_a_constant_names_is_not_kept() -> None:
    multiply = identity_like("op", lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: gy * x0)
    x = Variable(np.ones(3)) * 1.0
    x._data = np.ones(3).view(Tracked)
    reference = weakref.ref(x._data)
    y = multiply(x, np.ones(3))  # the gradient of x needs x1 alone
    del x
    assert reference() is None
    assert y.requires_grad


def test_settings_and_extras_are_kept_where_named() -> None:
    @primitive(extras=("mask", "unused"))
    def masked(xp: Any, x: Any, *, low: float = 0.0, high: float = 1.0) -> Any:
        mask = (x > low).view(Tracked)
        unused = xp.ones(3).view(Tracked)
        references.extend([weakref.ref(mask), weakref.ref(unused)])
        return xp.where(mask, x, 0.0), mask, unused

    references: list[Any] = []
    masked.defvjp(lambda xp, gy, mask, high: gy * mask * high)
    x = Variable(np.array([-1.0, 2.0, 3.0]))
    y = masked(x, high=10.0)
    assert [reference() is not None for reference in references] == [True, False]
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [0.0, 10.0, 10.0])
    z = masked(x)
    x.cleargrad()
    z.backward()
    np.testing.assert_array_equal(x.grad.data, [0.0, 1.0, 1.0])


def test_data_that_is_replaced_later_does_not_change_what_was_kept() -> None:
    x = Variable(np.array(2.0))
    y = cube(x)
    x.data = np.array(100.0)
    y.backward()
    assert float(x.grad) == 12.0  # type: ignore[arg-type]


# --- rules ---------------------------------------------------------------------------------------


def test_rules_run_only_for_operands_that_need_a_gradient() -> None:
    ran: list[str] = []

    def rule(name: str) -> Callable[..., Any]:
        def run(xp: Any, gy: Any) -> Any:
            ran.append(name)
            return gy

        return run

    operation = identity_like("op", rule("x0"), rule("x1"))
    x = Variable(np.array(2.0))
    operation(x, np.array(3.0)).backward()
    assert ran == ["x0"]
    operation(2.0, x).backward()
    assert ran == ["x0", "x1"]
    frozen = Variable(np.array(2.0))
    frozen.requires_grad = False
    operation(frozen, x).backward()
    assert ran == ["x0", "x1", "x1"]
    ran.clear()
    # A functional gradient with respect to one of two leaves needs the rule of that one.
    w = Variable(np.array(5.0))
    y = operation(x, w)
    gradients_of([(y, np.array(1.0))], [w])
    assert ran == ["x1"]


def test_an_operand_without_rule_gets_no_gradient() -> None:
    operation = identity_like("op", None, lambda xp, gy, x0: gy * x0)
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.0))
    operation(x0, x1).backward()
    assert x0.grad is None
    assert float(x1.grad) == 2.0  # type: ignore[arg-type]


def test_a_rule_may_name_any_order_of_its_needs() -> None:
    @primitive
    def scaled(xp: Any, x0: Any, x1: Any, *, by: float) -> Any:
        return x0 * x1 * by

    scaled.defvjp(
        lambda xp, gy, by, x1: gy * x1 * by,
        lambda xp, gy, y, x1, x0_dtype: (gy * y / x1).astype(x0_dtype),
    )
    check_grads(
        lambda x0, x1: scaled(x0, x1, by=3.0), (np.array([1.0, 2.0]), np.array([2.0, -1.0]))
    )


@pytest.mark.parametrize(
    ("rule", "unknown"),
    [
        (lambda xp, gy, z: gy, "z"),
        (lambda xp, gy, z_shape: gy, "z_shape"),
        (lambda xp, gy, x0_size: gy, "x0_size"),
    ],
)
def test_a_rule_that_names_what_is_not_there(rule: Any, unknown: str) -> None:
    with pytest.raises(TypeError, match=f"a rule of op asks for '{unknown}'; there is x0, x1, y"):
        identity_like("op", rule)


def test_too_many_rules() -> None:
    with pytest.raises(TypeError, match="defvjp of op: 3 rules for the operands x0, x1"):
        identity_like("op", None, None, None)


def test_an_operand_can_not_be_called_y() -> None:
    with pytest.raises(TypeError, match="y means the result"):

        @primitive
        def operation(xp: Any, y: Any) -> Any:
            return y


def test_variadic_operands_need_a_joint_rule() -> None:
    @primitive
    def total(xp: Any, *xs: Any) -> Any:
        return sum(xs)

    with pytest.raises(TypeError, match=r"for \*operands there is defvjp_joint"):
        total.defvjp(lambda xp, gy: gy)
    with pytest.raises(TypeError, match="must be the only operand"):

        @primitive
        def wrong(xp: Any, x: Any, *xs: Any) -> Any:
            return x


# --- joint rules, optional operands, several results ---------------------------------------------


@primitive
def product(xp: Any, *xs: Any) -> Any:
    result = xs[0]
    for x in xs[1:]:
        result = result * x
    return result


@product.defvjp_joint  # type: ignore[arg-type]
def _(xp: Any, gy: Any, needs: tuple[bool, ...], xs: tuple[Any, ...], y: Any) -> Any:
    seen.append(needs)
    return [gy * y / x if need else None for x, need in zip(xs, needs, strict=True)]


seen: list[tuple[bool, ...]] = []


def test_a_joint_rule_gives_the_gradients_of_all_operands() -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.0))
    seen.clear()
    product(x0, 5.0, x1).backward()
    assert (float(x0.grad), float(x1.grad)) == (15.0, 10.0)  # type: ignore[arg-type]
    assert seen == [(True, False, True)]
    product(x0).backward()
    assert seen[-1] == (True,)
    y = product(x0, x1)
    gradients_of([(y, np.array(1.0))], [x1])
    assert seen[-1] == (False, True)


def test_a_joint_rule_can_be_differentiated_again() -> None:
    check_grads(product, (np.array([1.0, 2.0]), np.array([2.0, 3.0]), np.array(1.5)), order=3)


def test_a_joint_rule_must_give_a_gradient_or_none_for_each_operand() -> None:
    @primitive
    def pair(xp: Any, x0: Any, x1: Any) -> Any:
        return x0 + x1

    pair.defvjp_joint(lambda xp, gy, needs: [gy])
    with pytest.raises(ValueError, match="backward of pair"):
        pair(Variable(np.array(1.0)), 2.0).backward()


@primitive
def affine(xp: Any, x: Any, w: Any, b: Any = None) -> Any:
    return x * w if b is None else x * w + b


affine.defvjp(lambda xp, gy, w: gy * w, lambda xp, gy, x: gy * x, lambda xp, gy: gy)


@pytest.mark.parametrize("left_out", [(), (None,)])
def test_an_optional_operand_may_be_left_out(left_out: tuple[Any, ...]) -> None:
    x, w = Variable(np.array(2.0)), Variable(np.array(3.0))
    affine(x, w, *left_out).backward()
    assert (float(x.grad), float(w.grad)) == (3.0, 2.0)  # type: ignore[arg-type]
    b = Variable(np.array(4.0))
    y = affine(x, w, b)
    y.backward()
    assert (float(y), float(b.grad)) == (10.0, 1.0)  # type: ignore[arg-type]


def test_a_rule_may_name_an_operand_that_was_left_out() -> None:
    @primitive
    def shifted(xp: Any, x: Any, b: Any = None) -> Any:
        return x if b is None else x + b

    shifted.defvjp(lambda xp, gy, b: gy if b is None else gy * b)
    x = Variable(np.array(2.0))
    shifted(x).backward()
    assert float(x.grad) == 1.0  # type: ignore[arg-type]


@primitive(multiple_outputs=True)
def sum_and_product(xp: Any, x0: Any, x1: Any) -> Any:
    return x0 + x1, x0 * x1


sum_and_product.defvjp(lambda xp, gy, x1: gy[0] + gy[1] * x1, lambda xp, gy, x0: gy[0] + gy[1] * x0)


def test_several_results() -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.0))
    total, prod = sum_and_product(x0, x1)
    assert (float(total), float(prod)) == (5.0, 6.0)
    (total + 10 * prod).backward()
    assert (float(x0.grad), float(x1.grad)) == (31.0, 21.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("used", "expected"), [(0, 1.0), (1, 3.0)])
def test_a_result_that_nothing_was_computed_from(used: int, expected: float) -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.0))
    (sum_and_product(x0, x1)[used]).backward()
    assert float(x0.grad) == expected  # type: ignore[arg-type]


def test_several_results_can_be_differentiated_again() -> None:
    args = (np.array([1.0, 2.0]), np.array([2.0, -3.0]))
    check_grads(sum_and_product, args, order=3)
    check_grads(lambda *xs: sum_and_product(*xs)[1], args, order=3)


def test_a_result_used_twice_among_several() -> None:
    x0, x1 = Variable(np.array(2.0)), Variable(np.array(3.0))
    total, prod = sum_and_product(x0, x1)
    (prod * prod + total).backward()
    assert float(x0.grad) == 2 * 6 * 3 + 1  # type: ignore[arg-type]


def test_rules_of_several_results_may_name_them() -> None:
    @primitive(multiple_outputs=True)
    def powers(xp: Any, x: Any) -> Any:
        return x * x, x * x * x

    powers.defvjp(lambda xp, gy, x, y: 2 * gy[0] * x + 3 * gy[1] * y[0])
    check_grads(powers, (np.array([1.0, 2.0]),), order=3)


def test_extras_with_several_results() -> None:
    @primitive(extras=("double",), multiple_outputs=True)
    def operation(xp: Any, x: Any) -> Any:
        return x + 1, 2 * x, 2 * xp.ones_like(x)

    operation.defvjp(lambda xp, gy, double: gy[0] + gy[1] * double)
    x = Variable(np.array([1.0, 1.0]))
    results = operation(x)
    assert len(results) == 2
    (results[0] + results[1]).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [3.0, 3.0])


# --- broadcasting and dtypes ---------------------------------------------------------------------


def test_broadcasting_is_undone_for_every_rule() -> None:
    plus = identity_like("op", lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: gy * x0)
    x0, x1 = Variable(np.ones((2, 1, 3))), Variable(np.full((4, 1), 2.0))
    plus(x0, x1).backward()
    assert x0.grad is not None and x1.grad is not None
    np.testing.assert_array_equal(x0.grad.data, np.full((2, 1, 3), 8.0))
    np.testing.assert_array_equal(x1.grad.data, np.full((4, 1), 6.0))


def test_a_gradient_of_a_shape_that_does_not_broadcast() -> None:
    operation = identity_like("op", lambda xp, gy: xp.ones(5))
    with pytest.raises(ValueError, match=r"backward of op.*float64\[5\].*shape \[3\]"):
        operation(Variable(np.ones(3)), 2.0).backward()


def test_gradients_have_the_precision_of_their_operand() -> None:
    x = Variable(np.ones(3, np.float32))
    (cube(x) * np.ones(3)).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


# --- failures ------------------------------------------------------------------------------------


def test_an_error_in_forward_names_the_operation_and_its_operands() -> None:
    with pytest.raises(ValueError, match=r"add: .*got x0: float64\[2\], x1: float32\[3\]"):
        F.add(Variable(np.ones(2)), np.ones(3, np.float32))


def test_an_error_in_forward_leaves_nothing() -> None:
    @primitive
    def failing(xp: Any, x: Any) -> Any:
        raise FloatingPointError("no")

    x = Variable(np.ones(3))
    node = x._node
    with pytest.raises(FloatingPointError, match=r"failing: no \(got x: float64\[3\]\)"):
        failing(x)
    assert x._node is node and x.grad is None
    y = cube(x)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, [3.0, 3.0, 3.0])  # type: ignore[attr-defined]


def test_settings_stand_in_the_message() -> None:
    @primitive
    def shaped(xp: Any, x: Any, *, shape: Any) -> Any:
        return xp.reshape(x, shape)

    with pytest.raises(ValueError, match=r"shaped: .*x: float64\[3\], shape=\(2, 2\)"):
        shaped(np.ones(3), shape=(2, 2))


def test_an_error_in_a_rule_leaves_no_gradient_anywhere() -> None:
    def fail(xp: Any, gy: Any, x0: Any) -> Any:
        raise ZeroDivisionError("no")

    failing = identity_like("failing", fail)
    x, other = Variable(np.array(2.0)), Variable(np.array(3.0))
    y = cube(other) + failing(x, 1.0)
    with pytest.raises(ZeroDivisionError, match=r"backward of failing: no \(got gy: .*x0: "):
        y.backward(retain_grad=False)
    assert x.grad is None and other.grad is None


def test_errors_keep_their_class_and_cause() -> None:
    class SpecialError(Exception):
        def __init__(self, code: int, extra: str) -> None:
            super().__init__(code, extra)

    @primitive
    def failing(xp: Any, x: Any) -> Any:
        raise SpecialError(1, "two")

    with pytest.raises(SpecialError) as caught:
        failing(np.ones(2))
    notes = caught.value.__notes__ + getattr(caught.value.__cause__, "__notes__", [])
    assert any("failing" in note and "float64[2]" in note for note in notes)


@pytest.mark.parametrize("result", [[1.0], "text", None, (np.ones(2),)])
def test_forward_must_return_an_array(result: Any) -> None:
    @primitive
    def operation(xp: Any, x: Any) -> Any:
        return result

    with pytest.raises(TypeError, match="operation: the forward function returned <class"):
        operation(Variable(np.ones(2)))


@pytest.mark.parametrize("result", [np.ones(2), (np.ones(2),), (np.ones(2),) * 3])
def test_forward_must_return_its_extras_too(result: Any) -> None:
    @primitive(extras=("mask",))
    def operation(xp: Any, x: Any) -> Any:
        return result

    with pytest.raises(TypeError, match=r"operation: .* not a tuple of result and mask"):
        operation(Variable(np.ones(2)))


@pytest.mark.parametrize("result", [np.ones(2), ()])
def test_forward_must_return_several_results(result: Any) -> None:
    @primitive(multiple_outputs=True)
    def operation(xp: Any, x: Any) -> Any:
        return result

    with pytest.raises(TypeError, match=r"operation: .* not a tuple of results"):
        operation(Variable(np.ones(2)))


def test_operands_that_are_no_arrays() -> None:
    with pytest.raises(TypeError, match=r"cube: a builtins\.str is an array of no backend"):
        cube("text")
    with pytest.raises(TypeError, match="cube: complex numbers have no gradient"):
        cube(1j)


def test_unknown_settings_and_missing_operands() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'axis'"):
        cube(np.ones(2), axis=0)
    with pytest.raises(TypeError, match=r"missing a required argument: 'x1'"):
        F.add(np.ones(2))
    with pytest.raises(TypeError, match=r"affine: .*unexpected keyword argument 'axis'"):
        affine(np.ones(2), np.ones(2), axis=0)


# --- backends ------------------------------------------------------------------------------------


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    with fake_device() as device:
        yield device


def test_a_kernel_of_the_backend_takes_the_place_of_forward_and_of_rules(
    device: FakeDevice,
) -> None:
    @primitive
    def twice(xp: Any, x: Any) -> Any:
        return 2 * x

    twice.defvjp(lambda xp, gy: 2 * gy)
    calls: list[str] = []

    def kernel(xp: Any, x: Any) -> Any:
        calls.append("forward")
        return x + x

    def rule_kernel(xp: Any, gy: Any) -> Any:
        calls.append("rule")
        return gy + gy

    device.kernels[twice.kernel_name] = kernel
    device.kernels[f"{twice.kernel_name}.vjp.x"] = rule_kernel

    x = Variable(device.asarray([1.0, 2.0]))
    y = twice(x)
    y.backward()
    assert calls == ["forward", "rule"]
    np.testing.assert_array_equal(device.to_numpy(y.data), [2.0, 4.0])
    np.testing.assert_array_equal(device.to_numpy(x.grad.data), [2.0, 2.0])  # type: ignore[union-attr]

    # NumPy's arrays go the generic way.
    twice(Variable(np.ones(2))).backward()
    assert calls == ["forward", "rule"]


def test_a_kernel_for_one_operation_is_not_for_another_of_the_same_name(
    device: FakeDevice,
) -> None:
    @primitive
    def tanh(xp: Any, x: Any) -> Any:
        return x * 3.0

    tanh.defvjp(lambda xp, gy, y: gy * 3.0)
    assert tanh.kernel_name == f"{__name__}:tanh"
    assert F.tanh.kernel_name == "tanh"

    def kernel(xp: Any, x: Any) -> Any:
        return x + 0.25

    def rule_kernel(xp: Any, gy: Any, y: Any) -> Any:
        return gy * 0.5

    device.kernels |= {"tanh": kernel, "tanh.vjp.x": rule_kernel}
    for operation, value, gradient in ((tanh, 3.0, 3.0), (F.tanh, 1.25, 0.5)):
        x = Variable(device.asarray([1.0]))
        y = operation(x)
        y.backward()
        np.testing.assert_array_equal(device.to_numpy(y.data), [value])
        np.testing.assert_array_equal(device.to_numpy(x.grad.data), [gradient])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dezero_core", "relu"),
        ("dezero_nn.functions.activations", "relu"),
        ("dezero_nn_extra", "dezero_nn_extra:relu"),
        ("their.dezero_nn", "their.dezero_nn:relu"),
        ("__main__", "__main__:relu"),
    ],
)
def test_names_of_kernels_tell_whose_operation_it_is(module: str, name: str) -> None:
    def relu_(xp: Any, x: Any) -> Any:
        return x

    relu_.__module__ = module
    assert primitive(relu_).kernel_name == name


def test_a_kernel_takes_the_place_of_a_joint_rule(device: FakeDevice) -> None:
    @primitive
    def both(xp: Any, x0: Any, x1: Any) -> Any:
        return x0 + x1

    both.defvjp_joint(lambda xp, gy, needs: [gy, gy])
    calls: list[tuple[bool, ...]] = []

    def kernel(xp: Any, gy: Any, needs: tuple[bool, ...]) -> Any:
        calls.append(needs)
        return [gy, gy]

    device.kernels[f"{both.kernel_name}.vjp"] = kernel
    x = Variable(device.asarray([1.0]))
    both(x, device.asarray([2.0])).backward()
    assert calls == [(True, False)]


def test_what_a_kernel_does_not_support_goes_the_general_way(device: FakeDevice) -> None:
    @primitive
    def half(xp: Any, x: Any) -> Any:
        return x * 0.5

    half.defvjp(lambda xp, gy: gy * 0.5)
    offered: list[str] = []

    def kernel(xp: Any, x: Any) -> Any:
        offered.append("forward")
        return NotImplemented

    def rule_kernel(xp: Any, gy: Any) -> Any:
        offered.append("rule")
        return NotImplemented

    device.kernels[half.kernel_name] = kernel
    device.kernels[f"{half.kernel_name}.vjp.x"] = rule_kernel
    x = Variable(device.asarray([4.0]))
    y = half(x)
    y.backward()
    assert offered == ["forward", "rule"]
    np.testing.assert_array_equal(device.to_numpy(y.data), [2.0])
    np.testing.assert_array_equal(device.to_numpy(x.grad.data), [0.5])  # type: ignore[union-attr]


def test_the_generic_rule_stays_for_gradients_that_are_recorded(device: FakeDevice) -> None:
    operation = identity_like("op", lambda xp, gy, x1: gy * x1, lambda xp, gy, x0: gy * x0)

    def kernel(xp: Any, gy: Any, x1: Any) -> Any:
        raise AssertionError("a kernel knows no Variables")

    device.kernels[f"{operation.kernel_name}.vjp.x0"] = kernel
    x = Variable(device.asarray([2.0]))
    y = operation(x, x)
    y.backward(create_graph=True)
    gx = x.grad
    assert gx is not None
    np.testing.assert_array_equal(device.to_numpy(gx.data), [4.0])


def test_rules_run_with_the_namespace_of_the_operands(device: FakeDevice) -> None:
    namespaces: list[Any] = []

    @primitive
    def noting(xp: Any, x: Any) -> Any:
        namespaces.append(xp)
        return x * 1.0

    def rule(xp: Any, gy: Any) -> Any:
        namespaces.append(xp)
        return gy

    noting.defvjp(rule)
    noting(Variable(device.asarray([1.0]))).backward()
    noting(Variable(np.ones(1))).backward()
    noting(Variable(np.ones(1))).backward(create_graph=True)
    assert namespaces == [device.xp, device.xp, np, np, np, F]


def test_zeros_for_unused_results_lie_on_the_device(device: FakeDevice) -> None:
    x0, x1 = Variable(device.asarray([2.0])), Variable(device.asarray([3.0]))
    for create_graph in (False, True):
        sum_and_product(x0, x1)[1].backward(create_graph=create_graph)
        assert x0.grad is not None
        np.testing.assert_array_equal(device.to_numpy(x0.grad.data), [3.0])
        x0.cleargrad()


def test_operands_on_different_backends(device: FakeDevice) -> None:
    x = Variable(device.asarray([1.0]))
    with pytest.raises(TypeError, match=r"add: the operands live on different backends: operand 0"):
        F.add(x, np.ones(1))


def test_operations_are_copied_and_pickled_as_functions_are() -> None:
    assert copy.deepcopy({"activation": F.tanh})["activation"] is F.tanh
    assert pickle.loads(pickle.dumps(F.tanh)) is F.tanh
