"""A folder of images, sorted into folders by class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from dezero_data.datasets._image_files import ImageFiles, class_folders
from dezero_data.datasets.base import Dataset
from dezero_data.transforms import Transform

__all__ = ["ImageFolder"]


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
        extensions: Which files are images, by the ends of their names. Capitals do not matter. By
            default BMP, GIF, JPEG, PNG, PNM, TIFF and WebP, by their usual endings.
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
        extensions: Iterable[str] | None = None,
        mode: str = "RGB",
    ) -> None:
        if isinstance(extensions, str):
            raise TypeError(
                f"ImageFolder: extensions is a sequence of strings, not one string {extensions!r}"
            )
        self.root = Path(root).expanduser()
        self.mode = mode
        self._extensions = None if extensions is None else tuple(extensions)
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
