"""Losses scaled up, so that gradients in half precision do not vanish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from dezero_core import Parameter, Variable, get_array_module
from dezero_core.backend import backend_of
from dezero_core.devices import beside
from dezero_core.typing import Array
from dezero_optim._checks import check_count, check_number
from dezero_optim._elementwise import wide_dtype
from dezero_optim._named import Problems, number_in
from dezero_optim._shown import shown
from dezero_optim.optimizer import Optimizer

__all__ = ["GradScaler"]

# A scale beyond either end has nothing to do with overflow any more.
_LARGEST = 2.0**120
_SMALLEST = 2.0**-20


class GradScaler:
    r"""Scales the loss, so that small gradients survive in float16, and finds the scale by trying.

    Gradients below :math:`6 \cdot 10^{-8}` are zero in float16. So the loss is multiplied by a
    large number, and with it all gradients, which are divided by it before the update. If one of
    them has become infinite or nan meanwhile, the update is skipped and the scale made smaller;
    after a time without that it is made larger. In bfloat16 and in single precision there is
    nothing to scale.

    A step of training::

        with autocast("float16"):
            loss = F.softmax_cross_entropy(model(x), t)
        model.cleargrads()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    Gradients are divided before hooks see them, so `ClipGrad` and others do as ever. To add up
    gradients of several batches, scale each of their losses, and call `step` and `update` once.
    With several optimizers there is one `scale` and one `update` for all of them, and a `step` for
    each. Gradients of parameters in half precision are divided, and stay, in single precision.

    On a GPU nothing waits: whether gradients are finite is known there alone, and there what an
    update would have changed is kept if they are not. Hooks run in either case. Optimizers that
    do not treat each element alike, such as your own, wait once in each `step`.

    A gradient that is never finite, however small the scale, is an error on the host; on a GPU the
    scale stays at its least, :math:`2^{-20}`, and `loss_scale` shows it.

    Args:
        init_scale: The scale to begin with.
        growth_factor: What it is multiplied by after a time without overflow.
        backoff_factor: What it is multiplied by after an overflow.
        growth_interval: How many updates without overflow that time is.
        enabled: False to do nothing but update, so that one program serves all precisions.

    Raises:
        TypeError: An argument is no number.
        ValueError: `growth_factor` is not larger than 1, `backoff_factor` not between 0 and 1, or
            another one not positive.

    Example:
        >>> import numpy as np
        >>> from dezero_core import Parameter
        >>> from dezero_optim import SGD
        >>> class Model:
        ...     weight = Parameter(np.array([1.0, 2.0], np.float32))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model, scaler = Model(), GradScaler()
        >>> optimizer = SGD(lr=0.5).setup(model)
        >>> scaler.scale((model.weight * 1e-9).sum()).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> model.weight.grad
        variable([1.e-09 1.e-09])

    P. Micikevicius et al., "Mixed Precision Training", 2018.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        *,
        enabled: bool = True,
    ) -> None:
        self.init_scale = _factor("init_scale", init_scale, above=0, below=2 * _LARGEST)
        self.growth_factor = _factor("growth_factor", growth_factor, above=1)
        self.backoff_factor = _factor("backoff_factor", backoff_factor, above=0, below=1)
        self.growth_interval = check_count("GradScaler: growth_interval", growth_interval)
        self.enabled = bool(enabled)
        # Arrays without axes, beside the losses: the scale, and for how many updates it has done.
        self._scale: Array = np.array(self.init_scale, np.float32)
        self._good: Array = np.array(0, np.int32)
        # What was done since the last update().
        self._has_scaled = False
        self._stages: dict[Optimizer, _Stage] = {}

    @property
    def loss_scale(self) -> float:
        """The scale as it is now. On a GPU, reading it waits."""
        return float(self._scale)

    def scale(self, loss: Variable) -> Variable:
        """Multiply a loss by the scale. Call `backward` of the result.

        Args:
            loss: A Variable of one element.

        Returns:
            A Variable, at least in single precision.

        Raises:
            TypeError: `loss` is no Variable.
        """
        if not isinstance(loss, Variable):
            raise TypeError(f"GradScaler.scale: wanted is a loss, a Variable, got {type(loss)}")
        if not self.enabled:
            return loss
        self._has_scaled = True
        self._scale = _placed(self._scale, loss.data)
        scaled: Variable = loss * self._scale
        return scaled

    def unscale(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale.

        `step` does it, unless it was done. Call it where you want to see gradients before hooks do.

        Args:
            optimizer: It was set up.

        Raises:
            TypeError: It is no optimizer that takes its gradients from the parameters.
            RuntimeError: The gradients were divided already since the last `update`, or no loss was
                scaled since.
        """
        self._check(optimizer, "unscale")
        if not self.enabled:
            return
        if optimizer in self._stages:
            raise RuntimeError(
                "GradScaler.unscale: the gradients of this optimizer were divided already since "
                "the last update(); call unscale once, and before step"
            )
        if not self._has_scaled:
            raise RuntimeError(
                "GradScaler: no loss was scaled since the last update(), so there is nothing to "
                "divide; call scaler.scale(loss).backward()"
            )
        target = optimizer._require_target("GradScaler.unscale")
        params = [param for param in target.params() if param.grad is not None]
        self._stages[optimizer] = _Stage(self._divide(params))

    def step(self, optimizer: Optimizer) -> None:
        """Update an optimizer's parameters, unless a gradient is infinite or nan.

        Args:
            optimizer: It was set up.

        Raises:
            TypeError: As for `unscale`.
            RuntimeError: It was called already since the last `update`, or no loss was scaled.
        """
        self._check(optimizer, "step")
        if not self.enabled:
            optimizer.update()
            return
        if optimizer not in self._stages:
            self.unscale(optimizer)
        stage = self._stages[optimizer]
        if stage.is_done:
            raise RuntimeError(
                "GradScaler.step: it was called already for this optimizer since the last update()"
            )
        stage.is_done = True
        if stage.found is None:
            optimizer.update()  # which says that there are no gradients
        else:
            optimizer._update_unless(stage.found)

    def update(self) -> None:
        """Adapt the scale to what was found since the last call.

        Raises:
            RuntimeError: There was no `step` since.
            FloatingPointError: On the host: gradients are not finite however small the scale is.
        """
        if not self.enabled:
            return
        if not any(stage.is_done for stage in self._stages.values()):
            raise RuntimeError(
                "GradScaler.update: there was no step since the last update(); call "
                "scaler.step(optimizer) first"
            )
        found = _any([stage.found for stage in self._stages.values()])
        self._stages.clear()
        self._has_scaled = False
        if found is not None:
            self._adapt(beside(found, self._scale))

    def _adapt(self, found: Array) -> None:
        scale, xp = self._scale, get_array_module(found)
        if xp is np and found and scale <= _SMALLEST:
            raise FloatingPointError(
                f"GradScaler.update: gradients are infinite or nan though the loss is scaled by "
                f"{float(scale):.2g} only, so it is not the scale that makes them so. "
                "dezero_core.detect_anomaly() finds the operation that they come from"
            )
        good = _placed(self._good, found)
        kernel = backend_of(found).kernels.get("gradients.adapt_scale")
        if kernel is not None:
            limits = self.growth_interval, self.growth_factor, self.backoff_factor
            adapted = kernel(xp, scale, good, found, *limits, _SMALLEST, _LARGEST)
            if adapted is not NotImplemented:
                self._scale, self._good = adapted
                return
        good = good + 1
        grows = good >= self.growth_interval
        larger = xp.minimum(scale * self.growth_factor, _LARGEST)
        smaller = xp.maximum(scale * self.backoff_factor, _SMALLEST)
        self._scale = xp.where(found, smaller, xp.where(grows, larger, scale))
        self._good = xp.asarray(good * ~(found | grows))

    def _divide(self, params: list[Parameter]) -> Array | None:
        """Divide gradients, and return whether one is not finite; None if there are none."""
        places: dict[Any, list[Any]] = {}
        for param in params:
            grad: Any = param.grad
            wide = wide_dtype(grad.dtype)
            if wide != grad.dtype:
                grad.data = grad.data.astype(wide)
            number = getattr(getattr(grad.data, "device", None), "id", None)
            places.setdefault((type(grad.data), number, wide), []).append(grad)
        found = []
        for grads in places.values():
            arrays = [grad.data for grad in grads]
            found.append(_divided(arrays, 1 / _placed(self._scale, arrays[0])))
            for grad, array in zip(grads, arrays, strict=True):
                grad.data = array  # so that a backward pass through it finds out
        return _any(found)

    def _check(self, optimizer: Any, method: str) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"GradScaler.{method}: wanted is an optimizer that takes gradients from the "
                f"parameters, such as Adam, got {type(optimizer)}"
            )

    # --- saving and resuming -----------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, as numbers by name. On a GPU it waits."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {"scale": self.loss_scale, "good_updates": int(self._good), **numbers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Args:
            state: Numbers by name.

        Raises:
            ValueError: Something is missing, unexpected, no number, or out of range. The message
                lists all of it, and nothing was changed.
        """
        problems = Problems("GradScaler")
        wanted = {"scale": False, "good_updates": True, **_NUMBERS}
        problems.keys(state, wanted)
        found = {key: number_in(state, key, problems, whole=whole) for key, whole in wanted.items()}
        if not problems.lines:
            try:
                GradScaler(found["scale"], *[found[name] for name in _NUMBERS])
            except ValueError as error:
                problems.lines.append(str(error))
        problems.raise_if_any()
        for name in _NUMBERS:
            setattr(self, name, found[name])
        self._scale = np.array(found["scale"], np.float32)
        self._good = np.array(found["good_updates"], np.int32)
        self._stages.clear()
        self._has_scaled = False

    def __repr__(self) -> str:
        return shown(self)


# Settings that are saved, and whether they are whole numbers.
_NUMBERS = {"growth_factor": False, "backoff_factor": False, "growth_interval": True}


@dataclass
class _Stage:
    """What was done about an optimizer since the last update of the scale."""

    found: Array | None  # whether a gradient is not finite; None if there are no gradients
    is_done: bool = False


def _factor(name: str, value: Any, *, above: float, below: float = inf) -> float:
    number = float(check_number(f"GradScaler: {name}", value, below=below))
    if number <= above:
        raise ValueError(f"GradScaler: {name} must be larger than {above:g}, got {value!r}")
    return number


def _placed(number: Array, like: Array) -> Array:
    """Return an array without axes on the device of another one; a new one if it was the host's."""
    if isinstance(number, np.ndarray) and not isinstance(like, np.ndarray):
        # The host knows its value, so nothing need be copied.
        return get_array_module(like).full((), number.item(), number.dtype)
    return beside(number, like)


def _divided(arrays: list[Array], factor: Array) -> Array:
    """Multiply arrays of one dtype in place; return whether an element was not finite."""
    xp = get_array_module(factor)
    kernel = backend_of(arrays[0]).kernels.get("gradients.scale")
    if kernel is not None:
        found = kernel(xp, arrays, factor)
        if found is not NotImplemented:
            return found
    found = []
    for array in arrays:
        array *= factor
        found.append(~xp.isfinite(array).all())
    return _any(found)


def _any(found: list[Any]) -> Any:
    """Return whether one of some booleans is true, without waiting for them; None if none is."""
    found = [one for one in found if one is not None]
    if not found:
        return None
    total, *others = found
    for one in others:
        total = total | beside(one, total)
    return get_array_module(total).asarray(total)
