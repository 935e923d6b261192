"""Layers that hold layers: by number, and by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any, overload

from dezero_core.errors import describe
from dezero_nn.layers._tree import children
from dezero_nn.layers.layer import Layer, note_change

__all__ = ["LayerDict", "LayerList"]


class _Container(Layer):
    """What containers share: the layers inside have paths without the container's attribute."""

    # The name that `_tree.MEMBERS` tells.
    _members: Any

    def _add_own(self, prefix: str, found: Any, seen: set[int]) -> None:
        self._add_items(prefix, "_members", self._members, found, seen)

    def _is_fixed(self, seen: set[int]) -> bool:
        # Members come and go by methods, which tell.
        seen.add(id(self))
        return all(layer._is_fixed(seen) for _, layer in children(self) if id(layer) not in seen)

    def _check(self, layer: Any) -> Layer:
        if not isinstance(layer, Layer):
            name = type(self).__name__
            raise TypeError(f"{name}: wanted is a Layer, not {describe(layer)}")
        return layer

    def __len__(self) -> int:
        return len(self._members)

    def __bool__(self) -> bool:
        return True  # an empty container is a layer as others are


class LayerList(_Container):
    """Layers by number: a list that is a layer itself (`Layer.copy`, `Layer.freeze`, ...).

    It has the methods of lists that the project needs: indices, slices, ``append``, ``extend``,
    ``insert``, ``del``. What it computes is up to who holds it.

    Args:
        layers: The first layers.

    Raises:
        TypeError: Something is no layer.

    Example:
        >>> from dezero_nn import Linear, Model, relu
        >>> class Stack(Model):
        ...     def __init__(self, depth):
        ...         self.blocks = LayerList(Linear(8) for _ in range(depth))
        ...
        ...     def forward(self, x):
        ...         for block in self.blocks:
        ...             x = relu(block(x))
        ...         return x
        >>> [path for path, _ in Stack(2).namedparams()]
        ['blocks/0/W', 'blocks/0/b', 'blocks/1/W', 'blocks/1/b']
    """

    _members: list[Layer]

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        self._members = [self._check(layer) for layer in layers]

    @overload
    def __getitem__(self, position: int) -> Layer: ...
    @overload
    def __getitem__(self, position: slice) -> LayerList: ...
    def __getitem__(self, position: int | slice) -> Layer | LayerList:
        """Return a layer; for a slice, a list of the same layers."""
        if isinstance(position, slice):
            return LayerList(self._members[position])
        return self._members[self._position(position)]

    def __setitem__(self, position: int, layer: Layer) -> None:
        self._members[self._position(position)] = self._check(layer)
        note_change()

    def __delitem__(self, position: int | slice) -> None:
        del self._members[position if isinstance(position, slice) else self._position(position)]
        note_change()

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._members)

    def __contains__(self, layer: object) -> bool:
        return any(member is layer for member in self._members)

    def append(self, layer: Layer) -> None:
        """Add a layer at the end."""
        self._members.append(self._check(layer))
        note_change()

    def extend(self, layers: Iterable[Layer]) -> None:
        """Add layers at the end; none if one of them is no layer."""
        self._members.extend([self._check(layer) for layer in layers])
        note_change()

    def insert(self, position: int, layer: Layer) -> None:
        """Add a layer before the one at a position."""
        self._members.insert(position, self._check(layer))
        note_change()

    def _position(self, position: int) -> int:
        n = len(self._members)
        if not -n <= index(position) < n:
            raise IndexError(f"LayerList: there is no layer {position}, only {n} layers")
        return index(position)


class LayerDict(_Container):
    """Layers by name: a dictionary that is a layer itself (`Layer.copy`, `Layer.freeze`, ...).

    It has the methods of dictionaries that the project needs: keys, ``in``, ``items``, ``values``,
    ``update``, ``del``. The order is that in which names were first set.

    Args:
        layers: The first layers, by name.

    Raises:
        TypeError: Something is no layer, or a name is no string.
        ValueError: A name is empty or has a ``/``, which parts the names of a path.

    Example:
        >>> from dezero_nn import Linear
        >>> heads = LayerDict({"policy": Linear(4), "value": Linear(1)})
        >>> [path for path, _ in heads.namedparams()]
        ['policy/W', 'policy/b', 'value/W', 'value/b']
    """

    _members: dict[str, Layer]

    def __init__(self, layers: Mapping[str, Layer] | Iterable[tuple[str, Layer]] = ()) -> None:
        self._members = {}
        self.update(layers)

    def __getitem__(self, name: str) -> Layer:
        try:
            return self._members[name]
        except KeyError:
            known = ", ".join(map(repr, self._members)) or "none"
            raise KeyError(f"LayerDict: there is no layer {name!r}; there is {known}") from None

    def __setitem__(self, name: str, layer: Layer) -> None:
        self._members[self._check_name(name)] = self._check(layer)
        note_change()

    def __delitem__(self, name: str) -> None:
        self[name]  # for its error
        del self._members[name]
        note_change()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._members.keys()

    def values(self) -> Iterable[Layer]:
        """Return the layers."""
        return self._members.values()

    def items(self) -> Iterable[tuple[str, Layer]]:
        """Return pairs of a name and a layer."""
        return self._members.items()

    def update(self, layers: Mapping[str, Layer] | Iterable[tuple[str, Layer]]) -> None:
        """Set layers by name; none if something is wrong with one of them."""
        given = dict(layers)
        self._members.update(
            {self._check_name(name): self._check(layer) for name, layer in given.items()}
        )
        note_change()

    def _check_name(self, name: str) -> str:
        if not isinstance(name, str):
            raise TypeError(f"LayerDict: a name is a string, not {name!r}")
        if not name or "/" in name:
            raise ValueError(f"LayerDict: {name!r} can not be a part of a path")
        return name
