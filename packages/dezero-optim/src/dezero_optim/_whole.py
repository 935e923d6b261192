"""Optimizers that see all parameters as one vector, and may ask for the loss more than once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite
from typing import ClassVar, TypeVar

from dezero_core import Parameter, Variable, get_array_module
from dezero_core.gradients import gradients_of
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim._checks import check_number
from dezero_optim._elementwise import wide_dtype
from dezero_optim._named import check_target
from dezero_optim._shown import shown

__all__ = ["Closure", "WholeOptimizer", "gradients", "join", "put"]

#: Computes the loss, a Variable of one element, with the parameters as they are.
Closure = Callable[[], Variable]
_Self = TypeVar("_Self", bound="WholeOptimizer")


class WholeOptimizer:
    """Base class: a target, the loss and its gradient at a vector, numbers that are checked.

    Attributes:
        hyperparameters: The attributes that are numbers, each with what it must be less than.
        target: What was set up, or None.
        t: How many updates there were.
    """

    hyperparameters: ClassVar[Mapping[str, float]] = {"lr": inf}

    def __init__(self) -> None:
        self.target: ParameterSource | None = None
        self.t = 0

    def __repr__(self) -> str:
        return shown(self)

    def setup(self: _Self, target: ParameterSource) -> _Self:
        """Choose whose parameters to change, and begin anew.

        Args:
            target: A model, or anything else with ``params()``.

        Returns:
            The optimizer itself.

        Raises:
            TypeError: `target` has no ``params()``.
        """
        check_target(f"{type(self).__name__}.setup", target)
        self.target = target
        self.t = 0
        return self

    def _begin(self, closure: Closure) -> tuple[list[Parameter], Variable, float]:
        """Check all there is to check; return the parameters to change, and the loss."""
        name = type(self).__name__
        if self.target is None:
            raise RuntimeError(f"{name}.update: there is no target; call setup(model) first")
        self._check()
        loss = self._loss(closure)
        value = float(loss)
        if not isfinite(value):
            raise FloatingPointError(f"{name}.update: the loss is {value}; nothing was changed")
        # Only now, for a model's parameters may have no arrays before it was called.
        params = [p for p in self.target.params() if p.requires_grad and p.data is not None]
        return params, loss, value

    def _check(self) -> None:
        for key, below in self.hyperparameters.items():
            check_number(f"{type(self).__name__}: {key}", getattr(self, key), below=below)

    def _loss(self, closure: Closure) -> Variable:
        loss = closure()
        if not isinstance(loss, Variable) or loss.size != 1:
            got = f"shape {loss.shape}" if isinstance(loss, Variable) else f"{type(loss)}"
            raise TypeError(
                f"{type(self).__name__}.update: the closure must return the loss, a Variable of "
                f"one element, got {got}"
            )
        if not loss.requires_grad:
            raise ValueError(
                f"{type(self).__name__}.update: the loss does not depend on anything that "
                "requires a gradient; was it computed under no_grad()?"
            )
        return loss


def gradients(
    loss: Variable, params: Sequence[Parameter], *, create_graph: bool = False
) -> list[Variable | None]:
    """Return the gradient of a loss for each parameter; their `grad` stays as it is."""
    seed = get_array_module(loss).ones_like(loss.data)
    return gradients_of(
        [(loss, Variable(seed) if create_graph else seed)], list(params), create_graph=create_graph
    )


def join(arrays: Sequence[Array | None], params: Sequence[Parameter]) -> Array:
    """Return arrays, one for each parameter, as one vector; zeros for None."""
    xp = get_array_module(*params)
    dtype = wide_dtype(xp.result_type(*[param.dtype for param in params]))
    parts = [
        xp.zeros(param.size, dtype) if array is None else array.reshape(-1).astype(dtype)
        for array, param in zip(arrays, params, strict=True)
    ]
    return xp.concatenate(parts)


def put(vector: Array, params: Sequence[Parameter]) -> None:
    """Write a vector into the parameters, in place."""
    start = 0
    for param in params:
        data = param.data
        data[...] = vector[start : start + data.size].reshape(data.shape)
        param.data = data
        start += data.size
