"""The table that drives the tests of operations: what an operation is, told once.

A row is an `OperationSpec`: the operation, samplers of its operands, and the same thing in NumPy.
`dezero_core.testing.check_spec` derives all tests from it: values, first and second derivatives,
float32, memory layouts, devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from dezero_core.typing import Array

__all__ = [
    "OperationSpec",
    "Sampler",
    "away_from",
    "booleans",
    "constant",
    "integers",
    "normal",
    "positive",
    "uniform",
]

#: Draws one operand from a generator.
Sampler: TypeAlias = Callable[[np.random.Generator], Array]


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """One row of the table: an operation with one kind of operands and settings.

    Attributes:
        name: A unique name: the function's, and what is special in brackets, such as
            ``"sum[axis=0]"``.
        function: The operation on Variables and arrays. Returns a Variable or several.
        operands: A sampler for each operand.
        reference: The same operation on NumPy arrays. Returns an array or several.
        differentiable: The positions of the operands that have a gradient; ``()`` for none.
        order: Up to which order derivatives are compared with finite differences.
        float32: Whether float32 operands give float32 results and gradients.
        device: Whether it runs on a device that is not the host, without moving data or waiting for
            a value; ``"moves"`` if it runs, but does such a thing.

    Example:
        >>> import numpy as np
        >>> from dezero_core.testing import OperationSpec, check_spec
        >>> from dezero_core.testing.specs import normal
        >>> spec = OperationSpec(
        ...     name="square",
        ...     function=lambda x: x * x,
        ...     operands=(normal(2, 3),),
        ...     reference=np.square,
        ... )
        >>> check_spec(spec)
    """

    name: str
    function: Callable[..., Any]
    operands: tuple[Sampler, ...]
    reference: Callable[..., Any]
    differentiable: tuple[int, ...] = (0,)
    order: int = 2
    float32: bool = True
    device: bool | Literal["moves"] = True

    def __post_init__(self) -> None:
        if not set(self.differentiable) <= set(range(len(self.operands))):
            raise ValueError(
                f"{self.name}: differentiable={self.differentiable} names operands that are not "
                f"there; the operation has {len(self.operands)}"
            )

    def __repr__(self) -> str:
        return f"<spec {self.name}>"

    def sample(self, seed: int = 0) -> list[Array]:
        """Draw operands. They are read-only: an operation that changes one fails on the spot.

        Args:
            seed: Other seeds give other operands.

        Returns:
            One array for each operand.
        """
        rng = np.random.default_rng([seed, *self.name.encode()])
        arrays = []
        for sampler in self.operands:
            array = np.array(sampler(rng))
            array.flags.writeable = False
            arrays.append(array)
        return arrays


def normal(*shape: int) -> Sampler:
    """Sample from the normal distribution.

    Args:
        *shape: The shape of the array; nothing for a 0-d one.

    Returns:
        The sampler.

    Example:
        >>> normal(2, 3)(np.random.default_rng(0)).shape
        (2, 3)
    """
    return lambda rng: np.asarray(rng.normal(size=shape))


def positive(*shape: int, low: float = 0.2) -> Sampler:
    """Sample uniformly from `low` to `low` + 2: for logarithms, roots and divisors."""
    return uniform(low, low + 2.0, *shape)


def uniform(low: float, high: float, *shape: int) -> Sampler:
    """Sample uniformly from `low` to `high`."""
    return lambda rng: np.asarray(rng.uniform(low, high, size=shape))


def away_from(points: float | Sequence[float], *shape: int) -> Sampler:
    """Sample values that keep their distance from `points` and from each other.

    For operations with kinks: `abs` away from 0, `clip` away from its limits, and `max` or `sort`,
    whose kinks are where elements are equal. Values lie on both sides of each point.

    Args:
        points: Where the kinks are; ``()`` if only ties are.
        *shape: The shape of the array.

    Returns:
        The sampler.

    Example:
        >>> x = away_from(0.0, 3, 4)(np.random.default_rng(0))
        >>> bool(np.abs(x).min() > 0.02), len(np.unique(x))
        (True, 12)
    """
    kinks = np.atleast_1d(np.asarray(points, float))
    size = math.prod(shape)

    def sample(rng: np.random.Generator) -> Array:
        low, high = min([*kinks, 0.0]) - 2.0, max([*kinks, 0.0]) + 2.0
        step = (high - low) / (2 * size + 8 * (len(kinks) + 1))
        grid = np.arange(low, high, step)
        grid += rng.uniform(-0.25, 0.25, size=grid.shape) * step
        distances = np.abs(grid[:, None] - kinks).min(axis=1, initial=np.inf)
        return rng.permutation(grid[distances > step / 2])[:size].reshape(shape)

    return sample


def integers(low: int, high: int, *shape: int) -> Sampler:
    """Sample integers from `low` up to, not including, `high`: for indices and labels."""
    return lambda rng: np.asarray(rng.integers(low, high, size=shape))


def booleans(*shape: int) -> Sampler:
    """Sample booleans: for masks and conditions."""
    return lambda rng: np.asarray(rng.integers(0, 2, size=shape).astype(bool))


def constant(array: Any) -> Sampler:
    """Give the same array each time: for special values."""
    return lambda rng: np.array(array)
