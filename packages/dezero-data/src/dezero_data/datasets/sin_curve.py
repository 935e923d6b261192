"""A sine to be continued."""

from __future__ import annotations

import numpy as np

from dezero_data._arguments import check_rng
from dezero_data.datasets.base import Dataset
from dezero_data.randomness import RandomSource
from dezero_data.transforms import Transform

__all__ = ["SinCurve"]

_POINTS = 1000


class SinCurve(Dataset):
    """A wave, point by point: each item is a value, its label the value that follows.

    The points are at x from 0 to 2 pi in 999 equal steps. For training they are sin x with noise,
    drawn evenly from -0.05 to 0.05; for testing cos x without.

    Source: Deep Learning from Scratch 3, step 59.

    Args:
        train: The sine with noise, or the cosine.
        transform: As `Dataset`. An item is float64 of shape (1,), and so is a label.
        target_transform: As `Dataset`.
        rng: Where the noise is drawn from: a `numpy.random.Generator` or `RandomState`. Default:
            NumPy's global state.

    Raises:
        TypeError: `rng` draws no uniform numbers.

    Example:
        >>> wave = SinCurve(train=False)
        >>> len(wave)
        999
        >>> x, t = wave[0]
        >>> print(x, t.round(6))
        [1.] [0.99998]
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        rng: RandomSource | None = None,
    ) -> None:
        self._rng = check_rng(rng, "SinCurve")
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """Compute the wave, and pair each value with the next."""
        x = np.linspace(0, 2 * np.pi, _POINTS)
        if self.train:
            uniform = np.random.uniform if self._rng is None else self._rng.uniform
            y = np.sin(x) + uniform(-0.05, 0.05, _POINTS)
        else:
            y = np.cos(x)
        self.data = y[:-1, np.newaxis]
        self.label = y[1:, np.newaxis]
