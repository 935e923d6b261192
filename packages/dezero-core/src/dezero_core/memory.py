"""Keep the memory of one training step for the next.

The C library hands large arrays that were freed back to the system, and the next step gets its
memory page by page, each cleared by the kernel: a fifth of the time of a small convolutional
network, a third of that of a perceptron with Adam, and more in two threads, since they wait for
each other there.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

__all__ = ["keep_memory"]

# From the GNU C library's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
# The largest size that it takes for arrays from its own memory, and how much it may keep of that.
_LARGEST, _KEPT = 1 << 24, 1 << 28


@cache
def keep_memory() -> None:
    """Let up to 256 MB of freed memory stay with the process; on Linux, where this is needed.

    Called by what is sure to be done again and again: an optimizer's `setup`, threads that start,
    recurrent networks over sequences. It holds from then on, for the whole process.
    """
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:  # other C libraries for Linux have no such function
        set_option(_MMAP_THRESHOLD, _LARGEST)
        set_option(_TRIM_THRESHOLD, _KEPT)
        set_option(_TOP_PAD, _KEPT // 4)
