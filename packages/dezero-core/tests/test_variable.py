"""Variables: what they hold, how they look, and how they behave as Python objects."""

from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from dezero_core import (
    GraphError,
    Parameter,
    Variable,
    as_array,
    as_variable,
    no_grad,
    primitive,
    versions,
)
from dezero_core import functions as F
from dezero_core.testing import fake_device


def values(x: Variable | None) -> Any:
    assert x is not None
    return x.data.tolist()


# --- data ----------------------------------------------------------------------------------------


def test_it_holds_the_array_itself() -> None:
    array = np.array([1.0, 2.0])
    x = Variable(array)
    assert x.data is array
    assert x.grad is None and x.name is None and x.requires_grad


def test_a_numpy_scalar_becomes_an_array() -> None:
    x = Variable(np.float32(2.0))
    assert type(x.data) is np.ndarray
    assert (x.shape, x.dtype) == ((), np.float32)


@pytest.mark.parametrize("data", [1.0, 1, True, [1.0], (1.0,), "1", 1j, {}, object()])
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=f"{type(data)} is not supported".replace("(", r"\(")):
        Variable(data)


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(TypeError) as caught:
        Variable(1.0)
    assert str(caught.value).startswith("<class 'float'> is not supported")
    assert "numpy.array" in str(caught.value)
    with pytest.raises(TypeError, match=r"take its \.data"):
        Variable(Variable(np.array(1.0)))  # type: ignore[arg-type]


@pytest.mark.parametrize("array", [np.array([1j]), np.array([None]), np.array(["a"])])
def test_dtypes_without_gradient_are_refused(array: Any) -> None:
    with pytest.raises(TypeError, match=f"an array of {array.dtype} is not supported"):
        Variable(array)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, bool])
def test_dtypes(dtype: Any) -> None:
    assert Variable(np.ones(2, dtype)).dtype == dtype


def test_structured_arrays_are_refused() -> None:
    with pytest.raises(TypeError, match="is not supported; use floating-point numbers"):
        Variable(np.zeros(2, [("a", np.float64)]))


def test_data_may_come_later() -> None:
    x = Variable(None)
    assert x.data is None
    with pytest.raises(ValueError, match="holds no array yet"):
        x.shape  # noqa: B018
    x.data = np.array([1.0, 2.0])
    assert x.shape == (2,)
    (x * 3).sum().backward()
    assert values(x.grad) == [3.0, 3.0]


def test_data_can_be_replaced_by_another_shape_and_dtype() -> None:
    x = Parameter(np.ones(2), "x")
    x.data = np.ones((3, 1), np.float32)
    F.sum(x * 2).backward()
    assert x.grad is not None
    assert (x.grad.shape, x.grad.dtype) == ((3, 1), np.float32)
    assert x.name == "x"


def test_a_replaced_array_keeps_a_gradient_that_fits() -> None:
    x = Variable(np.ones(2))
    x.grad = Variable(np.ones(2))
    x.data = np.ones(2, np.float32)
    assert values(x.grad) == [1.0, 1.0]
    x.data = np.ones(3)
    assert x.grad is None


@pytest.mark.parametrize("data", [1.0, [1.0], "1"])
def test_data_is_checked_when_it_is_assigned(data: Any) -> None:
    x = Variable(np.ones(2))
    with pytest.raises(TypeError, match=r"is not supported: Variable\.data takes an array"):
        x.data = data


def test_0d_results_are_arrays() -> None:
    y = Variable(np.array(3.0)) ** 2
    assert type(y.data) is np.ndarray
    assert type(F.sum(Variable(np.ones(3))).data) is np.ndarray
    assert y.data is y.data


# --- shape and looks -----------------------------------------------------------------------------


def test_shape_ndim_size_dtype_len() -> None:
    x = Variable(np.zeros((2, 3), np.float32))
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float32, 2)
    y = Variable(np.array(1.0)) * 2
    assert (y.shape, y.ndim, y.size) == ((), 0, 1)
    assert isinstance(y.size, int)


def test_len_and_iteration_of_0d() -> None:
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d variable"):
        len(Variable(np.array(1.0)))
    with pytest.raises(TypeError, match="iteration over a 0-d variable"):
        iter(Variable(np.array(1.0)))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (np.array([1, 2, 3]), "variable([1 2 3])"),
        (None, "variable(None)"),
        (np.array([[1, 2, 3], [4, 5, 6]]), "variable([[1 2 3]\n          [4 5 6]])"),
        (np.array(2.0), "variable(2.0)"),
        (np.zeros((1, 0)), "variable([])"),
    ],
)
def test_repr(data: Any, text: str) -> None:
    assert repr(Variable(data)) == text
    assert str(Variable(data)) == text


