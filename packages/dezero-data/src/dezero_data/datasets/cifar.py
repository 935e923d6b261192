"""CIFAR-10 and CIFAR-100, small color photographs.

Their publisher offers them in three kinds of archives. The one for Python holds pickles, which can
run any code on being loaded; so this is the one "for C programs". Its files are records without a
header: one or two bytes of labels, then 32x32 bytes each of red, green and blue.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dezero_core.files import DownloadError
from dezero_core.typing import Array
from dezero_data.datasets._montage import ShowsImages
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.datasets.sources import SOURCES, RemoteFile
from dezero_data.transforms import Compose, Normalize, ToFloat, Transform

__all__ = ["CIFAR10", "CIFAR100", "read_cifar"]

_AROUND_ZERO = Compose([ToFloat(), Normalize(mean=127.5, std=127.5)])
_IMAGE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


def read_cifar(file: Any, count: int, classes: tuple[int, ...]) -> tuple[Array, Array]:
    """Read a file of CIFAR records.

    Args:
        file: Open for reading bytes.
        count: How many records it must hold.
        classes: Of each label of a record, how many classes there are: ``(10,)`` for CIFAR-10,
            ``(20, 100)`` for CIFAR-100, whose records have a coarse and a fine label.

    Returns:
        The images, uint8 of shape (count, 3, 32, 32), and the labels, uint8 of shape
        (count, len(classes)).

    Raises:
        DataFileError: It holds more or fewer records, or a label that there is no class for.

    Example:
        >>> import io
        >>> images, labels = read_cifar(io.BytesIO(bytes([7]) + bytes(3072)), 1, (10,))
        >>> images.shape, labels
        ((1, 3, 32, 32), array([[7]], dtype=uint8))
    """
    record = len(classes) + _PIXELS
    # One byte more than there may be. What is not there is not allocated either.
    content = file.read(count * record + 1)
    if len(content) != count * record:
        at_least = "at least " if len(content) > count * record else ""
        raise DataFileError(
            f"holds {at_least}{len(content)} bytes, not the {count * record} of {count} records"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(count, record)
    labels = records[:, : len(classes)].copy()
    for column, size in enumerate(classes):
        if (labels[:, column] >= size).any():
            wrong = int(np.argmax(labels[:, column] >= size))
            raise DataFileError(
                f"is of another data set, or damaged: record {wrong} has the label "
                f"{labels[wrong, column]}, and labels go from 0 to {size - 1}"
            )
    return records[:, len(classes) :].reshape(count, *_IMAGE), labels


class _Cifar(ShowsImages, Dataset):
    """An archive with a few files of records, packed or unpacked."""

    _ARCHIVE: ClassVar[RemoteFile]
    _FOLDER: ClassVar[str]
    _TRAIN: ClassVar[tuple[str, ...]]
    _TEST: ClassVar[tuple[str, ...]]
    _COUNT: ClassVar[tuple[int, int]]  # of the records in a file for training, and for testing
    _CLASSES: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = _AROUND_ZERO,
        target_transform: Transform | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        self.root = None if root is None else Path(root).expanduser()
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """Find the archive, or the folder that it was unpacked into, and read the chosen part."""
        names = self._TRAIN if self.train else self._TEST
        source = self._find()
        if source.is_dir():
            parts = [self._read_unpacked(source / name) for name in names]
        else:
            parts = self._read_packed(source, names)
        self.data = np.concatenate([images for images, _ in parts])
        self.label = self._choose(np.concatenate([labels for _, labels in parts])).astype(np.int64)

    def _choose(self, labels: Array) -> Array:
        return labels[:, -1]

    def _find(self) -> Path:
        """Return the checked archive, or the folder of the unpacked files."""
        name, archive = type(self).__name__, self._ARCHIVE
        if self.root is None:
            try:
                return archive.fetch()
            except DownloadError as error:
                error.add_note(f"Or pass the folder that has it: {name}(root=folder).")
                raise
        if not self.root.is_dir():
            raise FileNotFoundError(f"{name}: there is no folder {self.root}")
        packed = self.root / archive.file_name
        if packed.is_file():
            # Before anything in it is looked at: what follows is no longer a stranger's.
            archive.check(packed)
            return packed
        for folder in (self.root / self._FOLDER, self.root):
            if (folder / self._TEST[0]).is_file() or (folder / self._TRAIN[0]).is_file():
                return folder
        raise FileNotFoundError(
            f"{name}: there is neither {archive.file_name} nor {self._FOLDER} in {self.root}"
        )

    def _read_unpacked(self, path: Path) -> tuple[Array, Array]:
        with open(path, "rb") as file:
            return self._read(file, str(path))

    def _read_packed(self, path: Path, names: tuple[str, ...]) -> list[tuple[Array, Array]]:
        wanted = {f"{self._FOLDER}/{name}": place for place, name in enumerate(names)}
        found: dict[int, tuple[Array, Array]] = {}
        # As a stream, since going back in a gzip file means unzipping it again from its beginning.
        try:
            with tarfile.open(path, "r|gz") as archive:
                for member in archive:
                    place = wanted.get(member.name)
                    file = None if place is None else archive.extractfile(member)
                    if place is not None and file is not None:
                        found[place] = self._read(file, f"{path}, in it {member.name},")
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise DataFileError(f"{path} is damaged: {error}") from error
        if len(found) < len(names):
            lacking = [name for place, name in enumerate(names) if place not in found]
            raise DataFileError(f"{path} lacks {self._FOLDER}/{lacking[0]}")
        return [found[place] for place in range(len(names))]

    def _read(self, file: Any, name: str) -> tuple[Array, Array]:
        try:
            return read_cifar(file, self._COUNT[0 if self.train else 1], self._CLASSES)
        except DataFileError as error:
            raise DataFileError(f"{name} {error}") from None


class CIFAR10(_Cifar):
    """50000 color photographs of 32x32 pixels for training, 10000 for testing, of 10 classes.

    The archive is looked for in `root`, or without it in the cache folder, where it is downloaded
    if need be (162 MB). Its SHA-256 is checked. Nothing is unpacked.

    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.

    Args:
        train: The part for training, or the one for testing.
        transform: As `Dataset`. By default float32 from -1 to 1, shape (3, 32, 32), red first;
            None leaves an item what it is, uint8.
        target_transform: As `Dataset`. A label is an int64, 0 to 9.
        root: A folder with ``cifar-10-binary.tar.gz``, or with what it unpacks to: the folder
            ``cifar-10-batches-bin``, or its files. With it, nothing is downloaded.

    Raises:
        FileNotFoundError: There is no folder `root`, or nothing of CIFAR-10 in it.
        DataFileError: A file in `root` is damaged, or is not CIFAR-10's.
        DownloadError: The cache folder lacks the archive and no mirror gave it.

    Example:
        >>> CIFAR10.labels()[3]
        'cat'
    """

    _ARCHIVE = SOURCES["CIFAR10"][0]
    _FOLDER = "cifar-10-batches-bin"
    _TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    _TEST = ("test_batch.bin",)
    _COUNT = (10000, 10000)
    _CLASSES = (10,)

    @staticmethod
    def labels() -> dict[int, str]:
        """Return what each label means.

        Returns:
            The names, by label.
        """
        return _numbered(_TEN)


class CIFAR100(_Cifar):
    """50000 color photographs of 32x32 pixels for training, 10000 for testing, of 100 classes.

    The 100 classes are grouped in 20: a maple is a tree. As `CIFAR10` in all else.

    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.

    Args:
        train: As `CIFAR10`.
        transform: As `CIFAR10`.
        target_transform: As `CIFAR10`.
        label_type: ``"fine"`` for labels from 0 to 99, ``"coarse"`` for the groups, 0 to 19.
        root: As `CIFAR10`, with ``cifar-100-binary.tar.gz`` or ``cifar-100-binary``.

    Attributes:
        label_type: As given.

    Raises:
        ValueError: Another `label_type`.
        FileNotFoundError: There is no folder `root`, or nothing of CIFAR-100 in it.
        DataFileError: A file in `root` is damaged, or is not CIFAR-100's.
        DownloadError: The cache folder lacks the archive and no mirror gave it.

    Example:
        >>> CIFAR100.labels()[47], CIFAR100.labels("coarse")[17]
        ('maple tree', 'trees')
    """

    _ARCHIVE = SOURCES["CIFAR100"][0]
    _FOLDER = "cifar-100-binary"
    _TRAIN = ("train.bin",)
    _TEST = ("test.bin",)
    _COUNT = (50000, 10000)
    _CLASSES = (20, 100)

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = _AROUND_ZERO,
        target_transform: Transform | None = None,
        label_type: str = "fine",
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        _check_label_type(label_type)
        self.label_type = label_type
        super().__init__(train, transform, target_transform, root)

    def _choose(self, labels: Array) -> Array:
        return labels[:, 1 if self.label_type == "fine" else 0]

    @staticmethod
    def labels(label_type: str = "fine") -> dict[int, str]:
        """Return what each label means.

        Args:
            label_type: As `CIFAR100`.

        Returns:
            The names, by label.

        Raises:
            ValueError: Another `label_type`.
        """
        _check_label_type(label_type)
        return _numbered(_FINE if label_type == "fine" else _COARSE)


def _check_label_type(label_type: str) -> None:
    if label_type not in ("fine", "coarse"):
        raise ValueError(f"CIFAR100: label_type is 'fine' or 'coarse', not {label_type!r}")


def _numbered(names: str) -> dict[int, str]:
    return dict(enumerate(name.strip() for name in names.split(",")))


_TEN = "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"
_COARSE = """
    aquatic mammals, fish, flowers, food containers, fruit and vegetables,
    household electrical devices, household furniture, insects, large carnivores,
    large man-made outdoor things, large natural outdoor scenes, large omnivores and herbivores,
    medium-sized mammals, non-insect invertebrates, people, reptiles, small mammals, trees,
    vehicles 1, vehicles 2
"""
_FINE = """
    apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle,
    bowl, boy, bridge, bus, butterfly, camel, can, castle, caterpillar, cattle,
    chair, chimpanzee, clock, cloud, cockroach, couch, crab, crocodile, cup, dinosaur,
    dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard,
    lamp, lawn mower, leopard, lion, lizard, lobster, man, maple tree, motorcycle, mountain,
    mouse, mushroom, oak tree, orange, orchid, otter, palm tree, pear, pickup truck, pine tree,
    plain, plate, poppy, porcupine, possum, rabbit, raccoon, ray, road, rocket,
    rose, sea, seal, shark, shrew, skunk, skyscraper, snail, snake, spider,
    squirrel, streetcar, sunflower, sweet pepper, table, tank, telephone, television, tiger,
    tractor, train, trout, tulip, turtle, wardrobe, whale, willow tree, wolf, woman, worm
"""
