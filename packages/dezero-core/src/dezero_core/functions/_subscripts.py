"""Reads the subscripts of `einsum`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_letters
from typing import NoReturn

__all__ = ["fresh_letters", "read_subscripts"]

_ELLIPSIS = "..."


def read_subscripts(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Write subscripts out: no ellipsis, no spaces, an explicit result.

    Args:
        subscripts: As `einsum` takes them.
        ndims: The number of axes of each operand.

    Returns:
        The letters of each operand, and those of the result.

    Raises:
        TypeError: `subscripts` is no string.
        ValueError: They are malformed, or do not fit the numbers of operands and axes.
    """
    if not isinstance(subscripts, str):
        raise TypeError(
            f"einsum: subscripts must be a string such as 'ij,jk->ik', got {type(subscripts)}"
        )
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")

    def refuse(reason: str) -> NoReturn:
        raise ValueError(f"einsum: {reason} (got {subscripts!r} for operands of {ndims} axes)")

    if len(terms) != len(ndims):
        refuse(f"the subscripts are for {len(terms)} operands, there are {len(ndims)}")
    for part in (*terms, result):
        letters = part.replace(_ELLIPSIS, "", 1)
        if any(letter not in ascii_letters for letter in letters):
            refuse(f"{part!r} is not made of letters and at most one ellipsis")
    n_broadcast = 0
    for term, ndim in zip(terms, ndims, strict=True):
        n = ndim - len(term.replace(_ELLIPSIS, ""))
        if n < 0 or (n > 0 and _ELLIPSIS not in term):
            refuse(f"{term!r} does not fit an operand of {ndim} axes")
        n_broadcast = max(n_broadcast, n)

    fresh = fresh_letters(subscripts)
    try:
        broadcast = "".join([next(fresh) for _ in range(n_broadcast)])
    except StopIteration:
        refuse(f"more than {len(ascii_letters)} different axes")
    named = "".join(terms).replace(_ELLIPSIS, "")
    if not arrow:
        result = _ELLIPSIS + "".join([a for a in sorted(set(named)) if named.count(a) == 1])
    elif n_broadcast and _ELLIPSIS not in result:
        refuse("the result must have an ellipsis too")
    result = result.replace(_ELLIPSIS, broadcast)
    for letter in result:
        if result.count(letter) > 1 or letter not in named + broadcast:
            refuse(f"the result's letter {letter!r} must come once in it, and in an operand")
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        n = ndim - len(term.replace(_ELLIPSIS, ""))
        terms[i] = term.replace(_ELLIPSIS, broadcast[n_broadcast - n :])
    return terms, result


def fresh_letters(used: str) -> Iterator[str]:
    """Yield the letters that are not used."""
    return (letter for letter in ascii_letters if letter not in used)
