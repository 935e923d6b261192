"""What an operation keeps for its backward pass, and how its rules get it.

A rule says by the names of its parameters what it needs. They are read once, when the rule is
defined. A `Plan` is laid out once for each set of operands that need a gradient, and tells which
values to keep: nothing for a rule that will not run, and nothing that no rule names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from dezero_core.errors import explain
from dezero_core.node import Bundle, Node, output_nodes
from dezero_core.variable import variable_of

__all__ = ["Plan", "Rule", "Signature"]

#: ``rule(xp, gy, ...)``: a gradient; a joint one ``rule(xp, gy, needs, ...)``: one each.
Rule: TypeAlias = Callable[..., Any]
_Values: TypeAlias = Sequence[Any]
_Fetch: TypeAlias = Callable[[_Values], Any]

# Where a kept value comes from: the result, all operands, one operand (its position), or, None,
# something without a gradient.
_RESULT, _ALL = "y", "*"


@dataclass(frozen=True, slots=True)
class Signature:
    """The names that an operation has, and that its rules may use.

    Attributes:
        operands: The positional parameters; a single one where `is_variadic`.
        is_variadic: Whether the operation takes any number of operands.
        settings: The keyword-only parameters with their defaults.
        extras: The names of outputs that only rules see.
    """

    operands: tuple[str, ...]
    is_variadic: bool
    settings: Mapping[str, Any]
    extras: tuple[str, ...] = ()

    @classmethod
    def of(cls, function: Callable[..., Any], extras: Sequence[str]) -> Signature:
        """Read the signature of a forward function, whose first parameter is `xp`."""
        parameters = list(inspect.signature(function).parameters.values())[1:]
        operands = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        settings = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        is_variadic = any(p.kind is p.VAR_POSITIONAL for p in operands)
        if is_variadic and len(operands) > 1:
            raise TypeError(f"{function.__name__}: *{operands[-1].name} must be the only operand")
        if any(p.name == "y" for p in operands):
            raise TypeError(f"{function.__name__}: y means the result; call operands x0, x1")
        return cls(tuple(p.name for p in operands), is_variadic, settings, tuple(extras))

    @property
    def names(self) -> tuple[str, ...]:
        """What rules may name."""
        return (*self.operands, "y", *self.extras, *self.settings)

    def needs_of(self, operation: str, rule: Rule, leading: int) -> tuple[str, ...]:
        """Return what a rule names after its `leading` parameters, all of which must exist."""
        needs = tuple(inspect.signature(rule).parameters)[leading:]
        for need in needs:
            if need not in self.names and _split(need)[0] not in self.names:
                raise TypeError(
                    f"a rule of {operation} asks for {need!r}; there is {', '.join(self.names)}, "
                    "and with _shape or _dtype after an operand's name only these"
                )
        return needs

    def locate(self, need: str, n: int) -> tuple[int | _Fetch, Any]:
        """Tell where a need lies among the values of a call with `n` operands.

        Returns:
            Its index among ``(*operands, y, *extras, settings)``, or a function that finds it
            there; and its origin.
        """
        if need not in self.names:
            need, attribute = _split(need)
            place, origin = self.locate(need, n)
            fetch = itemgetter(place) if isinstance(place, int) else place
            default = () if attribute == "shape" else None  # what a number has
            if origin is _ALL:
                return lambda v: tuple([getattr(x, attribute, default) for x in fetch(v)]), None
            return lambda v: getattr(fetch(v), attribute, default), None
        if need == "y":
            return n, _RESULT
        if need in self.extras:
            return n + 1 + self.extras.index(need), None
        if need in self.settings:
            default = self.settings[need]
            return lambda v: v[-1].get(need, default), None
        if self.is_variadic:
            return lambda v: tuple(v[:n]), _ALL
        position = self.operands.index(need)
        # An optional operand may have been left out.
        return (position, position) if position < n else (lambda v: None, None)


def _split(need: str) -> tuple[str, str]:
    name, _, attribute = need.rpartition("_")
    return (name, attribute) if attribute in ("shape", "dtype") else (need, "")


class Plan:
    """The backward pass of an operation for one set of operands that need a gradient.

    Args:
        name: The operation's name.
        signature: Its signature.
        rules: The rules by the operands' positions; or, under None, one rule for all operands.
        kernels: What a backend computes some of these rules with, on arrays. Of the same
            signature each; it is the general rule that can be differentiated again.
        needs: For each operand of the call, whether its gradient is needed.
        xp: The namespace that the operation ran with.
        functions: Our own functions: the namespace for Variables.
    """

    __slots__ = ("_functions", "_links", "_needs", "_saved", "_steps", "_xp", "keep", "name")

    def __init__(
        self,
        name: str,
        signature: Signature,
        rules: Mapping[int | None, Rule],
        kernels: Mapping[int | None, Rule],
        needs: tuple[bool, ...],
        xp: Any,
        functions: Any,
    ) -> None:
        self.name = name
        self._xp = xp
        self._functions = functions
        self._needs = needs
        named = {
            i: signature.needs_of(name, rule, leading=3 if i is None else 2)
            for i, rule in rules.items()
        }
        self._saved = list(dict.fromkeys(need for asked in named.values() for need in asked))
        located = [signature.locate(need, len(needs)) for need in self._saved]
        self._links = tuple(
            [(i, origin) for i, (_, origin) in enumerate(located) if origin is not None]
        )
        #: Takes ``(*operands, y, *extras, settings)`` of a call and returns what to save.
        self.keep = _keeper([place for place, _ in located])
        # For each rule: whose gradient it computes, with what, and from which of the saved.
        self._steps = tuple(
            [
                (i, rule, kernels.get(i, rule), tuple(map(self._saved.index, named[i])))
                for i, rule in rules.items()
            ]
        )

    def pull(
        self, node: Node, gy: Any, recording: bool, wanted: set[Node] | None
    ) -> list[tuple[Node, Any]]:
        """Run the rules (see `Pullback`)."""
        parents = node.parents
        xp = self._functions if recording else self._xp
        saved = self._relink(node) if recording else node.saved
        gradients: list[tuple[Node, Any]] = []
        try:
            if gy.__class__ is Bundle:
                gy = self._complete(node, gy, recording)
            for position, rule, kernel, places in self._steps:
                if not recording:
                    rule = kernel
                if position is None:
                    return self._pull_jointly(node, rule, xp, gy, wanted, saved)
                parent = parents[position]
                if wanted is not None and parent not in wanted:
                    continue
                if not places:
                    g = rule(xp, gy)
                elif len(places) == 1:
                    g = rule(xp, gy, saved[places[0]])
                else:
                    g = rule(xp, gy, *[saved[place] for place in places])
                gradients.append((parent, g))
        except Exception as error:
            given = {"gy": gy, **dict(zip(self._saved, node.saved, strict=False))}
            raise explain(error, f"backward of {self.name}", given) from error
        return gradients

    def _pull_jointly(
        self, node: Node, rule: Rule, xp: Any, gy: Any, wanted: set[Node] | None, saved: Any
    ) -> list[tuple[Node, Any]]:
        needs = self._needs
        if wanted is not None:
            pairs = zip(needs, node.parents, strict=True)
            needs = tuple([need and parent in wanted for need, parent in pairs])
        # What follows the rules' needs in `saved` is not theirs (see `_complete`).
        gradients = rule(xp, gy, needs, *saved[: len(self._saved)])
        return [
            (parent, g)
            for parent, g, need in zip(node.parents, gradients, needs, strict=True)
            if need and g is not None
        ]

    def _complete(self, node: Node, gy: Bundle, recording: bool) -> tuple[Any, ...]:
        """Fill in zeros for the results that nothing was computed from."""
        parts = []
        # An operation with several results saves their shapes and dtypes last.
        for part, (shape, dtype) in zip(gy.parts, node.saved[-1], strict=True):
            if part is None:
                part = self._xp.zeros(shape, dtype)
                part = variable_of(part, None) if recording else part
            parts.append(part)
        return tuple(parts)

    def _relink(self, node: Node) -> list[Any]:
        """Return what was saved, with Variables in the places of operands and results."""
        saved = list(node.saved)
        parents = node.parents
        for place, origin in self._links:
            value = saved[place]
            if origin is _RESULT:
                if isinstance(value, tuple):
                    saved[place] = tuple(map(variable_of, value, output_nodes(node, value)))
                else:
                    saved[place] = variable_of(value, node)
            elif origin is _ALL:
                saved[place] = tuple(
                    [
                        variable_of(x, parent) if isinstance(parent, Node) else x
                        for x, parent in zip(value, parents, strict=True)
                    ]
                )
            elif isinstance(parents[origin], Node):
                saved[place] = variable_of(value, parents[origin])
        return saved

    def saved_operands(self, node: Node) -> Iterator[tuple[str, Node, Any]]:
        """Yield what was saved of operands and results (see `Pullback`)."""
        for place, origin in self._links:
            name, value = self._saved[place], node.saved[place]
            if origin is _ALL:
                for i, (x, parent) in enumerate(zip(value, node.parents, strict=True)):
                    if isinstance(parent, Node):
                        yield f"operand {name}[{i}]", parent, x
            elif origin is not _RESULT:
                if isinstance(node.parents[origin], Node):
                    yield f"operand {name}", node.parents[origin], value
            elif not isinstance(value, tuple):
                yield "the result", node, value


def _keeper(places: Sequence[int | _Fetch]) -> Callable[[_Values], Sequence[Any]]:
    """Return a function that takes what lies at `places`, as fast as may be."""
    if not places:
        return lambda values: ()
    if all(isinstance(place, int) for place in places):
        take = itemgetter(*places)
        return take if len(places) > 1 else lambda values: (take(values),)
    fetches = [itemgetter(place) if isinstance(place, int) else place for place in places]
    return lambda values: tuple([fetch(values) for fetch in fetches])
