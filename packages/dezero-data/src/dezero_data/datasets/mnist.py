"""MNIST, handwritten digits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dezero_core.files import DownloadError, cache_dir, get_file
from dezero_core.typing import Array
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.datasets.idx import read_idx
from dezero_data.transforms import Compose, Flatten, Normalize, ToFloat, Transform

__all__ = ["MNIST"]

_FLAT_UNIT = Compose([Flatten(), ToFloat(), Normalize(mean=0.0, std=255.0)])


class _Source(NamedTuple):
    name: str
    gzip_md5: str  # of the file as the mirrors have it
    md5: str  # of its contents, unzipped


class MNIST(Dataset):
    """60000 handwritten digits of 28x28 pixels for training, 10000 for testing.

    The files are looked for in `root`, or without it in the cache folder, where they are
    downloaded if need be. They may be zipped or not; the MD5 of their contents is checked.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", licensed
    under CC BY-SA 3.0; Deep Learning from Scratch 3, step 51.

    Args:
        train: The part for training, or the one for testing.
        transform: As `Dataset`. By default float32 of shape (784,), from 0 to 1; None leaves an
            item what it is, uint8 of shape (1, 28, 28).
        target_transform: As `Dataset`. A label is an int64, 0 to 9.
        root: A folder with the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with or without
            ``.gz``; only those of the chosen part are needed. With it, nothing is downloaded.

    Raises:
        FileNotFoundError: There is no folder `root`, or a file is missing in it.
        NotADirectoryError: `root` is no folder.
        DataFileError: A file in `root` is damaged, or is not MNIST's.
        DownloadError: The cache folder lacks a file and no mirror gave it.

    Example:
        >>> MNIST(root="/no/such/folder")
        Traceback (most recent call last):
        ...
        FileNotFoundError: MNIST: there is no folder /no/such/folder
    """

    _MIRRORS: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    _TRAIN: ClassVar[tuple[_Source, _Source]] = (
        _Source(
            "train-images-idx3-ubyte",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        _Source(
            "train-labels-idx1-ubyte",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "a25bea736e30d166cdddb491f175f624",
        ),
    )
    _TEST: ClassVar[tuple[_Source, _Source]] = (
        _Source(
            "t10k-images-idx3-ubyte",
            "9fb629c4189551a2d022fa330f9573f3",
            "2646ac647ad5339dbf082846283269ea",
        ),
        _Source(
            "t10k-labels-idx1-ubyte",
            "ec29112dd5afa0611ce80d1b7f02629c",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    )

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = _FLAT_UNIT,
        target_transform: Transform | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        self.root = None if root is None else Path(root).expanduser()
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """Find the two files of the chosen part, and read them."""
        image_source, label_source = self._TRAIN if self.train else self._TEST
        images = self._load(image_source, ndim=3)
        labels = self._load(label_source, ndim=1)
        if len(images) != len(labels):
            raise DataFileError(
                f"{type(self).__name__}: {len(images)} images in {image_source.name}, "
                f"but {len(labels)} labels in {label_source.name}"
            )
        self.data = images[:, np.newaxis]
        self.label = labels.astype(np.int64)

    @staticmethod
    def labels() -> dict[int, str]:
        """Return what each label means: 0 is "0", 9 is "9"."""
        return {digit: str(digit) for digit in range(10)}

    def _load(self, source: _Source, ndim: int) -> Array:
        if self.root is not None:
            return read_idx(self._find_in_root(self.root, source), ndim, md5=source.md5)
        found = _find(cache_dir(), source)
        if found is not None:
            try:
                return read_idx(found, ndim, md5=source.md5)
            except DataFileError:
                pass  # `get_file` replaces it, or says that it is damaged
        return read_idx(self._download(source), ndim, md5=source.md5)

    def _find_in_root(self, root: Path, source: _Source) -> Path:
        name = type(self).__name__
        if not root.exists():
            raise FileNotFoundError(f"{name}: there is no folder {root}")
        if not root.is_dir():
            raise NotADirectoryError(f"{name}: {root} is a file; root is the folder that holds it")
        found = _find(root, source)
        if found is None:
            raise FileNotFoundError(
                f"{name}: there is neither {source.name}.gz nor {source.name} in {root}"
            )
        return found

    def _download(self, source: _Source) -> Path:
        first, *others = (f"{mirror}{source.name}.gz" for mirror in self._MIRRORS)
        try:
            return get_file(first, mirrors=others, md5=source.gzip_md5, max_bytes=1 << 25)
        except DownloadError as error:
            error.add_note(
                f"Or pass the folder that has it: {type(self).__name__}(root=folder); "
                f"it may be called {source.name} and not be zipped, too."
            )
            raise


def _find(folder: Path, source: _Source) -> Path | None:
    for candidate in (folder / f"{source.name}.gz", folder / source.name):
        if candidate.is_file():
            return candidate
    return None
