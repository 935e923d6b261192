from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_core.files import DownloadError
from dezero_data import CIFAR10, CIFAR100, DataFileError, DataLoader
from dezero_data.datasets.cifar import read_cifar
from dezero_data.datasets.sources import RemoteFile

RANDOM = np.random.RandomState(0)


def records(count: int, classes: tuple[int, ...]) -> np.ndarray[Any, Any]:
    labels = np.stack([RANDOM.randint(0, size, count) for size in classes], axis=1)
    return np.concatenate([labels, RANDOM.randint(0, 256, (count, 3072))], axis=1).astype(np.uint8)


TEN = {f"cifar-10-batches-bin/data_batch_{n}.bin": records(2, (10,)) for n in range(1, 6)}
TEN["cifar-10-batches-bin/test_batch.bin"] = records(3, (10,))
HUNDRED = {
    "cifar-100-binary/train.bin": records(4, (20, 100)),
    "cifar-100-binary/test.bin": records(3, (20, 100)),
}


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        # The last first: the order in the archive is not the order of the data.
        for name, content in reversed(members.items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def remote(name: str, content: bytes) -> RemoteFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return RemoteFile(name, (f"http://localhost:1/{name}",), len(content), sha256, None)


PACKED_TEN = archive({name: values.tobytes() for name, values in TEN.items()})
PACKED_HUNDRED = archive({name: values.tobytes() for name, values in HUNDRED.items()})


class Ten(CIFAR10):
    _ARCHIVE = remote("ten.tar.gz", PACKED_TEN)
    _COUNT = (2, 3)


class Hundred(CIFAR100):
    _ARCHIVE = remote("hundred.tar.gz", PACKED_HUNDRED)
    _COUNT = (4, 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ten.tar.gz").write_bytes(PACKED_TEN)
    (tmp_path / "hundred.tar.gz").write_bytes(PACKED_HUNDRED)
    return tmp_path


def unpack(root: Path) -> None:
    for name, values in (TEN | HUNDRED).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(values.tobytes())
    for path in root.glob("*.tar.gz"):
        path.unlink()


class TestReadCifar:
    def test_reads(self) -> None:
        wanted = HUNDRED["cifar-100-binary/train.bin"]
        images, labels = read_cifar(io.BytesIO(wanted.tobytes()), 4, (20, 100))
        assert (images.shape, images.dtype) == ((4, 3, 32, 32), np.uint8)
        np.testing.assert_array_equal(images.reshape(4, 3072), wanted[:, 2:])
        np.testing.assert_array_equal(labels, wanted[:, :2])

    @pytest.mark.parametrize("change", [-3073, -1, 1, 3073])
    def test_another_size(self, change: int) -> None:
        content = bytes(2 * 3073 + change)
        with pytest.raises(DataFileError, match=r"bytes, not the 6146 of 2 records"):
            read_cifar(io.BytesIO(content), 2, (10,))

    def test_a_label_without_a_class(self) -> None:
        content = bytearray(2 * 3074)
        content[3074 + 1] = 100
        with pytest.raises(DataFileError, match="record 1 has the label 100, and labels go from 0"):
            read_cifar(io.BytesIO(content), 2, (20, 100))

    def test_reads_no_more_than_one_byte_too_many(self) -> None:
        file = io.BytesIO(bytes(10**6))
        with pytest.raises(DataFileError, match="holds at least 3074 bytes"):
            read_cifar(file, 1, (10,))
        assert file.tell() == 3074

    @given(
        content=st.binary(max_size=50)
        | st.tuples(st.binary(min_size=1, max_size=3), st.integers(3070, 3075)).map(
            lambda pair: pair[0] + bytes(pair[1])
        ),
        classes=st.sampled_from([(10,), (20, 100)]),
        count=st.integers(0, 2),
    )
    def test_any_bytes_give_arrays_or_the_documented_error(
        self, content: bytes, classes: tuple[int, ...], count: int
    ) -> None:
        try:
            images, labels = read_cifar(io.BytesIO(content), count, classes)
        except DataFileError:
            return
        assert images.shape == (count, 3, 32, 32)
        assert labels.shape == (count, len(classes))
        assert (labels < classes).all()


@pytest.mark.parametrize("packed", [True, False])
class TestBoth:
    def test_cifar10(self, packed: bool, root: Path) -> None:
        if not packed:
            unpack(root)
        for train in (True, False):
            names = [name for name in TEN if ("test" in name) != train]
            wanted = np.concatenate([TEN[name] for name in names])
            ten = Ten(train=train, root=str(root))
            np.testing.assert_array_equal(ten.data.reshape(-1, 3072), wanted[:, 1:])
            np.testing.assert_array_equal(ten.label, wanted[:, 0])
            assert ten.label.dtype == np.int64
            assert ten.data.flags.c_contiguous

    def test_cifar100(self, packed: bool, root: Path) -> None:
        if not packed:
            unpack(root)
        wanted = HUNDRED["cifar-100-binary/test.bin"]
        fine, coarse = (
            Hundred(train=False, label_type=kind, root=root) for kind in ("fine", "coarse")
        )
        np.testing.assert_array_equal(fine.label, wanted[:, 1])
        np.testing.assert_array_equal(coarse.label, wanted[:, 0])
        np.testing.assert_array_equal(fine.data, coarse.data)
        assert fine.label_type == "fine"


def test_the_folder_of_the_files_itself(root: Path) -> None:
    unpack(root)
    assert len(Ten(root=root / "cifar-10-batches-bin")) == 10


def test_default_transform(root: Path) -> None:
    ten = Ten(root=root)
    x, t = next(DataLoader(ten, 4, shuffle=False))
    assert (x.shape, x.dtype) == ((4, 3, 32, 32), np.float32)
    np.testing.assert_allclose(x, ten.data[:4] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(t, ten.label[:4])
    assert Ten(root=root, transform=None)[0][0].dtype == np.uint8


class TestBadInput:
    def test_a_damaged_archive_is_refused_before_it_is_read(self, root: Path) -> None:
        (root / "ten.tar.gz").write_bytes(PACKED_TEN[:-100])
        with pytest.raises(DataFileError, match=r"ten\.tar\.gz is another file.*its sha256 is"):
            Ten(root=root)

    @pytest.mark.parametrize("end", [5, 100, len(PACKED_TEN) // 2, len(PACKED_TEN) - 1000])
    def test_an_archive_that_was_published_damaged(
        self, end: int, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = PACKED_TEN[:end]
        (root / "ten.tar.gz").write_bytes(content)
        monkeypatch.setattr(Ten, "_ARCHIVE", remote("ten.tar.gz", content))
        with pytest.raises(DataFileError, match=r"ten\.tar\.gz"):
            Ten(root=root)

    def test_an_archive_that_lacks_a_file(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = archive({"cifar-10-batches-bin/data_batch_1.bin": bytes(2 * 3073)})
        (root / "ten.tar.gz").write_bytes(content)
        monkeypatch.setattr(Ten, "_ARCHIVE", remote("ten.tar.gz", content))
        with pytest.raises(DataFileError, match=r"lacks cifar-10-batches-bin/data_batch_2\.bin"):
            Ten(root=root)

    def test_a_truncated_file(self, root: Path) -> None:
        unpack(root)
        path = root / "cifar-10-batches-bin" / "data_batch_3.bin"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(
            DataFileError, match=r"data_batch_3\.bin holds 6145 bytes, not the 6146"
        ):
            Ten(root=root)

    def test_wrong_folders(self, root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        with pytest.raises(FileNotFoundError, match=r"Ten: there is no folder .*nowhere"):
            Ten(root=root / "nowhere")
        with pytest.raises(
            FileNotFoundError, match=r"neither ten\.tar\.gz nor cifar-10-batches-bin"
        ):
            Ten(root=tmp_path_factory.mktemp("empty"))

    def test_label_type(self, root: Path) -> None:
        with pytest.raises(ValueError, match="label_type is 'fine' or 'coarse', not 'medium'"):
            Hundred(label_type="medium", root=root)
        with pytest.raises(ValueError, match="label_type is 'fine' or 'coarse'"):
            CIFAR100.labels("medium")

    def test_offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DEZERO_HOME", str(tmp_path / "cache"))
        with pytest.raises(DownloadError) as caught:
            Ten()
        assert f"put the file at {tmp_path / 'cache' / 'ten.tar.gz'}, with sha256" in str(
            caught.value
        )
        assert "Ten(root=folder)" in "".join(caught.value.__notes__)


def test_from_the_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEZERO_HOME", str(root))
    assert len(Ten()) == 10


def test_reads_no_pickle() -> None:
    source = Path(sys.modules[CIFAR10.__module__].__file__ or "").read_text()
    assert "import pickle" not in source
    assert all("binary" in url for each in (CIFAR10, CIFAR100) for url in each._ARCHIVE.urls)


def test_labels() -> None:
    ten = CIFAR10.labels()
    assert list(ten) == list(range(10))
    assert list(ten.values()) == sorted(ten.values())
    assert (ten[0], ten[3], ten[9]) == ("airplane", "cat", "truck")
    fine, coarse = CIFAR100.labels(), CIFAR100.labels("coarse")
    assert (len(fine), len(set(fine.values())), list(fine)) == (100, 100, list(range(100)))
    assert list(fine.values()) == sorted(fine.values())
    assert (fine[0], fine[1], fine[99]) == ("apple", "aquarium fish", "worm")
    assert (len(coarse), coarse[0], coarse[19]) == (20, "aquatic mammals", "vehicles 2")
    assert list(coarse.values()) == sorted(coarse.values())


def test_show(root: Path) -> None:
    pytest.importorskip("PIL", reason="needs the extra images")
    ten = Ten(root=root)
    picture = ten.show(1, 2, rng=np.random.default_rng(0))
    assert (picture.size, picture.mode) == ((64, 32), "RGB")
    first = np.random.default_rng(0).choice(10, 2, replace=False)[0]
    np.testing.assert_array_equal(np.asarray(picture)[:, :32], ten.data[first].transpose(1, 2, 0))
