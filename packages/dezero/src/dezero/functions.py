"""All functions on Variables: those of `dezero_core.functions` and of `dezero_nn.functions`.

Two more names are those of the book's package: `batch_nrom`, which is how it spells `batch_norm`,
and `embed_id`, its name for `embedding`.
"""

from __future__ import annotations

import dezero_core.functions
import dezero_nn.functions
from dezero_core.functions import *  # noqa: F403
from dezero_nn.functions import *  # noqa: F403
from dezero_nn.functions import batch_norm, embedding

batch_nrom = batch_norm
embed_id = embedding

__all__: list[str] = ["batch_nrom", "embed_id"]
__all__ += dezero_core.functions.__all__
__all__ += dezero_nn.functions.__all__
