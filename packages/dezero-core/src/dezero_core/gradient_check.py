"""Derivatives compared with differences: is this backward rule right?

`check_grads` is the one to use on operations of your own. `numerical_diff`, `numerical_grad` and
`gradient_check` are the book's (steps 4 and 10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dezero_core.backend import as_numpy, backend_of
from dezero_core.config import using_config
from dezero_core.errors import describe
from dezero_core.gradients import gradients_of, seed_for
from dezero_core.typing import Array, ArrayLike
from dezero_core.variable import Variable, as_array, as_variable

__all__ = ["check_grads", "gradient_check", "numerical_diff", "numerical_grad"]

# An argument with more elements than this is searched for its worst element in part.
_SEARCHED = 1000


def numerical_diff(f: Callable[[Variable], Variable], x: Variable, eps: float = 1e-4) -> Array:
    r"""Differentiate a function by a central difference (book step 4).

    .. math:: f'(x) \approx \frac{f(x + \epsilon) - f(x - \epsilon)}{2 \epsilon}

    Args:
        f: A function of a number, or one that works element by element.
        x: Where.
        eps: The step.

    Returns:
        The derivative, of the shape of ``f(x)``.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Variable
        >>> print(numerical_diff(lambda x: x**2, Variable(np.array(2.0))))
        4.000000000004
    """
    y0 = f(Variable(as_array(x.data - eps)))
    y1 = f(Variable(as_array(x.data + eps)))
    return (y1.data - y0.data) / (2 * eps)


def numerical_grad(
    f: Callable[..., Any], x: ArrayLike, *args: Any, eps: float = 1e-4, **kwargs: Any
) -> Array:
    """Differentiate the sum of a function's results by central differences, in float64.

    It evaluates `f` twice for each element of `x`.

    Args:
        f: Called as ``f(x, *args, **kwargs)`` with a Variable `x`.
        x: Where: a Variable, an array or a number, of any shape.
        *args: More arguments of `f`.
        eps: The step. It is not handed on to `f`.
        **kwargs: Keyword arguments of `f`.

    Returns:
        The gradient, of the shape of `x`, in float64.

    Example:
        >>> import numpy as np
        >>> numerical_grad(lambda x: x**3, np.array([1.0, 2.0])).round(6)
        array([ 3., 12.])
    """
    host = as_numpy(as_variable(x)).astype(np.float64)
    backend = backend_of(as_variable(x).data)

    def total(moved: Array) -> float:
        y = f(Variable(backend.asarray(moved)), *args, **kwargs)
        return sum(float(as_numpy(part).sum()) for part in _tuple(y))

    return np.reshape(
        [
            (total(_moved(host, i, eps)) - total(_moved(host, i, -eps))) / (2 * eps)
            for i in range(host.size)
        ],
        host.shape,
    )


def gradient_check(
    f: Callable[..., Any],
    x: ArrayLike,
    *args: Any,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    **kwargs: Any,
) -> bool:
    """Tell whether backward and differences give the same gradient (book step 10).

    The gradient is that of the sum of ``f(x, *args, **kwargs)`` with respect to `x`, in float64.
    No variable's `grad` changes. To see what is wrong where, and for derivatives of higher order,
    use `check_grads`.

    Args:
        f: Called as ``f(x, *args, **kwargs)`` with a Variable `x`.
        x: Where: a Variable, an array or a number, of any shape.
        *args: More arguments of `f`.
        rtol: The relative tolerance, as in `numpy.allclose`.
        atol: The absolute tolerance.
        **kwargs: Keyword arguments of `f`.

    Returns:
        Whether they agree.

    Example:
        >>> import numpy as np
        >>> gradient_check(lambda x: x**2, np.array([1.0, -2.0]))
        True
    """
    x = as_variable(x)
    leaf = Variable(x.data.astype(np.float64))
    with using_config("enable_backprop", True):
        outputs = _tuple(f(leaf, *args, **kwargs))
    (gradient,) = gradients_of([(y, seed_for(y)) for y in outputs], [leaf])
    analytic = np.zeros(leaf.shape) if gradient is None else as_numpy(gradient)
    numeric = numerical_grad(f, leaf, *args, **kwargs)
    return bool(np.allclose(analytic, numeric, rtol=rtol, atol=atol))


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    eps: float = 1e-5,
    seed: int = 0,
) -> None:
    """Check the derivatives of a function against central differences, up to an order.

    With random weights for the results and a random direction for each argument, one number per
    argument is compared, so the cost does not grow with their size. The next order checks the
    gradient as a function of the arguments and the weights in the same way.

    Args:
        f: A function of Variables that returns one or several. It must give the same each time,
            so it may not draw random numbers unless from a generator that it seeds.
        args: Its arguments. Derivatives are checked with respect to all float64 arrays, and
            Variables that hold such; the rest is handed to `f` as it is. Nothing is changed.
        order: The highest order of derivatives.
        rtol: The relative tolerance.
        atol: The absolute tolerance.
        eps: The step of the differences. Arguments must be further than this from kinks.
        seed: Other seeds give other weights and directions.

    Raises:
        AssertionError: A derivative is wrong. The message names its order, the argument, and the
            worst element with both values.
        TypeError: An argument has fewer digits than float64: differences of those are noise.
        ValueError: There is nothing to check.

    Example:
        >>> import numpy as np
        >>> check_grads(lambda x, y: x * y, (np.array([1.0, 2.0]), np.array(3.0)))
    """
    args = [x.data if isinstance(x, Variable) else x for x in args]
    kinds = [getattr(x, "dtype", np.dtype(object)) for x in args]
    positions = [i for i, kind in enumerate(kinds) if kind == np.float64]
    for i, kind in enumerate(kinds):
        if kind.kind == "f" and i not in positions:
            raise TypeError(
                f"check_grads: argument {i} is {describe(args[i])}; differences of {kind} numbers "
                "are mostly rounding errors. Pass x.astype(numpy.float64)"
            )
    if not positions or order < 1:
        raise ValueError(
            f"check_grads: nothing to check, with order={order} and the arguments "
            f"{describe(args)}; pass at least one float64 array"
        )

    def function(*variables: Variable) -> Any:
        filled = list(args)
        for i, variable in zip(positions, variables, strict=True):
            filled[i] = variable
        return f(*filled)

    with using_config("enable_backprop", True):
        name = getattr(f, "__name__", type(f).__name__)
        _Checker(name, rtol, atol, eps, np.random.default_rng(seed)).check(
            function, [args[i] for i in positions], [f"argument {i}" for i in positions], order
        )


class _Checker:
    """Compares derivatives, one order after another."""

    def __init__(
        self, name: str, rtol: float, atol: float, eps: float, rng: np.random.Generator
    ) -> None:
        self.name = name
        self.rtol = rtol
        self.atol = atol
        self.eps = eps
        self.rng = rng

    def check(
        self,
        f: Callable[..., Any],
        arrays: list[Array],
        names: list[str],
        order: int,
        done: int = 0,
    ) -> None:
        """Check `order` orders of the derivatives of `f`, itself a derivative of order `done`."""
        variables = [Variable(x) for x in arrays]
        outputs = _tuple(f(*variables))
        weights = [
            backend_of(y.data).asarray(self._random(y.shape).astype(y.dtype))
            for y in outputs
            if y.dtype.kind == "f"
        ]
        gradients = gradients_of(_floats(outputs, weights), variables)

        for position, (x, gradient) in enumerate(zip(arrays, gradients, strict=True)):
            analytic = np.zeros(x.shape) if gradient is None else as_numpy(gradient)

            def along(step: Array, position: int = position) -> tuple[float, float]:
                return self._difference(f, arrays, weights, position, step)

            what = f"derivative {done + 1} with respect to {names[position]} ({describe(x)})"
            self._compare(analytic, along, what)

        if order > 1:

            def gradient_function(*inputs: Variable) -> tuple[Variable, ...]:
                xs, ws = inputs[: len(arrays)], inputs[len(arrays) :]
                ys = _tuple(f(*xs))
                found = gradients_of(_floats(ys, ws), list(xs), create_graph=True)
                return tuple(g for g in found if g is not None)

            inner = [f"weights {i} of derivative {done + 1}" for i in range(len(weights))]
            if any(g is not None for g in gradients):
                self.check(
                    gradient_function, [*arrays, *weights], [*names, *inner], order - 1, done + 1
                )

    def _random(self, shape: tuple[int, ...]) -> Array:
        # Bounded on both sides: no element goes unseen, none steps over a kink.
        signs = self.rng.integers(0, 2, size=shape) * 2 - 1
        return np.asarray(signs * self.rng.uniform(0.5, 1.0, size=shape))

    def _difference(
        self,
        f: Callable[..., Any],
        arrays: list[Array],
        weights: list[Array],
        position: int,
        step: Array,
    ) -> tuple[float, float]:
        """Return the derivative along a step, and how far rounding may have put it off."""
        asarray = backend_of(arrays[position]).asarray
        totals, size = [], 0.0
        for factor in (self.eps, -self.eps):
            moved = list(arrays)
            moved[position] = moved[position] + asarray(factor * step)
            total = 0.0
            for y, w in _floats(_tuple(f(*map(Variable, moved))), weights):
                product = as_numpy(y).astype(np.float64) * as_numpy(w)
                total += float(product.sum())
                size += float(np.abs(product).sum())
            totals.append(total)
        noise = 4 * float(np.finfo(np.float64).eps) * size / self.eps
        return (totals[0] - totals[1]) / (2 * self.eps), noise

    def _compare(
        self, analytic: Array, along: Callable[[Array], tuple[float, float]], what: str
    ) -> None:
        direction = self._random(analytic.shape)
        a = float((analytic * direction).sum())
        n, noise = along(direction)
        if abs(a - n) <= self.atol + self.rtol * max(abs(a), abs(n)) + noise:
            return
        size = analytic.size
        searched = np.arange(size)
        if size > _SEARCHED:
            searched = self.rng.choice(size, _SEARCHED, replace=False)
        zeros = np.zeros(analytic.shape)
        numeric = np.array([along(_moved(zeros, i, 1.0))[0] for i in searched])
        errors = np.abs(analytic.reshape(-1)[searched] - numeric)
        # Not a number is worse than any number.
        worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
        index = tuple(int(i) for i in np.unravel_index(searched[worst], analytic.shape))
        extent = "" if size <= _SEARCHED else f" of {_SEARCHED} that were looked at"
        raise AssertionError(
            f"check_grads: {self.name}: {what} is wrong: along a random direction it is {a!r}, by "
            f"differences {n!r}. The worst element{extent}, at {index}: analytic "
            f"{float(analytic[index])!r}, numeric {float(numeric[worst])!r}"
        )


def _floats(outputs: Sequence[Variable], weights: Sequence[Any]) -> list[tuple[Variable, Any]]:
    """Pair the outputs that have derivatives with their weights."""
    return list(zip((y for y in outputs if y.dtype.kind == "f"), weights, strict=True))


def _tuple(y: Any) -> tuple[Variable, ...]:
    outputs = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"the function returned {type(output)}, not a Variable")
    return outputs


def _moved(array: Array, i: int, step: float) -> Array:
    """Return a copy of an array with a step added to its i-th element."""
    moved = array.copy()
    moved.reshape(-1)[i] += step
    return moved
