"""All functions on Variables: those of `dezero_core.functions` and of `dezero_nn.functions`."""

from __future__ import annotations

import dezero_core.functions
import dezero_nn.functions
from dezero_core.functions import *  # noqa: F403
from dezero_nn.functions import *  # noqa: F403

__all__: list[str] = []
__all__ += dezero_core.functions.__all__
__all__ += dezero_nn.functions.__all__
