"""Loading in worker processes: images that take much longer to prepare than to hand over."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from harness.workload import Call, Comparison, Figure

__all__ = ["Scaling", "TwoWorkers"]

_IMAGES = 96
_BATCH = 8


class HeavyImages:
    """Images that Pillow enlarges, turns, blurs and shrinks, from 3 to 10 ms each.

    Worker processes import it from here. Both libraries take it as it is.
    """

    def __init__(self) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (_IMAGES, 160, 160, 3), dtype=np.uint8)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import numpy as np
        from PIL import Image, ImageFilter

        image = Image.fromarray(self.images[index]).resize((320, 320), Image.Resampling.BICUBIC)
        image = image.rotate(index, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
        image = image.resize((128, 128), Image.Resampling.LANCZOS)
        x = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
        return np.ascontiguousarray(x), index

    def __len__(self) -> int:
        return _IMAGES


def _ours(num_workers: int) -> Iterable[Any]:
    from dezero_data import DataLoader

    return DataLoader(HeavyImages(), _BATCH, shuffle=False, num_workers=num_workers)


def _torch(num_workers: int) -> Iterable[Any]:
    from torch.utils.data import DataLoader

    options = {"persistent_workers": True} if num_workers else {}
    return DataLoader(HeavyImages(), _BATCH, num_workers=num_workers, **options)


def _epoch(loader: Iterable[Any]) -> tuple[object, ...]:
    total = 0.0
    for x, t in loader:
        total += float(x.sum()) + int(t.sum())
    return total, *x.shape


class TwoWorkers(Comparison):
    """An epoch over images that Pillow transforms, in two workers that have been started before."""

    name = "two-workers"
    title = "an epoch of heavy image transforms, 2 workers"

    def ours(self) -> Call:
        loader = _ours(2)
        return lambda: _epoch(loader)

    def torch(self) -> Call:
        loader = _torch(2)
        return lambda: _epoch(loader)


class Scaling(Figure):
    """The same epoch: its time with two workers over its time with none, taken in turns."""

    name = "worker-scaling"
    title = "the same, beside none (1.7 times as fast is 0.59)"
    unit = "x"
    reach = 0.59

    def ours(self) -> list[float]:
        return _ratios(_ours(2), _ours(0))

    def torch(self) -> list[float]:
        return _ratios(_torch(2), _torch(0))


def _ratios(some: Iterable[Any], none: Iterable[Any], repeats: int = 5) -> list[float]:
    for loader in (some, none):
        _epoch(loader)
    return [_seconds(some) / _seconds(none) for _ in range(repeats)]


def _seconds(loader: Iterable[Any]) -> float:
    start = time.perf_counter()
    _epoch(loader)
    return time.perf_counter() - start
