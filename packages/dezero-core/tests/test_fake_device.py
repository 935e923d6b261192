"""The strict fake device: CuPy's manners, shown by example."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dezero_core.backend import as_numpy, backend_of, get_array_module, get_backend
from dezero_core.testing import FakeArray, FakeDevice, Traffic, fake_device


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    with fake_device() as device:
        yield device


def put(device: FakeDevice, *data: Any) -> Any:
    """Move data to the device and forget that it took a transfer."""
    arrays = [device.asarray(x) for x in data]
    device.reset()
    return arrays[0] if len(arrays) == 1 else arrays


def same(x: Any, expected: Any) -> None:
    """Assert that a device array has these values, without counting it as traffic."""
    assert isinstance(x, FakeArray)
    np.testing.assert_array_equal(x._host, expected)


class TestArray:
    def test_is_no_ndarray(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0])
        assert not isinstance(x, np.ndarray)
        assert (x.shape, x.dtype, x.ndim, x.size) == ((2,), np.dtype(np.float64), 1, 2)
        assert (x.itemsize, x.nbytes, x.strides, len(x)) == (8, 16, (8,), 2)

    def test_never_turns_into_an_ndarray_by_itself(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0])
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array"):
            np.asarray(x)
        with pytest.raises(TypeError):
            np.float32(x)
        with pytest.raises(TypeError, match="make arrays with the functions"):
            FakeArray([1.0])

    def test_is_no_index_and_has_no_hash(self, device: FakeDevice) -> None:
        i = put(device, 1)
        with pytest.raises(TypeError):
            [10, 20][i]
        with pytest.raises(TypeError):
            range(i)
        with pytest.raises(TypeError):
            np.arange(3)[i:]
        with pytest.raises(TypeError, match="unhashable"):
            hash(i)
        assert device.traffic == []

    def test_unsupported_dtypes(self, device: FakeDevice) -> None:
        for data in (np.array(["a"]), np.array([None]), np.zeros(2, np.longdouble)):
            with pytest.raises(ValueError, match="Unsupported dtype"):
                device.asarray(data)

    def test_bfloat16_is_supported(self, device: FakeDevice) -> None:
        bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
        x = put(device, np.ones(2, bfloat16))
        assert x.dtype == bfloat16
        np.testing.assert_array_equal(device.to_numpy(x + x), np.full(2, 2, bfloat16))

    def test_reductions_and_elements_stay_arrays(self, device: FakeDevice) -> None:
        x = put(device, np.arange(6.0, dtype=np.float32).reshape(2, 3))
        for result, expected in (
            (x.sum(), 15.0),
            (device.xp.sum(x), 15.0),
            (x[1, 2], 5.0),
            (x[1][0] * 2, 6.0),
            (device.xp.dot(x[0], x[1]), 14.0),
            (device.xp.count_nonzero(x), 5),
            (device.xp.allclose(x, x), True),
            (device.xp.linalg.norm(x[0]), np.float32(np.sqrt(5.0))),
        ):
            same(result, expected)
            assert result.shape == ()
        assert x.sum().dtype == x[1, 2].dtype == np.float32
        assert device.traffic == []

    def test_views_write_through_and_know_their_base(self, device: FakeDevice) -> None:
        x = put(device, np.zeros((2, 3)))
        assert x.base is None
        row, element, flat = x[1], x[0, 0], x.reshape(-1)
        assert row.base is x
        assert element.base is x
        assert flat[2:].base is x
        element[...] = 1.0
        row += 2.0
        flat[2:3] = 7.0
        same(x, [[1, 0, 7], [2, 2, 2]])
        assert x.T.base is x
        assert (x + 1).base is None
        assert x[device.xp.asarray(0)].base is None

    def test_a_view_keeps_its_memory_alive(self, device: FakeDevice) -> None:
        view = device.xp.ones(4)[1:]
        gc.collect()
        assert view.base.shape == (4,)
        assert view.base is not view

    def test_nothing_to_do_gives_the_same_array(self, device: FakeDevice) -> None:
        x = put(device, [1.0])
        assert x.astype(np.float64, copy=False) is x
        assert device.xp.asarray(x) is x
        assert device.xp.add(x, 1.0, out=x) is x
        assert x.copy() is not x

    def test_flags(self, device: FakeDevice) -> None:
        x = device.xp.zeros((2, 3))
        assert (x.flags.c_contiguous, x.T.flags.c_contiguous) == (True, False)
        assert (x.flags.owndata, x.T.flags.owndata) == (True, False)
        assert (x.flags["C_CONTIGUOUS"], x.T.flags["F_CONTIGUOUS"]) == (True, True)
        with pytest.raises(KeyError, match="CuPy knows C_CONTIGUOUS"):
            x.flags["C"]
        with pytest.raises(AttributeError):
            _ = x.flags.writeable

    def test_new_arrays_are_in_c_order(self, device: FakeDevice) -> None:
        x = device.xp.zeros((2, 3))
        assert np.exp(np.zeros((2, 3)).T).strides == (8, 24)
        assert device.xp.exp(x.T).strides == (x.T + 1).strides == (16, 8)

    def test_copies(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0])
        for other in (copy.copy(x), copy.deepcopy(x)):
            other[0] = 5.0
        same(x, [1.0, 2.0])
        assert device.traffic == []


class TestOperators:
    def test_arithmetic(self, device: FakeDevice) -> None:
        x, y = put(device, [1.0, 4.0], [2.0, 2.0])
        same(x + y, [3, 6])
        same(3 - x, [2, -1])
        same(x / 2, [0.5, 2])
        same(2**x, [2, 16])
        same(x @ y, 10.0)
        same(-x, [-1, -4])
        same(abs(-x), [1, 4])
        same(x > y, [False, True])
        same(x == 1, [True, False])
        same(divmod(x, y)[1], [1, 0])
        x -= 1
        x *= y
        same(x, [0, 6])
        same(~(x > 1), [True, False])

    def test_scalars_keep_numpy_promotion(self, device: FakeDevice) -> None:
        x = put(device, np.ones(2, np.float32))
        assert (x * 2.5).dtype == np.float32
        assert (x * np.float32(2)).dtype == np.float32
        assert (np.float32(2) * x).dtype == np.float32
        assert (x * np.float64(2)).dtype == np.float64
        assert (x * device.xp.asarray(2.0)).dtype == np.float64

    def test_host_arrays_are_refused(self, device: FakeDevice) -> None:
        x, host = put(device, [1.0, 2.0]), np.ones(2)
        for mix in (
            lambda: x + host,
            lambda: host + x,
            lambda: x @ host,
            lambda: host @ x,
            lambda: x < host,
            lambda: x * np.array(2.0),
            lambda: np.add(host, x, out=host),
            lambda: device.xp.maximum(x, host),
            lambda: device.xp.where(x > 1, x, host),
            lambda: device.xp.concatenate([x, host]),
            lambda: device.xp.matmul(x, host),
            lambda: device.xp.add(x, x, out=host),
            lambda: x.dot(host),
        ):
            with pytest.raises(TypeError, match=r"ndarray|output must be an array on the device"):
                mix()
        with pytest.raises(TypeError):
            host += x
        with pytest.raises(TypeError):
            x += host
        same(x, [1.0, 2.0])
        assert device.traffic == []

    def test_other_classes_get_their_turn(self, device: FakeDevice) -> None:
        class Refuses:
            __array_ufunc__ = None

            def __radd__(self, other: Any) -> str:
                return "reflected"

        class Handles:
            def __array_ufunc__(self, ufunc: Any, *_: Any, **__: Any) -> str:
                return ufunc.__name__

        class Prior:
            __array_priority__ = 200

            def __rmul__(self, other: Any) -> str:
                return "prior"

        x = put(device, [1.0])
        assert x + Refuses() == "reflected"
        assert x + Handles() == "add"
        assert x * Prior() == "prior"

    def test_no_warnings_from_the_device(self, device: FakeDevice) -> None:
        x = put(device, [0.0, -1.0])
        result = device.xp.log(x) + 1 / x
        assert np.isnan(result._host[1])


class TestNumPyProtocols:
    def test_numpy_functions_stay_on_the_device(self, device: FakeDevice) -> None:
        x = put(device, [0.0, 1.0])
        same(np.sin(x), np.sin([0.0, 1.0]))
        same(np.sum(x), 1.0)
        same(np.concatenate([x, x]), [0, 1, 0, 1])
        same(np.linalg.norm(x), 1.0)
        assert device.traffic == []

    def test_what_cupy_has_not_is_refused(self, device: FakeDevice) -> None:
        x = put(device, [0.0, 1.0])
        for refused in (
            lambda: np.spacing(x),
            lambda: np.unstack(x) if hasattr(np, "unstack") else np.insert(x, 0, 1),
            lambda: np.add(x, 1.0, where=False),
            lambda: np.sum(x, where=True),
            lambda: np.max(x, initial=0.0),
            lambda: np.maximum.reduce(x),
        ):
            with pytest.raises(TypeError):
                refused()

    def test_two_outputs_are_refused(self, device: FakeDevice) -> None:
        x = put(device, [1.5])
        with pytest.raises(ValueError, match="exactly one output"):
            np.modf(x, out=(x, x))
        fraction, whole = np.modf(x)
        same(fraction, [0.5])
        same(whole, [1.0])


class TestNamespace:
    @pytest.mark.parametrize(
        "name", ["errstate", "insert", "einsum_path", "geomspace", "matrix", "_core", "float128"]
    )
    def test_names_that_cupy_lacks(self, device: FakeDevice, name: str) -> None:
        with pytest.raises(AttributeError, match=name):
            getattr(device.xp, name)

    def test_functions_that_cupy_lacks_in_modules(self, device: FakeDevice) -> None:
        assert not hasattr(device.xp.linalg, "multi_dot")
        assert not hasattr(device.xp.random, "PCG64")

    def test_shared_objects(self, device: FakeDevice) -> None:
        xp = device.xp
        assert xp.float32 is np.float32
        assert xp.newaxis is None
        assert xp.pi == np.pi
        assert xp.ndarray is FakeArray
        assert xp.result_type(xp.ones(1), np.float32) == np.float64
        assert xp.ndim(3.0) == 0
        assert xp.shape(xp.ones((2, 3))) == (2, 3)

    def test_parameters_that_cupy_lacks(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0])
        with pytest.raises(TypeError, match="sum: CuPy's takes no argument 'where'"):
            device.xp.sum(x, where=True)
        with pytest.raises(TypeError, match="clip: CuPy's takes no argument 'min'"):
            device.xp.clip(x, min=0.0)
        with pytest.raises(TypeError, match="takes 1 positional arguments, got 2"):
            device.xp.argwhere(x, x)
        with pytest.raises(TypeError, match="no argument 'initial'"):
            x.max(initial=0.0)
        with pytest.raises(TypeError, match="no argument 'order'"):
            device.xp.exp(x, order="C")

    def test_lists_are_no_operands(self, device: FakeDevice) -> None:
        xp = device.xp
        with pytest.raises(TypeError, match="sum: a must be an array on the device"):
            xp.sum([1.0, 2.0])
        with pytest.raises(TypeError, match="exp: Unsupported type <class 'list'>"):
            xp.exp([1.0])
        with pytest.raises(TypeError, match="stack: tup"):
            xp.stack([[1.0], [2.0]])

    def test_settings_are_numbers_on_the_host(self, device: FakeDevice) -> None:
        xp, one = device.xp, put(device, 1)
        for call in (
            lambda: xp.sum(xp.ones((2, 2)), axis=one),
            lambda: xp.zeros(one),
            lambda: xp.reshape(xp.ones(2), one),
            lambda: xp.ones(2).sum(axis=one),
            lambda: xp.arange(one),
        ):
            with pytest.raises(TypeError, match="a setting, a number on the host"):
                call()

    @pytest.mark.parametrize("name", ["matmul", "dot", "outer", "tensordot"])
    def test_products_take_no_numbers(self, device: FakeDevice, name: str) -> None:
        with pytest.raises(TypeError, match=f"{name}: (b|x2) must be an array on the device"):
            getattr(device.xp, name)(device.xp.ones((2, 2)), 2.0)

    def test_fill(self, device: FakeDevice) -> None:
        x = device.xp.empty(2)
        x.fill(3)
        same(x, [3, 3])
        x.fill(device.xp.asarray(4.0))
        same(x, [4, 4])
        with pytest.raises(ValueError, match="fill: takes one value"):
            x.fill(np.ones(2))

    def test_ufunc_methods(self, device: FakeDevice) -> None:
        xp = device.xp
        x, i, v = put(device, np.zeros(3), [0, 2, 0], [1.0, 2.0, 3.0])
        xp.add.at(x, i, v)
        same(x, [4, 0, 2])
        same(xp.add.reduce(x), 6.0)
        same(xp.multiply.accumulate(v), [1, 2, 6])
        same(xp.subtract.outer(v, v[:2]), [[0, -1], [1, 0], [2, 1]])
        for missing in (
            lambda: xp.multiply.at(x, i, v),
            lambda: xp.maximum.reduce(x),
            lambda: xp.maximum.accumulate(x),
            lambda: xp.multiply.reduceat(x, i),
        ):
            with pytest.raises(NotImplementedError, match="CuPy has no"):
                missing()

    def test_atomic_operations_have_few_dtypes(self, device: FakeDevice) -> None:
        counts, i = put(device, np.zeros(3, np.int64), [0, 0])
        with pytest.raises(TypeError, match=r"add.at: CuPy has no atomic operation for int64"):
            device.xp.add.at(counts, i, 1)
        with pytest.raises(TypeError, match="subtract"):
            device.xp.subtract.at(device.xp.zeros(3), i, 1.0)
        counts32 = device.xp.zeros(3, np.int32)
        counts32.scatter_add(i, 1)
        same(counts32, [2, 0, 0])

    def test_empty_is_poisoned(self, device: FakeDevice) -> None:
        xp = device.xp
        assert np.isnan(xp.empty(3, np.float32)._host).all()
        assert np.isnan(xp.empty_like(xp.ones(2) + 0j)._host).all()
        same(xp.empty((1, 2), np.int8), [[126, 126]])
        assert xp.empty(2, bool)._host.all()

    def test_singular_matrices_pass_in_silence(self, device: FakeDevice) -> None:
        xp = device.xp
        zeros, b = xp.zeros((2, 2)), xp.ones(2)
        assert np.isnan(xp.linalg.inv(zeros)._host).all()
        assert np.isnan(xp.linalg.solve(zeros, b)._host).all()
        assert np.isnan(xp.linalg.cholesky(-xp.eye(2))._host).all()
        with pytest.raises(np.linalg.LinAlgError):
            xp.linalg.inv(xp.ones((2, 3)))
        sign, logdet = xp.linalg.slogdet(2 * xp.eye(2))
        same(sign, 1.0)
        same(logdet, np.log(4.0))
        assert type(xp.linalg.slogdet(xp.eye(2))) is tuple

    def test_random(self, device: FakeDevice) -> None:
        random = device.xp.random
        random.seed(0)
        expected = np.random.RandomState(0).normal(size=3).astype(np.float32)
        same(random.normal(size=3, dtype=np.float32), expected)
        assert random.rand(2, 3, dtype=np.float32).dtype == np.float32
        assert sorted(random.permutation(4)._host) == [0, 1, 2, 3]
        generator = random.default_rng(0)
        same(generator.random(2), np.random.default_rng(0).random(2))
        assert not hasattr(generator, "normal")
        assert device.traffic == []


class TestIndexing:
    def test_basic_and_integer_arrays(self, device: FakeDevice) -> None:
        x, i = put(device, np.arange(6.0).reshape(2, 3), [2, 0])
        same(x[:, ::-1], [[2, 1, 0], [5, 4, 3]])
        same(x[..., None, 0], [[0], [3]])
        same(x[:, i], [[2, 0], [5, 3]])
        same(x[1, i], [5, 3])
        x[:, i] = x[:, i] * 10
        same(x, [[0, 1, 20], [30, 4, 50]])
        assert device.traffic == []

    def test_a_mask_waits_for_the_device(self, device: FakeDevice) -> None:
        x = put(device, [1.0, -2.0, 3.0])
        same(x[x > 0], [1, 3])
        x[x < 0] = 0.0
        same(x, [1, 0, 3])
        assert [event.name for event in device.traffic] == [
            "getitem with a mask",
            "setitem with a mask",
        ]
        with pytest.raises(ValueError, match="one boolean array"):
            x.reshape(1, 3)[x[:1] > 0, x > 0]

    def test_indices_from_the_host_are_transfers(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0, 3.0])
        same(x[np.array([2, 0])], [3, 1])
        same(x[[0, 1]], [1, 2])
        same(device.xp.take(x, [2]), [3])
        assert (device.syncs, device.transfers) == (0, 3)

    def test_assigning_host_data(self, device: FakeDevice) -> None:
        x, i = put(device, [1.0, 2.0, 3.0], [0, 1])
        with pytest.raises(ValueError, match="move it to the device first"):
            x[:2] = np.ones(2)
        x[:2] = 5.0
        x[2:] = np.float32(6)
        assert device.traffic == []
        x[i] = np.array([7.0, 8.0])
        same(x, [7, 8, 6])
        assert device.transfers == 1

    def test_bad_indices(self, device: FakeDevice) -> None:
        x = put(device, [1.0, 2.0])
        with pytest.raises(IndexError, match="out of bounds"):
            x[2]
        with pytest.raises(IndexError, match="must be integers or booleans"):
            x[device.xp.ones(1)]


class TestTraffic:
    @pytest.mark.parametrize(
        ("name", "read", "expected"),
        [
            ("float", float, 2.0),
            ("int", int, 2),
            ("bool", bool, True),
            ("complex", complex, 2 + 0j),
            ("item", lambda x: x.item(), 2.0),
            ("tolist", lambda x: x.tolist(), 2.0),
            ("repr", repr, "array(2.)"),
            ("str", str, "2.0"),
            ("format", lambda x: f"{x}", "2.0"),
            ("tobytes", lambda x: x.tobytes(), np.array(2.0).tobytes()),
        ],
    )
    def test_syncs(self, device: FakeDevice, name: str, read: Any, expected: Any) -> None:
        x = put(device, 2.0)
        assert read(x) == expected
        assert device.traffic == [Traffic("sync", name)]
        with device.forbid(), pytest.raises(AssertionError, match=f"{name}: a sync"):
            read(x)

    def test_transfers(self, device: FakeDevice) -> None:
        xp = device.xp
        x = xp.asarray(np.ones(2))
        xp.array([1, 2])
        x.set(np.zeros(2))
        host = xp.asnumpy(x)
        as_numpy(x)
        assert [event.name for event in device.traffic] == ["asarray", "array", "set", "get", "get"]
        assert (device.syncs, device.transfers) == (0, 5)
        assert type(host) is np.ndarray
        with device.forbid(), pytest.raises(AssertionError, match="asarray: a transfer"):
            xp.asarray(np.ones(2))

    def test_what_costs_nothing(self, device: FakeDevice) -> None:
        xp = device.xp
        with device.forbid():
            x = xp.ones((2, 2))
            xp.asarray(3.0)
            xp.array([x[0], x[1]])
            xp.arange(4)
            assert sum(1 for _ in x) == 2
            _ = x.shape, x.dtype, x.T, x[0, 1], x.sum(axis=0)
            xp.where(x > 0, x, 0.0)
        assert device.traffic == []

    @pytest.mark.parametrize(
        "call",
        [
            lambda xp, x: xp.nonzero(x),
            lambda xp, x: xp.where(x > 0),
            lambda xp, x: xp.unique(x),
            lambda xp, x: x.nonzero(),
            lambda xp, x: 2.0 in x,
            lambda xp, x: min(x[0], x[1]),
        ],
    )
    def test_hidden_syncs(self, device: FakeDevice, call: Any) -> None:
        x = put(device, [1.0, 2.0])
        call(device.xp, x)
        assert device.syncs >= 1

    def test_no_memory_is_shared_with_the_host(self, device: FakeDevice) -> None:
        host = np.ones(2)
        x = device.asarray(host)
        host[0] = 5.0
        same(x, [1.0, 1.0])
        back = device.to_numpy(x)
        back[0] = 7.0
        same(x, [1.0, 1.0])

    def test_forbid_ends(self, device: FakeDevice) -> None:
        x = put(device, 1.0)
        with device.forbid():
            pass
        assert float(x) == 1.0
        device.synchronize()
        assert device.syncs == 2

    def test_truth_of_many_elements(self, device: FakeDevice) -> None:
        with pytest.raises(ValueError, match="ambiguous"):
            bool(device.xp.ones(2))


class TestBackend:
    def test_registered_only_inside(self) -> None:
        with fake_device() as device:
            x = device.xp.ones(2)
            assert get_backend("fake") is device
            assert backend_of(x, 2.0) is device
            assert get_array_module(x) is device.xp
        with pytest.raises(LookupError, match="no backend 'fake'"):
            get_backend("fake")
        with pytest.raises(TypeError, match="FakeArray is an array of no backend"):
            backend_of(x)

    def test_does_not_nest(self, device: FakeDevice) -> None:
        with pytest.raises(ValueError, match="'fake' already"), fake_device():
            pass
        assert get_backend("fake") is device

    def test_mixing_names_both(self, device: FakeDevice) -> None:
        with pytest.raises(TypeError, match=r"operand 0 \(float64\[2\]\) on 'fake', operand 1"):
            backend_of(device.xp.ones(2), np.ones(2), operation="add")

    def test_seen_from_other_threads(self, device: FakeDevice) -> None:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(backend_of(device.xp.ones(1))))
        thread.start()
        thread.join()
        assert found == [device]

    def test_repr(self, device: FakeDevice) -> None:
        float(device.xp.ones(()))
        assert repr(device) == "<fake device: 1 syncs, 0 transfers>"

    def test_pickling_goes_nowhere(self, device: FakeDevice) -> None:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(device.xp.ones(1))
