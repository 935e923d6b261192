"""Data sets of arrays: in memory, in one large file, in many small ones."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from dezero_core.typing import Array, ArrayLike
from dezero_data.datasets.base import DataFileError, Dataset
from dezero_data.transforms import Transform

__all__ = ["ArrayDataset", "NpyFolder"]


class ArrayDataset(Dataset):
    """An array of data and an array of labels.

    Args:
        data: Shape (N, ...).
        label: Shape (N, ...), or None for data without labels.
        transform: As `Dataset`.
        target_transform: As `Dataset`.

    Raises:
        TypeError: `data` or `label` is nothing that an array of numbers or texts can hold.
        ValueError: They have no axis, or differ in length.

    Example:
        >>> squares = ArrayDataset(np.arange(5.0), np.arange(5.0) ** 2)
        >>> squares
        <ArrayDataset: 5 items, data float64, labels float64>
        >>> x, t = squares[3]
        >>> print(x, t)
        3.0 9.0
    """

    def __init__(
        self,
        data: ArrayLike,
        label: ArrayLike | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self._files: tuple[Path, Path | None] | None = None
        self._given = _as_items(data, "data"), None if label is None else _as_items(label, "label")
        super().__init__(True, transform, target_transform)

    @classmethod
    def from_npy(
        cls,
        data: str | os.PathLike[str],
        label: str | os.PathLike[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> ArrayDataset:
        """Make a data set of files that `numpy.save` wrote, without reading them into memory.

        The files are mapped: what is read of them is what is asked for. A worker process maps them
        again, instead of being sent their contents. Items are read-only.

        Args:
            data: A file with an array of shape (N, ...).
            label: The same for the labels, or None for data without labels.
            transform: As `Dataset`.
            target_transform: As `Dataset`.

        Returns:
            The data set.

        Raises:
            DataFileError: A file is damaged, is no npy file, or holds Python objects.
            ValueError: An array has no axis, or the two differ in length.
            OSError: A file cannot be read.

        Example:
            >>> import tempfile
            >>> path = Path(tempfile.mkdtemp(), "data.npy")
            >>> np.save(path, np.zeros((1000, 3, 8, 8), dtype=np.float32))
            >>> ArrayDataset.from_npy(path)
            <ArrayDataset: 1000 items, data float32 (3, 8, 8)>
        """
        files = Path(data).absolute(), None if label is None else Path(label).absolute()
        dataset = cls(*_map_files(files), transform, target_transform)
        dataset._files = files
        return dataset

    def prepare(self) -> None:
        """Take the arrays that were given."""
        self.data, self.label = self._given
        del self._given

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._files is not None:
            state["data"] = state["label"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._files is not None:
            self.data, self.label = _map_files(self._files)


class NpyFolder(Dataset):
    """A folder of npy files, one for each item, that are read when they are asked for.

    For data that do not fit into memory. The files are in the order of the numbers in their names:
    ``2.npy`` comes before ``10.npy``. Hidden files, and those of other kinds, are not looked at.

    Source: the large data set of Deep Learning from Scratch 3, step 49.

    Args:
        data: The folder of the data.
        label: The folder of the labels, in files of the same names; None for data without labels.
        transform: As `Dataset`.
        target_transform: As `Dataset`.

    Raises:
        FileNotFoundError: There is no such folder or no npy file in it, or the label of an item
            is missing.
        DataFileError: When an item is asked for: its file is damaged, is no npy file, or holds
            Python objects.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for number in range(3):
        ...     np.save(folder / f"{number}.npy", np.full(4, number))
        >>> big = NpyFolder(folder)
        >>> len(big), big[2]
        (3, (array([2, 2, 2, 2]), None))
    """

    def __init__(
        self,
        data: str | os.PathLike[str],
        label: str | os.PathLike[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self._folders = Path(data).absolute(), None if label is None else Path(label).absolute()
        super().__init__(True, transform, target_transform)

    def prepare(self) -> None:
        """List the files."""
        data, label = self._folders
        names = _npy_names(data)
        self.data = _NpyFiles(data, names)
        if label is not None:
            labels = set(_npy_names(label))
            lacking = [name for name in names if name not in labels]
            if lacking:
                raise FileNotFoundError(f"NpyFolder: {label} has no {lacking[0]}, but {data} has")
            self.label = _NpyFiles(label, names)


class _NpyFiles(Sequence[Array]):
    """Arrays that are read from files when they are asked for."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.names = names

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | Sequence[Array]:
        if isinstance(index, slice):
            return _NpyFiles(self.folder, self.names[index])
        return np.array(_map_npy(self.folder / self.names[index]))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"from {self.folder}"


def _as_items(values: ArrayLike, what: str) -> Array:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TypeError(f"ArrayDataset: {what} makes no array: {error}") from None
    if array.dtype.hasobject:
        raise TypeError(
            f"ArrayDataset: {what} holds Python objects; a list of pairs is a data set as it is"
        )
    if array.ndim == 0:
        raise ValueError(f"ArrayDataset: {what} has no axis of items, its shape is ()")
    return array


def _npy_names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(f"NpyFolder: there is no folder {folder}")
    names = [
        entry.name
        for entry in os.scandir(folder)
        if entry.name.endswith(".npy") and not entry.name.startswith(".")
    ]
    if not names:
        raise FileNotFoundError(f"NpyFolder: there is no npy file in {folder}")
    return sorted(names, key=_by_numbers)


def _by_numbers(name: str) -> tuple[list[Any], str]:
    # Texts and numbers alternate, so that like is compared with like; the name decides at last.
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def _map_files(files: tuple[Path, Path | None]) -> tuple[Array, Array | None]:
    data, label = files
    return _map_npy(data), None if label is None else _map_npy(label)


def _map_npy(path: Path) -> Array:
    """Return the array of an npy file, read-only and not yet read.

    Mapping takes no memory, whatever size the header announces, and fails if the file is shorter.
    """
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")
        if mapped.dtype.itemsize == 0:  # of which a file of 100 bytes could have 2**40
            raise ValueError("its values have no size")
        # A plain array: as a memmap, what is computed with it would be one, too.
        return np.asarray(mapped)
    except OSError:
        raise
    except Exception as error:  # of many kinds, since the header is parsed as Python
        raise DataFileError(f"{path} is damaged, or is no npy file: {error}") from error
