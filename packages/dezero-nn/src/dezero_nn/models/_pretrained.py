"""Published weights: fetched into the cache, checked, loaded."""

from __future__ import annotations

from pathlib import Path

from dezero_core.files import get_file
from dezero_nn.models.model import Model
from dezero_nn.models.torchvision import load_torchvision

__all__ = ["load_published"]


def load_published(model: Model, url: str, *, parameters: int, sha256: str | None = None) -> Path:
    """Load the weights at an address into a new model.

    Of the book's files no checksum is published. So that a damaged or foreign file is noticed all
    the same, it must have all weights, of the right shapes and in the right number, and the
    checksums that zip keeps of the content must be right. What it has besides is left out.

    Args:
        model: The model. It is of no use after an error.
        url: The file: the book's ``.npz``, or torchvision's ``.pth``.
        parameters: How many numbers the model learns.
        sha256: The checksum of the file, if it is known.

    Returns:
        The file in the cache folder.

    Raises:
        DownloadError: There is no such file to be had; the message says where to put it.
        ValueError: The file is not the one that was published.
    """
    # The largest one has 0.6.
    path = get_file(url, sha256=sha256, max_bytes=1 << 30)
    try:
        if path.suffix == ".npz":
            report = model.load_weights(path, strict=False)
            if report.missing or report.different:
                raise ValueError(str(report))
        else:
            load_torchvision(model, path)
        count = sum(p.size for p in model.params())
        if count != parameters:
            raise ValueError(f"it has {count} parameters instead of {parameters}")
    except ValueError as error:
        raise ValueError(
            f"{type(model).__name__}: {path} is not the file that was published at {url}. "
            f"Remove it, so that it is downloaded again. {error}"
        ) from error
    return path
