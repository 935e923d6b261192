"""Largest and smallest elements, and the smooth maximum."""

from __future__ import annotations

from typing import Any

import numpy as np

from dezero_core import functions as F
from dezero_core.testing.specs import OperationSpec, away_from, constant, normal

_AXES: tuple[Any, ...] = (None, 0, -1, (0, 2))


def _logsumexp(x: Any, **kwargs: Any) -> Any:
    return np.log(np.exp(x).sum(**kwargs))


def _row(name: str, reference: Any, shape: tuple[int, ...], **kwargs: Any) -> Any:
    function = getattr(F, name)
    return OperationSpec(
        name=f"{name}[{shape}, {kwargs}]",
        function=lambda x: function(x, **kwargs),
        operands=(away_from((), *shape),),
        reference=lambda x: reference(x, **kwargs),
        differentiable=() if name.startswith("arg") else (0,),
    )


SPECS = [
    *[
        _row(name, reference, (2, 3, 2), axis=axis, keepdims=keepdims)
        for name, reference in [("max", np.max), ("min", np.min), ("logsumexp", _logsumexp)]
        for axis in _AXES
        for keepdims in (False, True)
    ],
    _row("max", np.max, ()),
    _row("min", np.min, (1, 1)),
    _row("argmax", np.argmax, (2, 3)),
    _row("argmax", np.argmax, (2, 3), axis=-1, keepdims=True),
    _row("argmin", np.argmin, (2, 3), axis=0),
    _row("argmin", np.argmin, (2, 3), keepdims=True),
    OperationSpec(
        name="logsumexp[large]",
        function=lambda x: F.logsumexp(x + 1000.0, axis=1),
        operands=(normal(2, 3),),
        reference=lambda x: np.log(np.exp(x).sum(axis=1)) + 1000.0,
        float32=False,  # an ulp of 1000 is coarse
    ),
    OperationSpec(
        name="logsumexp[some -inf]",
        function=lambda x, low: F.logsumexp(F.concatenate([x, low], axis=1), axis=1),
        operands=(normal(2, 3), constant(np.full((2, 1), -np.inf))),
        reference=lambda x, low: _logsumexp(x, axis=1),
    ),
    OperationSpec(
        name="logsumexp[one element]",
        function=lambda x: F.logsumexp(x),
        operands=(constant(np.array([2.0])),),
        reference=_logsumexp,
    ),
]
