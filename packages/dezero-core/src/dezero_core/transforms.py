"""Functions made from functions: gradients, products with Jacobians, Hessians.

They touch no `grad`, neither of their arguments nor of variables that the function closes over,
and they compose to any order:

    def newton_step(f, x):
        return x - F.linalg.solve(hessian(f)(x), grad(f)(x)).data

`grad`, `value_and_grad`, `jacobian` and `hessian` return functions; `argnums` says which of their
arguments to differentiate. `vjp`, `jvp` and `hvp` are taken at a point, and differentiate all
arguments: an array for a function of one, a tuple of arrays for a function of several.

The differentiated arguments reach the function as Variables, others as they are. What comes out
are Variables without a graph, so nothing of the computation stays in memory. The graph is kept
inside another transform, which needs it, and on request (``create_graph=True``), for `backward`
through a gradient. Under `no_grad` it never is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dezero_core import functions as F
from dezero_core._record import Record, match, pack, unpack, zeros_for
from dezero_core.backend import get_array_module
from dezero_core.errors import describe
from dezero_core.gradients import seed_for
from dezero_core.typing import ArrayLike
from dezero_core.variable import Variable

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

# --- functions of gradients --------------------------------------------------------------------


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, create_graph: bool = False
) -> Callable[..., Any]:
    """Return the function that computes the gradient of `f`.

    Args:
        f: A function whose result is a Variable of shape ().
        argnums: Which arguments to differentiate: the position of one, or several positions.
        create_graph: Keep the graph of the gradient, for `backward` through it.

    Returns:
        A function of the same arguments. It returns the gradient, a Variable of the argument's
        shape; a tuple of them where `argnums` are several. Where the result does not depend on an
        argument, the gradient is zero.

    Raises:
        TypeError: When called: an argument is not of floating-point numbers, or `f` returned
            something else than a Variable of these.
        ValueError: When called: the result of `f` has axes.
        IndexError: When called: there is no such argument.

    Example:
        >>> f = lambda x: x**4 - 2 * x**2
        >>> grad(f)(2.0), grad(grad(f))(2.0)
        (variable(24.0), variable(44.0))
    """
    with_value = value_and_grad(f, argnums, create_graph=create_graph, _name="grad")

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return with_value(*args, **kwargs)[1]

    return gradient


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    create_graph: bool = False,
    _name: str = "value_and_grad",
) -> Callable[..., tuple[Variable, Any]]:
    """Return the function that computes both the value of `f` and its gradient (see `grad`).

    Args:
        f: A function whose result is a Variable of shape ().
        argnums: Which arguments to differentiate: the position of one, or several positions.
        create_graph: Keep the graphs of both, for `backward` through them.

    Returns:
        A function of the same arguments. It returns the value and the gradient.

    Raises:
        TypeError: As for `grad`.
        ValueError: As for `grad`.
        IndexError: As for `grad`.

    Example:
        >>> value_and_grad(lambda x, y: x * y**2, argnums=(0, 1))(2.0, 3.0)
        (variable(18.0), (variable(9.0), variable(12.0)))
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Variable, Any]:
        record = Record(_name, f, args, kwargs, argnums, create_graph)
        y = record.outputs[0]
        if record.has_several or y.shape != ():
            raise ValueError(
                f"{_name}: a gradient is that of one number, but the function returned "
                f"{describe(tuple(record.outputs)) if record.has_several else describe(y)}; "
                "sum it up first, or use jacobian or vjp"
            )
        gradients = record.pull([seed_for(y)])
        return record.value, pack(gradients, isinstance(argnums, Sequence))

    return value_and_gradient


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, create_graph: bool = False
) -> Callable[..., Any]:
    r"""Return the function that computes all derivatives, :math:`\partial y_i / \partial x_j`.

    It goes back through `f` once for each element of the result.

    Args:
        f: A function whose result is a Variable of any shape, or a tuple of Variables.
        argnums: Which arguments to differentiate: the position of one, or several positions.
        create_graph: Keep the graph of the derivatives, for `backward` through them.

    Returns:
        A function of the same arguments. It returns a Variable of shape (\*y.shape, \*x.shape). A
        tuple of them, one for each argument, where `argnums` are several; of such, one for each
        result, where the results are several.

    Raises:
        TypeError: As for `grad`.
        IndexError: As for `grad`.

    Example:
        >>> import numpy as np
        >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
        variable([[2. 0.]
                  [0. 4.]])
    """

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        record = Record("jacobian", f, args, kwargs, argnums, create_graph)
        blocks = []
        for place, y in enumerate(record.outputs):
            seeds: list[Any] = [None] * len(record.outputs)
            rows = []
            for unit in get_array_module(y.data).eye(y.size, dtype=y.dtype):
                seeds[place] = unit.reshape(y.shape)
                rows.append(record.pull(seeds))
            stacked = [
                F.stack(column).reshape(y.shape + x.shape)
                if rows
                else zeros_for(x, y.shape + x.shape)
                for x, *column in zip(record.inputs, *rows, strict=True)
            ]
            blocks.append(pack(stacked, isinstance(argnums, Sequence)))
        return pack(blocks, record.has_several)

    return jacobian_of_f


