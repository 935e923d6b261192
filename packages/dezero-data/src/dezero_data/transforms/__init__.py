"""What is done to the items of a data set on their way out.

A transform is anything that can be called with one item and returns what becomes of it. One that
can do a whole batch at once has a method ``batch(xs)`` besides: it takes the items stacked along a
new first axis and returns what calling it on each of them and stacking would. A data set then asks
once per batch, not once per item; `apply_to_batch` is how. Functions without that method work just
as well, item by item.

Images are arrays of shape (C, H, W), batches of them of shape (N, C, H, W), or images of Pillow's;
what a transform does to one kind it does to the others. Sizes are an int for a square, or a pair
(width, height), which is the order of Pillow and of the book's package, and not that of an array's
axes. An image keeps its dtype. Where Pillow's has an opacity, Pillow mixes its colors accordingly;
the channels of an array are mixed each by itself.

>>> from dezero_data.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToFloat
>>> import numpy as np
>>> augment = Compose([RandomCrop(32, pad=4), RandomHorizontalFlip(), ToFloat(), Normalize(0, 255)])
>>> augment.batch(np.zeros((100, 3, 32, 32), np.uint8)).shape
(100, 3, 32, 32)

What a random transform does to an item depends, in a loader, on the loader's seed, the epoch and
the item's index alone (see `dezero_data.randomness`); elsewhere, on NumPy's global state. Given
``rng=``, a generator of NumPy's, it draws from that wherever it is; but the workers of a loader
have a copy of it each, so leave it out there.

Source: Deep Learning from Scratch 3, step 49.
"""

from __future__ import annotations

from dezero_data.transforms.augmentation import (
    Cutout,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
)
from dezero_data.transforms.composing import Compose, Transform, apply_to_batch
from dezero_data.transforms.conversion import Convert, ToArray, ToPIL
from dezero_data.transforms.geometry import CenterCrop, Resize
from dezero_data.transforms.values import AsType, Flatten, Normalize, ToFloat, ToInt

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
