"""Step 31: the graph of a gradient.

The slope of sin is gy · cos x, where gy is what came from behind: a cosine and a product, functions
of x like any other. If they are recorded as they run, the gradient is the end of a graph that leads
to x too, and can be differentiated in its turn. Its slope is recorded as well, and so on.
"""

from __future__ import annotations

import numpy as np

import dezero.functions as F
from dezero import Variable
from dezero_core.graph import build_graph


def main() -> None:
    """Go back through a sine again and again, and list which functions led to each gradient."""
    x = Variable(np.array(1.0))
    result = F.sin(x)
    for name in ("sin(x)", "1st derivative", "2nd derivative", "3rd derivative"):
        operations = build_graph(result).operations
        print(f"{name}: {result}, by {', '.join(operation.name for operation in operations)}")
        x.cleargrad()
        result.backward(create_graph=True)
        result = x.grad


if __name__ == "__main__":
    main()
