"""What is done to the items of a data set (book step 49): the transforms of `dezero_data`."""

from __future__ import annotations

from dezero_data.transforms import (
    AsType,
    CenterCrop,
    Compose,
    Convert,
    Cutout,
    Flatten,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    Resize,
    ToArray,
    ToFloat,
    ToInt,
    ToPIL,
    Transform,
    apply_to_batch,
)

__all__ = [
    "AsType",
    "CenterCrop",
    "Compose",
    "Convert",
    "Cutout",
    "Flatten",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "Resize",
    "ToArray",
    "ToFloat",
    "ToInt",
    "ToPIL",
    "Transform",
    "apply_to_batch",
]
