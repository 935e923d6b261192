"""Step 1: a Variable is a box that holds an array.

All that follows is about what happens to such boxes: functions take some and give others, and
later each of them will remember where it came from. For now it holds its array and nothing else.
"""

from __future__ import annotations

import numpy as np


class Variable:
    """A box for one array; `data` is what is in it."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data


def main() -> None:
    """Fill a box, look into it, and fill it anew."""
    x = Variable(np.array(1.0))
    print("put in:", x.data)
    x.data = np.array(2.0)
    print("put in instead:", x.data)

    print("\nAn array's number of dimensions says what it is:")
    for name, array in {
        "scalar": np.array(1),
        "vector": np.array([1, 2, 3]),
        "matrix": np.array([[1, 2, 3], [4, 5, 6]]),
    }.items():
        print(f"{name}: ndim {array.ndim}, shape {array.shape}")


if __name__ == "__main__":
    main()
