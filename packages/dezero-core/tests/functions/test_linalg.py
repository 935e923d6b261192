"""Linear algebra: figures, stacks, singular matrices, the origin."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core import Variable
from dezero_core import functions as F
from dezero_core.gradient_check import check_grads

rng = np.random.default_rng(0)
INF = float("inf")
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def regular(*shape: int) -> Any:
    return rng.normal(size=shape) * 0.5 + 3 * np.eye(shape[-1])


class TestEquations:
    def test_inverse_and_its_gradient(self) -> None:
        x = Variable(np.array([[2.0, 0.0], [0.0, 4.0]]))
        y = F.linalg.inv(x)
        y.backward()
        assert x.grad is not None
        np.testing.assert_array_equal(y.data, [[0.5, 0.0], [0.0, 0.25]])
        # -y^T 1 y^T
        np.testing.assert_array_equal(x.grad.data, [[-0.25, -0.125], [-0.125, -0.0625]])

    def test_inverse_keeps_the_result_alone(self) -> None:
        x = Variable(regular(3, 3))
        hidden = x * 2.0
        kept = weakref.ref(hidden.data)
        y = F.linalg.inv(hidden)
        del hidden
        assert kept() is None and y.requires_grad

    def test_solution(self) -> None:
        A, b = Variable(np.array([[2.0, 1.0], [1.0, 3.0]])), Variable(np.array([3.0, 4.0]))
        y = F.linalg.solve(A, b)
        y.backward()
        assert A.grad is not None and b.grad is not None
        np.testing.assert_allclose(y.data, [1.0, 1.0])
        np.testing.assert_allclose(b.grad.data, [0.4, 0.2])
        np.testing.assert_allclose(A.grad.data, [[-0.4, -0.4], [-0.2, -0.2]])

    @given(
        st.sampled_from([(), (2,), (1,), (3, 1), (3, 2)]),
        st.sampled_from([(), (2,), (1,), (3, 2), (1, 2)]),
        st.integers(1, 3),
        st.integers(1, 2),
    )
    def test_stacks_are_broadcast(
        self, stack0: tuple[int, ...], stack1: tuple[int, ...], n: int, k: int
    ) -> None:
        A, b = regular(*stack0, n, n), rng.normal(size=(*stack1, n, k))
        np.testing.assert_allclose(F.linalg.solve(A, b).data, np.linalg.solve(A, b))
        check_grads(F.linalg.solve, (A, b))

    def test_two_axes_are_matrices_as_in_numpy_2(self) -> None:
        # NumPy 1 took (4, 3) beside (4, 3, 3) for four vectors.
        with pytest.raises(ValueError, match=r"^solve: .*x0: float64\[4, 3, 3\], x1: float64\[4"):
            F.linalg.solve(Variable(regular(4, 3, 3)), rng.normal(size=(4, 3)))

    def test_vector_beside_a_stack(self) -> None:
        A, b = regular(4, 3, 3), rng.normal(size=3)
        y = F.linalg.solve(A, b)
        assert y.shape == (4, 3)
        np.testing.assert_allclose((A @ y.data[..., None])[..., 0], np.broadcast_to(b, (4, 3)))


class TestDeterminants:
    def test_determinant_and_its_gradient(self) -> None:
        x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
        y = F.linalg.det(x)
        y.backward()
        assert x.grad is not None
        np.testing.assert_allclose(y.data, -2.0)
        # The cofactors.
        np.testing.assert_allclose(x.grad.data, [[4.0, -3.0], [-2.0, 1.0]])

    def test_logarithm_where_the_determinant_underflows(self) -> None:
        x = Variable(np.diag(np.full(1000, -0.25)))
        sign, logarithm = F.linalg.slogdet(x)
        logarithm.backward()
        assert x.grad is not None
        assert (float(sign), float(F.linalg.det(x))) == (1.0, 0.0)
        assert float(logarithm) == pytest.approx(1000 * np.log(0.25))
        np.testing.assert_array_equal(x.grad.data, np.diag(np.full(1000, -4.0)))

    def test_sign_has_no_gradient(self) -> None:
        x = Variable(-np.eye(3))
        sign, _ = F.linalg.slogdet(x)
        sign.backward()
        assert x.grad is not None and float(sign) == -1.0
        np.testing.assert_array_equal(x.grad.data, np.zeros((3, 3)))

    def test_singular_matrix_has_a_value_and_no_gradient(self) -> None:
        x = Variable(SINGULAR)
        assert float(F.linalg.det(x)) == 0.0
        with np.errstate(divide="ignore"):
            sign, logarithm = F.linalg.slogdet(x)
        assert (float(sign), float(logarithm)) == (0.0, -INF)
        for name, y in {"det": F.linalg.det(x), "slogdet": logarithm}.items():
            with pytest.raises(np.linalg.LinAlgError, match=f"backward of {name}: Singular matrix"):
                y.backward()
            assert x.grad is None


class TestCholesky:
    def test_factor(self) -> None:
        x = Variable(np.array([[4.0, 2.0], [2.0, 10.0]]))
        y = F.linalg.cholesky(x)
        np.testing.assert_array_equal(y.data, [[2.0, 0.0], [1.0, 3.0]])

    def test_gradient_is_symmetric_and_that_of_symmetric_steps(self) -> None:
        A = regular(4, 4)
        A = A @ A.T
        weights, step = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
        step += step.T
        x = Variable(A)
        (F.linalg.cholesky(x) * weights).sum().backward()
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.data, x.grad.data.T, atol=1e-12)
        eps = 1e-6
        up, down = (np.linalg.cholesky(A + s * eps * step) for s in (1, -1))
        difference = ((up - down) * weights).sum() / (2 * eps)
        np.testing.assert_allclose((x.grad.data * step).sum(), difference, rtol=1e-6)

    def test_log_determinant_by_it(self) -> None:
        A = regular(3, 3)
        A = A @ A.T
        x = Variable(A)
        F.log(F.einsum("ii->i", F.linalg.cholesky(x))).sum().backward()
        assert x.grad is not None
        np.testing.assert_allclose(2 * x.grad.data, np.linalg.inv(A), rtol=1e-10)


@pytest.mark.parametrize(
    ("function", "operands", "message"),
    [
        (F.linalg.inv, (SINGULAR,), r"^inv: Singular matrix \(got x: float64\[2, 2\]\)"),
        (F.linalg.solve, (SINGULAR, np.ones(2)), r"^solve: Singular matrix \(got x0: .*\[2\]\)"),
        (F.linalg.cholesky, (-np.eye(2),), "^cholesky: Matrix is not positive definite"),
        (F.linalg.inv, (np.ones((2, 3)),), r"^inv: .*square.*float64\[2, 3\]"),
        (F.linalg.det, (np.ones((2, 3)),), "^det: .*square"),
        (F.linalg.slogdet, (np.ones((2, 3)),), "^slogdet: .*square"),
        (F.linalg.cholesky, (np.ones((2, 3)),), "^cholesky: .*square"),
        (F.linalg.solve, (np.ones((2, 3)), np.ones(2)), "^solve: .*square"),
        (F.linalg.inv, (np.ones(3),), "^inv: .*two-dimensional"),
        (F.linalg.inv, (2.0,), "^inv: .*two-dimensional"),
        (F.linalg.solve, (2.0, np.ones((2, 2))), "^solve: .*two-dimensional"),
    ],
)
def test_bad_matrices(function: Any, operands: tuple[Any, ...], message: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=message):
        function(*operands)


class TestNorm:
    @pytest.mark.parametrize("ord", [None, 1, 2, INF, -INF])
    def test_gradient_at_the_origin_is_zero(self, ord: Any) -> None:
        x = Variable(np.zeros(3, np.float32))
        y = F.linalg.norm(x, ord)
        y.backward(create_graph=True)
        assert x.grad is not None and x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad.data, np.zeros(3))
        second = x.grad
        x.cleargrad()
        second.sum().backward()
        assert x.grad is None or np.isfinite(x.grad.data).all()

    def test_origin_among_others(self) -> None:
        x = Variable(np.array([[0.0, 0.0], [3.0, 4.0]]))
        F.linalg.norm(x, axis=1).backward()
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.data, [[0.0, 0.0], [0.6, 0.8]])

    def test_ties_share_equally(self) -> None:
        x = Variable(np.array([2.0, -2.0, 1.0]))
        F.linalg.norm(x, INF).backward()
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.data, [0.5, -0.5, 0.0])

    def test_integers_have_a_fraction(self) -> None:
        x = Variable(np.array([3, 4]))
        y = F.linalg.norm(x)
        y.backward()
        assert x.grad is not None and float(y) == 5.0
        np.testing.assert_allclose(x.grad.data, [0.6, 0.8])

    @pytest.mark.parametrize(
        ("shape", "settings"),
        [((2, 2), {"ord": 2}), ((2, 2, 2), {"ord": "fro"}), ((3,), {"ord": 3}),
         ((3,), {"ord": "fro"}), ((2, 2), {"axis": 0, "ord": "fro"}), ((2, 2), {"axis": ()}),
         ((2, 2, 2), {"axis": (0, 1, 2)})],
    )  # fmt: skip
    def test_unknown_orders(self, shape: tuple[int, ...], settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"^norm: there is ord .*got x: float64\["):
            F.linalg.norm(Variable(np.ones(shape)), **settings)

    def test_axis_out_of_range(self) -> None:
        with pytest.raises(IndexError, match=r"^norm: axis 2 is out of range"):
            F.linalg.norm(Variable(np.ones((2, 2))), axis=2)