def test_name() -> None:
    x = Variable(np.array(1.0), name="x")
    assert x.name == "x"
    x.name = None
    assert x.name is None
    y = x * 2
    y.name = "y"
    assert y.name == "y"
    with pytest.raises(TypeError, match="name: expected a string, got <class 'int'>"):
        x.name = 3  # type: ignore[assignment]


def test_there_are_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Variable(np.array(1.0)).dat = 1  # type: ignore[attr-defined]


# --- Python's protocols --------------------------------------------------------------------------


def test_numbers_of_one_element() -> None:
    for data in (np.array(2.5), np.array([2.5]), np.array([[2.5]])):
        x = Variable(data)
        assert (float(x), int(x), bool(x)) == (2.5, 2, True)
    assert type(float(Variable(np.array(2.0)) * 2)) is float
    assert not bool(Variable(np.array(0.0)))


@pytest.mark.parametrize("convert", [float, int, bool])
@pytest.mark.parametrize("data", [np.ones(2), np.ones(0)])
def test_numbers_of_several_elements(convert: Any, data: Any) -> None:
    with pytest.raises(ValueError, match=rf"{convert.__name__}\(\) of a variable with {data.size}"):
        convert(Variable(data))


def test_iteration_is_recorded() -> None:
    x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
    rows = list(x)
    assert [values(row) for row in rows] == [[1.0, 2.0], [3.0, 4.0]]
    (rows[0] * rows[1]).sum().backward()
    assert values(x.grad) == [[3.0, 4.0], [1.0, 2.0]]
    a, b = Variable(np.array([1.0, 2.0]))
    assert (float(a), float(b)) == (1.0, 2.0)


def test_comparisons_give_booleans_without_gradient() -> None:
    x = Variable(np.array([1.0, 2.0, 3.0]))
    for result, expected in (
        (x > 2, [False, False, True]),
        (x >= 2.0, [False, True, True]),
        (x < np.full(3, 2), [True, False, False]),
        (x <= x, [True, True, True]),
        (2 > x, [True, False, False]),  # noqa: SIM300
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (np.full(3, 2) == x, [False, True, False]),
    ):
        assert isinstance(result, Variable)
        assert result.dtype == bool and not result.requires_grad
        assert values(result) == expected


def test_what_is_no_operand_is_unequal_as_a_whole() -> None:
    x = Variable(np.array([1.0, 2.0]))
    assert (x == None) is False  # noqa: E711
    assert (x != "text") is True


def test_it_is_hashed_by_identity() -> None:
    x, y = Variable(np.array([1.0, 2.0])), Variable(np.array([1.0, 2.0]))
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1


def test_numpy_takes_the_values_when_asked() -> None:
    x = Variable(np.array([1.0, 2.0]))
    assert type(np.asarray(x)) is np.ndarray
    assert np.array(x, dtype=np.float32).dtype == np.float32


def test_numpy_does_not_take_a_variable_apart() -> None:
    y = np.ones(2) * Variable(np.array([1.0, 2.0]))
    assert isinstance(y, Variable) and y.requires_grad
    z = np.float64(2.0) * Variable(np.array([1.0, 2.0]))
    assert isinstance(z, Variable) and values(z) == [2.0, 4.0]


def test_copies_are_leaves_of_their_own() -> None:
    x = Variable(np.array([1.0, 2.0]), "x")
    y = x * 2
    for original in (x, y):
        shallow, deep = copy.copy(original), copy.deepcopy(original)
        assert shallow.data is original.data and deep.data is not original.data
        for duplicate in (shallow, deep):
            assert values(duplicate) == values(original)
            assert duplicate.requires_grad and duplicate.creator is None
            assert duplicate.name == original.name


def test_pickling_keeps_the_value() -> None:
    for x in (Variable(np.array([1.0, 2.0]), "x"), Parameter(np.ones((2, 2), np.float32))):
        y = pickle.loads(pickle.dumps(x))
        assert type(y) is type(x)
        assert (values(y), y.name, y.dtype, y.requires_grad) == (values(x), x.name, x.dtype, True)
    assert not pickle.loads(pickle.dumps(Variable(np.ones(2)).detach())).requires_grad
    assert pickle.loads(pickle.dumps(Parameter(None, "w"))).data is None


