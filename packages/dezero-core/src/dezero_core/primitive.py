"""Operations, each with a table of rules for its derivatives.

For example::

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

from collections.abc import Callable, Sequence
from inspect import Signature as CallSignature
from inspect import signature
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeAlias, overload

import numpy as np

from dezero_core.backend import backend_of, kernels_of
from dezero_core.config import current
from dezero_core.errors import describe, explain
from dezero_core.fastpath import ARRAYS, NUMBERS, fast_call
from dezero_core.node import Node, output_nodes
from dezero_core.plan import Plan, Rule, Signature
from dezero_core.variable import Variable, variable_of

__all__ = ["Primitive", "primitive"]

P = ParamSpec("P")

#: In which precision an operation computes under `dezero_core.autocast`, which explains them.
Precision: TypeAlias = Literal["half", "single", "first"]

_HOST = ARRAYS | NUMBERS | {type(None)}

# Whose operations backends know by their names alone.
_OUR_PACKAGES = ("dezero_core", "dezero_nn")


class Primitive(Generic[P]):
    """An operation with rules for its derivatives: what the decorator `primitive` makes.

    Calling it computes, and records. Positional arguments are the operands: Variables, arrays,
    numbers, or None for an optional one. Keyword arguments are settings.

    Attributes:
        name: The operation's name: its function's, without leading underscores.
        kernel_name: Under which name backends offer kernels for it (see
            `dezero_core.backend.Backend`): ``"relu"`` for one of DeZero's own, ``"module:relu"``
            for one of anybody else's, which has nothing but its name in common with that.
        signature: The names of its operands, settings and extra outputs.
        has_several_results: Whether it returns a tuple.
        autocast: In which precision it computes under `dezero_core.autocast`: ``"half"``,
            ``"single"``, that of its ``"first"`` operand, or, None, in that of its operands.
        function: The operation as a function of Python, for operators and methods. Calling it
            saves what calling an object costs.
    """

    #: The namespace of functions on Variables; the package sets it when it is complete.
    functions: Any = None

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], Any],
        *,
        extras: Sequence[str] = (),
        multiple_outputs: bool = False,
        autocast: Precision | None = None,
    ) -> None:
        if autocast not in (None, "half", "single", "first"):
            raise ValueError(
                f"primitive {function.__name__}: autocast is 'half', 'single', 'first' or None, "
                f"not {autocast!r}"
            )
        self.name = function.__name__.strip("_")
        is_ours = str(function.__module__).partition(".")[0] in _OUR_PACKAGES
        self.kernel_name = self.name if is_ours else f"{function.__module__}:{self.name}"
        self.signature = Signature.of(function, extras)
        self._function = function
        self.has_several_results = multiple_outputs
        self.autocast = autocast
        self._is_plain = not (extras or multiple_outputs or self.signature.settings)
        # By the operands' positions; under None, one rule for all of them.
        self._rules: dict[int | None, Rule] = {}
        # Filled on first use, by namespace.
        self._forward: dict[Any, Callable[..., Any]] = {}
        self._plans: dict[Any, _Plans] = {}
        fast = fast_call(self)
        self._arity = None if fast is None else len(self.signature.operands)
        self.function: Callable[..., Any] = self._call if fast is None else fast
        # For help() and documentation: the function as it is called, without xp.
        self.__name__ = self.name
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        parameters = list(signature(function).parameters.values())[1:]
        self.__signature__ = CallSignature(parameters)

    def __repr__(self) -> str:
        return f"<primitive {self.name}{self.__signature__}>"

    def __reduce__(self) -> str:
        # As with functions, a copy is the operation itself, and a pickle has its name alone.
        return self.__qualname__

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
        self._forget_plans()

    def defvjp_joint(self, rule: Rule) -> None:
        """Define one rule for all operands: for work that their gradients share.

        Args:
            rule: Called as ``rule(xp, gy, needs, ...)``, where `needs` tells for each operand
                whether its gradient is needed. Returns a gradient, or None, for each.

        Raises:
            TypeError: The rule names something that the operation does not have.
        """
        self.signature.needs_of(self.name, rule, leading=3)
        self._rules = {None: rule}
        self._forget_plans()

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
            return self(*operands, **settings)
        return self.compute(xp, *operands, **settings)[0]

    def compute(self, xp: Any, *arrays: Any, **settings: Any) -> tuple[Any, tuple[Any, ...]]:
        """Compute on plain arrays, without any Variable.

        Returns:
            The result (a tuple, if there are several), and the tuple of extra outputs.
        """
        return self._split(self.forward(xp)(xp, *arrays, **settings))

    def __call__(self, *operands: P.args, **settings: P.kwargs) -> Variable:
        """Compute on Variables, arrays and numbers; record, unless recording is off.

        Returns:
            A Variable. A tuple of them if there are several results, which the type does not say.
        """
        if len(operands) == self._arity and (not settings or self.signature.settings):
            return self.function(*operands, **settings)  # type: ignore[no-any-return]
        return self.call_any(operands, settings)  # type: ignore[no-any-return]

    def _call(self, *operands: Any, **settings: Any) -> Any:
        return self.call_any(operands, settings)

    def call_any(self, operands: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Call the operation in the way that serves all cases."""
        mode = current()
        caster = None if mode.autocast is None else mode.autocast.get(self.autocast)
        if caster is not None:
            operands = caster.cast(operands)
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
                parents.append(x if type(x) in NUMBERS else None)
            if type(x) not in _HOST:
                on_host = False
            arrays.append(x)
            bit <<= 1
        xp = np if on_host else self._find_namespace(arrays)
        if mode.watcher is not None:
            mode.watcher.before_forward(self.name)
        try:
            y = (self._forward.get(xp) or self.forward(xp))(xp, *arrays, **settings)
        except Exception as error:
            reason = self._misuse(arrays, settings) if type(error) is TypeError else None
            named = self._named(arrays)
            raise explain(reason or error, self.name, named, settings) from error
        extras: tuple[Any, ...] = ()
        if not self._is_plain:
            y, extras = self._split(y)
        if on_host and not self.has_several_results and type(y) not in ARRAYS:
            y = self._as_array(y)
        if caster is not None:
            y = caster.finish(y)

        node = None
        if needs and mode.enable_backprop:
            plan = (self._plans.get(xp) or self.plans(xp))[needs | bit]
            if plan is not None:
                node = self._record(plan, parents, (*arrays, y, *extras), settings)
        if mode.watcher is not None:
            mode.watcher.after_forward(self.name, self._named(arrays), y, node)
        if self.has_several_results:
            nodes = [None] * len(y) if node is None else output_nodes(node, y)
            return tuple(map(variable_of, y, nodes))
        return variable_of(y, node)

    def _misuse(self, arrays: list[Any], settings: dict[str, Any]) -> TypeError | None:
        """Say what is wrong with the arguments. Python's message would count `xp` among them."""
        try:
            self.__signature__.bind(*arrays, **settings)
        except TypeError as error:
            return error
        return None

    def _as_array(self, y: Any) -> Any:
        """Return the result of an operation on numbers alone as an array; a bfloat16's too."""
        if type(y) not in NUMBERS and not isinstance(y, np.generic):
            raise TypeError(f"{self.name}: the forward function returned {type(y)}, not an array")
        return np.asarray(y)

    def _record(
        self,
        plan: Plan,
        parents: list[Any],
        values: tuple[Any, ...],
        settings: dict[str, Any],
    ) -> Node:
        y = values[len(parents)]
        if self._is_plain:
            return Node(plan, parents, plan.keep(values), y.shape, y.dtype)
        saved = plan.keep((*values, settings))
        if self.has_several_results:
            specs = tuple([(part.shape, part.dtype) for part in y])
            return Node(plan, parents, (*saved, specs), (), None, settings)
        return Node(plan, parents, saved, y.shape, y.dtype, settings)

    def _split(self, result: Any) -> tuple[Any, tuple[Any, ...]]:
        """Part what the forward function returned into the result and the extra outputs."""
        n_extras = len(self.signature.extras)
        if not self.has_several_results:
            if not n_extras:
                return result, ()
            if type(result) is tuple and len(result) == 1 + n_extras:
                return result[0], result[1:]
        given = len(result) if isinstance(result, (tuple, list)) else 0
        if given != 1 + n_extras if not self.has_several_results else given <= n_extras:
            wanted = ("results" if self.has_several_results else "result", *self.signature.extras)
            raise TypeError(
                f"{self.name}: the forward function returned {describe(result)}, not a tuple of "
                f"{' and '.join(wanted)}"
            )
        n = given - n_extras
        results, extras = tuple(result[:n]), tuple(result[n:])
        return results if self.has_several_results else results[0], extras

    def plans(self, xp: Any) -> _Plans:
        """Return the plans for a namespace, by ``1 << n_operands | needs``."""
        return self._plans.get(xp) or self._plans.setdefault(xp, _Plans(self, xp))

    def make_plan(self, xp: Any, needs: tuple[bool, ...]) -> Plan | None:
        """Lay out the backward pass for operands that need gradients; None if none has a rule."""
        rules = {
            i: rule for i, rule in self._rules.items() if i is None or (i < len(needs) and needs[i])
        }
        if not rules:
            return None
        offered = kernels_of(xp)
        kernels = {}
        for i, rule in rules.items():
            operand = "" if i is None else f".{self.signature.operands[i]}"
            key = f"{self.kernel_name}.vjp{operand}"
            if key in offered:
                wanted, given = (list(signature(f).parameters) for f in (rule, offered[key]))
                if wanted != given:
                    raise TypeError(f"kernel {key}: it takes {given}, the rule takes {wanted}")
                kernels[i] = _prefer(offered[key], rule)
        return Plan(self.name, self.signature, rules, kernels, needs, xp, self.functions)

    def _forget_plans(self) -> None:
        # Emptied, not replaced: the fast path holds on to NumPy's.
        for plans in self._plans.values():
            plans.clear()

    def _find_namespace(self, arrays: list[Any]) -> Any:
        """Return the namespace of operands that are not all NumPy's (the slow path)."""
        backend = backend_of(*[x for x in arrays if x is not None], operation=self.name)
        check_devices = getattr(backend, "check_devices", None)
        if check_devices is not None:
            check_devices(arrays, self.name)
        if any(isinstance(x, complex) for x in arrays):
            raise TypeError(f"{self.name}: complex numbers have no gradient here; split them")
        return backend.xp

    def forward(self, xp: Any) -> Callable[..., Any]:
        """Return the forward function for a namespace: a backend's kernel, or the general one."""
        forward = self._forward.get(xp)
        if forward is None:
            kernel = kernels_of(xp).get(self.kernel_name)
            forward = self._function if kernel is None else _prefer(kernel, self._function)
            self._forward[xp] = forward
        return forward

    def _named(self, arrays: Sequence[Any]) -> dict[str, Any]:
        operands = self.signature.operands
        if self.signature.is_variadic:
            operands = tuple(f"{operands[0]}[{i}]" for i in range(len(arrays)))
        return dict(zip(operands, arrays, strict=False))


