"""Products that sum over axes: figures, shapes by hypothesis, what is kept, errors."""

from __future__ import annotations

import weakref
from string import ascii_lowercase
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from dezero_core import Parameter, Variable, no_grad
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads

rng = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return rng.normal(size=shape)


class TestMatmul:
    def test_the_book_s_shapes(self) -> None:
        x, W = Variable(normal(2, 3)), Variable(normal(3, 4))
        y = F.matmul(x, W)
        y.backward()
        assert x.grad is not None and W.grad is not None
        assert (x.grad.shape, W.grad.shape) == ((2, 3), (3, 4))
        np.testing.assert_allclose(x.grad.data, np.ones((2, 4)) @ W.data.T)
        np.testing.assert_allclose(W.grad.data, x.data.T @ np.ones((2, 4)))

    def test_stacks_multiply_matrix_by_matrix(self) -> None:
        # Not as `dot` does, which multiplies each with each.
        a, b = normal(5, 2, 3), normal(5, 3, 4)
        y = F.matmul(a, b)
        assert y.shape == (5, 2, 4)
        for i in range(5):
            np.testing.assert_allclose(y.data[i], a[i] @ b[i])

    @given(mutually_broadcastable_shapes(signature="(m?,n),(n,k?)->(m?,k?)", max_dims=3))
    def test_any_shapes(self, shapes: Any) -> None:
        a, b = (normal(*shape) for shape in shapes.input_shapes)
        assert F.matmul(a, b).shape == shapes.result_shape
        np.testing.assert_allclose(F.matmul(a, b).data, np.matmul(a, b), atol=1e-12)
        check_grads(F.matmul, (a, b), order=2)

    def test_operators_take_arrays_on_either_side(self) -> None:
        a, b = normal(2, 3), normal(3, 4)
        for y in (Variable(a) @ b, a @ Variable(b), Variable(a) @ Variable(b)):
            assert isinstance(y, Variable)
            np.testing.assert_array_equal(y.data, a @ b)

    def test_integers_stay_integers(self) -> None:
        x = Variable(np.array([[1, 2], [3, 4]]))
        y = x @ np.array([1, 1])
        y.backward()
        assert x.grad is not None and y.dtype == x.grad.dtype == np.int64
        np.testing.assert_array_equal(x.grad.data, [[1, 1], [1, 1]])

    def test_constant_operand_s_partner_is_not_kept(self) -> None:
        W = Parameter(normal(3, 4))
        hidden = W * 2.0
        kept = weakref.ref(hidden.data)
        y = F.matmul(np.ones((2, 3)), hidden)
        del hidden
        assert kept() is None
        y.backward()
        assert W.grad is not None
        np.testing.assert_array_equal(W.grad.data, np.full((3, 4), 4.0))

    @pytest.mark.parametrize(
        ("a", "b"),
        [(normal(2, 3), normal(2, 3)), (2.0, normal(3)), (normal(4, 2, 3), normal(5, 3, 2))],
    )
    def test_errors_name_operation_and_shapes(self, a: Any, b: Any) -> None:
        with pytest.raises(ValueError, match=r"^matmul: .*got x0: .*x1: float64\["):
            F.matmul(a, Variable(b))


class TestDot:
    def test_numbers(self) -> None:
        x = Variable(np.array([1.0, 2.0], np.float32))
        assert F.dot(2.0, x).dtype == np.float32
        np.testing.assert_array_equal(F.dot(x, 2.0).data, [2.0, 4.0])

    def test_as_a_method(self) -> None:
        x = Variable(np.array([1.0, 2.0]))
        y = x.dot(np.array([3.0, 4.0]))
        y.backward()
        assert float(y) == 11.0
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.data, [3.0, 4.0])


