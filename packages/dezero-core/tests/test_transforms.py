"""Functional transforms: the book's figures, composition, what they leave behind, errors."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

from dezero_core import (
    Config,
    Parameter,
    Variable,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from dezero_core import functions as F
from dezero_core.gradient_check import numerical_grad
from dezero_core.node import Node
from dezero_core.testing import fake_device

rng = np.random.default_rng(0)


def quartic(x: Any) -> Any:
    return x**4 - 2 * x**2


def rosenbrock(x0: Any, x1: Any) -> Any:
    return 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2


class TestTheBook:
    def test_step_28_gradient_descent(self) -> None:
        gradient = grad(rosenbrock, argnums=(0, 1))
        x0, x1 = 0.0, 2.0
        assert [float(g) for g in gradient(x0, x1)] == [-2.0, 400.0]
        # The thousandth line that the book prints, before the thousandth step.
        for _ in range(999):
            g0, g1 = gradient(x0, x1)
            x0, x1 = x0 - 0.001 * float(g0), x1 - 0.001 * float(g1)
        assert (round(x0, 8), round(x1, 7)) == (0.68349178, 0.4656506)

    def test_steps_29_and_33_newton_s_method(self) -> None:
        first = grad(quartic)
        second = grad(first)
        x, path = 2.0, []
        for _ in range(7):
            x -= float(first(x)) / float(second(x))
            path.append(x)
        assert path == pytest.approx(
            [
                1.4545454545454546,
                1.1510467893775467,
                1.0253259289766978,
                1.0009084519430513,
                1.0000012353089454,
                1.000000000002289,
                1.0,
            ],
            rel=1e-15,
        )

    def test_step_36_gradient_in_a_function(self) -> None:
        def z(x: Variable) -> Variable:
            gx = grad(lambda x: x**2)(x)
            y: Variable = gx**3 + x**2
            return y

        assert float(grad(z)(2.0)) == 100.0

    def test_step_36_hessian_vector_product(self) -> None:
        product = hvp(lambda x: (x**2).sum(), np.array([1.0, 2.0]), np.array([4.0, 5.0]))
        np.testing.assert_array_equal(product.data, [8.0, 10.0])

    def test_newton_s_method_in_many_dimensions(self) -> None:
        def f(x: Variable) -> Any:
            return rosenbrock(x[0], x[1])

        x = np.array([0.0, 2.0])
        for _ in range(6):
            x = x - F.linalg.solve(hessian(f)(x), grad(f)(x)).data
        np.testing.assert_allclose(x, [1.0, 1.0], rtol=1e-12)


class TestGrad:
    def test_any_order(self) -> None:
        f: Any = quartic
        for value in (24.0, 44.0, 48.0, 24.0, 0.0, 0.0):
            f = grad(f)
            assert float(f(2.0)) == value

    def test_value_comes_with_it(self) -> None:
        value, (g0, g1) = value_and_grad(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0)
        assert (float(value), float(g0), float(g1)) == (18.0, 9.0, 12.0)

    @pytest.mark.parametrize(
        ("argnums", "wanted"),
        [(0, 4.0), (1, 3.0), (-1, 3.0), ((0,), (4.0,)), ((1, 0), (3.0, 4.0)), ([-1], (3.0,))],
    )
    def test_argnums(self, argnums: Any, wanted: Any) -> None:
        found = grad(lambda x, y: x * y, argnums)(3.0, 4.0)
        assert (
            found == wanted if isinstance(wanted, float) else list(map(float, found)) == [*wanted]
        )

    def test_other_arguments_come_as_they_are(self) -> None:
        seen: list[Any] = []

        def f(x: Variable, *others: Any, **settings: Any) -> Variable:
            seen.extend([*others, settings])
            return x * others[0]

        array = np.array(3.0)
        assert float(grad(f)(2.0, array, "mode", scale=None)) == 3.0
        assert seen[0] is array
        assert seen[1:] == ["mode", {"scale": None}]

    def test_only_the_argument_is_differentiated(self) -> None:
        x = Variable(np.array(3.0))
        # The same variable, closed over, is a constant.
        assert float(grad(lambda y: y * x)(x)) == 3.0
        # Inside another transform, too.
        assert float(grad(lambda x: grad(lambda y: y * x * x)(x))(2.0)) == 4.0
        # And where an argument is given twice.
        assert float(grad(lambda x: grad(lambda a, b: a * a * b)(x, x))(3.0)) == 12.0

    def test_perturbations_are_not_confused(self) -> None:
        # d/dx (x * d/dy (x + y)) = 1
        assert float(grad(lambda x: x * grad(lambda y: x + y)(1.0))(5.0)) == 1.0

    def test_inner_gradient_through_what_it_closes_over(self) -> None:
        # d/dw of d/dx (w x^2) at x = 3 is 2 x.
        assert float(grad(lambda w: grad(lambda x: w * x**2)(3.0))(5.0)) == 6.0

    @pytest.mark.parametrize("f", [lambda x: F.floor(x), lambda x: Variable(np.array(1.0)) * 2.0])
    def test_no_dependence_is_zero(self, f: Any) -> None:
        x = np.array(2.5, np.float32)
        for g in (grad(f)(x), grad(grad(f))(x), hvp(f, x, x), jvp(f, x, x)[1], hessian(f)(x)):
            assert g.shape == () and float(g) == 0.0
        assert grad(f)(x).dtype == np.float32

    def test_argument_that_is_the_result(self) -> None:
        x = np.array(2.0)
        assert float(grad(lambda x: x)(x)) == 1.0
        assert float(grad(grad(lambda x: x))(x)) == 0.0
        assert float(grad(lambda x: grad(lambda y: y)(x) * x)(x)) == 1.0

    def test_float32_stays(self) -> None:
        x = np.array([1.0, 2.0], np.float32)
        value, g = value_and_grad(lambda x: (x * 2.5).sum())(x)
        assert (value.dtype, g.dtype) == (np.float32, np.float32)
        assert hessian(lambda x: (x**3).sum())(x).dtype == np.float32
        assert hvp(lambda x: (x**3).sum(), x, np.ones(2)).dtype == np.float32

    def test_result_is_an_array_of_its_own(self) -> None:
        x = np.ones((2, 3))
        g = grad(lambda x: x.sum())(x).data
        g += 1.0
        np.testing.assert_array_equal(x, np.ones((2, 3)))
        v = np.ones(3)
        back = vjp(lambda x: x, np.zeros(3))[1](v)
        assert not np.shares_memory(back.data, v)


class TestProducts:
    def setup_method(self) -> None:
        self.A = rng.normal(size=(3, 2))
        self.x = rng.normal(size=2)
        self.v, self.w = rng.normal(size=2), rng.normal(size=3)

    def f(self, x: Variable) -> Any:
        return F.sin(F.matmul(self.A, x)) ** 2

    def test_vjp_and_jvp_agree_with_the_jacobian(self) -> None:
        J = jacobian(self.f)(self.x).data
        y, pull = vjp(self.f, self.x)
        np.testing.assert_allclose(y.data, self.f(self.x).data)
        for _ in range(2):
            np.testing.assert_allclose(pull(self.w).data, self.w @ J)
        y, forward = jvp(self.f, self.x, self.v)
        np.testing.assert_allclose(y.data, self.f(self.x).data)
        np.testing.assert_allclose(forward.data, J @ self.v)
        for i, row in enumerate(J):
            numeric = numerical_grad(lambda x, i=i: self.f(x)[i], self.x)
            np.testing.assert_allclose(row, numeric, atol=1e-7)

    def test_several_arguments_and_results(self) -> None:
        def f(x: Variable, y: Variable) -> tuple[Variable, Variable]:
            return x * y, (x**2).sum()

        x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
        values, pull = vjp(f, (x, y))
        gx, gy = pull((np.array([1.0, 10.0]), np.array(1.0)))
        np.testing.assert_array_equal(values[0].data, [3.0, 8.0])
        np.testing.assert_array_equal(gx.data, [5.0, 44.0])
        np.testing.assert_array_equal(gy.data, [1.0, 20.0])
        values, (d0, d1) = jvp(f, (x, y), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
        np.testing.assert_array_equal(d0.data, [3.0, 2.0])
        assert (float(values[1]), float(d1)) == (5.0, 2.0)
        (a, b), (c, d) = jacobian(f, argnums=(0, 1))(x, y)
        np.testing.assert_array_equal(a.data, np.diag(y))
        np.testing.assert_array_equal(b.data, np.diag(x))
        np.testing.assert_array_equal(c.data, 2 * x)
        np.testing.assert_array_equal(d.data, [0.0, 0.0])

    def test_shapes_of_a_jacobian(self) -> None:
        x = rng.normal(size=(2, 3))
        assert jacobian(lambda x: F.transpose(x)[:, :, None])(x).shape == (3, 2, 1, 2, 3)
        assert jacobian(lambda x: x[:0])(x).shape == (0, 3, 2, 3)
        np.testing.assert_array_equal(jacobian(lambda x: x.sum())(x).data, np.ones((2, 3)))

    def test_hessian_of_several_arguments(self) -> None:
        (a, b), (c, d) = hessian(rosenbrock, argnums=(0, 1))(0.5, 2.0)
        assert [float(h) for h in (a, b, c, d)] == [-498.0, -200.0, -200.0, 200.0]

    def test_hvp_agrees_with_the_hessian(self) -> None:
        def f(x: Variable, y: Variable) -> Any:
            return (F.exp(x * y) * x).sum()

        x, y, v, w = (rng.normal(size=3) for _ in range(4))
        (a, b), (c, d) = ([h.data for h in row] for row in hessian(f, (0, 1))(x, y))
        p, q = hvp(f, (x, y), (v, w))
        np.testing.assert_allclose(p.data, a @ v + b @ w)
        np.testing.assert_allclose(q.data, c @ v + d @ w)

    def test_they_compose(self) -> None:
        def f(x: Variable) -> Any:
            return (x**3).sum()

        x, v = np.array([1.0, 2.0]), np.array([3.0, 1.0])
        np.testing.assert_allclose(jvp(grad(f), x, v)[1].data, 6 * x * v)
        np.testing.assert_allclose(grad(lambda x: jvp(f, x, v)[1])(x).data, 6 * x * v)
        np.testing.assert_allclose(
            jvp(lambda x: jvp(f, x, v)[1], x, v)[1].data, (6 * x * v**2).sum()
        )
        np.testing.assert_allclose(grad(lambda x: hvp(f, x, v).sum())(x).data, 6 * v)
        np.testing.assert_allclose(grad(lambda v: (hvp(f, x, v) * v).sum())(v).data, 12 * x * v)
        np.testing.assert_allclose(jacobian(jacobian(lambda x: x**2))(x).data[0, 0], [2.0, 0.0])
        np.testing.assert_allclose(
            grad(lambda x: vjp(f, x)[1](np.array(2.0)).sum())(x).data, 12 * x
        )


class TestGraphs:
    def test_results_are_constants(self) -> None:
        x = Variable(np.array(2.0))
        value, g = value_and_grad(quartic)(x)
        y, pull = vjp(quartic, x)
        outputs = [value, g, y, pull(1.0), *jvp(quartic, x, 1.0), hvp(quartic, x, 1.0)]
        outputs += [jacobian(quartic)(x), hessian(quartic)(x)]
        assert not any(y.requires_grad for y in outputs)

    def test_no_grad_attribute_changes(self) -> None:
        x, w = Variable(np.array(2.0)), Parameter(np.array(3.0))
        before = Variable(np.array(7.0))
        w.grad = before

        def f(x: Variable) -> Any:
            return w * x**3

        for transformed in (grad(f), grad(grad(f)), jacobian(f), hessian(f)):
            transformed(x)
        hvp(f, x, 1.0)
        jvp(f, x, 1.0)
        vjp(f, x)[1](1.0)
        assert x.grad is None and w.grad is before

    def test_graph_on_request_for_backward_through_a_gradient(self) -> None:
        # A gradient penalty (Gulrajani et al., 2017).
        w, x = Parameter(np.array(3.0)), Variable(np.array(2.0))
        g = grad(lambda x: w * x**2, create_graph=True)(x)
        (g**2).backward()
        # (2 w x)^2 = 144; d/dw = 8 w x^2, d/dx = 8 w^2 x
        assert w.grad is not None and x.grad is not None
        assert (float(g), float(w.grad), float(x.grad)) == (12.0, 96.0, 144.0)

    @pytest.mark.parametrize(
        "transform",
        [
            lambda f, x: value_and_grad(f, create_graph=True)(x)[1],
            lambda f, x: vjp(f, x, create_graph=True)[1](1.0),
            lambda f, x: jvp(f, x, 1.0, create_graph=True)[1],
            lambda f, x: jacobian(f, create_graph=True)(x),
        ],
    )
    def test_graph_on_request(self, transform: Any) -> None:
        x = Variable(np.array(2.0))
        transform(quartic, x).backward()
        assert x.grad is not None and float(x.grad) == 44.0

    def test_graph_of_second_derivatives_on_request(self) -> None:
        for transform in (
            lambda x: hessian(quartic, create_graph=True)(x),
            lambda x: hvp(quartic, x, 1.0, create_graph=True),
        ):
            x = Variable(np.array(2.0))
            transform(x).backward()
            assert x.grad is not None and float(x.grad) == 48.0

    def test_no_grad_around(self) -> None:
        x = Variable(np.array(2.0))
        with no_grad():
            g = grad(grad(quartic), create_graph=True)(x)
            assert float(g) == 44.0 and not g.requires_grad
            assert not Config.enable_backprop

        # A gradient taken under no_grad is a constant to the transform around.
        def f(x: Variable) -> Any:
            with no_grad():
                g = grad(quartic)(x)
            return g * x

        assert float(grad(f)(2.0)) == 24.0

    def test_failure_leaves_everything_as_it_was(self) -> None:
        def f(x: Variable) -> Any:
            raise RuntimeError("a mistake in f")

        with no_grad(), pytest.raises(RuntimeError, match="a mistake in f"):
            grad(f)(2.0)
        assert Config.enable_backprop
        assert not grad(quartic)(Variable(np.array(2.0))).requires_grad


class TestMemory:
    def setup_method(self) -> None:
        gc.collect()
        gc.disable()

    def teardown_method(self) -> None:
        gc.enable()

    def test_graph_is_freed_at_once(self) -> None:
        x = Variable(np.ones(1000))
        seen: list[weakref.ref[Any]] = []

        def f(x: Variable) -> Any:
            hidden = F.exp(x)
            seen.append(weakref.ref(hidden.data))
            return (hidden * hidden).sum()

        grad(f)(x)
        grad(f, create_graph=True)(x)
        grad(lambda x: (grad(f)(x) ** 2).sum())(x)
        hvp(f, x, np.ones(1000))
        jvp(f, x, np.ones(1000))
        _, pull = vjp(f, x)
        assert seen[-1]() is not None
        del pull
        assert len(seen) == 6
        assert [ref() for ref in seen] == [None] * 6

    def test_steps_take_no_memory(self) -> None:
        w = Parameter(np.ones(500))

        def f(x: Variable) -> Any:
            return (F.sin(x * w) ** 2).sum()

        def step(x: Any) -> Any:
            g = grad(lambda x: (grad(f)(x) ** 2).sum() + hvp(f, x, x).sum())(x)
            return x - 0.01 * g.data

        def count() -> int:
            return sum(type(thing) in (Node, Variable) for thing in gc.get_objects())

        x = step(np.ones(500))
        tracemalloc.start()
        try:
            x = step(x)
            before, memory = count(), tracemalloc.get_traced_memory()[0]
            for _ in range(100):
                x = step(x)
            assert count() == before
            # One array a step would be 400 kB; Python's free lists of tuples take some.
            assert tracemalloc.get_traced_memory()[0] - memory < 200_000
        finally:
            tracemalloc.stop()


def test_on_a_device_nothing_moves() -> None:
    with fake_device() as device:
        x, v = device.asarray(np.array([1.0, 2.0])), device.asarray(np.array([4.0, 5.0]))

        def f(x: Variable) -> Any:
            return (x**3).sum()

        with device.forbid():
            found = [
                *value_and_grad(f)(x),
                grad(lambda x: (grad(f)(x) * x).sum())(x),
                hvp(f, x, v),
                *jvp(f, x, v),
                vjp(lambda x: x**2, x)[1](v),
                jacobian(lambda x: x**2)(x),
                hessian(f)(x),
            ]
        wanted = [9.0, [3.0, 12.0], [9.0, 36.0], [24.0, 60.0], 9.0, 72.0, [8.0, 20.0]]
        wanted += [[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 12.0]]]
        for y, value in zip(found, wanted, strict=True):
            assert isinstance(y.data, device.array_types)
            np.testing.assert_allclose(device.to_numpy(y.data), value)


class TestErrors:
    @pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
    def test_integers(self, transform: Any) -> None:
        with pytest.raises(TypeError, match=r": argument 1 is int64\[\]; .*pass 2\.0 instead of 2"):
            transform(lambda x, y: x * y, 1)(2.0, 3)

    @pytest.mark.parametrize("bad", ["a", [1.0, 2.0], None])
    def test_no_array(self, bad: Any) -> None:
        with pytest.raises(TypeError, match=r"^grad: argument 0: "):
            grad(quartic)(bad)

    def test_result_with_axes(self) -> None:
        with pytest.raises(ValueError, match=r"^grad: .*returned float64\[2\]; sum it up first"):
            grad(lambda x: x * 2)(np.ones(2))
        with pytest.raises(ValueError, match=r"^value_and_grad: .*\(float64\[\], float64\[\]\)"):
            value_and_grad(lambda x: (x, x))(2.0)

    @pytest.mark.parametrize(
        ("f", "got"),
        [
            (lambda x: None, "NoneType"),
            (lambda x: x.data, "numpy.ndarray"),
            (lambda x: 2.0, "float"),
            (lambda x: F.argmax(x), "one of int64"),
        ],
    )
    def test_results_that_can_not_be_differentiated(self, f: Any, got: str) -> None:
        with pytest.raises(TypeError, match=rf"^vjp: the function must return a Variable .*{got}"):
            vjp(f, 2.0)

    def test_argnums(self) -> None:
        with pytest.raises(IndexError, match="grad: there is no argument 2, only 1 positional"):
            grad(quartic, 2)(1.0)
        with pytest.raises(ValueError, match=r"grad: argnums=.* names an argument twice"):
            grad(quartic, (0, -1))(1.0)

    def test_vectors_of_other_shapes(self) -> None:
        with pytest.raises(
            ValueError, match=r"jvp: argument 0 is float64\[2\], the vector .*\[3\]"
        ):
            jvp(lambda x: x, np.ones(2), np.ones(3))
        with pytest.raises(ValueError, match=r"vjp: value 0 is float64\[2\], the vector .*\[\]"):
            vjp(lambda x: x, np.ones(2))[1](1.0)
        with pytest.raises(
            ValueError, match=r"hvp: expected one vector for each argument, a tuple"
        ):
            hvp(rosenbrock, (1.0, 2.0), 1.0)
