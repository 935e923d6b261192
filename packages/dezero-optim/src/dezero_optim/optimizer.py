"""What all optimizers have in common."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar

from dezero_core import Parameter
from dezero_core.backend import backend_of
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array

__all__ = ["Hook", "Optimizer"]

#: What runs before each update, on the list of parameters that have a gradient.
Hook = Callable[[list[Parameter]], None]
_Self = TypeVar("_Self", bound="Optimizer")


class Optimizer:
    """Base class of optimizers: they change parameters, given their gradients (book step 46).

    A subclass defines `update_one`, and `new_state` if it remembers something of each parameter.
    All that it knows of a model is that it has ``params()``.

    Attributes:
        target: What was set up, or None.
        t: How many updates there were.
        hooks: Functions that see all parameters with a gradient before each update.

    Example:
        >>> import numpy as np
        >>> class SignDescent(Optimizer):
        ...     def update_one(self, param):
        ...         param.data -= 0.1 * np.sign(param.grad.data)
        >>> class Model:
        ...     weight = Parameter(np.array([1.0, 2.0]))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> optimizer = SignDescent().setup(model)
        >>> (model.weight**2).sum().backward()
        >>> optimizer.update()
        >>> model.weight
        variable([0.9 1.9])
    """

    def __init__(self) -> None:
        self.target: ParameterSource | None = None
        self.t = 0
        self.hooks: list[Hook] = []
        # By identity, for parameters have no other name here; holding them keeps the identity
        # from being given to another.
        self._states: dict[int, tuple[Parameter, dict[str, Array]]] = {}

    def setup(self: _Self, target: ParameterSource) -> _Self:
        """Choose whose parameters to change, and begin anew.

        Args:
            target: A model, or anything else with ``params()``.

        Returns:
            The optimizer itself: ``optimizer = SGD().setup(model)``.

        Raises:
            TypeError: `target` has no ``params()``.
        """
        if not callable(getattr(target, "params", None)):
            raise TypeError(
                f"{type(self).__name__}.setup: wanted is a model or anything else with params(), "
                f"got {type(target)}"
            )
        self.target = target
        self.t = 0
        self._states.clear()
        return self

    def add_hook(self, hook: Hook) -> None:
        """Add a function that runs before each update, after those that were added before.

        Args:
            hook: Called with the list of parameters that have a gradient. It may change gradients.

        Raises:
            TypeError: `hook` can not be called.
        """
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}.add_hook: {hook!r} can not be called")
        self.hooks.append(hook)

    def update(self) -> None:
        """Change each parameter that has a gradient, once.

        Raises:
            RuntimeError: `setup` was not called.
        """
        if self.target is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.update: there is no target; call setup(model) first")
        params = [param for param in self.target.params() if param.grad is not None]
        for hook in self.hooks:
            hook(params)
        self.t += 1
        for param in params:
            self.update_one(param)

    def update_one(self, param: Parameter) -> None:
        """Change one parameter. Subclasses define it.

        A change in place ends with an assignment, ``param.data = array``, as ``param.data -= step``
        does by itself: so a backward pass through older results finds out.

        Args:
            param: It has a gradient.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method update_one(self, param)")

    def new_state(self, param: Parameter) -> dict[str, Array]:
        """Make what is remembered of a parameter, when it is first updated.

        Returns:
            Arrays by name.
        """
        return {}

    def state_of(self, param: Parameter) -> dict[str, Array]:
        """Return what is remembered of a parameter, on the parameter's device.

        Args:
            param: A parameter of the target.

        Returns:
            What `new_state` made, as it is now. Change the arrays in place.
        """
        found = self._states.get(id(param))
        if found is None:
            found = self._states[id(param)] = (param, self.new_state(param))
        state = found[1]
        kind = type(param.data)
        for name, array in state.items():
            if type(array) is not kind:
                backend, host = backend_of(param.data), backend_of(array).to_numpy(array)
                state[name] = backend.asarray(host)
        return state


def check_number(name: str, value: Any, *, below: float | None = None) -> Any:
    """Return a hyperparameter if it is a finite number, not negative, and less than `below`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not isfinite(number) or number < 0 or (below is not None and number >= below):
        end = "" if below is None else f" and less than {below:g}"
        raise ValueError(f"{name} must be a finite number, at least 0{end}, got {value!r}")
    return value
