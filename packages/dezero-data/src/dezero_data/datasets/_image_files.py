"""Images in files, listed at once and read one by one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from dezero_core.typing import Array
from dezero_data._pillow import pillow_image
from dezero_data.datasets.base import DataFileError

__all__ = ["ImageFiles", "class_folders"]

_EXTENSIONS = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)


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

    def __init__(self, root: Path, extensions: Sequence[str] | None, mode: str, owner: str) -> None:
        pillow = pillow_image(owner)
        try:
            pillow.new("RGB", (1, 1)).convert(mode)
        except (TypeError, ValueError):
            raise ValueError(f"{owner}: Pillow has no mode {mode!r}, such as 'RGB'") from None
        known = pillow.registered_extensions()
        if extensions is None:  # what this Pillow was built with
            extensions = [extension for extension in _EXTENSIONS if extension in known]
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