def hessian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, create_graph: bool = False
) -> Callable[..., Any]:
    r"""Return the function that computes all second derivatives.

    It goes back through the gradient once for each element. For products with vectors alone use
    `hvp`, which does so once.

    Args:
        f: A function whose result is a Variable of shape ().
        argnums: Which arguments to differentiate: the position of one, or several positions.
        create_graph: Keep the graph of the derivatives, for `backward` through them.

    Returns:
        A function of the same arguments. It returns a Variable of shape (\*x.shape, \*x.shape);
        where `argnums` are several, a tuple of tuples, for each pair of arguments.

    Raises:
        TypeError: As for `grad`.
        ValueError: As for `grad`.
        IndexError: As for `grad`.

    Example:
        >>> import numpy as np
        >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
        variable([[4. 2.]
                  [2. 0.]])

        Newton's method, which reaches the minimum of a quadratic function in one step:

        >>> from dezero_core import functions as F
        >>> f = lambda x: (x[0] - 1) ** 2 + 4 * (x[1] - 2) ** 2
        >>> x = np.array([5.0, -3.0])
        >>> x - F.linalg.solve(hessian(f)(x), grad(f)(x))
        variable([1. 2.])
    """
    return jacobian(grad(f, argnums), argnums, create_graph=create_graph)


# --- products at a point -------------------------------------------------------------------------


def vjp(
    f: Callable[..., Any],
    primals: ArrayLike | tuple[ArrayLike, ...],
    *,
    create_graph: bool = False,
) -> tuple[Any, Callable[[Any], Any]]:
    r"""Compute `f`, and return with it the function that takes gradients back through it.

    Args:
        f: A function whose result is a Variable, or a tuple of Variables.
        primals: Its argument; a tuple of them if it takes several.
        create_graph: Keep the graph of what comes out, for `backward` through it.

    Returns:
        The value of `f`, and a function: given :math:`v`, of the value's shape, it returns
        :math:`v^\mathsf{T}\, \partial y / \partial x`, of the argument's; tuples where these are
        several. It may be called any number of times. As long as it exists, so does the graph.

    Raises:
        TypeError: An argument is not of floating-point numbers, or `f` returned something else
            than Variables of these.
        ValueError: When the function is called: shapes differ.

    Example:
        >>> import numpy as np
        >>> y, pull = vjp(lambda x: x**2, np.array([1.0, 2.0]))
        >>> pull(np.array([10.0, 1.0]))
        variable([20.  4.])
    """
    args, has_several = unpack(primals)
    record = Record("vjp", f, args, {}, range(len(args)), create_graph)

    def pull(v: Any) -> Any:
        vectors = match("vjp", "value", v, record.outputs, record.has_several)
        return pack(record.pull(vectors), has_several)

    return record.value, pull


def jvp(
    f: Callable[..., Any],
    primals: ArrayLike | tuple[ArrayLike, ...],
    tangents: ArrayLike | tuple[ArrayLike, ...],
    *,
    create_graph: bool = False,
) -> tuple[Any, Any]:
    r"""Compute `f`, and its derivative in a direction, :math:`\partial y / \partial x\; v`.

    The rules here only go backward. What `vjp` returns is linear, so going backward through it
    goes forward through `f`: this costs three to four times as much as a gradient's forward pass.

    Args:
        f: A function whose result is a Variable, or a tuple of Variables.
        primals: Its argument; a tuple of them if it takes several.
        tangents: The direction, of the shape of `primals`.
        create_graph: Keep the graph of what comes out, for `backward` through it.

    Returns:
        The value of `f`, and the derivative, of the same shape; tuples where the value is one.

    Raises:
        TypeError: As for `vjp`.
        ValueError: `tangents` do not have the shapes of `primals`.

    Example:
        >>> import numpy as np
        >>> jvp(lambda x: x**2, np.array([1.0, 2.0]), np.array([10.0, 1.0]))
        (variable([1. 4.]), variable([20.  4.]))
    """
    args, has_several = unpack(primals)
    record = Record("jvp", f, args, {}, range(len(args)), create_graph)
    directions = match("jvp", "argument", tangents, record.inputs, has_several)
    transposed = Record(
        "jvp",
        lambda *vectors: tuple(record.pull(vectors)),
        [zeros_for(y, y.shape) for y in record.outputs],
        {},
        range(len(record.outputs)),
        create_graph,
    )
    return record.value, pack(transposed.pull(directions), record.has_several)


def hvp(
    f: Callable[..., Any],
    primals: ArrayLike | tuple[ArrayLike, ...],
    vectors: ArrayLike | tuple[ArrayLike, ...],
    *,
    create_graph: bool = False,
) -> Any:
    """Compute the product of the Hessian of `f` with a vector, without the Hessian.

    It goes backward through the gradient, and costs a few times what that does.

    Args:
        f: A function whose result is a Variable of shape ().
        primals: Its argument; a tuple of them if it takes several.
        vectors: The vector, of the shape of `primals`.
        create_graph: Keep the graph of the product, for `backward` through it.

    Returns:
        A Variable of the shape of the argument; a tuple of them if they are several.

    Raises:
        TypeError: As for `grad`.
        ValueError: As for `grad`; also, `vectors` do not have the shapes of `primals`.

    Example:
        >>> import numpy as np
        >>> hvp(lambda x: (x**2).sum(), np.array([1.0, 2.0]), np.array([4.0, 5.0]))
        variable([ 8. 10.])

    Deep Learning from Scratch 3, step 36.
    """
    args, has_several = unpack(primals)
    argnums = range(len(args))
    record = Record("hvp", grad(f, argnums), args, {}, argnums, create_graph)
    directions = match("hvp", "argument", vectors, record.inputs, has_several)
    return pack(record.pull(directions), has_several)
