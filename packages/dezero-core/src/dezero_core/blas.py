"""The BLAS that NumPy multiplies matrices with: how many threads it uses, and which vectors."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

__all__ = ["lacks_avx512", "one_blas_thread"]

# Those of OpenBLAS's kernels for x86-64 that do without AVX-512, of all that NumPy's wheels have.
_WITHOUT_AVX512: Final = {"Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen"}


class _OneBlasThread:
    """A context in which BLAS uses one thread: for many products just large enough to be divided.

    Of several threads in it, the first sets and the last restores.
    """

    def __init__(self) -> None:
        self.forget_users()

    def forget_users(self) -> None:
        """Begin anew, in a process that was forked and has none of the threads that were inside."""
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[int] = []

    @property
    def most(self) -> int:
        """How many threads BLAS uses outside; 0 if that is not known."""
        with self._lock:
            now = [library.get_num_threads() or 1 for library in _libraries()]
            return max(self._before if self._users else now, default=0)

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = [library.get_num_threads() or 1 for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for library, threads in zip(_libraries(), self._before, strict=True):
                    library.set_num_threads(threads)


#: Keeps BLAS from dividing products, in a ``with`` block: for many that are just large enough.
one_blas_thread = _OneBlasThread()


@cache
def lacks_avx512() -> bool:
    """Tell whether BLAS is known to do without AVX-512, on whichever processor.

    OpenBLAS takes a processor that it does not know for an older one. The environment variable
    ``OPENBLAS_CORETYPE`` can put it right, if it is there when NumPy is loaded.
    """
    kinds = [getattr(library, "architecture", None) for library in _libraries()]
    return bool(kinds) and all(kind in _WITHOUT_AVX512 for kind in kinds)


@cache
def _libraries() -> list[Any]:
    # Here, since most programs that import the core never need it.
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]
