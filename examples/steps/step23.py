"""Step 23: a package.

What the first 22 steps built lies in packages now, in full. `import dezero` has the names of all of
them under one roof: variables from dezero-core, layers from dezero-nn, and so on, each loaded when
it is first used. The operators are there from the start.
"""

from __future__ import annotations

import numpy as np

import dezero
from dezero import Variable


def main() -> None:
    """Use the package for what step 22 did."""
    x = Variable(np.array(1.0))
    y = (x + 3) ** 2
    y.backward()
    print("(x + 3) ** 2:", y)
    print("its slope:", x.grad)
    print("a Variable comes from", Variable.__module__.split(".")[0])
    print("dezero has:", ", ".join(name for name in dezero.__all__ if not name.startswith("_")))


if __name__ == "__main__":
    main()
