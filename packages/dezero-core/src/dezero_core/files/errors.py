"""What can be wrong with a file that comes from elsewhere."""

from __future__ import annotations

__all__ = ["ArchiveError", "DownloadError"]


class DownloadError(OSError):
    """No address gave the file. The message says what each answered, and where to put the file."""


class ArchiveError(ValueError):
    """An archive is damaged, holds too much, or something that has no place in a folder of data."""
