"""Operations, each with a table of rules for its derivatives.

    @primitive
    def tanh(xp, x):
        return xp.tanh(x)

    tanh.defvjp(lambda xp, gy, y: gy * (1 - y * y))

The forward function computes with `xp`, a namespace shaped like NumPy: `numpy` itself or another
backend's. A rule takes the gradient `gy` of the result to the gradient of one operand, and says by
the names of its parameters what else it needs; nothing else is kept for it. Rules run on plain
arrays, or, when the gradient is to be differentiated again, with our own functions on Variables:
one definition serves both.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, overload

import numpy as np

from dezero_core.backend import backend_of, kernels_of
from dezero_core.config import current
from dezero_core.errors import explain
from dezero_core.node import Node, output_nodes
from dezero_core.plan import Plan, Rule, Signature
from dezero_core.variable import Variable, variable_of

__all__ = ["Primitive", "primitive"]

P = ParamSpec("P")

# The types that NumPy takes and gives: one look-up each is the fast path of dispatch.
_ARRAYS = frozenset(np.dtype(code).type for code in np.typecodes["AllInteger"] + "?efdg")
_ARRAYS |= {np.ndarray}
_NUMBERS = frozenset([bool, int, float])
_HOST = _ARRAYS | _NUMBERS | {type(None)}

_new = object.__new__


class Primitive(Generic[P]):
    """An operation with rules for its derivatives: what the decorator `primitive` makes.

    Calling it computes, and records. Positional arguments are the operands: Variables, arrays,
    numbers, or None for an optional one. Keyword arguments are settings.

    Attributes:
        name: The operation's name: its function's, without leading underscores.
        signature: The names of its operands, settings and extra outputs.
    """

    #: The namespace of functions on Variables; the package sets it when it is complete.
    functions: Any = None

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], Any],
        *,
        extras: Sequence[str] = (),
        multiple_outputs: bool = False,
    ) -> None:
        self.name = function.__name__.strip("_")
        self.signature = Signature.of(function, extras)
        self._function = function
        self._is_plain = not (extras or multiple_outputs or self.signature.settings)
        self._multiple_outputs = multiple_outputs
        self._rules: dict[int, Rule] = {}
        self._joint: Rule | None = None
        # Filled on first use, by namespace: the forward function, and the plans by a number that
        # stands for how many operands there are and which of them need a gradient.
        self._forward: dict[Any, Callable[..., Any]] = {}
        self._plans: dict[Any, dict[int, Plan]] = {}
        # For help() and documentation: the function as it is called, without xp.
        self.__name__ = self.name
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self.__signature__ = inspect.Signature(parameters)

    def __repr__(self) -> str:
        return f"<primitive {self.name}{self.__signature__}>"

    def defvjp(self, *rules: Rule | None) -> None:
        """Define how gradients go back to the operands: one rule each, in their order.

        A rule is called as ``rule(xp, gy, ...)`` and returns its operand's gradient. Where operands
        are broadcast it returns the result's shape, and the engine sums it to the operand's. It
        neither changes its arguments nor branches on their values. It may name:

        - an operand: its value. ``x_shape``, ``x_dtype``: only that of the operand ``x``;
        - ``y``: the result, ``y_shape``, ``y_dtype``. Of several results ``y`` is a tuple, and so
          is ``gy``, with zeros for results that nothing was computed from;
        - a setting, or an extra output.

        Args:
            *rules: The rules. None for an operand without gradient, as are those at the end that
                have no rule.

        Raises:
            TypeError: A rule names something that the operation does not have.
        """
        operands = self.signature.operands
        if len(rules) > len(operands) or self.signature.is_variadic:
            raise TypeError(
                f"defvjp of {self.name}: {len(rules)} rules for the operands "
                f"{', '.join(operands)}; for *operands there is defvjp_joint"
            )
        for rule in rules:
            if rule is not None:
                self.signature.needs_of(self.name, rule, leading=2)
        self._rules = {i: rule for i, rule in enumerate(rules) if rule is not None}
        self._joint = None
        self._plans.clear()

    def defvjp_joint(self, rule: Rule) -> None:
        """Define one rule for all operands: for work that their gradients share.

        Args:
            rule: Called as ``rule(xp, gy, needs, ...)``, where `needs` tells for each operand
                whether its gradient is needed. Returns a gradient, or None, for each.

        Raises:
            TypeError: The rule names something that the operation does not have.
        """
        self.signature.needs_of(self.name, rule, leading=3)
        self._joint = rule
        self._plans.clear()

    def on(self, xp: Any, *operands: Any, **settings: Any) -> Any:
        """Compute inside a rule, on what the rule runs on.

        Args:
            xp: What the rule was given: an array library, then nothing is recorded, or our own
                functions.
            *operands: Arrays in the first case, Variables in the second.
            **settings: As for a call.

        Returns:
            An array, or a Variable; a tuple of them if there are several results.
        """
        if xp is Primitive.functions:
            return self(*operands, **settings)  # type: ignore[arg-type]
        return self.compute(xp, *operands, **settings)[0]

    def compute(self, xp: Any, *arrays: Any, **settings: Any) -> tuple[Any, tuple[Any, ...]]:
        """Compute on plain arrays, without any Variable.

        Returns:
            The result (a tuple, if there are several), and the tuple of extra outputs.
        """
        forward = self._forward.get(xp) or self._find_forward(xp)
        return self._split(forward(xp, *arrays, **settings))

    def __call__(self, *operands: P.args, **settings: P.kwargs) -> Any:
        """Compute on Variables, arrays and numbers; record, unless recording is off."""
        arrays: list[Any] = []
        parents: list[Any] = []
        needs = 0
        bit = 1
        on_host = True
        for x in operands:
            if isinstance(x, Variable):
                node = x._node
                if node is not None:
                    needs |= bit
                parents.append(node)
                x = x._data
            else:
                # A number is kept for drawings, an array is not worth its memory.
                parents.append(x if type(x) in _NUMBERS else None)
            if type(x) not in _HOST:
                on_host = False
            arrays.append(x)
            bit <<= 1
        xp = np if on_host else self._find_namespace(arrays)

        try:
            forward = self._forward.get(xp) or self._find_forward(xp)
            y = forward(xp, *arrays, **settings)
        except Exception as error:
            raise explain(error, self.name, self._named(arrays), settings) from error
        extras: tuple[Any, ...] = ()
        if not self._is_plain:
            y, extras = self._split(y)
        elif on_host and type(y) not in _ARRAYS:
            raise TypeError(f"{self.name}: the forward function returned {type(y)}, not an array")

        mode = current()
        node = None
        if needs and mode.enable_backprop and (self._rules or self._joint):
            plans = self._plans.get(xp) or self._plans.setdefault(xp, {})
            plan = plans.get(needs | bit) or self._make_plan(xp, needs, len(arrays))
            if self._is_plain:
                node = Node(plan, parents, plan.keep((*arrays, y)), y.shape, y.dtype)
            else:
                node = self._record(plan, parents, (*arrays, y, *extras), settings)
        if mode.watcher is not None:
            mode.watcher.after_forward(self.name, self._named(arrays), y, node)

        if self._multiple_outputs:
            nodes = [None] * len(y) if node is None else output_nodes(node, y)
            return tuple(map(variable_of, y, nodes))
        result = _new(Variable)
        result._data = y
        result._node = node
        result._name = None
        return result

    def _record(
        self,
        plan: Plan,
        parents: list[Any],
        values: tuple[Any, ...],
        settings: dict[str, Any],
    ) -> Node:
        """Make the node of an operation with settings, extra outputs or several results."""
        all_settings = {**self.signature.settings, **settings}
        saved = plan.keep((*values, *all_settings.values()))
        y = values[len(parents)]
        if self._multiple_outputs:
            specs = tuple([(part.shape, part.dtype) for part in y])
            return Node(plan, parents, (*saved, specs), (), None, settings)
        return Node(plan, parents, saved, y.shape, y.dtype, settings)

    def _split(self, result: Any) -> tuple[Any, tuple[Any, ...]]:
        """Part what the forward function returned into the result and the extra outputs."""
        n_extras = len(self.signature.extras)
        if not n_extras:
            return (tuple(result), ()) if self._multiple_outputs else (result, ())
        results, extras = tuple(result[:-n_extras]), tuple(result[-n_extras:])
        return results if self._multiple_outputs else results[0], extras

    def _make_plan(self, xp: Any, needs: int, n: int) -> Plan:
        kernels = kernels_of(xp)
        rules = {
            i: kernels.get(f"{self.name}.vjp.{self.signature.operands[i]}", rule)
            for i, rule in self._rules.items()
        }
        joint = self._joint and kernels.get(f"{self.name}.vjp", self._joint)
        flags = tuple([bool(needs >> i & 1) for i in range(n)])
        plan = Plan(self.name, self.signature, rules, joint, flags, xp, self.functions)
        self._plans[xp][needs | 1 << n] = plan
        return plan

    def _find_namespace(self, arrays: list[Any]) -> Any:
        """Return the namespace of operands that are not all NumPy's (the slow path)."""
        xp = backend_of(*[x for x in arrays if x is not None], operation=self.name).xp
        if any(isinstance(x, complex) for x in arrays):
            raise TypeError(f"{self.name}: complex numbers have no gradient here; split them")
        return xp

    def _find_forward(self, xp: Any) -> Callable[..., Any]:
        forward: Callable[..., Any] = kernels_of(xp).get(self.name, self._function)
        self._forward[xp] = forward
        return forward

    def _named(self, arrays: Sequence[Any]) -> dict[str, Any]:
        operands = self.signature.operands
        if self.signature.is_variadic:
            operands = tuple(f"{operands[0]}[{i}]" for i in range(len(arrays)))
        return dict(zip(operands, arrays, strict=False))


