"""A copy of a few numbers, for which a loop would take two or three times as long."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["copy"]


def _copy(typing: Any, x: Any, i: Any, y: Any, j: Any, n: Any) -> Any:
    """Copy n numbers from place i of x to place j of y: contiguous arrays that do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, y = (context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2))
        to, source = builder.gep(y.data, [args[3]]), builder.gep(x.data, [args[1]])
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        cgutils.raw_memcpy(builder, to, source, args[4], size)
        return context.get_dummy_value()

    return types.void(x, i, y, j, n), generate


#: Called as ``copy(x, i, y, j, n)``.
copy: Any = intrinsic(_copy)