class TestTensordot:
    @given(st.data())
    def test_any_axes(self, data: Any) -> None:
        sizes = data.draw(st.lists(st.integers(1, 3), max_size=3), "paired")
        free0 = data.draw(st.lists(st.integers(1, 3), max_size=2), "free of x0")
        free1 = data.draw(st.lists(st.integers(1, 3), max_size=2), "free of x1")
        operands, axes = [], []
        for free in (free0, free1):
            order = data.draw(st.permutations(range(len(sizes) + len(free))))
            shape = [*sizes, *free]
            operands.append(normal(*[shape[i] for i in order]))
            axes.append([order.index(i) for i in range(len(sizes))])
        y = F.tensordot(*operands, axes=axes)
        np.testing.assert_allclose(y.data, np.tensordot(*operands, axes=axes), atol=1e-12)
        check_grads(lambda a, b: F.tensordot(a, b, axes=axes), operands)

    def test_number(self) -> None:
        assert F.tensordot(2.0, np.ones(2, np.float32), axes=0).dtype == np.float32

    @pytest.mark.parametrize(
        ("axes", "error", "message"),
        [
            (((3,), (0,)), IndexError, r"tensordot: axis 3 is out of range.*\[2, 3\] has 2 axes"),
            (((0, 0), (0, 1)), ValueError, r"tensordot: axes must come in pairs.*axes=\(\(0, 0\)"),
            (((0,), (0, 1)), ValueError, r"tensordot: axes must come in pairs"),
            (((0,),), ValueError, "tensordot: axes must be a number, or two sequences"),
            (3, ValueError, r"tensordot: there are not as many axes \(got x0: float64\[2, 3\]"),
            (-1, ValueError, "tensordot: there are not as many axes"),
            (
                ((0,), (0,)),
                ValueError,
                r"tensordot: .*got x0: float64\[2, 3\], x1: float64\[3, 2\]",
            ),
        ],
    )
    def test_errors(self, axes: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            F.tensordot(Variable(normal(2, 3)), normal(3, 2), axes=axes)


LETTERS = "abcd"
SIZES = {"a": 2, "b": 3, "c": 1, "d": 2}


class TestEinsum:
    @given(st.lists(st.text(LETTERS, max_size=3), min_size=1, max_size=3), st.data())
    def test_any_subscripts(self, terms: list[str], data: Any) -> None:
        letters = sorted(set("".join(terms)))
        result = "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(0, 4))])
        subscripts = f"{','.join(terms)}->{result}"
        operands = [normal(*[SIZES[a] for a in term]) for term in terms]
        y = F.einsum(subscripts, *operands)
        np.testing.assert_allclose(y.data, np.einsum(subscripts, *operands), atol=1e-12)
        check_grads(lambda *xs: F.einsum(subscripts, *xs), operands)

    @given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.booleans())
    def test_ellipsis_broadcasts(self, shapes: Any, is_implicit: bool) -> None:
        a, b = (normal(*shape, 2) for shape in shapes.input_shapes)
        subscripts = "...i,...i" if is_implicit else "...i,...i->..."
        y = F.einsum(subscripts, a, b)
        np.testing.assert_allclose(y.data, (a * b).sum(-1), atol=1e-12)
        check_grads(lambda *xs: F.einsum(subscripts, *xs), (a, b))

    def test_diagonal_s_gradient_lies_on_the_diagonal(self) -> None:
        x = Variable(normal(3, 3))
        F.einsum("ii->i", x).backward()
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.data, np.eye(3))

    def test_number_leaves_float32_alone(self) -> None:
        x = Variable(np.ones(3, np.float32))
        y = F.einsum(",i->i", 2.0, x)
        y.backward()
        assert x.grad is not None and y.dtype == x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad.data, [2.0, 2.0, 2.0])

    def test_single_operand_is_not_kept(self) -> None:
        W = Parameter(normal(3, 3))
        hidden = W * 2.0
        kept = weakref.ref(hidden.data)
        with_sum = F.einsum("ij->j", hidden)
        del hidden
        assert kept() is None
        assert with_sum.requires_grad

    def test_orders_agree(self) -> None:
        operands = normal(3, 4), normal(4, 5), normal(5, 2)
        wanted = operands[0] @ operands[1] @ operands[2]
        for optimize in (True, False, "greedy", "optimal", ["einsum_path", (0, 1), (0, 1)]):
            y = F.einsum("ij,jk,kl->il", *operands, optimize=optimize)
            np.testing.assert_allclose(y.data, wanted)

    @pytest.mark.parametrize(
        ("subscripts", "shapes", "message"),
        [
            ("ij,jk->ik", [(2, 3)], "the subscripts are for 2 operands, there are 1"),
            ("ij->i", [(3,)], "'ij' does not fit an operand of 1 axes"),
            ("i->i", [(3, 3)], "'i' does not fit an operand of 2 axes"),
            ("i1->i", [(3, 3)], "'i1' is not made of letters"),
            ("i..->i", [(3, 3)], "'i..' is not made of letters"),
            ("......i->i", [(3, 3)], "not made of letters and at most one ellipsis"),
            ("i->j", [(3,)], "the result's letter 'j'"),
            ("ij->ii", [(3, 3)], "the result's letter 'i' must come once"),
            ("...i->i", [(2, 3)], "the result must have an ellipsis too"),
            ("i->i->i", [(3,)], "'i->i' is not made of letters"),
            ("i,i->", [(3,), (4,)], r"x?operands\[0\]: float64\[3\]"),
            ("ii->i", [(2, 3)], r"einsum.*don't match.*float64\[2, 3\]"),
        ],
    )
    def test_errors(self, subscripts: str, shapes: list[tuple[int, ...]], message: str) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            F.einsum(subscripts, *[Variable(normal(*shape)) for shape in shapes])
        assert str(caught.value).startswith("einsum")

    def test_subscripts_are_a_string(self) -> None:
        with pytest.raises(TypeError, match=r"einsum: subscripts must be a string .* 'list'"):
            F.einsum([0, 1], normal(2, 2))  # type: ignore[arg-type]

    def test_more_axes_than_letters(self) -> None:
        # Twenty-seven letters, and twenty-six axes that have none.
        x = np.ones((1,) * 26)
        with pytest.raises(ValueError, match="einsum: more than 52 different axes"):
            F.einsum(f"...,{ascii_lowercase},A->...", x, x, np.ones(1))


def test_nothing_is_recorded_under_no_grad() -> None:
    x = Variable(normal(2, 2))
    with no_grad():
        for y in (x @ x, F.einsum("ij,jk", x, x), F.tensordot(x, x, axes=1), F.outer(x, x)):
            assert not y.requires_grad
