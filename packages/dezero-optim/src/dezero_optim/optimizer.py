"""What all optimizers have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

from dezero_core import Device, Parameter, as_numpy
from dezero_core.callers import warn
from dezero_core.devices import beside
from dezero_core.memory import keep_memory
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim._checks import check_number
from dezero_optim._forgotten import ForgottenClear
from dezero_optim._named import (
    Problems,
    check_target,
    named_params,
    number_in,
    saved_array,
)
from dezero_optim._shown import shown
from dezero_optim.group import ParameterGroup

__all__ = ["Hook", "Optimizer"]

#: What runs before each update, on the list of parameters that have a gradient.
Hook = Callable[[list[Parameter]], None]
_Self = TypeVar("_Self", bound="Optimizer")


class Optimizer:
    """Base class of optimizers: they change parameters, given their gradients (book step 46).

    A subclass defines `update_one`, and `new_state` if it remembers something of each parameter.
    All that it knows of a model is that it has ``params()``.

    Gradients of several backward passes add up until they are cleared, so a batch that is too
    large for memory is done in parts: a backward pass for each part's share of the loss, then one
    update, then ``cleargrads()``.

    Attributes:
        hyperparameters: Of the class: the attributes that are numbers to tune, each with what it
            must be less than. They are checked before each update, saved with the state, and may
            differ between groups of parameters.
        target: What was set up, or None.
        t: How many updates there were, without those that a `GradScaler` skipped. Where it did so
            on a device, reading this waits.
        hooks: Functions that see all parameters with a gradient before each update.
        groups: What `add_group` made.

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

    hyperparameters: ClassVar[Mapping[str, float]] = {}

    def __init__(self) -> None:
        self.target: ParameterSource | None = None
        self._t = 0
        self.hooks: list[Hook] = []
        self.groups: list[ParameterGroup] = []
        # By identity, for parameters have no other name here; holding them keeps the identity
        # from being given to another.
        self._states: dict[int, tuple[Parameter, dict[str, Array]]] = {}
        self._group_of: dict[int, ParameterGroup] = {}
        self._checked: list[Any] = []
        self._forgotten = ForgottenClear()

    @property
    def t(self) -> int:
        """How many updates there were."""
        return self._t

    @t.setter
    def t(self, t: int) -> None:
        self._t = t

    def setup(self: _Self, target: ParameterSource) -> _Self:
        """Choose whose parameters to change, and begin anew, without groups.

        Args:
            target: A model, or anything else with ``params()``. Where it has ``namedparams()``,
                the state is saved under the parameters' paths.

        Returns:
            The optimizer itself: ``optimizer = SGD().setup(model)``.

        Raises:
            TypeError: `target` has no ``params()``.
        """
        check_target(f"{type(self).__name__}.setup", target)
        self.target = target
        self.t = 0
        self._states.clear()
        self.groups.clear()
        self._group_of.clear()
        self._forgotten = ForgottenClear()
        keep_memory()  # training takes step after step
        return self

    def add_hook(self, hook: Hook) -> None:
        """Add a function that runs before each update, after those that were added before.

        Args:
            hook: Called with the list of parameters that have a gradient. It may change gradients;
                a parameter of which it removes the gradient is not updated.

        Raises:
            TypeError: `hook` can not be called.
        """
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}.add_hook: {hook!r} can not be called")
        self.hooks.append(hook)

    def add_group(
        self, params: ParameterSource | Iterable[Parameter], **hyperparameters: float
    ) -> ParameterGroup:
        """Give some of the target's parameters hyperparameters of their own.

        Args:
            params: A layer, or anything else with ``params()``, or parameters.
            **hyperparameters: Those that differ. For all others, and for parameters in no group,
                the optimizer's own hold.

        Returns:
            The group. Its hyperparameters are attributes, to be set whenever you like.

        Raises:
            RuntimeError: `setup` was not called.
            TypeError: `params` are no parameters, or the optimizer has no such hyperparameter.
            ValueError: A parameter is not the target's, or in another group already; or a number
                is out of range.

        Example:
            >>> import numpy as np
            >>> from dezero_optim import SGD
            >>> class Model:
            ...     body, head = Parameter(np.array(1.0)), Parameter(np.array(1.0))
            ...
            ...     def params(self):
            ...         yield from (self.body, self.head)
            >>> model = Model()
            >>> optimizer = SGD(lr=0.1).setup(model)
            >>> group = optimizer.add_group([model.head], lr=0.5)
            >>> (model.body + model.head).backward()
            >>> optimizer.update()
            >>> model.body, model.head
            (variable(0.9), variable(0.5))
        """
        operation = f"{type(self).__name__}.add_group"
        own = {id(param) for param in self._require_target(operation).params()}
        source: Any = params
        members = list(source.params() if callable(getattr(source, "params", None)) else source)
        for param in members:
            if not isinstance(param, Parameter):
                raise TypeError(f"{operation}: wanted are parameters, got {type(param)}")
            label = repr(param.name) if param.name else "a parameter"
            if id(param) not in own:
                raise ValueError(f"{operation}: {label} does not belong to the target")
            if id(param) in self._group_of:
                raise ValueError(f"{operation}: {label} is in another group already")
        group = ParameterGroup(members, type(self), hyperparameters)
        self.groups.append(group)
        self._group_of.update((id(param), group) for param in members)
        return group

    def settings_of(self, param: Parameter) -> Any:
        """Return what has the hyperparameters that hold for a parameter, as attributes.

        Args:
            param: A parameter of the target.

        Returns:
            The optimizer itself, or a view of it for the parameter's group.
        """
        group = self._group_of.get(id(param)) if self.groups else None
        if group is None:
            return self
        own = {name: getattr(self, name) for name in self.hyperparameters}
        return SimpleNamespace(**{**own, **group.hyperparameters})

    def update(self) -> None:
        """Change each parameter that has a gradient, once.

        Warns:
            RuntimeWarning: Once, if the gradients of the last update were never cleared, so that
                new ones were added to them.
            RuntimeWarning: No parameter has a gradient, as before `backward`.

        Raises:
            RuntimeError: `setup` was not called.
            TypeError: A hyperparameter is no number any more.
            ValueError: A hyperparameter is out of range. Nothing was changed.
        """
        target = self._require_target(f"{type(self).__name__}.update")
        self._check_hyperparameters()
        params = [param for param in target.params() if param.grad is not None]
        if not params:
            warn(
                f"{type(self).__name__}.update: no parameter has a gradient, so none was changed; "
                "call backward() of a loss first, one that the target's parameters lead to"
            )
        if self._t < _WATCHED:
            self._forgotten.check(type(self).__name__)
        for hook in self.hooks:
            hook(params)
            params = [param for param in params if param.grad is not None]
        self._count_update()
        self.update_all(params)
        if self._t < _WATCHED:
            self._forgotten.watch(params)

    def _update_unless(self, found: Array) -> None:
        """Do an update, or change nothing where `found` is true.

        Args:
            found: A boolean, an array without axes. If it is on a device this waits for it.
        """
        if not bool(found):
            self.update()

    def _count_update(self) -> None:
        self.t += 1

    def update_all(self, params: list[Parameter]) -> None:
        """Change some parameters, one after the other, by `update_one`.

        Args:
            params: They have gradients.
        """
        for param in params:
            self.update_one(param)

    def update_one(self, param: Parameter) -> None:
        """Change one parameter. Subclasses define it.

        A change in place ends with an assignment, ``param.data = array``, as ``param.data -= step``
        does by itself: so a backward pass through older results finds out. The hyperparameters are
        those of ``settings_of(param)``.

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
        for name, array in state.items():
            state[name] = beside(array, param.data)
        return state

    def to(self: _Self, device: str | Device) -> _Self:
        """Move what is remembered of the parameters to a device now.

        The state follows its parameters by itself, at the next update. This moves it ahead, so
        that no update waits, or so that the memory that it has is free.

        Args:
            device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or a `dezero_core.Device`.

        Returns:
            The optimizer itself.

        Raises:
            LookupError: There is no such device; the message says what to install.
            RuntimeError: It cannot be used here; the message says what is missing.

        Example:
            >>> from dezero_optim import Adam
            >>> optimizer = Adam().to("cpu")
        """
        self._move(Device(device, f"{type(self).__name__}.to"))
        return self

    def to_cpu(self) -> None:
        """Move what is remembered to the host now (see `to`)."""
        self._move(Device("cpu"))

    def to_gpu(self) -> None:
        """Move what is remembered to the GPU now (see `to`)."""
        self._move(Device("cuda", f"{type(self).__name__}.to_gpu"))

    def _move(self, device: Device) -> None:
        # Anew, for a plan of an update may hold the old arrays.
        self._states = {
            key: (param, {name: device.asarray(array) for name, array in state.items()})
            for key, (param, state) in self._states.items()
        }

    # --- saving and resuming -----------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, apart from the parameters themselves.

        Returns:
            Numbers, under ``"t"``, the hyperparameters' names and ``"groups/0/lr"``; and NumPy
            arrays, copies, under ``"state/PATH/NAME"``, by the parameters' paths.

        Raises:
            RuntimeError: `setup` was not called.
        """
        target = self._require_target(f"{type(self).__name__}.state_dict")
        state: dict[str, Any] = {"t": self.t, **self._numbers()}
        for path, param in named_params(target).items():
            _, arrays = self._states.get(id(param), (param, {}))
            for name, array in arrays.items():
                state[f"state/{path}/{name}"] = as_numpy(array).copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Set up the same model with the same groups first, and load the model's own state.

        Args:
            state: Numbers and arrays by name.

        Raises:
            RuntimeError: `setup` was not called.
            ValueError: Something is missing, unexpected, of another shape, or out of range. The
                message lists all of it, and nothing was changed.
        """
        target = self._require_target(f"{type(self).__name__}.load_state_dict")
        problems = Problems(type(self).__name__)
        numbers = {key: number_in(state, key, problems) for key in self._numbers()}
        for key, number in numbers.items():
            below = self.hyperparameters[key.rpartition("/")[2]]
            if number is not None and not number < below:
                problems.lines.append(f"not less than {below:g}: {key}, {number!r}")
        t = number_in(state, "t", problems, whole=True)
        wanted = {"t", *numbers}
        states: dict[int, tuple[Parameter, dict[str, Array]]] = {}
        for path, param in named_params(target).items():
            prefix = f"state/{path}/"
            # A name holds no slash, so that "state/l1/W/m" belongs to "l1/W" and not to "l1".
            if not any(key.rpartition("/")[0] + "/" == prefix for key in state):
                continue  # it was never updated
            if param.data is None:
                problems.lines.append(f"no array yet: {path}; load the model's state first")
                wanted |= {key for key in state if key.startswith(prefix)}
                continue
            arrays = self.new_state(param)
            for name, array in arrays.items():
                key = prefix + name
                wanted.add(key)
                arrays[name] = saved_array(state, key, array, problems)
            states[id(param)] = (param, arrays)
        problems.keys(state, wanted)
        problems.raise_if_any()
        self.t = t
        for key, number in numbers.items():
            place, _, name = key.rpartition("/")
            setattr(
                self.groups[int(place.removeprefix("groups/"))] if place else self, name, number
            )
        self._states = states

    def _numbers(self) -> dict[str, Any]:
        """Return all hyperparameters, the groups' own too, by their names in a state."""
        numbers = {name: getattr(self, name) for name in self.hyperparameters}
        for place, group in enumerate(self.groups):
            for name, value in group.hyperparameters.items():
                numbers[f"groups/{place}/{name}"] = value
        return numbers

    def _check_hyperparameters(self) -> None:
        values = [getattr(self, name) for name in self.hyperparameters]
        for group in self.groups:
            values += group.hyperparameters.values()
        # nan differs from itself, so it never passes for what was checked before.
        if values != self._checked:
            for key, value in self._numbers().items():
                below = self.hyperparameters[key.rpartition("/")[2]]
                check_number(f"{type(self).__name__}: {key}", value, below=below)
            self._checked = values

    def _require_target(self, operation: str) -> ParameterSource:
        if self.target is None:
            raise RuntimeError(f"{operation}: there is no target; call setup(model) first")
        return self.target

    def __repr__(self) -> str:
        return shown(self)

    def __getstate__(self) -> dict[str, Any]:
        # Copies of parameters have other identities.
        state = self.__dict__.copy()
        state["_states"] = list(self._states.values())
        del state["_group_of"], state["_forgotten"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._states = {id(param): (param, arrays) for param, arrays in state["_states"]}
        self._group_of = {id(param): group for group in self.groups for param in group.params}
        self._forgotten = ForgottenClear()


# A loop that forgets to clear gradients does so from the start: later nobody needs to look.
_WATCHED = 10