@overload
def primitive(function: Callable[Concatenate[Any, P], Any], /) -> Primitive[P]: ...
@overload
def primitive(
    *, extras: Sequence[str] = (), multiple_outputs: bool = False
) -> Callable[[Callable[Concatenate[Any, P], Any]], Primitive[P]]: ...
def primitive(
    function: Callable[Concatenate[Any, P], Any] | None = None,
    /,
    *,
    extras: Sequence[str] = (),
    multiple_outputs: bool = False,
) -> Any:
    """Make an operation of a function that computes on plain arrays.

    Args:
        function: The forward function ``f(xp, *operands, **settings)``: operands positional,
            settings keyword-only. It must not change its operands.
        extras: Names for what the function finds out on its way (a mask, indices) and returns
            after its result. Only rules see these outputs.
        multiple_outputs: Whether it returns a tuple of several results.

    Returns:
        The operation. Give it its rules with `Primitive.defvjp`.

    Example:
        >>> @primitive
        ... def cube(xp, x):
        ...     return x**3
        >>> cube.defvjp(lambda xp, gy, x: gy * 3 * x**2)
        >>> cube(2.0)
        variable(8.0)
    """

    def decorate(function: Callable[Concatenate[Any, P], Any]) -> Primitive[P]:
        return Primitive(function, extras=extras, multiple_outputs=multiple_outputs)

    return decorate if function is None else decorate(function)
