"""Data sets (book step 49): those of `dezero_data`.

One more name is that of the book's package: `Shakespear`, which is how it spells `Shakespeare`.
"""

from __future__ import annotations

from dezero_data import datasets as _datasets
from dezero_data.datasets import *  # noqa: F403
from dezero_data.datasets import Shakespeare

Shakespear = Shakespeare

__all__: list[str] = ["Shakespear"]
__all__ += _datasets.__all__