def test_it_can_be_referred_to_weakly() -> None:
    x = Variable(np.array(1.0))
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_a_parameter_is_a_leaf_variable_and_no_result() -> None:
    w = Parameter(np.array([1.0]), "w")
    assert isinstance(w, Variable) and w.name == "w"
    assert type(w * 2) is Variable
    assert repr(w) == "variable([1.])"


# --- as_array, as_variable -----------------------------------------------------------------------


def test_as_array() -> None:
    array = np.ones(2)
    assert as_array(array) is array
    for number in (2.0, 2, np.float64(2.0), True):
        assert isinstance(as_array(number), np.ndarray)
        assert as_array(number).shape == ()
    assert as_array(np.float32(1)).dtype == np.float32


def test_as_variable() -> None:
    x = Variable(np.ones(2))
    assert as_variable(x) is x
    assert values(as_variable(np.ones(2))) == [1.0, 1.0]
    assert values(as_variable(2.0)) == 2.0
    with pytest.raises(TypeError, match="<class 'list'> is not supported"):
        as_variable([1.0])


# --- gradients -----------------------------------------------------------------------------------


def test_backward_seeds_ones_of_the_dtype() -> None:
    x = Variable(np.ones((2, 3), np.float32))
    y = x * 2
    y.backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    assert values(x.grad) == [[2.0] * 3] * 2
    assert y.grad is None


def test_the_gradient_of_a_result_is_the_seed_if_it_is_set() -> None:
    x = Variable(np.array([1.0, 2.0]))
    for create_graph in (False, True):
        for retain in (False, True):
            y = x * 2
            y.grad = Variable(np.array([10.0, 0.0]))
            y.backward(retain_grad=retain, create_graph=create_graph)
            assert values(x.grad) == [20.0, 0.0]
            assert (y.grad is not None) == retain
            x.cleargrad()


def test_a_seed_can_be_differentiated() -> None:
    x, seed = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    y = x**2
    y.grad = seed
    y.backward(create_graph=True)
    gx = x.grad
    assert gx is not None
    x.cleargrad()
    gx.sum().backward()
    assert values(seed.grad) == [2.0, 4.0]
    assert values(x.grad) == [6.0, 8.0]


def test_grad_may_be_set_to_an_array_of_the_same_shape() -> None:
    x = Variable(np.ones(2))
    x.grad = np.array([1.0, 2.0])  # type: ignore[assignment]
    assert isinstance(x.grad, Variable)
    with pytest.raises(ValueError, match=r"of shape \(2,\) has no gradient of shape \(3,\)"):
        x.grad = Variable(np.ones(3))
    x.grad = None
    assert x.grad is None


def test_backward_from_a_leaf() -> None:
    x = Variable(np.array([1.0, 2.0]))
    x.backward()
    assert values(x.grad) == [1.0, 1.0]
    x.backward()
    assert values(x.grad) == [2.0, 2.0]


def test_gradients_add_up_until_they_are_cleared() -> None:
    x = Variable(np.array(3.0))
    (x + x).backward()
    first = x.grad
    assert values(first) == 2.0
    (x + x + x).backward()
    assert values(x.grad) == 5.0
    # The old gradient is not changed: somebody may hold it.
    assert values(first) == 2.0
    x.cleargrad()
    assert x.grad is None
    (x + x + x).backward()
    assert values(x.grad) == 3.0


def test_backward_twice_through_the_same_graph() -> None:
    x = Variable(np.array(3.0))
    y = x**2
    y.backward()
    y.backward()
    assert values(x.grad) == 12.0


def test_gradients_share_no_memory() -> None:
    x0, x1 = Variable(np.ones(3)), Variable(np.ones(3))
    t = x0 + x1
    y = t + 1.0
    y.grad = Variable(np.ones(3))
    seed = y.grad.data
    y.backward(retain_grad=True)
    arrays = [seed]
    for variable in (x0, x1, t, y):
        assert variable.grad is not None
        arrays.append(variable.grad.data)
    for i, a in enumerate(arrays):
        for b in arrays[:i]:
            assert not np.shares_memory(a, b)


def test_gradients_can_be_written_to() -> None:
    x = Variable(np.ones((2, 3)))
    F.sum(x).backward()  # its rule broadcasts
    assert x.grad is not None
    x.grad.data *= 2.0
    assert values(x.grad) == [[2.0] * 3] * 2


def test_retain_grad() -> None:
    x0, x1 = Variable(np.array(1.0)), Variable(np.array(1.0))
    t = x0 + x1
    y = x0 + t
    y.backward()
    assert (y.grad, t.grad) == (None, None)
    assert (values(x0.grad), values(x1.grad)) == (2.0, 1.0)
    y.backward(retain_grad=True)
    assert (values(y.grad), values(t.grad)) == (1.0, 1.0)


