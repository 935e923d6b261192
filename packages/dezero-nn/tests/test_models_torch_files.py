"""PyTorch's files of tensors: read as they are meant, and nothing in them is run."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_nn.models._torch_files import read_torch_file

# --- files by hand -------------------------------------------------------------------------------

START, STOP = b"\x80\x02", b"."
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(kind: str = "FloatStorage", key: str = "0", size: int = 6) -> bytes:
    parts = [text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"), number(size)]
    return b"(" + b"".join(parts) + b"tQ"


def tensor(
    source: bytes | None = None,
    shape: tuple[int, ...] = (2, 3),
    strides: tuple[int, ...] = (3, 1),
    offset: int = 0,
) -> bytes:
    parts = [source or storage(), number(offset), numbers(*shape), numbers(*strides), b"\x89}"]
    return REBUILD + b"(" + b"".join(parts) + b"tR"


def state(**tensors: bytes) -> bytes:
    items = b"".join(text(name) + value for name, value in tensors.items())
    return START + b"ccollections\nOrderedDict\n)R(" + items + b"u" + STOP


def write(path: Path, description: bytes, order: str = "little", **storages: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", description)
        archive.writestr("weights/byteorder", order)
        for key, data in (
            storages or {"k0": np.arange(6, dtype=f"{'<>'[order == 'big']}f4")}
        ).items():
            archive.writestr(f"weights/data/{key.removeprefix('k')}", bytes(data))
    return path


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = write(
        tmp_path / "w.pth", state(W=tensor(), b=tensor(shape=(3,), strides=(2,), offset=1))
    )
    arrays = read_torch_file(path)
    assert list(arrays) == ["W", "b"]
    np.testing.assert_array_equal(arrays["W"], np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(arrays["b"], np.array([1, 3, 5], dtype=np.float32))
    assert arrays["b"].dtype == np.float32


def test_the_order_of_bytes_is_the_files(tmp_path: Path) -> None:
    arrays = read_torch_file(write(tmp_path / "w.pth", state(W=tensor()), order="big"))
    np.testing.assert_array_equal(arrays["W"].ravel(), np.arange(6))
    assert arrays["W"].dtype == np.dtype(np.float32)


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    source = storage("BFloat16Storage", size=2)
    upper_halves = np.array([0x3F80, 0xC040], dtype="<u2").tobytes()  # 1.0, -3.0
    description = state(W=tensor(source, (2,), (1,)))
    arrays = read_torch_file(write(tmp_path / "w.pth", description, k0=upper_halves))
    np.testing.assert_array_equal(arrays["W"], np.array([1.0, -3.0], dtype=np.float32))


# --- files of PyTorch ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_zip", [True, False])
def test_what_pytorch_writes(tmp_path: Path, is_zip: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    written: dict[str, Any] = network.state_dict()
    whole = torch.randn(5, 4)
    written |= {
        "transposed": whole.T,
        "part": whole[1:, ::2],
        "half": torch.randn(3).half(),
        "double": torch.randn(2).double(),
        "bfloat16": torch.randn(4).bfloat16(),
        "flags": torch.tensor([True, False]),
        "bytes": torch.tensor([1, 255], dtype=torch.uint8),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.0),
        "parameter": torch.nn.Parameter(torch.randn(2)),
    }
    path = tmp_path / "w.pth"
    torch.save(written, path, _use_new_zipfile_serialization=is_zip)
    arrays = read_torch_file(path)
    assert list(arrays) == list(written)
    for name, value in written.items():
        expected = (value.float() if name == "bfloat16" else value).detach().numpy()
        np.testing.assert_array_equal(arrays[name], expected, err_msg=name)
        assert arrays[name].dtype == expected.dtype


@pytest.mark.parametrize("is_zip", [True, False])
def test_more_than_weights_is_refused_by_name(tmp_path: Path, is_zip: bool) -> None:
    torch = pytest.importorskip("torch")
    network, path = torch.nn.Linear(2, 3), tmp_path / "w.pth"
    for written, message in (
        (network, r"torch\.nn\.modules\.linear\.Linear"),
        ({"epoch": 3, "model": network.state_dict()}, r"more than tensors: epoch, model.*save"),
        ([torch.zeros(2)], "a list, not a dictionary of tensors"),
        ({"W": torch.zeros(2).to_sparse()}, r"_rebuild_sparse_tensor"),
    ):
        torch.save(written, path, _use_new_zipfile_serialization=is_zip)
        with pytest.raises(ValueError, match=message):
            read_torch_file(path)


# --- hostile files -------------------------------------------------------------------------------


class Calls:
    """Pickled, it asks the reader to call a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def touched(path: str) -> None:
    Path(path).touch()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nothing_is_called(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "victim"
    attack = pickle.dumps({"W": Calls(touched, str(victim))}, protocol)
    for path in (write(tmp_path / "zip.pth", attack), tmp_path / "bare.pth"):
        if path.name == "bare.pth":
            path.write_bytes(attack)
        with pytest.raises(ValueError, match=r"torch\.save, or is damaged: it "):
            read_torch_file(path)
    assert not victim.exists()
    pickle.loads(attack)
    assert victim.exists()  # the attack was one


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (START + b"cos\nsystem\n" + text("true") + b"\x85R" + STOP, r"refers to os\.system"),
        (START + b"cbuiltins\neval\n" + text("1") + b"\x85R" + STOP, r"refers to builtins\.eval"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93.", r"refers to os\.system"),
        (START + b"ctorch\nload\n" + text("x") + b"\x85R" + STOP, r"refers to torch\.load"),
        # Attributes of what is allowed.
        (START + b"ccollections\nOrderedDict.__init__\n.", r"collections\.OrderedDict\.__init__"),
        (START + b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "__globals__"),
        # A class is called, and state is set, by other opcodes too.
        (START + b"(ios\nsystem\n" + STOP, "opcode INST"),
        (START + b"ccollections\nOrderedDict\n)\x81" + STOP, "opcode NEWOBJ"),
        (START + b"\x82\x01" + STOP, "opcode EXT1"),
        (START + b"Ptag\n" + STOP, "opcode PERSID"),
        (START + b"ctorch\nFloatStorage\n)R" + STOP, r"would call torch\.FloatStorage"),
        (START + b"ctorch._utils\n_rebuild_tensor_v2\n}b" + STOP, "the name .* where a dict"),
        # The stack, the memo, marks, ends.
        (START + b"0" + STOP, "opcode POP"),
        (START + b"u" + STOP, "damaged"),
        (START + b"R" + STOP, "damaged"),
        (START + b"h\x05" + STOP, "damaged"),
        (START + b"]q", "damaged"),
        (START + b"}", "damaged"),
        (b"", "damaged"),
        (b"\xff\xff", "damaged"),
        (START + b"X\xff\xff\xff\xff" + b"W" + STOP, "damaged"),
        (START + b"}K\x01K\x02s" + STOP, "int where a str belongs"),
        (START + b"})" + b"\x85" * 200_000 + b"K\x01s" + STOP, "tuple where a str belongs"),
        (START + b"]" + STOP, "a list, not a dictionary"),
        (START + b"}" + text("lr") + b"K\x01s" + STOP, "more than tensors: lr"),
        # Tensors that are not in their storage.
        (state(W=tensor(shape=(7,), strides=(1,))), "beyond its storage of 6"),
        (state(W=tensor(shape=(2,), strides=(1,), offset=5)), "beyond its storage"),
        (state(W=tensor(shape=(2,), strides=(-1,), offset=3)), "strides"),
        (state(W=tensor(shape=(2,), strides=(1,), offset=-1)), "strides"),
        (state(W=tensor(shape=(-2, -3))), "strides"),
        (state(W=tensor(shape=(2, 3), strides=(1,))), "strides"),
        (state(W=tensor(shape=(2**31 - 1, 2**31 - 1), strides=(0, 0))), "beyond its storage"),
        (state(W=tensor(shape=(0, 2**31 - 1, 2**31 - 1), strides=(2**31 - 1,) * 3)), "damaged"),
        # Storages that are not what they say.
        (state(W=tensor(storage(size=5))), "has 24 bytes instead of 20|larger than it can be"),
        (state(W=tensor(storage(size=2**31 - 1))), "24 bytes instead"),
        (state(W=tensor(storage(size=-1))), "storage of -1 elements"),
        (state(W=tensor(storage(key="9"))), "no item named"),
        (state(W=tensor(storage(key="../data.pkl"))), "no item named"),
        (state(W=tensor(storage(kind="ComplexFloatStorage"))), r"torch\.ComplexFloatStorage"),
        (state(W=tensor(storage().replace(b"storage", b"modules"))), "refers to a modules"),
    ],
)
def test_hostile_and_damaged_descriptions(tmp_path: Path, description: bytes, message: str) -> None:
    path = write(tmp_path / "w.pth", description)
    with pytest.raises(ValueError, match=message):
        read_torch_file(path)


