"""Files on this machine: the cache folder, downloads, archives, writing without halves.

Data sets and pretrained weights both need it, so it lives here, and in the standard library alone.

What stands under its own name in the cache folder is whole. Beside it there may be, for a while:

- ``NAME.part`` and ``NAME.part.json``: a download that was interrupted, and what tells whether the
  server still has the same file, so that the next `get_file` goes on where it stopped. For an
  archive, ``NAME.part`` is the folder that it is being unpacked into; a new attempt starts over.
- ``NAME.lock``: somebody is working on it. The lock is the operating system's, which takes it back
  when a process dies: a file of that name left by one that was killed stops nobody.

`remove_leftovers` removes all of them, but for those in use.
"""

from __future__ import annotations

from dezero_core.files._atomic import atomic_write
from dezero_core.files._cache import cache_dir, remove_file, remove_leftovers
from dezero_core.files._get_file import get_file
from dezero_core.files._unpack import unpack
from dezero_core.files.errors import ArchiveError, DownloadError

__all__ = [
    "ArchiveError",
    "DownloadError",
    "atomic_write",
    "cache_dir",
    "get_file",
    "remove_file",
    "remove_leftovers",
    "unpack",
]
