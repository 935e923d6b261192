"""How operations behave right now: is the graph recorded, is a network being trained?

The settings belong to the context (`contextvars`): what one thread or asyncio task switches off
stays on in all others. They live in one immutable record behind one context variable, so that
an operation finds all of them with a single look-up, which takes some thirty nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, fields, replace
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

__all__ = [
    "Caster",
    "Config",
    "Settings",
    "Watcher",
    "current",
    "no_grad",
    "test_mode",
    "using_config",
]

P = ParamSpec("P")
T = TypeVar("T")


class Watcher:
    """What looks over the engine's shoulder while it is switched on.

    `dezero_core.anomaly`, `dezero_core.details` and `dezero_core.profiler` do. A class that derives
    from this one defines those methods that it needs.
    """

    def before_forward(self, operation: str) -> None:
        """An operation is about to run."""

    def after_forward(self, operation: str, operands: Any, result: Any, node: Any) -> None:
        """An operation has run. `node` is None where it was not recorded."""

    def before_pull(self, node: Any) -> None:
        """The rules of a node are about to run."""

    def after_pull(self, node: Any, gy: Any, gradients: Any) -> None:
        """The rules have run. `gradients` are pairs of a parent and a gradient."""

    def before_layer(self, call: Any) -> None:
        """A layer is about to run: a `dezero_core.details.LayerCall`."""

    def after_layer(self, call: Any) -> None:
        """A layer has run, or failed."""


class Caster(Protocol):
    """What brings operations of one kind to their precision (see `dezero_core.autocast`)."""

    def cast(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands in the dtype to compute in."""
        ...

    def finish(self, y: Any) -> Any:
        """Return the result, an array or a tuple of them, in the dtype to return."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one context.

    Attributes:
        enable_backprop: Whether operations record the graph that gradients are computed from.
        train: Whether layers such as dropout behave as in training.
        watcher: What checks every operation, or None.
        autocast: What casts operands, by what `Primitive.autocast` says; or None.
        is_special: Whether there is one of the last two. The fast paths ask this alone, and leave
            the rest to the call for all cases: who uses neither pays one question for both.
    """

    enable_backprop: bool = True
    train: bool = True
    watcher: Watcher | None = None
    autocast: Mapping[str | None, Caster] | None = None
    is_special: bool = field(init=False)

    def __post_init__(self) -> None:
        is_special = self.watcher is not None or self.autocast is not None
        object.__setattr__(self, "is_special", is_special)


_DEFAULT = Settings()
_settings: ContextVar[Settings] = ContextVar("dezero_settings", default=_DEFAULT)
#: The settings in force here. A bound C method: calling it is all that it costs.
current = _settings.get
_NAMES = tuple(setting.name for setting in fields(Settings) if setting.init)


def _changed(name: str, value: Any) -> Settings:
    if name not in _NAMES:
        raise AttributeError(f"Config has no setting {name!r}; there is {', '.join(_NAMES)}")
    return replace(current(), **{name: value})


class _Config:
    """Reads and sets the settings of the current context by attribute."""

    __slots__ = ()
    enable_backprop: bool
    train: bool

    def __getattr__(self, name: str) -> Any:
        if name in _NAMES:
            return getattr(current(), name)
        raise AttributeError(f"Config has no setting {name!r}; there is {', '.join(_NAMES)}")

    def __setattr__(self, name: str, value: Any) -> None:
        _settings.set(_changed(name, value))

    def __dir__(self) -> list[str]:
        return list(_NAMES)

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={getattr(self, name)!r}' for name in _NAMES)})"


#: The settings of the current context as attributes: ``Config.train`` (book step 18).
Config = _Config()


class using_config:  # noqa: N801  (the book's name)
    """Sets one setting inside a ``with`` block or in a decorated function (book step 18).

    It is restored afterwards, after an exception too, and no other thread sees it.

    Args:
        name: The setting: ``"enable_backprop"``, ``"train"``.
        value: Its value inside.

    Raises:
        AttributeError: There is no such setting.

    Example:
        >>> with using_config("train", False):
        ...     Config.train
        False
        >>> Config.train
        True
    """

    __slots__ = ("_name", "_tokens", "_value")

    def __init__(self, name: str, value: Any) -> None:
        _changed(name, value)
        self._name = name
        self._value = value
        # A stack, so that one object may be entered again while it is entered.
        self._tokens: list[Token[Settings]] = []

    def __enter__(self) -> None:
        self._tokens.append(_settings.set(_changed(self._name, self._value)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _settings.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function, so that the setting holds whenever it runs."""
        name, value = self._name, self._value

        @wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> T:
            with using_config(name, value):
                return function(*args, **kwargs)

        return inside


def no_grad() -> using_config:
    """Switch recording off: ``with no_grad():`` or ``@no_grad()`` (book step 18).

    Results computed inside have no graph behind them, and what they were computed from can be
    freed at once.

    Returns:
        A context manager, usable as a decorator.

    Example:
        >>> with no_grad():
        ...     Config.enable_backprop
        False
    """
    return using_config("enable_backprop", False)


def test_mode() -> using_config:
    """Let layers behave as in use, not as in training: ``with test_mode():`` (book step 54).

    Returns:
        A context manager, usable as a decorator.

    Example:
        >>> with test_mode():
        ...     Config.train
        False
    """
    return using_config("train", False)


# The name looks like a test's to pytest, which would collect it wherever it is imported.
test_mode.__test__ = False  # type: ignore[attr-defined]
