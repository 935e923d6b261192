"""What the other packages need from each other, as interfaces that none of them owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from dezero_core.variable import Parameter

__all__ = ["Dataset", "ParameterSource", "StatefulObject"]


@runtime_checkable
class ParameterSource(Protocol):
    """What has parameters to learn: all that an optimizer knows of a model."""

    def params(self) -> Iterator[Parameter]:
        """Yield each parameter once, always in the same order."""
        ...


@runtime_checkable
class StatefulObject(Protocol):
    """What a checkpoint can save and restore: a model, an optimizer, a schedule, a loader."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here: arrays, numbers and strings by name."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; change nothing if it does not fit."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """Examples by index.

    A dataset that can hand out many examples at once offers ``__getitems__(indices)`` as well,
    which returns a whole batch: a tuple of arrays, examples along the first axis.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...
