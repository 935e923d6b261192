from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dezero_data import _commands
from dezero_data._commands import main
from dezero_data.datasets.sources import SOURCES, RemoteFile

CONTENTS = {"images.gz": bytes(range(256)) * 800, "labels.gz": b"012", "text.txt": b"to be"}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("DEZERO_HOME", str(folder))
    return folder


@pytest.fixture
def mirror(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served, with the files of two small data sets."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        images, labels, text = (
            RemoteFile(
                name,
                (address + name,),
                len(content),
                hashlib.sha256(content).hexdigest(),
                None,
            )
            for name, content in CONTENTS.items()
        )
        monkeypatch.setattr(_commands, "SOURCES", {"Marks": (images, labels), "Bard": (text,)})
        yield folder
        server.shutdown()
        thread.join()


Output = pytest.CaptureFixture[str]


class TestList:
    def test_nothing_is_there(self, mirror: Path, cache: Path, capsys: Output) -> None:
        assert main(["list"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"folder: {cache}",
            "",
            "data set  file         size  in the cache",
            "Marks     images.gz  0.2 MB  -",
            "          labels.gz  0.0 kB  -",
            "Bard      text.txt   0.0 kB  -",
            "",
            "Only sizes are looked at here; `verify` compares checksums.",
        ]

    def test_tells_what_is_whole(self, mirror: Path, cache: Path, capsys: Output) -> None:
        (cache / "images.gz.part").write_bytes(CONTENTS["images.gz"][: 256 * 200])
        (cache / "labels.gz").write_bytes(b"012")
        (cache / "text.txt").write_bytes(b"to")
        main(["list"])
        lines = capsys.readouterr().out.splitlines()[3:6]
        states = ["broken off at 25 %", "whole", "damaged: 2 instead of 5 bytes"]
        assert [line.split("B  ")[1] for line in lines] == states

    def test_the_real_ones(self, cache: Path, capsys: Output) -> None:
        assert main(["list"]) == 0
        out = capsys.readouterr().out
        for name, files in SOURCES.items():
            assert name in out
            assert all(file.file_name in out for file in files)


class TestFetch:
    def test_downloads_what_is_not_there(self, mirror: Path, cache: Path, capsys: Output) -> None:
        assert main(["fetch", "marks", "Bard", "Marks"]) == 0
        assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS
        assert capsys.readouterr().out.splitlines() == [
            f"Marks: {cache / 'images.gz'}",
            f"Marks: {cache / 'labels.gz'}",
            f"Bard: {cache / 'text.txt'}",
        ]
        (mirror / "labels.gz").unlink()
        assert main(["fetch", "Marks"]) == 0

    def test_goes_on_after_a_failure(self, mirror: Path, cache: Path, capsys: Output) -> None:
        (mirror / "images.gz").unlink()
        (mirror / "labels.gz").write_bytes(b"o12")
        assert main(["fetch", "Marks", "Bard"]) == 1
        out, err = capsys.readouterr()
        assert out == f"Bard: {cache / 'text.txt'}\n"
        assert "images.gz: HTTP 404" in err
        assert f"put the file at {cache / 'labels.gz'}, with sha256" in err
        assert os.listdir(cache) == ["text.txt"]

    def test_another_folder(self, mirror: Path, cache: Path, tmp_path: Path) -> None:
        before = os.environ["DEZERO_HOME"]
        assert main(["--root", str(tmp_path / "one"), "fetch", "Bard"]) == 0
        assert main(["fetch", "--root", str(tmp_path / "two"), "Bard"]) == 0
        assert os.listdir(tmp_path / "one") == os.listdir(tmp_path / "two") == ["text.txt"]
        assert os.listdir(cache) == []
        assert os.environ["DEZERO_HOME"] == before

    def test_a_folder_that_cannot_be(self, mirror: Path, tmp_path: Path, capsys: Output) -> None:
        assert main(["fetch", "--root", str(mirror / "text.txt"), "Bard"]) == 1
        assert "set DEZERO_HOME to another folder" in capsys.readouterr().err

    def test_ctrl_c(self, mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
        def interrupt(file: RemoteFile) -> Path:
            raise KeyboardInterrupt

        monkeypatch.setattr(RemoteFile, "fetch", interrupt)
        assert main(["fetch", "Bard"]) == 130
        assert capsys.readouterr() == ("", "interrupted\n")


class TestVerify:
    def test_tells_damaged_files(self, mirror: Path, cache: Path, capsys: Output) -> None:
        main(["fetch", "Marks", "Bard"])
        capsys.readouterr()
        assert main(["verify"]) == 0
        assert capsys.readouterr() == (
            "Marks: images.gz: right\nMarks: labels.gz: right\nBard: text.txt: right\n",
            "",
        )
        (cache / "labels.gz").write_bytes(b"o12")
        assert main(["verify"]) == 1
        out, err = capsys.readouterr()
        assert "Marks: labels.gz: damaged" in out
        assert err.splitlines()[-1] == "not as published: labels.gz"
        assert main(["verify", "bard"]) == 0

    def test_missing_files(self, mirror: Path, cache: Path, capsys: Output) -> None:
        assert main(["verify"]) == 0
        assert capsys.readouterr().out == f"no data set is in {cache}\n"
        assert main(["verify", "Bard"]) == 1
        assert capsys.readouterr() == (
            "Bard: text.txt: missing\n",
            "not as published: text.txt\n",
        )
        (cache / "text.txt").mkdir()
        assert main(["verify", "Bard"]) == 1
        assert "Is a directory" in capsys.readouterr().err


class TestClear:
    @pytest.fixture
    def full(self, mirror: Path, cache: Path) -> Path:
        for name in ("images.gz", "labels.gz.part", "labels.gz.part.json", "labels.gz.lock"):
            (cache / name).write_bytes(b"1")
        for name in ("text.txt", "weights.npz", "other.npz.part"):
            (cache / name).write_bytes(b"1")
        return cache

    def test_one(self, full: Path, capsys: Output) -> None:
        assert main(["clear", "--yes", "Marks"]) == 0
        assert sorted(os.listdir(full)) == ["other.npz.part", "text.txt", "weights.npz"]
        assert capsys.readouterr().out == f"removed 2 files from {full}\n"

    def test_all_that_are_ours(self, full: Path, capsys: Output) -> None:
        assert main(["clear", "--yes"]) == 0
        assert os.listdir(full) == ["weights.npz"]
        assert "left of: other.npz\nremoved 3 files" in capsys.readouterr().out
        assert main(["clear"]) == 0  # nothing to ask about

    @pytest.mark.parametrize("answer", ["", "n", "no", "maybe", None])
    def test_asks(
        self, answer: str | None, full: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
    ) -> None:
        questions = []

        def ask(question: str) -> str:
            questions.append(question)
            if answer is None:
                raise EOFError
            return answer

        monkeypatch.setattr("builtins.input", ask)
        before = sorted(os.listdir(full))
        assert main(["clear"]) == 1
        assert sorted(os.listdir(full)) == before
        assert questions == [f"Remove 4 files, 0.0 kB, from {full}? [y/N] "]
        assert capsys.readouterr().out.split() == [
            *("images.gz", "labels.gz.part", "other.npz.part", "text.txt"),
            *("nothing", "was", "removed"),
        ]

    def test_yes(self, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda question: " Y ")
        assert main(["clear", "Bard"]) == 0
        assert not (full / "text.txt").exists()

    def test_what_is_in_use_stays(
        self, full: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
    ) -> None:
        def refuse(name: str) -> Any:
            raise BlockingIOError(f"another process is working on {name}")

        monkeypatch.setattr(_commands, "remove_file", refuse)
        assert main(["clear", "--yes", "Bard"]) == 1
        assert capsys.readouterr().err == "another process is working on text.txt\n"


class TestCommandLine:
    def run(self, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dezero_data", *arguments],
            capture_output=True,
            text=True,
            check=False,
            **settings,
        )

    def test_runs_as_a_module(self, cache: Path) -> None:
        done = self.run("list")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"folder: {cache}\n")
        done = self.run("clear", input="")
        assert (done.returncode, done.stdout) == (0, f"removed 0 files from {cache}\n")

    def test_a_reader_that_leaves(self, cache: Path) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as gone:
            done = subprocess.run(
                [sys.executable, "-m", "dezero_data", "list"],
                stdout=gone,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, b"")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "required: COMMAND"),
            (["remove"], "invalid choice: 'remove'"),
            (["fetch"], "required: NAME"),
            (["fetch", "NIST"], "no data set 'NIST' that is downloaded; there are MNIST, Fashion"),
        ],
    )
    def test_makes_no_sense(self, arguments: list[str], message: str, capsys: Output) -> None:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert message in " ".join(capsys.readouterr().err.split())

    @pytest.mark.parametrize("command", ["list", "fetch", "verify", "clear"])
    def test_help(self, command: str, capsys: Output) -> None:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        assert "--root FOLDER" in capsys.readouterr().out
