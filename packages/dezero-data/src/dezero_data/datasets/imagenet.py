"""ImageNet: the names of its thousand classes, and its images where somebody has them."""

from __future__ import annotations

import functools
import os
from importlib import resources
from pathlib import Path

import numpy as np

from dezero_data.datasets._image_files import ImageFiles, class_folders
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.transforms import Transform

__all__ = ["ImageNet"]


class ImageNet(Dataset):
    """The images of the ImageNet challenge (ILSVRC 2012), 1000 classes.

    `labels` needs nothing. The images are given out to people who asked for access at
    https://image-net.org, and not downloaded here. They are expected as they are usually unpacked,
    each class in a folder called by its WordNet id::

        root/train/n01440764/n01440764_18.JPEG
        root/val/n01440764/ILSVRC2012_val_00000293.JPEG

    Folders of some of the classes will do. A label is the place of the class among all 1000 in the
    order of their WordNet ids, which is how pretrained networks number them, whatever folders are
    there.

    Source: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015; Deep
    Learning from Scratch 3, step 58.

    Args:
        train: The folder ``train``, or ``val``.
        transform: As `Dataset`. An item is an RGB image of Pillow's; batches need a transform that
            makes arrays of one shape of them.
        target_transform: As `Dataset`. A label is an int64, 0 to 999.
        root: The folder that has ``train`` and ``val``.

    Attributes:
        root: As given.

    Raises:
        ImportError: Pillow is not installed.
        TypeError: There is no `root`.
        FileNotFoundError: There is no such folder, or no image in a folder.
        DataFileError: A folder is called by no WordNet id of the 1000; when an item is asked for,
            its file is no image or damaged.

    Example:
        >>> ImageNet.labels()[340]
        'zebra'
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        root: str | os.PathLike[str] | None = None,
    ) -> None:
        if root is None:
            raise TypeError(
                "ImageNet: pass the folder that has the images, ImageNet(root=folder); they "
                "cannot be downloaded without an account at https://image-net.org"
            )
        self.root = Path(root).expanduser()
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """List the files of the chosen part."""
        folder = self.root / ("train" if self.train else "val")
        found = class_folders(folder, "ImageNet")
        numbers = {name: number for number, (name, _) in enumerate(_classes())}
        for name in found:
            if name not in numbers:
                raise DataFileError(
                    f"ImageNet: {folder / name} is called by none of the 1000 WordNet ids"
                )
        files = ImageFiles(folder, None, "RGB", "ImageNet")
        places = files.add_folders(found)
        self.label = np.array([numbers[name] for name in found], dtype=np.int64)[places]
        self.data = files

    @staticmethod
    def labels() -> dict[int, str]:
        """Return what each label means.

        Returns:
            The names, by label: the synonyms of WordNet, separated by commas.
        """
        return dict(enumerate(words for _, words in _classes()))

    @staticmethod
    def wordnet_ids() -> dict[int, str]:
        """Return the WordNet id of each label, ``"n01440764"`` of 0.

        Returns:
            The ids, by label.
        """
        return dict(enumerate(name for name, _ in _classes()))


@functools.cache
def _classes() -> tuple[tuple[str, str], ...]:
    """Return the WordNet id and the names of each class, in the order of the labels."""
    path = resources.files("dezero_data.datasets") / "files" / "imagenet.txt"
    lines = path.read_text(encoding="ascii").splitlines()
    return tuple((line[:9], line[10:]) for line in lines)
