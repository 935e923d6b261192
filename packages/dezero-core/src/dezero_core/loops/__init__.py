"""Compiled loops of the core (see `dezero_core.compiled`), which need Numba.

Nothing here checks shapes, and nothing imports these modules but `dezero_core.compiled.Loops` and
other modules of loops.
"""

__all__: list[str] = []
