"""Weights of several gates, joined for one product, and kept from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dezero_core import Variable, get_array_module, versions
from dezero_core import functions as F
from dezero_core.config import current
from dezero_nn.functions.recurrent._lstm import join_weights
from dezero_nn.layers.layer import structure
from dezero_nn.layers.linear import Linear

__all__ = ["JoinedWeights", "join_for_gru", "join_for_lstm"]


class JoinedWeights:
    """The weights of all gates in few arrays, and when these were made.

    They are made once for all steps of a sequence, for to make them, and to take their gradients
    apart, costs as much as a step. They serve as long as no parameter has changed, of any layer,
    and are in a graph through which gradients get there: `Variable.unchain_backward` cuts that.
    """

    __slots__ = ("_is_recorded", "_joined", "_made", "_variables")
    _is_recorded: list[bool]
    _made: tuple[Any, ...]
    _variables: list[Variable]

    def __init__(self) -> None:
        self._joined: tuple[Any, ...] | None = None

    def __reduce__(self) -> Any:
        return JoinedWeights, ()  # copies of a layer make their own

    def get(
        self,
        inputs: Sequence[Linear],
        states: Sequence[Linear],
        join: Callable[[Variable, Variable, Variable], tuple[Any, ...]],
    ) -> tuple[Any, ...]:
        """Return what `join` makes of the weights, stacked: of inputs, of states, and biases."""
        now = (
            versions.last_change,
            versions.last_replacement,
            structure(),
            current().enable_backprop,
        )
        if (
            self._joined is not None
            and self._made == now
            and self._is_recorded == [x.creator is not None for x in self._variables]
        ):
            return self._joined
        parts: list[list[Any]] = [
            [linear.W for linear in inputs],
            [linear.W for linear in states],
            [linear.b for linear in inputs],
        ]
        self._joined = joined = join(*map(F.stack, parts))
        self._variables = [x for x in joined if isinstance(x, Variable)]
        self._is_recorded = [x.creator is not None for x in self._variables]
        self._made = now
        return joined


def join_for_lstm(Wx: Variable, Wh: Variable, b: Variable) -> tuple[Any, ...]:
    W = join_weights(Wx, Wh, b)
    xp = get_array_module(W.data)
    # A Variable, so that autocast casts it once for all steps; no gradient flows to it.
    W_T = Variable(xp.ascontiguousarray(W.data.transpose(0, 2, 1)))
    W_T.requires_grad = False
    return W, W_T


def join_for_gru(Wx: Variable, Wh: Variable, b: Variable) -> tuple[Any, ...]:
    return Wx, Wh, b
