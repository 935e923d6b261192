"""State and weight files: what fits is taken whole, and what does not changes nothing."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_core import Parameter, as_numpy
from dezero_core.testing import fake_device
from dezero_nn import MLP, BatchNorm, Layer, Linear, Model, Sequential, relu
from dezero_nn.layers import LSTM, Conv2d

FORMATS = [
    "npz",
    pytest.param(
        "safetensors",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("safetensors") is None, reason="safetensors is an extra"
        ),
    ),
]
X = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


def trained() -> MLP:
    model = MLP((3, 2))
    model(X)
    return model


def snapshot(layer: Layer) -> dict[str, bytes]:
    return {path: array.tobytes() for path, array in layer.state_dict().items()}


def test_weights_are_saved_under_the_paths_of_the_book(tmp_path: Path) -> None:
    model = trained()
    model.save_weights(tmp_path / "mlp.npz")
    with np.load(tmp_path / "mlp.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["l0/W", "l0/b", "l1/W", "l1/b"]
        np.testing.assert_array_equal(arrays["l0/W"], model.state_dict()["l0/W"])


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("called", [False, True])
def test_loaded_weights_give_the_same_results(tmp_path: Path, called: bool, ending: str) -> None:
    model = trained()
    model.save_weights(tmp_path / f"mlp.{ending}")
    twin = trained() if called else MLP((3, 2))
    assert not twin.load_weights(str(tmp_path / f"mlp.{ending}"))
    np.testing.assert_array_equal(twin(X).data, model(X).data)
    assert snapshot(twin) == snapshot(model)


def test_files_of_numpy_are_read_compressed_or_not(tmp_path: Path) -> None:
    # As the book's package writes them; under NumPy 2 its weights are float64.
    model = trained()
    wide = {path: array.astype(np.float64) for path, array in model.state_dict().items()}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "theirs.npz", **wide)  # type: ignore[operator]
        for twin in (MLP((3, 2)), trained()):
            twin.load_weights(tmp_path / "theirs.npz")
            assert {p.dtype for p in twin.params()} == {np.dtype(np.float32)}
            np.testing.assert_array_equal(twin(X).data, model(X).data)


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_weights_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    model = trained()
    files = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for file in files:
        model.save_weights(file)
    assert files[0].read_bytes() == files[1].read_bytes()


class ConvNet(Model):
    def __init__(self) -> None:
        self.conv = Conv2d(2, 3)
        self.bn = BatchNorm()
        self.body = Sequential(MLP((3,)), relu, Linear(2))
        self.memory = LSTM(2)

    def forward(self, x: Any) -> Any:
        h = self.bn(self.conv(x)).reshape(len(x), -1)
        return self.memory(self.body(h))


def theirs(rng: np.random.Generator) -> dict[str, Any]:
    """Return what dezero 0.0.13 saves of the same model, by its names, as float64."""
    shapes: dict[str, tuple[int, ...]] = {"conv/W": (2, 1, 3, 3), "conv/b": (2,)}
    shapes |= {f"bn/{name}": (2,) for name in ("avg_mean", "avg_var", "gamma", "beta")}
    shapes |= {"body/l0/l0/W": (8, 3), "body/l0/l0/b": (3,)}
    shapes |= {"body/l2/W": (3, 2), "body/l2/b": (2,)}
    for gate in "fiou":
        shapes |= {f"memory/x2{gate}/W": (2, 2), f"memory/x2{gate}/b": (2,)}
        shapes[f"memory/h2{gate}/W"] = (2, 2)
    return {path: rng.random(shape) for path, shape in shapes.items()}


def test_files_of_the_book_are_read_and_written(tmp_path: Path) -> None:
    # Made by hand; that 0.0.13 itself reads and writes such files was tried with it.
    arrays = theirs(np.random.default_rng(1))
    np.savez_compressed(tmp_path / "theirs.npz", **arrays)
    model = ConvNet()
    assert not model.load_weights(tmp_path / "theirs.npz")
    model(np.ones((1, 1, 4, 4), np.float32))
    model.load_weights(tmp_path / "theirs.npz")
    model.save_weights(tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as found:
        assert sorted(found) == sorted(arrays)
        for path, array in arrays.items():
            assert found[path].dtype == np.float32
            np.testing.assert_array_equal(found[path], array.astype(np.float32))


def test_files_of_the_book_from_before_the_first_call_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "unrun.npz", **{"l0/W": np.array(None), "l0/b": np.zeros(3)})
    with pytest.raises(ValueError, match=r"l0/W\.npy has Python objects, which could run code"):
        MLP((3,)).load_weights(tmp_path / "unrun.npz")


def test_the_ending_tells_the_format(tmp_path: Path) -> None:
    for name in ("mlp", "mlp.h5", ".npz"):
        for method in (trained().save_weights, trained().load_weights):
            with pytest.raises(ValueError, match=r"the format, \.npz or \.safetensors, and that"):
                method(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_safetensors_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dezero_nn.layers._safetensors.find_spec", lambda name: None)
    message = r"save_weights: .* pip install 'dezero-nn\[safetensors\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        trained().save_weights(tmp_path / "mlp.safetensors")
    assert not list(tmp_path.iterdir())


# --- what is shared ------------------------------------------------------------------------------


class Tied(Model):
    def __init__(self, tied: bool = True) -> None:
        self.first = Linear(3, in_size=3)
        self.rest = [Linear(3, in_size=3)]
        if tied:
            self.rest[0].W = self.first.W


def test_what_is_shared_is_saved_once_and_loads_right(tmp_path: Path) -> None:
    model, twin = Tied(), Tied()
    model.save_weights(tmp_path / "tied.npz")
    with np.load(tmp_path / "tied.npz") as arrays:
        assert sorted(arrays) == ["first/W", "first/b", "rest/0/b"]
    twin.load_weights(tmp_path / "tied.npz")
    assert twin.rest[0].W is twin.first.W
    np.testing.assert_array_equal(twin.first.W.data, model.first.W.data)


@pytest.mark.parametrize("drop", [None, "first/W", "rest/0/W"])
def test_what_is_shared_may_stand_under_any_of_its_paths(drop: str | None) -> None:
    # As in files of the book's package, which saves it under all.
    state = Tied(tied=False).state_dict()
    state["rest/0/W"] = state["first/W"].copy()
    state.pop(drop or "nothing", None)
    model = Tied()
    assert not model.load_state_dict(state)
    expected = state.get("first/W", state.get("rest/0/W"))
    np.testing.assert_array_equal(model.first.W.data, expected)


def test_what_is_shared_has_one_value() -> None:
    model = Tied()
    before = snapshot(model)
    state = Tied(tied=False).state_dict()
    with pytest.raises(ValueError, match="different values for first/W and rest/0/W, which are"):
        model.load_state_dict(state)
    state["rest/0/W"] = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"unexpected: rest/0/W, float64\[4, 3\]"):
        model.load_state_dict(state)
    assert snapshot(model) == before


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_what_fits_is_loaded_if_one_says_so(tmp_path: Path, ending: str) -> None:
    # As in fine-tuning: the body is another model's, the head is new.
    old, new = MLP((3, 10)), MLP((3, 7))
    old(X)
    old.save_weights(tmp_path / f"old.{ending}")
    head = new.state_dict()["l1/b"]
    report = new.load_weights(tmp_path / f"old.{ending}", strict=False)
    assert report
    assert str(report) == (
        f"different: l1/W, float32[3, 10] in old.{ending}, float32[?, 7] in the MLP\n"
        f"different: l1/b, float32[10] in old.{ending}, float32[7] in the MLP"
    )
    assert snapshot(new)["l0/W"] == snapshot(old)["l0/W"]
    np.testing.assert_array_equal(new.state_dict()["l1/b"], head)
    assert new(X).shape == (4, 7)


def test_a_report_lists_paths_and_details() -> None:
    state = trained().state_dict()
    state["l0/W"] = np.zeros((5, 4), np.float32)
    state["l9/W"] = state.pop("l1/b")
    model = trained()
    before = snapshot(model)
    report = model.load_state_dict(state, strict=False)
    assert (report.missing, report.unexpected, report.different) == (
        ("l1/b",),
        ("l9/W",),
        ("l0/W",),
    )
    assert str(report).splitlines()[0].startswith("different: l0/W, float32[5, 4] in the state")
    assert snapshot(model)["l0/W"] == before["l0/W"]
    assert snapshot(model)["l0/b"] == state["l0/b"].tobytes()
    assert str(trained().load_state_dict(trained().state_dict())) == "all fits"


@pytest.mark.skipif(
    importlib.util.find_spec("safetensors") is None, reason="safetensors is an extra"
)
@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "no header", "bfloat16"])
def test_damaged_safetensors_files_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "weights.safetensors"
    trained().save_weights(file)
    if kind == "bfloat16":
        entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
        header = json.dumps({"l0/b": entry}).encode()
        file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    elif kind == "no header":
        file.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    else:
        file.write_bytes(spoiled(kind, file.read_bytes()))
    model = trained()
    before = snapshot(model)
    wanted = "BF16, which NumPy lacks" if kind == "bfloat16" else "is no weight file"
    with pytest.raises(ValueError, match=rf"load_weights: .*weights\.safetensors .*{wanted}"):
        model.load_weights(file)
    assert snapshot(model) == before


def test_any_attribute_can_be_saved(tmp_path: Path) -> None:
    layer = Layer()
    layer.file = Parameter(np.array(1.5))
    layer.allow_pickle = Parameter(np.zeros((0, 3)))
    layer.save_weights(tmp_path / "odd.npz")
    layer.file.data = np.array(0.0)
    layer.load_weights(tmp_path / "odd.npz")
    assert float(layer.file) == 1.5
    assert layer.allow_pickle.shape == (0, 3)


def test_a_model_that_was_never_called_is_saved_and_loaded(tmp_path: Path) -> None:
    MLP((3, 2)).save_weights(tmp_path / "mlp.npz")
    fresh = MLP((3, 2))
    fresh.load_weights(tmp_path / "mlp.npz")
    assert [p.data is None for p in fresh.params()] == [True, False, True, False]
    assert {path: array.shape for path, array in fresh.state_dict().items()} == {
        "l0/W": (0, 3),
        "l0/b": (3,),
        "l1/W": (0, 2),
        "l1/b": (2,),
    }
    assert fresh(X).shape == (4, 2)
    model = trained()
    before = snapshot(model)
    with pytest.raises(
        ValueError, match=r"different: l0/W, float32\[0, 3\] in mlp\.npz, float32\[5"
    ):
        model.load_weights(tmp_path / "mlp.npz")
    assert snapshot(model) == before


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained()
    file = tmp_path / "mlp.npz"
    model.save_weights(file)
    before = file.read_bytes()
    count = 0
    write = np.lib.format.write_array

    def interrupt(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        write(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        trained().save_weights(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mlp.npz"]


@pytest.mark.parametrize("called", [False, True])
def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_changed(
    tmp_path: Path, called: bool
) -> None:
    state = trained().state_dict()
    state["l0/W"] = np.zeros((5, 4), np.float32)
    state["l1/b"] = np.array(["a", "b"])  # type: ignore[assignment]
    state["l7/W"] = state.pop("l0/b")
    np.savez(tmp_path / "other.npz", **state)
    model = trained() if called else MLP((3, 2))
    before = snapshot(model)
    rows = "5" if called else "?"
    lines = [
        f"different: l0/W, float32[5, 4] in SOURCE, float32[{rows}, 3] in the MLP",
        "different: l1/b, <U1[2] in SOURCE, float32[2] in the MLP",
        "missing: l0/b, float32[3] in the MLP",
        "unexpected: l7/W, float32[3]",
    ]
    for source, load in (
        ("other.npz", lambda: model.load_weights(tmp_path / "other.npz")),
        ("the state", lambda: model.load_state_dict(state)),
    ):
        with pytest.raises(ValueError, match="does not fit the MLP; nothing was changed") as caught:
            load()
        told = str(caught.value).split("\n  ")[1:]
        assert told == [line.replace("SOURCE", source) for line in lines]
        assert snapshot(model) == before


def test_a_state_is_a_copy_in_both_directions() -> None:
    model = trained()
    state = model.state_dict()
    before = {path: array.copy() for path, array in state.items()}
    for parameter in model.params():
        parameter.data += 1
    assert all(np.array_equal(state[path], before[path]) for path in before)
    model.load_state_dict(state)
    state["l0/b"][:] = 9
    assert snapshot(model)["l0/b"] == before["l0/b"].tobytes()


def test_a_state_with_what_is_no_array_is_refused() -> None:
    model = trained()
    state: dict[str, Any] = {**model.state_dict(), "l0/b": [0.0, 0.0, 0.0], "l9/b": None}
    with pytest.raises(ValueError, match="no array: l0/b\n  unexpected: l9/b"):
        model.load_state_dict(state)


def test_parameters_keep_their_dtype_and_their_device() -> None:
    layer = Linear(2, dtype=np.float64, in_size=3)
    state = {"W": np.ones((3, 2), np.float32), "b": np.zeros(2, int)}
    layer.load_state_dict(state)
    assert [p.dtype for p in layer.params()] == [np.float64, np.float64]
    with fake_device() as device:
        layer.W.data = device.asarray(layer.W.data)
        layer.load_state_dict({"W": np.full((3, 2), 7.0), "b": np.ones(2)})
        assert type(layer.W.data) is device.array_types[0]
        assert as_numpy(layer.W).tolist() == [[7.0, 7.0]] * 3
        assert type(layer.state_dict()["W"]) is np.ndarray
    counts = Layer()
    counts.n = Parameter(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"different: n, float64\[2\]"):
        counts.load_state_dict({"n": np.array([0.5, 0.5])})


def spoiled(kind: str, good: bytes) -> bytes:
    if kind == "truncated":
        return good[: len(good) // 2]
    if kind == "empty":
        return b""
    if kind == "text":
        return b"epoch,loss\n1,0.5\n"
    if kind == "one bit":
        position = good.index(b"NUMPY") + 150
        return good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, np.ones(3))
    elif kind == "objects":
        np.savez(buffer, **{"l0/W": np.array([{}, {}], dtype=object)})
    elif kind == "no arrays":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.txt", "hello")
    elif kind == "claims terabytes":
        header = io.BytesIO()
        claim = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)}
        np.lib.format.write_array_header_1_0(header, claim)
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("l0/W.npy", header.getvalue())
    return buffer.getvalue()


KINDS = ["truncated", "empty", "text", "one bit", "npy", "objects", "no arrays", "claims terabytes"]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_and_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "weights.npz"
    trained().save_weights(file)
    file.write_bytes(spoiled(kind, file.read_bytes()))
    model = trained()
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"load_weights: .*weights\.npz is no weight file"):
        model.load_weights(file)
    assert snapshot(model) == before


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        trained().load_weights(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="no folder"):
        trained().save_weights(tmp_path / "nowhere" / "mlp.npz")
