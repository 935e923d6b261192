"""Text, character by character."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import numpy as np

from dezero_core.files import DownloadError
from dezero_core.typing import Array, ArrayLike
from dezero_data.datasets.base import Dataset
from dezero_data.datasets.sources import SOURCES
from dezero_data.transforms import Transform

__all__ = ["Characters", "Shakespeare", "Sonnets"]


class Characters(Dataset):
    """The characters of a text as numbers: each item is one, its label the one that follows.

    Characters are numbered in the order in which the text has them first.

    Args:
        text: The text, at least two characters.
        train: The part for training, or the one for testing.
        transform: As `Dataset`. An item is an int64, and so is a label.
        target_transform: As `Dataset`.
        test_share: Which part of the text is for testing, at its end. By default none, and all of
            it is for training.

    Attributes:
        char_to_id: The number of each character of the whole text.
        id_to_char: The character of each number.
        test_share: As given.

    Raises:
        TypeError: `text` is no string, or `test_share` no number.
        ValueError: `test_share` is not from 0 to 1, or the part has fewer than two characters.

    Example:
        >>> banana = Characters("banana")
        >>> banana.char_to_id
        {'b': 0, 'a': 1, 'n': 2}
        >>> banana.data, banana.label
        (array([0, 1, 2, 1, 2]), array([1, 2, 1, 2, 1]))
        >>> banana.decode(banana.encode("nab"))
        'nab'
    """

    def __init__(
        self,
        text: str,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        *,
        test_share: float = 0.0,
    ) -> None:
        name = type(self).__name__
        if not isinstance(text, str):
            raise TypeError(f"{name}: text is a string, not a {type(text).__name__}")
        if isinstance(test_share, bool) or not isinstance(test_share, (int, float)):
            raise TypeError(f"{name}: test_share is a number, not {test_share!r}")
        if not 0 <= test_share <= 1:
            raise ValueError(f"{name}: test_share is from 0 to 1, not {test_share}")
        self.test_share = test_share
        self._text = text
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        """Number the characters, and pair each with the next."""
        codes = _code_points(self._text)
        known, first, places = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(first)
        self.id_to_char = {number: chr(code) for number, code in enumerate(known[order].tolist())}
        self.char_to_id = {char: number for number, char in self.id_to_char.items()}
        ids = np.argsort(order)[places]

        cut = round(len(ids) * (1 - self.test_share))
        part = ids[:cut] if self.train else ids[cut:]
        if len(part) < 2:
            raise ValueError(
                f"{type(self).__name__}: the {'training' if self.train else 'test'} part of the "
                f"text has {len(part)} characters, with test_share {self.test_share}; "
                "a character and the one that follows are two"
            )
        self.data = part[:-1]
        self.label = part[1:]
        del self._text  # it is all in the numbers

    def encode(self, text: str) -> Array:
        """Turn a text into numbers.

        Args:
            text: Characters that this data set has.

        Returns:
            Their numbers, int64 of shape (N,).

        Raises:
            TypeError: `text` is no string.
            ValueError: There is a character that this data set has not.
        """
        if not isinstance(text, str):
            raise TypeError(
                f"{type(self).__name__}.encode: text is a string, not a {type(text).__name__}"
            )
        try:
            return np.array([self.char_to_id[char] for char in text], dtype=np.int64)
        except KeyError as error:
            raise ValueError(
                f"{type(self).__name__}.encode: the text has a character {error}, "
                f"which is none of the {len(self.char_to_id)} of this data set"
            ) from None

    def decode(self, ids: ArrayLike) -> str:
        """Turn numbers back into a text.

        Args:
            ids: Numbers of characters, of any shape.

        Returns:
            The text.

        Raises:
            ValueError: There is no character of one of the numbers.
        """
        try:
            return "".join(self.id_to_char[number] for number in np.ravel(ids).tolist())
        except KeyError as error:
            raise ValueError(
                f"{type(self).__name__}.decode: there is no character {error}, they are numbered "
                f"from 0 to {len(self.id_to_char) - 1}"
            ) from None


class Shakespeare(Characters):
    """A million characters of Shakespeare's plays.

    The file is looked for in `root`, or without it in the cache folder, where it is downloaded if
    need be. Its SHA-256 is checked.

    Source: the file "tinyshakespeare" of A. Karpathy's char-rnn, 2015.

    Args:
        train: As `Characters`.
        transform: As `Characters`.
        target_transform: As `Characters`.
        root: A folder with the file, called ``shakespear.txt`` or ``input.txt``. With it, nothing
            is downloaded.
        test_share: As `Characters`.

    Raises:
        FileNotFoundError: There is no folder `root`, or the file is missing in it.
        DataFileError: The file in `root` is damaged, or is another one.
        DownloadError: The cache folder lacks the file and no mirror gave it.

    Example:
        >>> Shakespeare(root="/no/such/folder")
        Traceback (most recent call last):
        ...
        FileNotFoundError: Shakespeare: there is no folder /no/such/folder
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        root: str | os.PathLike[str] | None = None,
        *,
        test_share: float = 0.0,
    ) -> None:
        path = _find_shakespeare(root)
        text = path.read_bytes().decode("utf-8")  # its checksum says that it is
        super().__init__(text, train, transform, target_transform, test_share=test_share)


class Sonnets(Characters):
    """Six sonnets of Shakespeare's, 3700 characters; needs no download.

    They are the sonnets 18, 29, 30, 73, 116 and 130, which are in the public domain. Enough for an
    example, and for a small network to learn by heart.

    Args:
        train: As `Characters`.
        transform: As `Characters`.
        target_transform: As `Characters`.
        test_share: As `Characters`.

    Example:
        >>> sonnets = Sonnets()
        >>> sonnets.decode(sonnets.data[:39])
        "Shall I compare thee to a summer's day?"
    """

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        *,
        test_share: float = 0.0,
    ) -> None:
        path = resources.files("dezero_data.datasets") / "files" / "sonnets.txt"
        # Not as a text file, whose line ends might be changed.
        text = path.read_bytes().decode("ascii").replace("\r\n", "\n")
        super().__init__(text, train, transform, target_transform, test_share=test_share)


def _code_points(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _find_shakespeare(root: str | os.PathLike[str] | None) -> Path:
    (file,) = SOURCES["Shakespeare"]
    if root is None:
        try:
            return file.fetch()
        except DownloadError as error:
            error.add_note("Or pass the folder that has it: Shakespeare(root=folder).")
            raise
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"Shakespeare: there is no folder {folder}")
    for path in (folder / file.file_name, folder / "input.txt"):
        if path.is_file():
            file.check(path)
            return path
    raise FileNotFoundError(
        f"Shakespeare: there is neither {file.file_name} nor input.txt in {folder}"
    )
