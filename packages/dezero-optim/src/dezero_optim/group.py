"""Groups of parameters that have hyperparameters of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dezero_core import Parameter
from dezero_optim._checks import check_number

if TYPE_CHECKING:
    from dezero_optim.optimizer import Optimizer

__all__ = ["ParameterGroup"]


class ParameterGroup:
    """Some parameters and the hyperparameters that are theirs alone, as attributes.

    `Optimizer.add_group` makes them.

    Attributes:
        params: The parameters.
        hyperparameters: Those that differ from the optimizer's, by name. Each is an attribute too:
            ``group.lr = 0.1``.

    Args:
        params: As above.
        optimizer: The class of the optimizer.
        hyperparameters: As above.

    Raises:
        TypeError: The optimizer has no such hyperparameter, or it is no number.
        ValueError: A number is out of range.
    """

    params: Sequence[Parameter]
    hyperparameters: dict[str, Any]

    def __init__(
        self,
        params: Sequence[Parameter],
        optimizer: type[Optimizer],
        hyperparameters: Mapping[str, float],
    ) -> None:
        # Through the dictionary: __setattr__ is for hyperparameters.
        vars(self).update(params=params, hyperparameters={}, _optimizer=optimizer)
        for name, value in hyperparameters.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        optimizer: type[Optimizer] = vars(self)["_optimizer"]
        if name not in optimizer.hyperparameters:
            known = ", ".join(optimizer.hyperparameters) or "none"
            raise TypeError(
                f"{optimizer.__name__}: a group has no hyperparameter {name!r}; there is {known}"
            )
        below = optimizer.hyperparameters[name]
        check_number(f"{optimizer.__name__}: {name} of a group", value, below=below)
        self.hyperparameters[name] = value

    def __getattr__(self, name: str) -> Any:
        own = vars(self).get("hyperparameters", {})
        if name in own:
            return own[name]
        raise AttributeError(
            f"the group has no {name!r} of its own; it has {', '.join(own) or 'none'}"
        )

    def __repr__(self) -> str:
        own = "".join(f", {name}={value!r}" for name, value in self.hyperparameters.items())
        return f"ParameterGroup({len(self.params)} parameters{own})"
