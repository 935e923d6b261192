"""Small handwritten digits that come with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np

from dezero_data.datasets.base import Dataset
from dezero_data.transforms import Compose, Flatten, Normalize, ToFloat, Transform

__all__ = ["Digits"]

_FLAT_UNIT = Compose([Flatten(), ToFloat(), Normalize(mean=0.0, std=16.0)])


class Digits(Dataset):
    """1797 handwritten digits of 8x8 pixels; needs no download.

    They are the test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and
    C. Kaynak (UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49), licensed
    under CC BY 4.0. A pixel counts the black dots, 0 to 16, of a 4x4 block of the scanned digit.

    The split is ours: 36 of each digit, drawn at random once and for all, are for testing (360),
    the others for training (1437); each part keeps the order of the source. The same 13 people
    wrote both parts, so the test accuracy speaks of new digits by known hands, and is higher than
    it would be for the hand of a stranger.

    Args:
        train: The 1437 digits for training, or the 360 for testing.
        transform: As `Dataset`. By default float32 of shape (64,), from 0 to 1; None leaves an
            item what it is, uint8 of shape (1, 8, 8).
        target_transform: As `Dataset`. A label is an int64, 0 to 9.

    Example:
        >>> test = Digits(train=False, transform=None)
        >>> x, t = test[0]
        >>> len(test), x.shape, t.item()
        (360, (1, 8, 8), 3)
        >>> print(x[0])
        [[ 0  0  7 15 13  1  0  0]
         [ 0  8 13  6 15  4  0  0]
         [ 0  2  1 13 13  0  0  0]
         [ 0  0  2 15 11  1  0  0]
         [ 0  0  0  1 12 12  1  0]
         [ 0  0  0  0  1 10  8  0]
         [ 0  0  8  4  5 14  9  0]
         [ 0  0  7 13 13  9  0  0]]
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = _FLAT_UNIT,
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """Read the digits from the package."""
        path = resources.files("dezero_data.datasets") / "files" / "digits.npz"
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            chosen = np.zeros(len(arrays["label"]), dtype=bool)
            chosen[arrays["test"]] = True
            if self.train:
                chosen = ~chosen
            self.data = arrays["data"][chosen][:, np.newaxis]
            self.label = arrays["label"][chosen].astype(np.int64)

    @staticmethod
    def labels() -> dict[int, str]:
        """Return what each label means: 0 is "0", 9 is "9"."""
        return {digit: str(digit) for digit in range(10)}
