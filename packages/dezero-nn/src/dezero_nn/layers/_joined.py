"""Weights of several gates, joined for one product, and kept from step to step."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from dezero_core import Variable, get_array_module, versions
from dezero_core import functions as F
from dezero_core.config import current
from dezero_core.typing import Array
from dezero_nn.functions.recurrent._lstm import join_weights
from dezero_nn.layers.linear import Linear

__all__ = ["JoinedWeights", "join_for_gru", "join_for_lstm"]


class JoinedWeights:
    """The weights of all gates in few arrays, and of which parameters these were made.

    They are made once for all steps of a sequence, for to make them, and to take their gradients
    apart, costs as much as a step. They serve as long as they hold what the parameters hold, and
    are in a graph through which gradients get to these: `Variable.unchain_backward` cuts that.
    """

    __slots__ = ("_arrays", "_is_recorded", "_joined", "_last_change", "_needs", "_variables")

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
        parameters: list[Any] = [linear.W for linear in inputs]
        parameters += [linear.W for linear in states]
        parameters += [linear.b for linear in inputs]
        arrays = [parameter.data for parameter in parameters]
        needs = current().enable_backprop and [parameter.requires_grad for parameter in parameters]
        if self._joined is not None and self._serves(arrays, needs):
            return self._joined
        n = len(inputs)
        parts = parameters[:n], parameters[n : 2 * n], parameters[2 * n :]
        self._joined = joined = join(*map(F.stack, parts))
        self._variables = [x for x in joined if isinstance(x, Variable)]
        self._is_recorded = [x.creator is not None for x in self._variables]
        self._arrays, self._needs, self._last_change = arrays, needs, versions.last_change
        return joined

    def _serves(self, arrays: list[Array], needs: list[bool] | bool) -> bool:
        return (
            self._last_change == versions.last_change
            and self._needs == needs
            and all(map(operator.is_, self._arrays, arrays))
            and self._is_recorded == [x.creator is not None for x in self._variables]
        )


def join_for_lstm(Wx: Variable, Wh: Variable, b: Variable) -> tuple[Any, ...]:
    W = join_weights(Wx, Wh, b)
    xp = get_array_module(W.data)
    # A Variable, so that autocast casts it once for all steps; no gradient flows to it.
    W_T = Variable(xp.ascontiguousarray(W.data.transpose(0, 2, 1)))
    W_T.requires_grad = False
    return W, W_T


def join_for_gru(Wx: Variable, Wh: Variable, b: Variable) -> tuple[Any, ...]:
    return Wx, Wh, b