def test_retain_grad_of_several_results() -> None:
    x = Variable(np.array([3.0, 4.0]))
    a, b = F.split(x, 2)
    y = a * a + b
    y.backward(retain_grad=True)
    assert (values(a.grad), values(b.grad)) == ([6.0], [1.0])


def test_a_failure_retains_no_gradient() -> None:
    failing = primitive(lambda xp, x: x * 1.0)
    failing.defvjp(lambda xp, gy: gy.no_such_attribute)
    x = Variable(np.array(3.0))
    t = failing(x)
    y = t * 2.0
    with pytest.raises(AttributeError, match="backward of"):
        y.backward(retain_grad=True)
    assert (x.grad, t.grad, y.grad) == (None, None, None)


NO_GRAPH = "backward: there is no graph behind this variable"


def test_backward_without_a_graph() -> None:
    x = Variable(np.array(1.0))
    with no_grad():
        y = x * 2
    floor = F.floor(x)
    for constant in (y, floor, x.detach(), as_variable(x > 0), F.exp(np.ones(()))):
        with pytest.raises(GraphError, match=NO_GRAPH):
            constant.backward()
    (x * 3).backward()
    assert x.grad is not None
    with pytest.raises(GraphError, match="without create_graph=True"):
        x.grad.backward()


def test_requires_grad_freezes_a_leaf() -> None:
    w, x = Parameter(np.array(2.0), "w"), Variable(np.array(3.0))
    w.requires_grad = False
    (w * x).backward()
    assert w.grad is None and values(x.grad) == 2.0
    w.requires_grad = True
    assert w.name == "w" and w.requires_grad
    (w * x).backward()
    assert values(w.grad) == 3.0


def test_requires_grad_of_a_result() -> None:
    y = Variable(np.array(2.0)) * 2
    assert y.requires_grad
    with pytest.raises(GraphError, match="use detach"):
        y.requires_grad = False


def test_a_constant_has_no_gradient() -> None:
    x = Variable(np.array(2.0)).detach()
    assert x.grad is None
    with pytest.raises(GraphError, match="set requires_grad = True first"):
        x.grad = Variable(np.array(1.0))
    x.grad = None
    x.cleargrad()


def test_detach_shares_the_array_and_stops_the_gradient() -> None:
    x = Variable(np.array([1.0, 2.0]))
    d = x.detach()
    assert d.data is x.data and not d.requires_grad
    (x * d).sum().backward()
    assert values(x.grad) == [1.0, 2.0]


def test_creator() -> None:
    x = Variable(np.array(2.0))
    y = x**2
    assert x.creator is None
    assert y.creator is not None
    assert x.detach().creator is None


def test_unchain_makes_a_leaf() -> None:
    x = Variable(np.array(2.0))
    y = x**2
    y.name = "y"
    y.unchain()
    z = y * 3
    z.backward()
    assert x.grad is None and values(y.grad) == 3.0
    assert y.creator is None and y.name == "y"


def test_unchain_backward_cuts_what_lies_behind() -> None:
    x = Variable(np.array(2.0))
    a = x * 2
    b = a * 3
    c = b * 4
    c.unchain_backward()
    c.backward()
    assert x.grad is None and a.grad is None
    assert values(b.grad) == 4.0


def test_unchain_backward_through_one_of_several_results() -> None:
    x = Variable(np.array([1.0, 2.0]))
    first, second = F.split(x * 3, 2)
    loss = first.sum()
    loss.unchain_backward()
    (first * 2 + second * 5).backward()  # first is a leaf now, and second leads nowhere
    assert first.grad is not None and first.grad.data.tolist() == [2.0]
    assert x.grad is None

    first, second = F.split(x * 3, 2)
    first.unchain_backward()  # cuts behind the operation, and that has two results
    (first + second).backward()
    assert x.grad is None


def test_unchain_backward_frees_the_history() -> None:
    x = Variable(np.ones(3))
    a = F.exp(x * 1.0)
    node = a._node
    assert node is not None and len(node.saved) == 1
    b = a * 2
    del a
    b.unchain_backward()
    assert node.saved == () and node.parents == ()
    b.backward()
    assert x.grad is None


# --- in-place changes ----------------------------------------------------------------------------


