"""Functions on Variables, with NumPy's names and signatures.

Each is recorded and can be differentiated as often as you like. Rules run on this namespace where
a gradient is to be differentiated again: what `numpy` is to arrays, this module is to Variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dezero_core.functions import (
    arithmetic,
    broadcasting,
    choices,
    comparison,
    creation,
    exponential,
    extremes,
    hyperbolic,
    indexing,
    joining,
    powers,
    products,
    rearranging,
    reductions,
    shape,
    trigonometric,
)
from dezero_core.functions import linalg as linalg
from dezero_core.functions.arithmetic import *
from dezero_core.functions.broadcasting import *
from dezero_core.functions.choices import *
from dezero_core.functions.comparison import *
from dezero_core.functions.creation import *
from dezero_core.functions.exponential import *
from dezero_core.functions.extremes import *
from dezero_core.functions.hyperbolic import *
from dezero_core.functions.indexing import *
from dezero_core.functions.joining import *
from dezero_core.functions.powers import *
from dezero_core.functions.products import *
from dezero_core.functions.rearranging import *
from dezero_core.functions.reductions import *
from dezero_core.functions.shape import *
from dezero_core.functions.trigonometric import *

if not TYPE_CHECKING:
    # Type checkers know no lists that are put together, and all names of a star.
    __all__ = ["linalg"]
    __all__ += arithmetic.__all__
    __all__ += broadcasting.__all__
    __all__ += choices.__all__
    __all__ += comparison.__all__
    __all__ += creation.__all__
    __all__ += exponential.__all__
    __all__ += extremes.__all__
    __all__ += hyperbolic.__all__
    __all__ += indexing.__all__
    __all__ += joining.__all__
    __all__ += powers.__all__
    __all__ += products.__all__
    __all__ += rearranging.__all__
    __all__ += reductions.__all__
    __all__ += shape.__all__
    __all__ += trigonometric.__all__