class _Plans(dict[int, "Plan | None"]):
    """The plans of a primitive for one namespace, made when they are first asked for."""

    def __init__(self, primitive: Primitive[...], xp: Any) -> None:
        self._primitive = primitive
        self._xp = xp

    # A dictionary is true even when it is empty.
    def __bool__(self) -> bool:
        return True

    def __missing__(self, key: int) -> Plan | None:
        n = key.bit_length() - 1
        needs = tuple([bool(key >> i & 1) for i in range(n)])
        plan = self[key] = self._primitive.make_plan(self._xp, needs)
        return plan


def _prefer(kernel: Callable[..., Any], general: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a kernel, and what it replaces where it is NotImplemented."""

    def call(*args: Any, **settings: Any) -> Any:
        result = kernel(*args, **settings)
        return general(*args, **settings) if result is NotImplemented else result

    return call


@overload
def primitive(function: Callable[Concatenate[Any, P], Any], /) -> Primitive[P]: ...
@overload
def primitive(
    *,
    extras: Sequence[str] = (),
    multiple_outputs: bool = False,
    autocast: Precision | None = None,
) -> Callable[[Callable[Concatenate[Any, P], Any]], Primitive[P]]: ...
def primitive(
    function: Callable[Concatenate[Any, P], Any] | None = None,
    /,
    *,
    extras: Sequence[str] = (),
    multiple_outputs: bool = False,
    autocast: Precision | None = None,
) -> Any:
    """Make an operation of a function that computes on plain arrays.

    Args:
        function: The forward function ``f(xp, *operands, **settings)``: operands positional,
            settings keyword-only. It must not change its operands.
        extras: Names for what the function finds out on its way (a mask, indices) and returns
            after its result. Only rules see these outputs.
        multiple_outputs: Whether it returns a tuple of several results.
        autocast: In which precision it computes under `dezero_core.autocast`: ``"half"`` for what
            tensor cores make faster, ``"single"`` for what needs range or adds up many numbers,
            ``"first"`` for what does its sums in single precision by itself, so that the first
            operand may be in half precision, and the others go with it. None for all else, which
            computes in the precision of its operands.

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
        return Primitive(
            function, extras=extras, multiple_outputs=multiple_outputs, autocast=autocast
        )

    return decorate if function is None else decorate(function)
