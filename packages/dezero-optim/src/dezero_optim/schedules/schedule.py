"""What all schedules have in common, and how they are composed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from dezero_optim._checks import check_count, check_number
from dezero_optim._named import Problems, number_in
from dezero_optim._shown import shown
from dezero_optim.group import ParameterGroup
from dezero_optim.optimizer import Optimizer

__all__ = ["Chain", "Product", "Schedule"]

_Self = TypeVar("_Self", bound="Schedule")


class Schedule:
    """Base class of schedules: they set an optimizer's learning rate, time after time.

    A schedule is a factor of the learning rate that the optimizer was made with. It may count
    updates or epochs, whatever you call `update` after. Schedules are composed: ``a * b``
    multiplies their factors, and ``a.then(b)`` lets one follow the other. Compose first, then
    `setup` the whole.

    A subclass defines `factor`.

    Attributes:
        optimizer: What was set up, or None.
        base: The learning rate at factor 1: what the optimizer had. Change it to change the whole
            schedule; ``optimizer.lr`` itself is set anew at each update.
        t: How many updates of the schedule there were.
        steps: After how many updates the factor stays the same; None if it never does.

    Example:
        >>> from dezero_optim import SGD, CosineDecay, LinearWarmup
        >>> optimizer = SGD(lr=1.0)
        >>> schedule = LinearWarmup(2).then(CosineDecay(4)).setup(optimizer)
        >>> rates = []
        >>> for _ in range(7):
        ...     rates.append(round(optimizer.lr, 3))
        ...     schedule.update()
        >>> rates
        [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    #: The attributes that a schedule learns as it goes, beside the time.
    remembered: ClassVar[tuple[str, ...]] = ()

    def __init__(self, steps: int | None = None) -> None:
        self.steps = steps
        self.optimizer: Any = None
        self.base: float = 0.0
        self.t = 0
        self._bases: list[tuple[ParameterGroup, float]] = []

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """The schedules that it is composed of."""
        return ()

    def factor(self, t: int) -> float:
        """Return what the learning rate is multiplied by after `t` updates. Subclasses define it.

        Args:
            t: At least 0.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method factor(self, t)")

    def observe(self, metric: float) -> None:
        """Take notice of how training goes. Most schedules do not care.

        Args:
            metric: What was given to `update`.
        """
        for part in self.parts:
            part.observe(metric)

    def setup(self: _Self, optimizer: Any) -> _Self:
        """Choose whose learning rate to set, and set it for the first update.

        Groups of parameters that have a learning rate of their own get the same factor: call this
        after `Optimizer.add_group`.

        Args:
            optimizer: It has an attribute ``lr``.

        Returns:
            The schedule itself: ``schedule = CosineDecay(1000).setup(optimizer)``.

        Raises:
            TypeError: `optimizer` has no ``lr``, or it is no number.
            ValueError: Its ``lr`` is out of range.
        """
        name = type(self).__name__
        if not hasattr(optimizer, "lr"):
            raise TypeError(f"{name}.setup: wanted is an optimizer with lr, got {type(optimizer)}")
        base = float(check_number(f"{name}.setup: the optimizer's lr", optimizer.lr))
        groups = optimizer.groups if isinstance(optimizer, Optimizer) else []
        self.optimizer, self.base, self.t = optimizer, base, 0
        self._bases = [(g, float(g.lr)) for g in groups if "lr" in g.hyperparameters]
        self._apply()
        return self

    def update(self, metric: float | None = None) -> None:
        """Set the learning rate for what comes next. Call it after each update, or each epoch.

        Args:
            metric: How training goes, for `ReduceOnPlateau`.

        Raises:
            RuntimeError: `setup` was not called.
            ValueError: `metric` is nan.
        """
        if self.optimizer is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.update: there is no optimizer; call setup(optimizer) first")
        if metric is not None:
            value = float(metric)
            if value != value:
                raise ValueError(f"{type(self).__name__}.update: the metric is nan")
            self.observe(value)
        self.t += 1
        self._apply()

    def then(self, following: Schedule, at: int | None = None) -> Schedule:
        """Return the schedule that is this one first, and then another.

        Args:
            following: What follows. Its own time begins at 0.
            at: After how many updates. By default, when this one is through.

        Raises:
            TypeError: `following` is no schedule, or `at` is no whole number.
            ValueError: `at` is missing where this schedule has no end, or less than 1.
        """
        return Chain(self, following, at)

    def __mul__(self, other: Schedule) -> Schedule:
        return Product(self, other) if isinstance(other, Schedule) else NotImplemented

    def __repr__(self) -> str:
        return shown(self)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, as numbers by name."""
        state: dict[str, Any] = {"t": self.t, "base": self.base}
        for place, (_, base) in enumerate(self._bases):
            state[f"groups/{place}/base"] = base
        for prefix, schedule in _walk(self):
            for name in schedule.remembered:
                state[prefix + name] = getattr(schedule, name)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned, of a schedule composed in the same way.

        Sets the optimizer's learning rate, if `setup` was called.

        Args:
            state: Numbers by name.

        Raises:
            ValueError: Something is missing, unexpected, or no number. The message lists all of
                it, and nothing was changed.
        """
        problems = Problems(type(self).__name__)
        wanted = self.state_dict()
        problems.keys(state, wanted)
        found = {
            key: number_in(state, key, problems, whole=isinstance(value, int), signed=key != "t")
            for key, value in wanted.items()
        }
        problems.raise_if_any()
        self.t, self.base = found["t"], found["base"]
        self._bases = [
            (group, found[f"groups/{place}/base"]) for place, (group, _) in enumerate(self._bases)
        ]
        for prefix, schedule in _walk(self):
            for name in schedule.remembered:
                setattr(schedule, name, found[prefix + name])
        if self.optimizer is not None:
            self._apply()

    def _apply(self) -> None:
        factor = self.factor(self.t)
        self.optimizer.lr = self.base * factor
        for group, base in self._bases:
            group.lr = base * factor


class Product(Schedule):
    """Two schedules at once: their factors are multiplied. ``a * b`` makes one.

    Args:
        first: A schedule.
        second: Another.
    """

    def __init__(self, first: Schedule, second: Schedule) -> None:
        ends = [part.steps for part in (first, second)]
        super().__init__(None if None in ends else max(end or 0 for end in ends))
        self._parts = (first, second)

    def __repr__(self) -> str:
        first, second = self._parts
        return f"{first!r} * {second!r}"

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """The two."""
        return self._parts

    def factor(self, t: int) -> float:
        """Return the product of the factors."""
        first, second = self._parts
        return first.factor(t) * second.factor(t)


class Chain(Schedule):
    """One schedule after another. ``a.then(b)`` makes one.

    Args:
        first: A schedule.
        second: Another. Its own time begins at 0.
        at: After how many updates the second takes over; by default ``first.steps``.

    Raises:
        TypeError: `second` is no schedule, or `at` is no whole number.
        ValueError: `at` is missing where the first has no end, or less than 1.
    """

    def __init__(self, first: Schedule, second: Schedule, at: int | None = None) -> None:
        if not isinstance(second, Schedule):
            raise TypeError(f"then: a schedule can follow, not {type(second)}")
        if at is None and first.steps is None:
            raise ValueError(f"then: {type(first).__name__} has no end; say when, then(b, at=100)")
        self.at = check_count("then: at", first.steps if at is None else at)
        super().__init__(None if second.steps is None else self.at + second.steps)
        self._parts = (first, second)

    def __repr__(self) -> str:
        first, second = self._parts
        at = "" if self.at == first.steps else f", at={self.at}"
        return f"{first!r}.then({second!r}{at})"

    @property
    def parts(self) -> tuple[Schedule, ...]:
        """The two."""
        return self._parts

    def factor(self, t: int) -> float:
        """Return the factor of the one whose turn it is."""
        first, second = self._parts
        return first.factor(t) if t < self.at else second.factor(t - self.at)


def _walk(schedule: Schedule, prefix: str = "") -> Iterator[tuple[str, Schedule]]:
    yield prefix, schedule
    for place, part in enumerate(schedule.parts):
        yield from _walk(part, f"{prefix}{place}/")