def test_archives_that_unfold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", state(W=tensor()), zipfile.ZIP_STORED)
        archive.writestr("weights/data/0", bytes(24))
    with pytest.raises(ValueError, match="weights/data/0 is compressed"):
        read_torch_file(path)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    np.savez(path.with_suffix(".npz"), W=np.zeros(3))
    with pytest.raises(ValueError, match=r"0 members \*/data\.pkl instead of one"):
        read_torch_file(path.with_suffix(".npz"))
    for content in (b"", b"PK\x03\x04", b"hello\n" * 100, pickle.dumps(1001), bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"w\.pth is no file of tensors"):
            read_torch_file(path)
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "nowhere.pth")


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, is_zip: bool) -> None:
    path = tmp_path / "w.pth"
    if is_zip:
        whole = write(path, state(W=tensor())).read_bytes()
    else:
        whole = legacy(state(W=tensor()), {"0": np.arange(6, dtype="<f4").tobytes()})
        path.write_bytes(whole)
        np.testing.assert_array_equal(read_torch_file(path)["W"].ravel(), np.arange(6))
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="no file of tensors"):
            read_torch_file(path)


def legacy(description: bytes, storages: dict[str, bytes]) -> bytes:
    """Return a file as PyTorch wrote it before 1.6."""
    file = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(value, file, 2)
    file.write(description)
    pickle.dump(list(storages), file, 2)
    for data in storages.values():
        file.write(struct.pack("<q", len(data) // 4) + data)
    return file.getvalue()


def test_legacy_files_that_contradict_themselves(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    for storages, message in (
        ({"0": bytes(20)}, "storage 0 has 5 elements, not 6"),
        ({"1": bytes(24)}, "damaged"),
        ({}, "damaged"),
    ):
        path.write_bytes(legacy(state(W=tensor()), storages))
        with pytest.raises(ValueError, match=message):
            read_torch_file(path)
