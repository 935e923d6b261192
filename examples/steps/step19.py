"""Step 19: a Variable that can be looked at.

It should be like the array inside: have its shape, its dtype and its length, and print itself so
that one sees the numbers and that they are a Variable's. A name of its own tells it from others in
a drawing (step 25).
"""

from __future__ import annotations

import numpy as np


class Variable:
    """An array or None, with a name."""

    def __init__(self, data: np.ndarray | None, name: str | None = None) -> None:
        if data is not None and not isinstance(data, np.ndarray):
            raise TypeError(f"{type(data)} is not supported; wrap it: np.array({data!r})")
        self.data = data
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        # The second line and those that follow begin below the first bracket.
        text = str(self.data).replace("\n", "\n" + " " * len("variable("))
        return f"variable({text})"


def main() -> None:
    """Look at a matrix from all sides."""
    x = Variable(np.array([[1, 2, 3], [4, 5, 6]]), name="x")
    print("name:", x.name)
    print("shape:", x.shape)
    print("ndim:", x.ndim)
    print("size:", x.size)
    print("dtype:", x.dtype)
    print("len:", len(x))
    print(x)
    print(Variable(np.array([1, 2, 3])))
    print(Variable(None))


if __name__ == "__main__":
    main()
