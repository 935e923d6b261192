"""The registry of backends, found by array type and by name."""

from __future__ import annotations

import enum
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable, functions
from dezero_core import backend as registry
from dezero_core.backend import (
    as_numpy,
    backend_of,
    backends,
    get_array_module,
    get_backend,
    kernels_of,
    register_backend,
)


class Toy:
    """An array class of a backend of its own."""

    shape = (2,)
    dtype = np.dtype(np.int8)


class ToyBackend:
    name = "toy"
    xp = "a namespace"
    array_types = (Toy,)
    kernels: dict[str, Any] = {}  # noqa: RUF012  (as a backend may have it)

    def is_available(self) -> bool:
        return True

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return Toy()

    def to_numpy(self, x: Any) -> Any:
        return np.array([1, 2], np.int8)

    def synchronize(self) -> None:
        pass


@pytest.fixture
def toy() -> Iterator[ToyBackend]:
    backend = ToyBackend()
    register_backend(backend)
    yield backend
    registry._unregister_backend("toy")


class Holder:
    """What the registry sees of a Variable."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def cleargrad(self) -> None: ...


class Matrix(np.ndarray):
    pass


class Level(enum.IntEnum):
    LOW = 1


class TestBackendOf:
    @pytest.mark.parametrize(
        "operands",
        [
            (),
            (np.ones(2),),
            (np.ones(2), 1, 2.0, True, 3j),
            (np.float32(1), np.bool_(True)),
            (1.0,),
            (np.zeros(2).view(Matrix), np.ones(2)),
            (np.ma.masked_array([1.0]),),
            (Level.LOW,),
        ],
    )
    def test_numpy(self, operands: tuple[Any, ...]) -> None:
        for _ in range(2):
            assert backend_of(*operands).name == "numpy"

    def test_numbers_belong_to_any(self, toy: ToyBackend) -> None:
        assert backend_of(1.0, Toy(), np.float64(2.0), Level.LOW) is toy

    def test_subclasses(self, toy: ToyBackend) -> None:
        class Special(Toy):
            pass

        assert backend_of(Special(), Toy()) is toy

    def test_mixing(self, toy: ToyBackend) -> None:
        with pytest.raises(TypeError) as caught:
            backend_of(np.ones((2, 3), np.float32), 1.0, Toy(), operation="add")
        assert str(caught.value) == (
            "add: the operands live on different backends: operand 0 (float32[2, 3]) on 'numpy', "
            "operand 2 (int8[2]) on 'toy'. Nothing is moved by itself: bring them together with "
            "x.to(device), get_backend(name).asarray(x) or as_numpy(x)"
        )

    @pytest.mark.parametrize("stranger", [[1.0], "text", None, object(), (1, 2)])
    def test_strangers(self, stranger: Any) -> None:
        name = type(stranger).__name__
        with pytest.raises(TypeError, match=rf"exp: a builtins\.{name} is an array of no backend"):
            backend_of(np.ones(1), stranger, operation="exp")

    def test_a_list_of_variables_is_stacked(self) -> None:
        x = Variable(np.ones(2))
        with pytest.raises(TypeError, match=r"sum: a .*list.*functions\.stack\(x\) if it holds"):
            functions.sum([x, x])
        functions.sum(functions.stack([x, x])).backward()
        assert as_numpy(x.grad).tolist() == [2.0, 2.0]

    def test_forgotten_types_come_back(self, toy: ToyBackend) -> None:
        x = Toy()
        assert backend_of(x) is toy
        registry._unregister_backend("toy")
        with pytest.raises(TypeError, match="array of no backend"):
            backend_of(x)
        register_backend(toy)
        assert backend_of(x) is toy


class TestRegister:
    def test_twice_is_once(self, toy: ToyBackend) -> None:
        register_backend(toy)
        assert backends()["toy"] is get_backend("toy") is toy

    def test_a_name_has_one_backend(self, toy: ToyBackend) -> None:
        with pytest.raises(ValueError, match="there is a backend 'toy' already"):
            register_backend(ToyBackend())
        assert get_backend("toy") is toy

    def test_what_is_no_backend(self) -> None:
        class Half:
            name = "half"

        with pytest.raises(TypeError, match=r"a Half is no backend, it lacks xp, array_types"):
            register_backend(Half())  # type: ignore[arg-type]
        assert "half" not in backends()

    def test_xp_is_not_read(self) -> None:
        class Lazy(ToyBackend):
            name = "lazy"

            @property
            def xp(self) -> Any:  # type: ignore[override]
                raise AssertionError("imported for nothing")

        lazy = Lazy()
        register_backend(lazy)
        try:
            assert get_backend("lazy") is lazy
        finally:
            registry._unregister_backend("lazy")

    def test_the_dictionary_is_a_copy(self) -> None:
        backends().clear()
        assert get_backend("numpy").name == "numpy"

    def test_many_threads(self, toy: ToyBackend) -> None:
        failures: list[BaseException] = []

        def look() -> None:
            try:
                for _ in range(200):
                    assert backend_of(np.ones(1)).name == "numpy"
                    assert backend_of(Toy()) is toy
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            registry._forget_types()
        for thread in threads:
            thread.join()
        assert failures == []


class TestGetBackend:
    def test_missing_lists_what_there_is(self) -> None:
        with pytest.raises(LookupError, match=r"get_backend: no backend 'tpu'; there is .*'numpy'"):
            get_backend("tpu")

    def test_missing_cuda_names_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(registry, "_backends", {"numpy": get_backend("numpy")})
        monkeypatch.setattr(registry, "_discovered", True)
        with pytest.raises(LookupError, match=r"pip install 'dezero-cuda\[cuda12\]'"):
            get_backend("cuda")


class TestKernelsOf:
    def test_by_namespace(self, toy: ToyBackend) -> None:
        toy.kernels = {"tanh": abs}
        assert kernels_of("a namespace") == {"tanh": abs}
        assert dict(kernels_of(np)) == {}
        assert dict(kernels_of("no backend's")) == {}

    def test_a_library_that_is_not_imported_is_left_alone(self) -> None:
        class Lazy(ToyBackend):
            name = "lazy"
            array_types = ()

            @property
            def xp(self) -> Any:  # type: ignore[override]
                raise AssertionError("imported for nothing")

        register_backend(Lazy())
        try:
            assert dict(kernels_of("no backend's")) == {}
        finally:
            registry._unregister_backend("lazy")


class TestNumPyBackend:
    def test_members(self) -> None:
        numpy = get_backend("numpy")
        x = np.ones(2)
        assert numpy.xp is np
        assert numpy.is_available()
        assert numpy.asarray(x) is x
        assert numpy.asarray([1, 2], np.float32).dtype == np.float32
        assert numpy.to_numpy(x) is x
        assert dict(numpy.kernels) == {}
        numpy.synchronize()
        assert repr(numpy) == "<backend 'numpy'>"


class TestHelpers:
    def test_get_array_module(self, toy: ToyBackend) -> None:
        assert get_array_module(np.ones(2), 2.0) is np
        assert get_array_module(Holder(np.ones(2)), np.ones(2)) is np
        assert get_array_module(Holder(Toy()), 1) == "a namespace"
        with pytest.raises(TypeError, match="get_array_module: the operands live on different"):
            get_array_module(Holder(Toy()), np.ones(2))

    def test_as_numpy(self, toy: ToyBackend) -> None:
        x = np.ones(2)
        assert as_numpy(x) is x
        assert as_numpy(Holder(x)) is x
        np.testing.assert_array_equal(as_numpy(Holder(Toy())), np.array([1, 2], np.int8))
        assert as_numpy(3).shape == ()
        with pytest.raises(TypeError, match=r"as_numpy: a builtins\.list"):
            as_numpy([1.0])


def test_import_loads_no_plug_in() -> None:
    code = (
        "import sys, numpy as np, dezero_core.backend as b; b.backend_of(np.ones(1));"
        "assert not b._discovered;"
        "assert not {'cupy', 'dezero_cuda', 'dezero_viz', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
