"""Where the files of the data sets are published, and how to know that they are whole.

The checksums are those of the files as they are downloaded: of an archive, not of what is in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dezero_core.files import get_file
from dezero_data.datasets.base import DataFileError

__all__ = ["SOURCES", "RemoteFile"]


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Args:
        file_name: Its name in the cache folder.
        urls: Where it is, the first choice first.
        bytes: Its size.
        sha256: Its SHA-256 in hexadecimal, or None where none is known.
        md5: The same for MD5, for sources that publish no better one.

    Example:
        >>> labels = SOURCES["MNIST"][3]
        >>> labels.file_name, labels.bytes
        ('t10k-labels-idx1-ubyte.gz', 4542)
    """

    file_name: str
    urls: tuple[str, ...]
    bytes: int
    sha256: str | None
    md5: str | None

    def fetch(self) -> Path:
        """Return the file, after downloading it into the cache folder if it is not there.

        Returns:
            Its path.

        Raises:
            DownloadError: No address gave it, whole and with its checksum.
            OSError: The cache folder cannot be written.
        """
        first, *mirrors = self.urls
        return get_file(
            first,
            self.file_name,
            mirrors=mirrors,
            sha256=self.sha256,
            # One is enough: a checksum of 170 MB takes a good part of a second.
            md5=None if self.sha256 else self.md5,
            max_bytes=self.bytes,
        )

    def check(self, path: str | os.PathLike[str]) -> None:
        """Check that a file is this one, by its strongest checksum.

        Args:
            path: The file.

        Raises:
            DataFileError: It is another one, or damaged.
            OSError: It cannot be read.
        """
        kind, wanted = ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)
        if wanted is None:
            return
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if found != wanted:
            raise DataFileError(
                f"{path} is another file than its name says, or is damaged: "
                f"its {kind} is {found}, not {wanted}"
            )


def _idx_files(
    mirrors: tuple[str, ...], prefix: str, files: tuple[tuple[str, int, str, str], ...]
) -> tuple[RemoteFile, ...]:
    # MNIST's relatives give their files the names of MNIST's; in the cache they need their own.
    return tuple(
        RemoteFile(prefix + name, tuple(mirror + name for mirror in mirrors), size, sha256, md5)
        for name, size, sha256, md5 in files
    )


_MNIST = _idx_files(
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "",
    (
        (
            "train-images-idx3-ubyte.gz",
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "d53e105ee54ea40749a09fcbcd1e9432",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "9fb629c4189551a2d022fa330f9573f3",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
)

_FASHION_MNIST = _idx_files(
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    "fashion-mnist-",
    (
        (
            "train-images-idx3-ubyte.gz",
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "25c81989df183df01b3e8a0aad5dffbe",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "bef4ecab320f06d8554ea6380940ec79",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
)

_KMNIST = _idx_files(
    ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    "kmnist-",
    (
        (
            "train-images-idx3-ubyte.gz",
            18165135,
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "bdb82020997e1d708af4cf47b453dcf7",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            29497,
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "e144d726b3acfaa3e44228e80efcd344",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            3041136,
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "5c965bf0a639b31b8f53240b1b52f4d7",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            5120,
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
)

# The archives "for C programs": plain records, where those for Python hold pickles.
_CIFAR10 = (
    RemoteFile(
        "cifar-10-binary.tar.gz",
        (
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
        ),
        170052171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        "c32a1d4ab5d03f1284b67883e8d87530",
    ),
)
_CIFAR100 = (
    RemoteFile(
        "cifar-100-binary.tar.gz",
        (
            "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            "https://cave.cs.toronto.edu/kriz/cifar-100-binary.tar.gz",
        ),
        168513733,
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        "03b5dce01913d631647c71ecec9e9cb8",
    ),
)

_SHAKESPEARE = (
    RemoteFile(
        "shakespear.txt",  # the name that DeZero 0.0.13 keeps it under
        (
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        ),
        1115394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        None,
    ),
)

#: The files of each data set that is downloaded, by the data set's name. Of the ones in the IDX
#: format: images and labels for training, then images and labels for testing.
SOURCES: Mapping[str, tuple[RemoteFile, ...]] = MappingProxyType(
    {
        "MNIST": _MNIST,
        "FashionMNIST": _FASHION_MNIST,
        "KMNIST": _KMNIST,
        "CIFAR10": _CIFAR10,
        "CIFAR100": _CIFAR100,
        "Shakespeare": _SHAKESPEARE,
    }
)
