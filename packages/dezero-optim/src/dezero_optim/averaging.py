"""Averages of parameters over the course of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dezero_core import Parameter, as_numpy, get_array_module
from dezero_core.devices import beside
from dezero_core.protocols import ParameterSource
from dezero_core.typing import Array
from dezero_optim._checks import check_number
from dezero_optim._elementwise import Blocks, wide_dtype
from dezero_optim._named import (
    Problems,
    check_target,
    named_params,
    number_in,
    saved_array,
)
from dezero_optim._shown import shown

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    r"""An average of parameters that forgets the old ones: often better than the last ones.

    It begins with the parameters as they are at the first update; then, with :math:`d` the decay,

    .. math::
        a \leftarrow d\, a + (1 - d)\, \theta

    In single precision at least.

    Args:
        target: A model, or anything else with ``params()``.
        decay: How long the average remembers, :math:`d`: about :math:`1 / (1 - d)` updates.
        warmup: Use :math:`\min(d, (1 + t) / (10 + t))` in update :math:`t`, so that the first
            parameters are soon forgotten.

    Attributes:
        decay: As given; set it whenever you like.
        t: How many updates there were.

    Raises:
        TypeError: `target` has no ``params()``, or `decay` is no number.
        ValueError: `decay` is negative, or not less than 1.

    Example:
        >>> import numpy as np
        >>> class Model:
        ...     weight = Parameter(np.array(0.0))
        ...
        ...     def params(self):
        ...         yield self.weight
        >>> model = Model()
        >>> average = ExponentialMovingAverage(model, decay=0.9)
        >>> for value in (1.0, 2.0):
        ...     model.weight.data = np.array(value)
        ...     average.update()
        >>> with average.applied():
        ...     print(model.weight)
        variable(1.1)
        >>> model.weight
        variable(2.0)

    B. Polyak, A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    def __init__(self, target: ParameterSource, decay: float = 0.999, warmup: bool = False) -> None:
        check_target("ExponentialMovingAverage", target)
        self.target = target
        self.decay = check_number("ExponentialMovingAverage: decay", decay, below=1)
        self.warmup = warmup
        self.t = 0
        # By identity; holding the parameters keeps it from being given to another.
        self._averages: dict[int, tuple[Parameter, Array]] = {}
        self._blocks = Blocks()

    def __repr__(self) -> str:
        return shown(self)

    def update(self) -> None:
        """Take the parameters as they are into the average. Call it after each training step.

        Raises:
            TypeError: `decay` is no number any more.
            ValueError: `decay` is out of range.
        """
        check_number("ExponentialMovingAverage: decay", self.decay, below=1)
        self.t += 1
        decay = float(self.decay)
        if self.warmup:
            decay = min(decay, (1 + self.t) / (10 + self.t))
        for param in self.target.params():
            if param.data is None:
                continue
            average = self._average_of(param)
            if average is None:
                average = param.data.astype(wide_dtype(param.dtype))
                self._averages[id(param)] = (param, average)
                continue
            xp = get_array_module(average)
            for _, (a, p), (s,) in self._blocks.parts((average, param.data), [average.dtype]):
                xp.subtract(p, a, out=s)
                s *= 1 - decay
                a += s

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the target the averages for a while, as for an evaluation; then its own back.

        Parameters that are in no average yet stay as they are.
        """
        kept = []
        try:
            for param in self.target.params():
                average = None if param.data is None else self._average_of(param)
                if average is not None:
                    kept.append((param, param.data))
                    param.data = average.astype(param.dtype)
            yield
        finally:
            for param, data in kept:
                param.data = data

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here.

        Returns:
            The numbers ``"t"`` and ``"decay"``, and NumPy arrays, copies, under
            ``"average/PATH"``, by the parameters' paths.
        """
        state: dict[str, Any] = {"t": self.t, "decay": self.decay}
        for path, param in named_params(self.target).items():
            if id(param) in self._averages:
                state[f"average/{path}"] = as_numpy(self._averages[id(param)][1]).copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned.

        Args:
            state: Numbers and arrays by name.

        Raises:
            ValueError: Something is missing, unexpected, or does not fit. The message lists all of
                it, and nothing was changed.
        """
        problems = Problems("ExponentialMovingAverage")
        t = number_in(state, "t", problems, whole=True)
        decay = number_in(state, "decay", problems)
        if decay is not None and decay >= 1:
            problems.lines.append(f"not less than 1: decay, {decay!r}")
        wanted = {"t", "decay"}
        averages: dict[int, tuple[Parameter, Array]] = {}
        for path, param in named_params(self.target).items():
            key = f"average/{path}"
            if key not in state:
                continue  # it was in no average yet
            wanted.add(key)
            if param.data is None:
                problems.lines.append(f"no array yet: {path}; load the model's state first")
                continue
            like = get_array_module(param).empty(param.shape, wide_dtype(param.dtype))
            averages[id(param)] = (param, saved_array(state, key, like, problems))
        problems.keys(state, wanted)
        problems.raise_if_any()
        self.t, self.decay, self._averages = t, decay, averages

    def _average_of(self, param: Parameter) -> Array | None:
        """Return the average, on the parameter's device; None if there is none yet."""
        found = self._averages.get(id(param))
        if found is None:
            return None
        average = beside(found[1], param.data)
        if average is not found[1]:
            self._averages[id(param)] = (param, average)
        return average
