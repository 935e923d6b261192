"""The book's way to define an operation: a class with `forward` and `backward`."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from dezero_core.backend import backend_of
from dezero_core.config import current, using_config
from dezero_core.errors import GraphError, explain
from dezero_core.node import Bundle, Node, output_nodes
from dezero_core.typing import Array, ArrayLike
from dezero_core.variable import Variable, as_array, as_variable, variable_of

__all__ = ["Function"]
