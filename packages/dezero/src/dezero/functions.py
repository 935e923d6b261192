"""All functions on Variables: those of `dezero_core.functions` and of `dezero_nn.functions`.

Some more names are those of the book's package: the operators (``mul`` for `multiply`),
``batch_nrom``, which is how it spells `batch_norm`, and ``embed_id``, its name for `embedding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dezero_core.functions
import dezero_nn.functions
from dezero.core import div as div
from dezero.core import mul as mul
from dezero.core import neg as neg
from dezero.core import pow as pow
from dezero.core import rdiv as rdiv
from dezero.core import rsub as rsub
from dezero.core import sub as sub
from dezero_core.functions import *  # noqa: F403
from dezero_nn.functions import *  # noqa: F403
from dezero_nn.functions import batch_norm, embedding

batch_nrom = batch_norm
embed_id = embedding

if not TYPE_CHECKING:
    # Type checkers know no lists that are put together, and all names of a star.
    __all__ = ["batch_nrom", "div", "embed_id", "mul", "neg", "pow", "rdiv", "rsub", "sub"]
    __all__ += dezero_core.functions.__all__
    __all__ += dezero_nn.functions.__all__
