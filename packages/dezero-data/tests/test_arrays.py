from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dezero_data import ArrayDataset, DataFileError, DataLoader, NpyFolder
from dezero_data.transforms import ToFloat


class TestArrayDataset:
    def test_items(self) -> None:
        pairs = ArrayDataset([[1, 2], [3, 4]], [5, 6], transform=ToFloat())
        x, t = pairs[1]
        assert (x.tolist(), x.dtype, t) == ([3, 4], np.float32, 6)
        xs, ts = pairs.__getitems__(np.array([1, 0]))
        assert (xs.tolist(), ts.tolist()) == ([[3, 4], [1, 2]], [6, 5])  # type: ignore[union-attr]

    def test_without_labels(self) -> None:
        assert ArrayDataset(np.zeros(3))[0] == (0.0, None)

    def test_the_array_itself(self) -> None:
        data = np.zeros(3)
        assert ArrayDataset(data).data is data

    @pytest.mark.parametrize(
        ("data", "label", "error", "message"),
        [
            (np.zeros(3), np.zeros(2), ValueError, "3 items of data, but 2 labels"),
            (np.float32(1), None, ValueError, r"data has no axis of items, its shape is \(\)"),
            ([[1], [1, 2]], None, TypeError, "data makes no array"),
            ([0], [object()], TypeError, "label holds Python objects"),
        ],
    )
    def test_refuses(self, data: Any, label: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            ArrayDataset(data, label)

    def test_pickle(self) -> None:
        again = pickle.loads(pickle.dumps(ArrayDataset([1, 2], [3, 4])))
        assert again[1] == (2, 4)

    def test_repr(self) -> None:
        pairs = ArrayDataset(np.zeros((4, 3, 8), np.float32), np.zeros(4, np.uint8))
        assert repr(pairs) == "<ArrayDataset: 4 items, data float32 (3, 8), labels uint8>"


class TestFromNpy:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        np.save(tmp_path / "data.npy", np.arange(12.0).reshape(4, 3))
        np.save(tmp_path / "label.npy", np.arange(4))
        return tmp_path / "data.npy", tmp_path / "label.npy"

    def test_items(self, files: tuple[Path, Path]) -> None:
        mapped = ArrayDataset.from_npy(*files)
        x, t = next(DataLoader(mapped, 2, shuffle=False))
        assert (x.tolist(), t.tolist()) == ([[0, 1, 2], [3, 4, 5]], [0, 1])
        assert type(x) is np.ndarray
        x[:] = 7  # a batch is a copy
        assert mapped[0][0].tolist() == [0, 1, 2]
        with pytest.raises(ValueError, match="read-only"):
            mapped[0][0][:] = 7

    def test_is_mapped_and_not_sent(self, files: tuple[Path, Path]) -> None:
        np.save(files[0], np.zeros((1000, 1000)))
        np.save(files[1], np.zeros(1000))
        mapped = ArrayDataset.from_npy(*files, transform=ToFloat())
        sent = pickle.dumps(mapped)
        assert len(sent) < 2000
        again = pickle.loads(sent)
        assert again.data.shape == (1000, 1000)
        assert again[3][0].dtype == np.float32
        assert not again.data.flags.owndata

    def test_without_labels(self, files: tuple[Path, Path]) -> None:
        assert ArrayDataset.from_npy(str(files[0]))[1][1] is None

    def test_different_lengths(self, files: tuple[Path, Path]) -> None:
        np.save(files[1], np.arange(5))
        with pytest.raises(ValueError, match="4 items of data, but 5 labels"):
            ArrayDataset.from_npy(*files)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing\.npy"):
            ArrayDataset.from_npy(tmp_path / "nothing.npy")


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin1")


def saved(values: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, **options)
    return buffer.getvalue()


class TestDamagedFiles:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x93NUMPY",
            b"PK\x03\x04 an archive",
            saved(np.arange(10))[:-1],
            saved(np.array([{"a": 1}], dtype=object), allow_pickle=True),
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}\n"),
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n"),
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (9" + "0" * 30 + ",)}\n"),
            header("{'descr': '|V0', 'fortran_order': False, 'shape': (1099511627776,)}\n"),
            header("{'descr': '<f8'}\n"),
            header("__import__('os').abort()\n"),
            header("((((" * 50),
        ],
        ids=range(12),
    )
    def test_refuses(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "0.npy"
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=r"0\.npy is damaged, or is no npy file"):
            ArrayDataset.from_npy(path)
        with pytest.raises(DataFileError, match=r"0\.npy is damaged, or is no npy file"):
            NpyFolder(tmp_path)[0]

    @given(
        content=st.binary(max_size=60)
        | st.binary(max_size=30).map(lambda tail: b"\x93NUMPY\x01\x00" + tail)
        | st.text(max_size=60, alphabet="{}(),:' descrfontanhp_lFTu48<0123456789").map(
            lambda text: header(text + "\n")
        )
        | st.tuples(
            st.integers(0, 2**70), st.sampled_from(["<f8", "|O", "<U3", "x", "|V0", "<i0"])
        ).map(
            lambda pair: header(
                f"{{'descr': '{pair[1]}', 'fortran_order': False, 'shape': ({pair[0]},)}}\n"
            )
        )
    )
    def test_any_bytes_give_an_array_or_the_documented_error(
        self, content: bytes, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.getbasetemp() / "fuzz"
        folder.mkdir(exist_ok=True)
        (folder / "0.npy").write_bytes(content)
        try:
            x, _ = NpyFolder(folder)[0]
            assert x.size <= x.nbytes <= len(content)
        except DataFileError as error:
            assert "0.npy" in str(error)


class TestNpyFolder:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for name in ("data", "label"):
            (tmp_path / name).mkdir()
        for number in range(12):
            np.save(tmp_path / "data" / f"{number}.npy", np.full((2, 2), number))
            np.save(tmp_path / "label" / f"{number}.npy", number % 3)
        return tmp_path

    def test_items_in_the_order_of_their_numbers(self, root: Path) -> None:
        big = NpyFolder(root / "data", root / "label")
        assert len(big) == 12
        assert [x[0, 0] for x, _ in big] == list(range(12))  # type: ignore[attr-defined]
        assert big[-1][1] == 2

    def test_batches(self, root: Path) -> None:
        x, t = next(DataLoader(NpyFolder(root / "data", root / "label"), 5, shuffle=False))
        assert (x.shape, t.tolist()) == ((5, 2, 2), [0, 1, 2, 0, 1])

    def test_reads_late(self, root: Path) -> None:
        big = NpyFolder(root / "data")
        np.save(root / "data" / "3.npy", np.zeros(1))
        assert big[3][0].tolist() == [0]
        big[3][0][:] = 5  # the caller's to write to
        (root / "data" / "3.npy").unlink()
        with pytest.raises(FileNotFoundError, match=r"3\.npy"):
            big[3]

    def test_looks_at_npy_files_alone(self, root: Path) -> None:
        (root / "data" / ".hidden.npy").write_bytes(b"")
        (root / "data" / "notes.txt").write_bytes(b"")
        assert len(NpyFolder(root / "data")) == 12

    def test_an_array_without_an_axis_or_values(self, tmp_path: Path) -> None:
        np.save(tmp_path / "0.npy", np.float32(3))
        np.save(tmp_path / "1.npy", np.zeros((0, 2)))
        big = NpyFolder(tmp_path)
        assert (big[0][0].shape, big[0][0].item()) == ((), 3.0)
        assert big[1][0].shape == (0, 2)

    def test_a_missing_label(self, root: Path) -> None:
        (root / "label" / "7.npy").unlink()
        with pytest.raises(FileNotFoundError, match=r"label has no 7\.npy, but .*data has"):
            NpyFolder(root / "data", root / "label")

    def test_wrong_folders(self, root: Path, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"NpyFolder: there is no folder .*nowhere"):
            NpyFolder(root / "nowhere")
        with pytest.raises(FileNotFoundError, match="NpyFolder: there is no npy file in"):
            NpyFolder(tmp_path)

    def test_pickle_and_repr(self, root: Path) -> None:
        big = NpyFolder(root / "data", root / "label")
        assert pickle.loads(pickle.dumps(big))[4][1] == 1
        assert (
            repr(big)
            == f"<NpyFolder: 12 items, data from {root / 'data'}, labels from {root / 'label'}>"
        )
