"""What the tests share: the least that an optimizer asks for, and gradients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, Variable


class Source:
    """Parameters, and nothing else."""

    def __init__(self, *arrays: Any) -> None:
        self.parameters = [Parameter(array) for array in arrays]

    def params(self) -> Iterator[Parameter]:
        yield from self.parameters


class NamedSource(Source):
    """Parameters with paths."""

    def namedparams(self) -> Iterator[tuple[str, Parameter]]:
        for place, parameter in enumerate(self.parameters):
            yield f"layers/{place}/W", parameter


def give(source: Source, seed: int) -> list[Any]:
    """Give each parameter a gradient, as if the last one had been cleared; return them."""
    rng = np.random.default_rng(seed)
    grads = [rng.normal(size=p.shape).astype(p.dtype) for p in source.parameters]
    for parameter, grad in zip(source.parameters, grads, strict=True):
        parameter.grad = Variable(grad)
    return grads


@pytest.fixture
def new_source() -> type[Source]:
    return Source


@pytest.fixture
def new_named_source() -> type[NamedSource]:
    return NamedSource


@pytest.fixture
def give_grads() -> Callable[[Source, int], list[Any]]:
    return give
