"""Compiled loops, for what NumPy does in many passes (see `dezero_core.compiled`).

Each stands in for a formula beside the function that calls it, and its test compares the two.
Nothing here checks shapes, and nothing but `dezero_core.compiled.Loops` imports these modules: they
need Numba.

Loops that are to be vectorized read and write few arrays each: where the compiler cannot tell
whether they overlap it asks while they run, and beyond a handful of pairs it gives up. So a formula
over many arrays is a row of short loops, over a few thousand elements that stay in the first cache.
"""

__all__: list[str] = []
