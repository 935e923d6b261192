"""MNIST, and the data sets that took over its format: Fashion-MNIST, Kuzushiji-MNIST."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np

from dezero_core.files import DownloadError, cache_dir
from dezero_core.typing import Array
from dezero_data.datasets._montage import ShowsImages
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.datasets.idx import read_idx
from dezero_data.datasets.sources import SOURCES, RemoteFile
from dezero_data.transforms import Compose, Flatten, Normalize, ToFloat, Transform

__all__ = ["KMNIST", "MNIST", "FashionMNIST"]

_FLAT_UNIT = Compose([Flatten(), ToFloat(), Normalize(mean=0.0, std=255.0)])


class _IdxImages(ShowsImages, Dataset):
    """Four files in the IDX format: images and labels, for training and for testing.

    Where the MD5 of a file's contents is known, it is what decides, so that a file may be zipped
    in any way or not at all. Otherwise a zipped file must be the published one, and the contents
    of any be of the make that is known.
    """

    _FILES: ClassVar[tuple[RemoteFile, ...]]
    _MD5: ClassVar[tuple[str | None, ...]] = (None,) * 4  # of the contents, unzipped
    _LABELS: ClassVar[tuple[str, ...]] = tuple("0123456789")
    _IMAGE: ClassVar[tuple[int, int]] = (28, 28)
    _BALANCED: ClassVar[bool] = False  # whether each label is there equally often

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
        """Find the two files of the chosen part, read them, and check that they fit."""
        which = 0 if self.train else 2
        image_file, label_file = self._FILES[which : which + 2]
        images = self._load(image_file, 3, self._MD5[which])
        labels = self._load(label_file, 1, self._MD5[which + 1])
        name = type(self).__name__
        if len(images) != len(labels):
            raise DataFileError(
                f"{name}: {len(images)} images in {_plain_name(image_file)}, "
                f"but {len(labels)} labels in {_plain_name(label_file)}"
            )
        if images.shape[1:] != self._IMAGE:
            raise DataFileError(
                f"{name}: {_plain_name(image_file)} is of another data set, its images have the "
                f"shape {images.shape[1:]}, not {self._IMAGE}"
            )
        counts = np.bincount(labels, minlength=len(self._LABELS))
        if len(counts) > len(self._LABELS) or (self._BALANCED and len(set(counts.tolist())) > 1):
            raise DataFileError(
                f"{name}: {_plain_name(label_file)} is of another data set, the labels from 0 on "
                f"are there {counts.tolist()} times"
            )
        self.data = images[:, np.newaxis]
        self.label = labels.astype(np.int64)

    @classmethod
    def labels(cls) -> dict[int, str]:
        """Return what each label means.

        Returns:
            The names, by label.
        """
        return dict(enumerate(cls._LABELS))

    def _load(self, file: RemoteFile, ndim: int, md5: str | None) -> Array:
        if self.root is not None:
            path = self._find_in_root(self.root, file)
            if md5 is None and path.suffix == ".gz":
                file.check(path)
            return read_idx(path, ndim, md5=md5)
        found = _find(cache_dir(), file.file_name.removesuffix(".gz"))
        if found is not None and md5 is not None:
            try:
                return read_idx(found, ndim, md5=md5)
            except DataFileError:
                pass  # `fetch` replaces it, or says that it is damaged
        return read_idx(self._fetch(file), ndim, md5=md5)

    def _find_in_root(self, root: Path, file: RemoteFile) -> Path:
        name, plain = type(self).__name__, _plain_name(file)
        if not root.exists():
            raise FileNotFoundError(f"{name}: there is no folder {root}")
        if not root.is_dir():
            raise NotADirectoryError(f"{name}: {root} is a file; root is the folder that holds it")
        found = _find(root, plain)
        if found is None:
            raise FileNotFoundError(f"{name}: there is neither {plain}.gz nor {plain} in {root}")
        return found

    def _fetch(self, file: RemoteFile) -> Path:
        try:
            return file.fetch()
        except DownloadError as error:
            error.add_note(
                f"Or pass the folder that has it: {type(self).__name__}(root=folder); "
                f"there it is called {_plain_name(file)}, with or without .gz."
            )
            raise


class MNIST(_IdxImages):
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

    _FILES = SOURCES["MNIST"]
    _MD5 = (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    )


class FashionMNIST(_IdxImages):
    """60000 pictures of clothes of 28x28 pixels for training, 10000 for testing.

    Made to take MNIST's place, since they are harder to tell apart than digits.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", 2017, licensed under MIT.

    Args:
        train: As `MNIST`.
        transform: As `MNIST`.
        target_transform: As `MNIST`. `labels` says what 0 to 9 are.
        root: As `MNIST`; the files have the same names there. In the cache folder their names
            begin with ``fashion-mnist-``.

    Raises:
        FileNotFoundError: There is no folder `root`, or a file is missing in it.
        NotADirectoryError: `root` is no folder.
        DataFileError: A file in `root` is damaged, or is not Fashion-MNIST's.
        DownloadError: The cache folder lacks a file and no mirror gave it.

    Example:
        >>> FashionMNIST.labels()[9]
        'Ankle boot'
    """

    _FILES = SOURCES["FashionMNIST"]
    _MD5 = (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )
    _LABELS = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    _BALANCED = True


class KMNIST(_IdxImages):
    """60000 handwritten hiragana of 28x28 pixels for training, 10000 for testing.

    Kuzushiji-MNIST: from each of ten columns of the syllabary one character, as it was written in
    books of the Edo period.

    Source: T. Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018,
    https://doi.org/10.20676/00000341, licensed under CC BY-SA 4.0.

    Args:
        train: As `MNIST`.
        transform: As `MNIST`.
        target_transform: As `MNIST`. `labels` says what 0 to 9 are, in Latin letters.
        root: As `MNIST`; the files have the same names there. In the cache folder their names
            begin with ``kmnist-``.

    Raises:
        FileNotFoundError: There is no folder `root`, or a file is missing in it.
        NotADirectoryError: `root` is no folder.
        DataFileError: A file in `root` is damaged, or is not Kuzushiji-MNIST's.
        DownloadError: The cache folder lacks a file and no mirror gave it.

    Example:
        >>> KMNIST.labels()[0], KMNIST.labels()[9]
        ('o', 'wo')
    """

    _FILES = SOURCES["KMNIST"]
    _LABELS = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    _BALANCED = True


def _plain_name(file: RemoteFile) -> str:
    """Return the name that the publisher gave the file, without ``.gz``."""
    return file.urls[0].rpartition("/")[2].removesuffix(".gz")


def _find(folder: Path, name: str) -> Path | None:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    return None
