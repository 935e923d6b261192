"""``python -m dezero``: what it prints, and what it returns."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dezero
import dezero_nn
from dezero import _commands
from dezero._commands import doctor, main
from dezero_core.backend import get_backend
from dezero_core.testing import fake_device

Output = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: Patch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEZERO_HOME", str(folder))
    monkeypatch.delenv("DEZERO_NUM_THREADS", raising=False)
    return folder


def line_of(what: str, output: str) -> str:
    (line,) = [line for line in output.splitlines() if line[6:].startswith(f"{what} ")]
    return line


class TestDoctor:
    def test_what_works(self, capsys: Output) -> None:
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert output.startswith("Python 3.")
        for name in ("dezero", "dezero-core", "dezero-nn", "dezero-optim", "dezero-viz"):
            assert line_of(name, output).split() == ["ok", name, dezero.__version__]
        assert line_of("numpy", output).startswith("  ok  numpy            computes with numpy 2")
        assert line_of("sin'(1)", output).endswith("0.5403023058681398")
        assert line_of("sin''(1)", output).endswith("-0.8414709848078965")
        assert "!!" not in output
        assert output.endswith(("everything else works\n", "everything works\n"))

    def test_threads_are_as_the_variable_says(self, capsys: Output, monkeypatch: Patch) -> None:
        monkeypatch.setenv("DEZERO_NUM_THREADS", "3")
        assert main(["doctor"]) == 0
        assert "3, as DEZERO_NUM_THREADS says" in capsys.readouterr().out
        monkeypatch.setenv("DEZERO_NUM_THREADS", "many")
        assert main(["doctor"]) == 1
        output = capsys.readouterr().out
        assert "DEZERO_NUM_THREADS is a positive integer, not 'many'" in output
        assert output.endswith("to be put right: computing\n")

    @pytest.mark.parametrize(
        ("taken_for", "flags", "is_told"),
        [
            ("Haswell", "fma avx2 avx512f avx512dq avx512bw avx512vl", True),
            ("Haswell", "fma avx2 avx512f", False),
            ("Zen", "fma avx2", False),
            ("SkylakeX", "fma avx2 avx512f avx512dq avx512bw avx512vl", False),
        ],
    )
    def test_a_processor_that_openblas_does_not_know(
        self,
        taken_for: str,
        flags: str,
        is_told: bool,
        capsys: Output,
        monkeypatch: Patch,
        tmp_path: Path,
    ) -> None:
        library = {"user_api": "blas", "internal_api": "openblas", "version": "0.3"}
        found = [library | {"num_threads": 2, "architecture": taken_for}]
        monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: found)
        monkeypatch.setattr("dezero_core.blas.lacks_avx512", lambda: taken_for != "SkylakeX")
        (tmp_path / "cpuinfo").write_text(f"model : 1\nflags\t: fpu {flags}\n")
        monkeypatch.setattr(doctor, "_CPU_INFO", tmp_path / "cpuinfo")
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert f"openblas 0.3 for {taken_for}, 2 threads" in output
        assert ("OPENBLAS_CORETYPE=SKYLAKEX" in output) == is_told

    def test_compiled_packages_are_told(
        self, capsys: Output, monkeypatch: Patch, tmp_path: Path
    ) -> None:
        import dezero_optim

        (tmp_path / "sgd.cpython-311.so").touch()
        monkeypatch.setattr(dezero_optim, "__file__", str(tmp_path / "__init__.py"))
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert line_of("dezero-optim", output).endswith(f"{dezero.__version__}, compiled")
        assert line_of("dezero-data", output).endswith(dezero.__version__)

    def test_what_is_missing_comes_with_what_to_install(
        self, capsys: Output, monkeypatch: Patch
    ) -> None:
        find = importlib.util.find_spec
        hidden = {"PIL", "safetensors", "tensorboardX"}
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in hidden else find(name)
        )
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert line_of("pillow", output).endswith("pip install 'dezero[images]'")
        assert line_of("safetensors", output).endswith("pip install 'dezero[safetensors]'")
        assert line_of("tensorboardX", output).endswith("pip install 'dezero[tensorboard]'")
        assert "graphviz-pure" in line_of("dot", output)
        assert "not there, and not needed for the rest: " in output

    def test_a_package_that_is_gone_or_broken(self, capsys: Output, monkeypatch: Patch) -> None:
        version, load = doctor.version, importlib.import_module

        def no_optim(name: str) -> str:
            if name in ("dezero-optim", "dezero-cuda"):
                raise PackageNotFoundError(name)
            return version(name)

        def no_viz(name: str, package: str | None = None) -> Any:
            if name == "dezero_viz":
                raise ImportError("no library libfoo")
            return load(name, package)

        monkeypatch.setattr(doctor, "version", no_optim)
        monkeypatch.setattr(importlib, "import_module", no_viz)
        assert main(["doctor"]) == 1
        output = capsys.readouterr().out
        assert line_of("dezero-optim", output).startswith("  !!")
        assert line_of("dezero-optim", output).endswith("pip install dezero-optim")
        assert line_of("dezero-cuda", output).startswith("  no")
        assert "cannot be imported (ImportError: no library libfoo)" in output
        assert output.endswith("to be put right: dezero-optim, dezero-viz\n")

    @pytest.mark.parametrize("reason", [None, "cuDNN: it is not there. pip install it"])
    def test_cudnn(self, reason: str | None, capsys: Output, monkeypatch: Patch) -> None:
        numpy = get_backend("numpy")
        monkeypatch.setattr("dezero_core.backend.backends", lambda: {"cuda": numpy})
        there = SimpleNamespace(diagnose_cudnn=lambda: reason, __file__=__file__)
        monkeypatch.setitem(sys.modules, "dezero_cuda", there)
        assert main(["doctor"]) == 0
        line = line_of("cuDNN", capsys.readouterr().out)
        wanted = "ok  cuDNN            computes convolutions"
        assert line.strip() == (wanted if reason is None else f"no  cuDNN            {reason}")

    def test_a_dot_that_does_not_start(
        self, capsys: Output, monkeypatch: Patch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / "dot"))
        failed = SimpleNamespace(returncode=127, stdout="", stderr="no library")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
        assert main(["doctor"]) == 1
        assert "does not start" in line_of("dot", capsys.readouterr().out)

    def test_a_wrong_derivative_is_told(self, capsys: Output, monkeypatch: Patch) -> None:
        from dezero_core import functions

        monkeypatch.setattr(functions, "sin", functions.cos)
        assert main(["doctor"]) == 1
        assert "instead of 0.54030230586813" in line_of("sin'(1)", capsys.readouterr().out)

    def test_the_cache(self, capsys: Output, cache: Path) -> None:
        assert main(["doctor"]) == 0
        assert "which the first download makes" in capsys.readouterr().out
        (cache / "unpacked").mkdir(parents=True)
        (cache / "unpacked" / "data.bin").write_bytes(bytes(300_000))
        (cache / "weights.npz.part").write_bytes(bytes(1_200_000))
        assert main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert f"{cache}, 2 entries, 1.5 MB" in output
        assert "unpacked, 0.3 MB" in output
        assert "weights.npz.part, 1.2 MB: a download that broke off" in output
        for i in range(10):
            (cache / f"file{i}").touch()
        main(["doctor"])
        assert "and 4 more" in capsys.readouterr().out

    def test_a_cache_that_is_no_folder(self, capsys: Output, cache: Path) -> None:
        cache.write_text("a file")
        assert main(["doctor"]) == 1
        assert "DEZERO_HOME" in line_of("folder", capsys.readouterr().out)


class TestModels:
    def test_a_summary_is_that_of_the_library(self, capsys: Output) -> None:
        assert main(["summary", "MLP", "--sizes", "100,10", "--input-shape", "32,784"]) == 0
        wanted = dezero_nn.summary(dezero_nn.MLP((100, 10)), (32, 784))
        assert capsys.readouterr().out == f"{wanted}\n"

    @pytest.mark.parametrize(
        ("name", "parameters"),
        [
            ("SqueezeNet", "1,235,496"),
            ("resnet18", "11,689,512"),
            ("ResNet50", "25,557,032"),
            ("vgg16", "138,357,544"),
        ],
    )
    def test_models_of_images_have_a_shape(
        self, name: str, parameters: str, capsys: Output
    ) -> None:
        assert main(["summary", name]) == 0
        assert f"\n{parameters} parameters, 0 of them frozen" in capsys.readouterr().out

    def test_a_plot(self, tmp_path: Path, capsys: Output) -> None:
        file = tmp_path / "mlp.dot"
        arguments = ["--sizes", "4, 3", "--input-shape", "2,5", "--to-file", str(file)]
        assert main(["plot", "mlp", *arguments]) == 0
        assert capsys.readouterr().out == f"{file}\n"
        text = file.read_text()
        assert text.startswith("digraph") and "l1/W: (4, 3) float32" in text

    def test_a_plot_is_called_after_its_model(
        self, tmp_path: Path, monkeypatch: Patch, capsys: Output
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["plot", "mlp", "--sizes", "3", "--input-shape", "2,5"]) == 0
        assert capsys.readouterr().out == "mlp.png\n"
        assert (tmp_path / "mlp.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["summary", "mlp"], r"outputs of each layer, --sizes 1000,10"),
            (["summary", "mlp", "--sizes", "3"], r"--input-shape 1,784"),
            (["summary", "vgg16", "--sizes", "3"], r"--sizes is for mlp"),
            (["summary", "vgg16", "--input-shape", "1,3,8,8"], r"VGG16: pooling: the kernel"),
            (["plot", "vgg16", "--input-shape", "1,3,8,8"], r"VGG16: pooling: the kernel"),
            (
                ["plot", "mlp", "--sizes=3", "--input-shape=1,2", "--to-file=no/where/x.png"],
                r"the folder 'no/where' does not exist",
            ),
            (
                ["plot", "mlp", "--sizes=3", "--input-shape=1,2", "--to-file=x.bmp"],
                r"plot_graph: .*bmp",
            ),
        ],
    )
    def test_what_does_not_fit_is_one_line(
        self, arguments: list[str], message: str, capsys: Output
    ) -> None:
        assert main(arguments) == 1
        caught = capsys.readouterr()
        assert caught.out == ""
        assert caught.err.startswith(f"dezero {arguments[0]}: ")
        assert caught.err.count("\n") == 1
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(caught.err)


class TestBench:
    def test_three_figures(self, capsys: Output) -> None:
        assert main(["bench", "--seconds", "0.01"]) == 0
        output = capsys.readouterr().out
        assert output.count(" ms\n") == 3
        assert output.count(" images/s\n") == 2 and output.count(" GFLOP/s\n") == 1
        figures = [float(line.split()[-2]) for line in output.splitlines() if line.endswith(" ms")]
        assert all(figure > 0 for figure in figures)
        assert "hatch run bench" in output

    def test_another_device(self, capsys: Output) -> None:
        with fake_device():
            assert main(["bench", "--seconds", "0.01", "--device", "fake"]) == 0
        output = capsys.readouterr().out
        assert output.startswith("on fake, ") and output.count(" ms\n") == 3

    @pytest.mark.skipif(dezero.cuda.gpu_enable, reason="this machine has a GPU that works")
    def test_no_gpu(self, capsys: Output) -> None:
        assert main(["bench", "--device", "cuda"]) == 1
        caught = capsys.readouterr()
        assert caught.out == "" and caught.err.startswith("dezero bench: ")
        assert re.search("pip install|driver|device", caught.err)

    def test_no_such_device(self, capsys: Output) -> None:
        assert main(["bench", "--device", "tpu"]) == 1
        assert "there is no device 'tpu'" in capsys.readouterr().err


class TestCommandLine:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "COMMAND"),
            (["doctors"], "invalid choice: 'doctors'"),
            (["summary"], "MODEL"),
            (["summary", "__import__('os')"], "there is no model .* there are mlp, resnet18"),
            (["summary", "mlp", "--sizes", "3,x"], "positive integers .* not '3,x'"),
            (["summary", "mlp", "--input-shape", "0,3"], "positive integers .* not '0,3'"),
            (["bench", "--seconds", "soon"], "from 0 to 3600, not 'soon'"),
            (["bench", "--seconds", "nan"], "from 0 to 3600, not 'nan'"),
        ],
    )
    def test_what_makes_no_sense(self, arguments: list[str], message: str, capsys: Output) -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(" ".join(capsys.readouterr().err.split()))

    @pytest.mark.parametrize("arguments", [["--help"], ["doctor", "-h"], ["plot", "-h"]])
    def test_help(self, arguments: list[str], capsys: Output) -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: dezero ")

    def test_ctrl_c(self, monkeypatch: Patch, capsys: Output) -> None:
        def interrupt(options: object) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(_commands, "_run", interrupt)
        assert main(["bench"]) == 130
        assert capsys.readouterr().err == "interrupted\n"

    def test_as_a_module(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "dezero", "--version"], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, f"dezero {dezero.__version__}\n")

    def test_a_reader_that_goes_away(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "dezero", "summary", "squeezenet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        with process.stderr as errors:
            assert errors.read() == b""
        assert process.wait() == 1

    def test_as_a_script(self) -> None:
        (script,) = entry_points(group="console_scripts", name="dezero")
        assert script.load() is main
