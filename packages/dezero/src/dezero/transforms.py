"""What is done to the items of a data set (book step 49): the transforms of `dezero_data`."""

from __future__ import annotations

from dezero_data.transforms import AsType, Compose, Flatten, Normalize, ToFloat

__all__ = ["AsType", "Compose", "Flatten", "Normalize", "ToFloat"]
