"""Weights of several gates, joined for one product, and kept from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dezero_core import Variable, versions
from dezero_core import functions as F
from dezero_core.config import current
from dezero_nn.layers.layer import structure
from dezero_nn.layers.linear import Linear

__all__ = ["JoinedWeights", "join_for_gru", "join_for_lstm"]


class JoinedWeights:
    """The weights of all gates in few arrays, and when these were made.

    They are made once for all steps of a sequence, for to make them, and to take their gradients
    apart, costs as much as a step. They serve as long as no parameter has changed, of any layer,
    and are in a graph through which gradients get there: `Variable.unchain_backward` cuts that.
    """

    __slots__ = ("_is_recorded", "_joined", "_made")
    _is_recorded: list[bool]
    _made: tuple[Any, ...]

    def __init__(self) -> None:
        self._joined: tuple[Variable, ...] | None = None

    def __reduce__(self) -> Any:
        return JoinedWeights, ()  # copies of a layer make their own

    def get(
        self,
        inputs: Sequence[Linear],
        states: Sequence[Linear],
        join: Callable[[list[Variable], list[Variable], list[Variable]], tuple[Variable, ...]],
    ) -> tuple[Variable, ...]:
        """Return what `join` makes of the weights: of inputs, of states, and biases."""
        now = (
            versions.last.change,
            versions.last.replacement,
            structure(),
            current().enable_backprop,
        )
        if (
            self._joined is not None
            and self._made == now
            and self._is_recorded == [x.creator is not None for x in self._joined]
        ):
            return self._joined
        weights: list[Any] = [linear.W for linear in inputs]
        of_states: list[Any] = [linear.W for linear in states]
        biases: list[Any] = [linear.b for linear in inputs]
        self._joined = joined = join(weights, of_states, biases)
        self._is_recorded = [x.creator is not None for x in joined]
        self._made = now
        return joined


def join_for_lstm(
    Wx: list[Variable], Wh: list[Variable], b: list[Variable]
) -> tuple[Variable, ...]:
    of_inputs, of_states = F.concatenate(Wx, axis=1), F.concatenate(Wh, axis=1)
    # The biases are joined last, for what was joined last gets its gradients first, as views of the
    # gradient of all, and only a bias is one block of memory there, as optimizers' loops want it.
    # The weights' are copied out of it.
    biases = F.concatenate(b).reshape(1, -1)
    return (F.concatenate([of_inputs, biases, of_states]),)


def join_for_gru(Wx: list[Variable], Wh: list[Variable], b: list[Variable]) -> tuple[Variable, ...]:
    return F.stack(Wx), F.stack(Wh), F.stack(b)
