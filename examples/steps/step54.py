"""Step 54: dropout, and the difference between training and testing.

In training, dropout sets elements to 0 at random, so that no unit can rely on another; those that
stay are divided by the share that stays, so that the mean is what it was. Then nothing is left to
do in a test: `with test_mode()`, the input passes as it is.
"""

from __future__ import annotations

import numpy as np

import dezero
import dezero.functions as F
from dezero import test_mode


def main() -> None:
    """Drop elements of a vector of ones."""
    np.random.seed(0)
    x = np.ones(5)
    print("x:", x)
    print("in training:", F.dropout(x))
    with test_mode():
        print("in a test:", F.dropout(x), "Config.train is", dezero.Config.train)
    print("in training again:", F.dropout(x), "Config.train is", dezero.Config.train)

    y = F.dropout(np.ones(100_000), dropout_ratio=0.8)
    kept = y.data[y.data != 0]
    print(f"with the ratio 0.8, {len(kept) / y.size:.3f} stay, each as {kept[0]:.1f}", end=", ")
    print(f"and the mean is {float(F.average(y)):.2f}")


if __name__ == "__main__":
    main()