def test_a_change_in_place_that_a_rule_would_see_is_an_error() -> None:
    x = Variable(np.array([1.0, 2.0]), "weights")
    y = x**2
    x.data -= 0.5
    with pytest.raises(RuntimeError) as caught:
        y.backward()
    message = str(caught.value)
    assert "backward of power" in message and "'weights'" in message
    assert "changed in place" in message and "float64[2]" in message
    assert x.grad is None


def test_a_changed_result_that_its_rule_needs_is_an_error() -> None:
    x = Variable(np.array([1.0, 2.0]))
    y = F.exp(x)
    y.data *= 2
    with pytest.raises(RuntimeError, match="backward of exp: the result"):
        y.backward()


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(2, 2),
        lambda x: x[1:],
        lambda x: F.transpose(x.reshape(2, 2)),
        lambda x: F.expand_dims(x, 0),
    ],
)
def test_a_change_that_a_rule_would_see_through_a_view_is_an_error(view: Any) -> None:
    x = Variable(np.array([1.0, 2.0, 3.0, 4.0]))
    y = view(x) ** 2
    x.data *= 2.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_change_of_other_elements_of_the_same_memory_is_none() -> None:
    flat = np.arange(8.0).reshape(4, 2)
    w0, w1 = Parameter(flat[:, 0]), Parameter(flat[:, 1])
    y = F.sum(w0**2)
    w1.data -= 1.0
    y.backward()
    assert values(w0.grad) == [0.0, 4.0, 8.0, 12.0]


def test_changes_of_arrays_that_are_gone_are_forgotten() -> None:
    kept = Variable(np.array([1.0, 2.0]))
    y = kept**2
    for _ in range(2000):
        x = Variable(np.ones(2))
        x.data += 1.0
    assert len(versions._changes) < 1000
    kept.data += 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_variable_without_data_may_be_given_none() -> None:
    x = Variable(None)
    x.data = None
    assert x.data is None


def test_a_change_that_no_rule_sees_is_none() -> None:
    x, w = Variable(np.array([1.0, 2.0])), Variable(np.array([3.0, 4.0]))
    y = x + w
    x.data -= 0.5
    y.backward()
    assert values(x.grad) == [1.0, 1.0]
    # x * w: the gradient of w reads x, but w is frozen; that of x reads w, which has not changed.
    w.requires_grad = False
    x.cleargrad()
    z = x * w
    x.data -= 0.5
    z.backward()
    assert values(x.grad) == [3.0, 4.0]


def test_a_change_before_the_operation_is_none() -> None:
    x = Variable(np.array([1.0, 2.0]))
    x.data += 1.0
    y = x**2
    y.backward()
    assert values(x.grad) == [4.0, 6.0]


def test_a_training_loop_may_update_in_place_after_backward() -> None:
    w = Parameter(np.array([1.0, 2.0]))
    for _ in range(3):
        w.cleargrad()
        loss = (w**2).sum()
        loss.backward()
        assert w.grad is not None
        w.data -= 0.25 * w.grad.data
    assert values(w) == [0.125, 0.25]
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_new_array_is_no_change() -> None:
    x = Variable(np.array([1.0, 2.0]))
    y = x**2
    x.data = x.data - 0.5
    y.backward()
    assert values(x.grad) == [2.0, 4.0]
    # The replaced array changes; the old one was saved.
    x.cleargrad()
    z = x**2
    x.data = x.data.copy()
    x.data -= 100.0
    z.backward()
    assert values(x.grad) == [1.0, 3.0]


# --- devices -------------------------------------------------------------------------------------


def test_to_cpu_moves_data_and_gradient() -> None:
    with fake_device() as device:
        x = Variable(device.asarray([1.0, 2.0]))
        (x * 2).backward()
        x.to_cpu()
        assert type(x.data) is np.ndarray
        assert x.grad is not None and type(x.grad.data) is np.ndarray
        assert values(x.grad) == [2.0, 2.0]
        x.to_cpu()
        assert values(x) == [1.0, 2.0]


def test_values_of_a_device_are_shown() -> None:
    with fake_device() as device:
        x = Variable(device.asarray([1.0, 2.0]))
        assert repr(x) == "variable([1. 2.])"
        assert float(F.sum(x)) == 3.0


def test_one_element_is_formatted_as_a_number() -> None:
    loss = Variable(np.array(1.23456))
    assert f"{loss:.3f}" == "1.235"
    assert f"{loss}" == "variable(1.23456)"
    assert f"{Variable(np.array([[7.0]])):5.1f}" == "  7.0"
    with pytest.raises(ValueError, match=r"format\(\) of a variable with 2 elements"):
        f"{Variable(np.ones(2)):.3f}"
