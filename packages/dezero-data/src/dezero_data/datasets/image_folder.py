"""A folder of images, sorted into folders by class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from dezero_core.typing import Array
from dezero_data._pillow import pillow_image
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.transforms import Transform

__all__ = ["EXTENSIONS", "ImageFiles", "ImageFolder", "class_folders"]

#: What `ImageFolder` takes for images unless it is told otherwise.
EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)


class ImageFolder(Dataset):
    """Images in files, in one folder for each class.

    Such as these::

        root/cat/1.jpg
        root/cat/outdoors/2.png
        root/dog/1.jpg

    The classes are the folders' names in alphabetical order, numbered from 0. Files are looked for
    at any depth; hidden ones, and those with other extensions, are not looked at. An image is read
    when it is asked for, so the data set may be larger than memory.

    What Pillow raises or warns about images of enormous size stays as it is set there
    (`PIL.Image.MAX_IMAGE_PIXELS`).

    Args:
        root: The folder.
        transform: As `Dataset`. An item is an image of Pillow's, of mode `mode`; batches need a
            transform that makes arrays of one shape of them.
        target_transform: As `Dataset`. A label is an int64.
        extensions: Which files are images, by the ends of their names. Capitals do not matter.
        mode: What images are converted to: ``"RGB"``, ``"L"`` for gray, or another mode of
            Pillow's.

    Attributes:
        root: As given, and so is `mode`.
        label: The class of each image, int64 of shape (N,).

    Raises:
        ImportError: Pillow is not installed.
        TypeError: `extensions` is a single string.
        ValueError: Pillow reads no images of one of the extensions, or has no such mode.
        FileNotFoundError: There is no folder `root`, there are no folders in it, or there is no
            image in one of them.
        DataFileError: When an item is asked for: its file is no image, or damaged.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (root / name).mkdir()
        ...     Image.new("RGB", (8, 6)).save(root / name / "1.png")
        >>> pets = ImageFolder(root)
        >>> len(pets), pets.labels()
        (2, {0: 'cat', 1: 'dog'})
        >>> image, t = pets[1]
        >>> image.size, t.item()
        ((8, 6), 1)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        *,
        extensions: Iterable[str] = EXTENSIONS,
        mode: str = "RGB",
    ) -> None:
        if isinstance(extensions, str):
            raise TypeError(
                f"ImageFolder: extensions is a sequence of strings, not one string {extensions!r}"
            )
        self.root = Path(root).expanduser()
        self.mode = mode
        self._extensions = tuple(extensions)
        super().__init__(True, transform, target_transform)

    def prepare(self) -> None:
        """List the files."""
        self._classes = class_folders(self.root, "ImageFolder")
        files = ImageFiles(self.root, self._extensions, self.mode, "ImageFolder")
        self.label = files.add_folders(self._classes)
        self.data = files

    @property
    def paths(self) -> list[Path]:
        """The path of each image."""
        return [self.data.path(number) for number in range(len(self))]

    def labels(self) -> dict[int, str]:
        """Return what each label means.

        Returns:
            The names of the folders, by label.
        """
        return dict(enumerate(self._classes))


class ImageFiles(Sequence[Any]):
    """Images that are read from files when they are asked for.

    Args:
        root: The folder that all of them are in.
        extensions: As `ImageFolder`.
        mode: As `ImageFolder`.
        owner: The data set that they are for, for errors.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: Pillow reads no images of one of the extensions, or has no such mode.
    """

    def __init__(self, root: Path, extensions: Sequence[str], mode: str, owner: str) -> None:
        pillow = pillow_image(owner)
        try:
            pillow.new("RGB", (1, 1)).convert(mode)
        except ValueError:
            raise ValueError(f"{owner}: Pillow has no mode {mode!r}, such as 'RGB'") from None
        known = pillow.registered_extensions()
        self._endings = tuple(extension.lower() for extension in extensions)
        for extension in self._endings:
            if known.get(extension) not in pillow.OPEN:
                raise ValueError(f"{owner}: Pillow reads no images that end in {extension!r}")
        # No others: some that Pillow reads start a program, as Encapsulated PostScript does.
        self._formats = sorted({known[extension] for extension in self._endings})
        self._root = root.absolute()  # a process elsewhere finds them, too
        self._mode = mode
        self._owner = owner
        self._names: list[str] = []  # relative to the root, as there may be a million

    def add_folders(self, folders: Sequence[str]) -> Array:
        """Add the images of some folders, and return the number of the folder of each image."""
        counts = []
        for folder in folders:
            before = len(self._names)
            self._names += self._below(self._root / folder)
            counts.append(len(self._names) - before)
            if not counts[-1]:
                raise FileNotFoundError(
                    f"{self._owner}: there is no image in {self._root / folder}, "
                    f"that is, no file that ends in {', '.join(self._endings)}"
                )
        return np.repeat(np.arange(len(folders), dtype=np.int64), counts)

    def _below(self, folder: Path) -> list[str]:
        found = []
        for where, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if not name.startswith(".")]
            place = os.path.relpath(where, self._root)
            found += [
                os.path.join(place, name)
                for name in names
                if name.lower().endswith(self._endings) and not name.startswith(".")
            ]
        return sorted(found)

    def path(self, number: int) -> Path:
        """Return the path of an image."""
        return self._root / self._names[number]

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        path = self.path(index)
        # Opened here, since Pillow keeps the files that it opens itself open for a while.
        with open(path, "rb") as file:
            try:
                return (
                    pillow_image(self._owner).open(file, formats=self._formats).convert(self._mode)
                )
            except (MemoryError, Warning):
                raise  # a warning, if the user made errors of them
            except Exception as error:  # of many kinds, one set for each format
                raise DataFileError(
                    f"{self._owner}: {path} is no image, or damaged: {error}"
                ) from error

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"from {self._root}"


def class_folders(root: Path, owner: str) -> list[str]:
    """Return the names of the folders in a folder, without the hidden ones, in order.

    Raises:
        FileNotFoundError: There is no such folder, or none in it.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{owner}: there is no folder {root}")
    names = sorted(
        entry.name
        for entry in os.scandir(root)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not names:
        raise FileNotFoundError(f"{owner}: there are no folders in {root}, one for each class")
    return names
