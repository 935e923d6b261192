from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dezero_core import Variable
from dezero_core.testing import fake_device
from dezero_viz import Monitor
from dezero_viz.monitor._live import in_notebook


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(folder: Path | None, epochs: int, *, stop: int | None = None, **options: Any) -> Monitor:
    """Log the loss 1 / epoch in two batches of 3 and of 1 examples."""
    with Monitor(folder, show=False, **options) as monitor:
        for epoch in monitor.epochs(epochs):
            for x in monitor.batches([np.ones(3), np.ones(1)]):
                monitor.log(loss=1 / epoch, size=len(x))
            if epoch == stop:
                break
    return monitor


# --- means ---------------------------------------------------------------------------------------


def test_a_number_counts_as_much_as_its_batch_has_examples() -> None:
    history = run(None, 2).history
    assert history == {"loss": [1.0, 0.5], "size": [(3 * 3 + 1 * 1) / 4] * 2}


@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.float32(2), np.array(2.0), np.array([[2]]), Variable(np.array(2.0)), np.int64(2)],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_all_kinds(value: Any) -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            monitor.log({"a b": value})
    assert monitor.history == {"a b": [2.0]}


def test_batches_may_be_tuples_dictionaries_variables_and_anything() -> None:
    batches = [
        (np.ones((2, 5)), np.ones(2)),
        {"x": Variable(np.ones(4))},
        "text",
        [],
    ]
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            for i, _ in enumerate(monitor.batches(iter(batches), total=4)):
                monitor.log(i=i)
    # weights 2, 4, 1, 1
    assert monitor.history["i"] == [(0 * 2 + 1 * 4 + 2 * 1 + 3 * 1) / 8]


def test_a_weight_of_ones_own() -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            monitor.log(loss=1.0, weight=3)
            monitor.log(loss=5.0, weight=1)
            monitor.log(nothing=1.0, weight=0)
    assert monitor.history["loss"] == [2.0]
    assert math.isnan(monitor.history["nothing"][0])


def test_a_part_names_what_is_logged_and_counts_no_steps() -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(2):
            for _ in monitor.batches(range(3)):
                monitor.log(loss=1.0)
                for _ in monitor.batches(range(2), "test"):  # in the middle of training
                    monitor.log(loss=2.0)
                monitor.log(after=3.0)
    assert monitor.history == {
        "loss": [1.0, 1.0],
        "test loss": [2.0, 2.0],
        "after": [3.0, 3.0],
    }
    assert (monitor.epoch, monitor.step) == (2, 6)


def test_what_is_not_logged_in_an_epoch_is_nan() -> None:
    with Monitor(show=False) as monitor:
        for epoch in monitor.epochs(3):
            if epoch == 2:
                monitor.log(rare=1.0)
            monitor.log(loss=epoch)
    np.testing.assert_array_equal(monitor.history["rare"], [math.nan, 1.0, math.nan])


def test_numbers_on_a_device_are_read_at_the_end_in_one_transfer() -> None:
    with fake_device() as device, Monitor(show=False) as monitor:
        batches = [device.asarray(np.full(n, float(n))) for n in (1, 2, 3)]
        device.reset()
        for _ in monitor.epochs(1):
            for x in monitor.batches(batches):
                with device.forbid():
                    mean = x.mean()
                    monitor.log(mean=mean, loss=Variable(mean), host=1.0)
                    mean += 100  # what was logged is the number at that time
        assert (device.syncs, device.transfers) == (0, 1)
    assert monitor.history == {"mean": [14 / 6], "loss": [14 / 6], "host": [1.0]}


# --- files ---------------------------------------------------------------------------------------


def test_a_table_and_json_lines(tmp_path: Path) -> None:
    run(tmp_path / "runs" / "a", 2)
    rows = table(tmp_path / "runs" / "a" / "epochs.csv")
    assert [list(row) for row in rows] == [["epoch", "step", "seconds", "loss", "size"]] * 2
    assert [(row["epoch"], row["step"], row["loss"]) for row in rows] == [
        ("1", "2", "1.0"),
        ("2", "4", "0.5"),
    ]
    records = lines(tmp_path / "runs" / "a" / "log.jsonl")
    assert [(r["kind"], r["epoch"], r["loss"], r["size"]) for r in records] == [
        ("epoch", 1, 1.0, 2.5),
        ("epoch", 2, 0.5, 2.5),
    ]
    assert records[0]["time"] <= records[1]["time"]


def test_lines_are_there_as_soon_as_they_are_known(tmp_path: Path) -> None:
    names = ("epochs.csv", "steps.csv", "log.jsonl")
    seen = []
    with Monitor(tmp_path, show=False, every=1) as monitor:
        for _ in monitor.epochs(2):
            for _ in monitor.batches(range(2)):
                monitor.log(loss=1.0)
            paths = [tmp_path / name for name in names]
            seen.append([len(p.read_text().splitlines()) if p.exists() else 0 for p in paths])
    assert seen == [[0, 3, 2], [2, 5, 5]]  # the tables with their header


def test_the_means_of_every_so_many_batches(tmp_path: Path) -> None:
    with Monitor(tmp_path, show=False, every=2) as monitor:
        for _ in monitor.epochs(1):
            for i in monitor.batches(range(5)):
                monitor.log(i=i)
            for _ in monitor.batches(range(5), "test"):
                monitor.log(i=100)
    rows = [(row["epoch"], row["step"], row["i"]) for row in table(tmp_path / "steps.csv")]
    assert rows == [("1", "2", "0.5"), ("1", "4", "2.5"), ("1", "5", "4.0")]
    steps = [r for r in lines(tmp_path / "log.jsonl") if r["kind"] == "step"]
    assert [r["i"] for r in steps] == [0.5, 2.5, 4.0]


def test_a_quantity_that_comes_later_gets_a_column(tmp_path: Path) -> None:
    with Monitor(tmp_path, show=False) as monitor:
        for epoch in monitor.epochs(3):
            monitor.log(loss=epoch)
            if epoch == 2:
                monitor.log({'a "test", once': 7})
    rows = table(tmp_path / "epochs.csv")
    assert [row['a "test", once'] for row in rows] == ["", "7.0", ""]
    assert [row["loss"] for row in rows] == ["1.0", "2.0", "3.0"]


def test_what_is_not_finite(tmp_path: Path) -> None:
    with Monitor(tmp_path, show=False) as monitor:
        for _ in monitor.epochs(1):
            monitor.log(a=math.nan, b=math.inf)
    (row,) = table(tmp_path / "epochs.csv")
    assert (row["a"], row["b"]) == ("nan", "inf")
    (record,) = lines(tmp_path / "log.jsonl")
    assert (record["a"], record["b"]) == (None, None)


def test_files_that_are_not_wanted(tmp_path: Path) -> None:
    run(tmp_path / "a", 1, csv=False)
    run(tmp_path / "b", 1, jsonl=False)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["log.jsonl"]
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["epochs.csv"]


def test_another_run_is_not_overwritten_unless_that_is_said(tmp_path: Path) -> None:
    run(tmp_path, 2, every=1)
    before = (tmp_path / "epochs.csv").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        run(tmp_path, 1)
    assert (tmp_path / "epochs.csv").read_bytes() == before
    run(tmp_path, 1, overwrite=True)
    assert len(table(tmp_path / "epochs.csv")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs.csv", "log.jsonl"]


def test_tensorboard_gets_the_curves(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra [tensorboard] is not installed")
    with Monitor(tmp_path, tensorboard=True, every=1, show=False) as monitor:
        for epoch in monitor.epochs(2):
            for _ in monitor.batches(range(2)):
                monitor.log({"train loss": epoch})
    assert scalars(tmp_path) == [
        ("steps/train_loss", 1, 1.0),
        ("steps/train_loss", 2, 1.0),
        ("epochs/seconds", 2, pytest.approx(0, abs=5)),
        ("epochs/train_loss", 2, 1.0),
        ("steps/train_loss", 3, 2.0),
        ("steps/train_loss", 4, 2.0),
        ("epochs/seconds", 4, pytest.approx(0, abs=5)),
        ("epochs/train_loss", 4, 2.0),
    ]


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """Read event files: records of a length, its checksum, the event and its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            n = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + n])
            data = data[16 + n :]
            found += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
    return found


def test_tensorboard_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install dezero-viz\[tensorboard\]"):
        Monitor(tmp_path, tensorboard=True)


# --- going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["after the batches", "in the second batch of epoch 2"])
def test_a_run_goes_on_from_a_state(tmp_path: Path, where: str) -> None:
    def train(monitor: Monitor, first_batch: int, state: list[Any]) -> None:
        for epoch in monitor.epochs(4):
            batches = list(range(3))[first_batch:]
            first_batch = 0
            for i in monitor.batches(batches):
                monitor.log(loss=10 * epoch + i)
                if where != "after the batches" and (epoch, i) == (2, 1):
                    state.append(json.loads(json.dumps(monitor.state_dict())))
            monitor.log({"test loss": epoch})
            if where == "after the batches" and epoch == 2:
                state.append(json.loads(json.dumps(monitor.state_dict())))

    state: list[Any] = []
    with Monitor(tmp_path, every=2, show=False) as whole:
        train(whole, 0, state)
    expected = {name: table(tmp_path / name) for name in ("epochs.csv", "steps.csv")}
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text() + '{"kind": "epo')  # cut off

    with Monitor(tmp_path, every=2, show=False) as monitor:
        monitor.load_state_dict(state[0])
        assert monitor.step == (6 if where == "after the batches" else 5)
        train(monitor, 0 if where == "after the batches" else 2, [])
    assert monitor.history == whole.history
    assert (monitor.epoch, monitor.step) == (4, 12)
    rows = table(tmp_path / "epochs.csv")
    assert [{**row, "seconds": ""} for row in rows] == [
        {**row, "seconds": ""} for row in expected["epochs.csv"]
    ]
    if where == "after the batches":
        assert table(tmp_path / "steps.csv") == expected["steps.csv"]
    epochs = [r["epoch"] for r in lines(tmp_path / "log.jsonl") if r["kind"] == "epoch"]
    assert epochs == [1, 2, 3, 4]


def test_tensorboard_forgets_what_came_after_the_state(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra [tensorboard] is not installed")
    from tensorboardX.proto.event_pb2 import SessionLog

    state = run(tmp_path, 3, tensorboard=True).state_dict()
    with Monitor(tmp_path, tensorboard=True, show=False) as monitor:
        monitor.load_state_dict({**state, "rows": state["rows"][:1], "step": 2})
        for _ in monitor.epochs(2):
            monitor.log(loss=9.0)
    assert SessionLog.START in session_starts(tmp_path)
    assert session_starts(tmp_path)[SessionLog.START] == 3


def session_starts(folder: Path) -> dict[int, int]:
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.glob("events.out.tfevents.*"):
        data = path.read_bytes()
        while data:
            n = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + n])
            data = data[16 + n :]
            if event.HasField("session_log"):
                found[event.session_log.status] = event.step
    return found


def test_a_state_of_something_else_changes_nothing() -> None:
    monitor = run(None, 2)
    fresh = Monitor(show=False)
    for state in ({}, {"rows": [{"epoch": 2, "step": 1}]}, {**monitor.state_dict(), "step": "x"}):
        with pytest.raises(ValueError, match="no state of a monitor"):
            fresh.load_state_dict(state)
    assert (fresh.epoch, fresh.history) == (0, {})


def test_a_state_is_loaded_before_the_loop() -> None:
    state = run(None, 1).state_dict()
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            with pytest.raises(RuntimeError, match="before the loop"):
                monitor.load_state_dict(state)


def test_an_epoch_that_break_leaves_counts_and_one_that_fails_does_not(tmp_path: Path) -> None:
    assert run(tmp_path / "a", 5, stop=2).history["loss"] == [1.0, 0.5]
    assert len(table(tmp_path / "a" / "epochs.csv")) == 2
    with (
        pytest.raises(KeyboardInterrupt),
        Monitor(tmp_path / "b", show=False) as monitor,
    ):
        for epoch in monitor.epochs(3):
            for _ in monitor.batches(range(2)):
                monitor.log(loss=epoch)
                if epoch == 2:
                    raise KeyboardInterrupt
    assert monitor.history["loss"] == [1.0]
    assert [row["epoch"] for row in table(tmp_path / "b" / "epochs.csv")] == ["1"]
    assert [r["epoch"] for r in lines(tmp_path / "b" / "log.jsonl")] == [1]


# --- the console and the notebook ----------------------------------------------------------------


def test_the_console_has_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Monitor() as monitor:
        for epoch in monitor.epochs(10):
            for _ in monitor.batches(range(2)):
                monitor.log(loss=1 / epoch)
            if epoch == 9:
                monitor.log({"a long name": 1e-7})
            if epoch == 10:
                break
    out, err = capsys.readouterr()
    shown = out.splitlines()
    assert err == ""
    assert shown[0] == "epoch    seconds       loss"
    assert shown[1] == " 1/10        0.0          1"
    assert shown[3] == " 3/10        0.0    0.33333"
    assert shown[9:11] == [
        "epoch    seconds       loss  a long name",
        " 9/10        0.0    0.11111        1e-07",
    ]
    assert len(shown) == 12
    assert out.replace("\n", "").isprintable()


def test_nothing_is_shown_where_that_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    run(None, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_shows_a_bar_that_leaves_no_trace() -> None:
    import fcntl
    import pty
    import struct
    import termios

    program = textwrap.dedent(
        """
        import time
        from dezero_viz import Monitor
        with Monitor() as monitor:
            for _ in monitor.epochs(1):
                for _ in monitor.batches(range(8)):
                    time.sleep(0.15)
                    monitor.log(loss=0.5)
        """
    )
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=inner, stderr=inner, close_fds=True
    ) as process:
        os.close(inner)
        shown = b""
        while True:
            try:
                piece = os.read(outer, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(outer)
    assert process.returncode == 0
    text = shown.decode()
    assert "epoch 1/1" in text and "/8 [" in text and "loss 0.5]" in text
    last = text.rstrip("\r\n").replace("\r\n", "\n").split("\n")[-1].split("\r")[-1]
    assert last.split()[::2] == ["1/1", "0.5"]


def test_a_notebook_shows_curves_that_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, str]]] = []

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            assert raw
            shown.append(("update", bundle))

    def display(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw and display_id
        shown.append(("display", bundle))
        return Handle()

    ipython: Any = ModuleType("IPython")
    ipython.version_info = (9, 0)  # matplotlib asks for it
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    ipython.display = ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    monkeypatch.setattr("dezero_viz.monitor._display._REFRESH", 0.0)
    with Monitor() as monitor:
        for _ in monitor.epochs(2):
            for _ in monitor.batches(range(2)):
                monitor.log({"<loss>": 0.5})
    pictures = [how for how, bundle in shown if "image/png" in bundle]
    progress = [bundle["text/html"] for _, bundle in shown if "text/html" in bundle]
    assert pictures == ["display", "update"]
    assert len(progress) == 4
    assert 'max="2" value="1"' in progress[0]
    assert "epoch 2/2, batch 2/2: &lt;loss&gt; 0.5" in progress[-1]
    assert [how for how, _ in shown].count("display") == 2


def test_a_program_that_merely_loaded_ipython_is_no_notebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = lambda: None
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert in_notebook() is False


# --- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({1: 2.0}, TypeError, "a name is a string"),
        ({"": 2.0}, ValueError, "not a line of printable text"),
        ({"a\nb": 2.0}, ValueError, "not a line of printable text"),
        ({"epoch": 2.0}, ValueError, "the monitor's own"),
        ({"loss": "low"}, TypeError, "'loss' must be a real number"),
        ({"loss": None}, TypeError, "'loss' must be a real number"),
        ({"loss": np.array(1j)}, TypeError, "'loss' must be a real number"),
        ({"loss": np.ones(3)}, ValueError, r"must be one number, got float64\[3\]; log its mean"),
        ({"loss": Variable(np.ones((2, 2)))}, ValueError, "must be one number"),
        ([1.0], TypeError, "give numbers by name"),
    ],
)
def test_logging_what_cannot_be(arguments: Any, error: type[Exception], message: str) -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            with pytest.raises(error, match=message):
                monitor.log(arguments)
            with pytest.raises(error, match=message):
                # What comes before is not kept either.
                monitor.log({"good": 1.0, **arguments} if isinstance(arguments, dict) else 1.0)
    assert monitor.history == {}


def test_logging_when_nothing_runs() -> None:
    monitor = Monitor(show=False)
    with pytest.raises(RuntimeError, match=r"log: no epoch runs; call it inside"):
        monitor.log(loss=1.0)
    with pytest.raises(RuntimeError, match=r"batches: no epoch runs"):
        monitor.batches([])
    monitor.close()
    monitor.close()
    for call in (
        lambda: monitor.log(loss=1.0),
        lambda: monitor.batches([]),
        lambda: monitor.epochs(1),
        lambda: monitor.load_state_dict({}),
    ):
        with pytest.raises(RuntimeError, match="the monitor is closed"):
            call()


@pytest.mark.parametrize("weight", [-1, math.inf, math.nan])
def test_a_weight_that_is_none(weight: float) -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            with pytest.raises(ValueError, match="weight is a finite number"):
                monitor.log(loss=1.0, weight=weight)
            with pytest.raises(TypeError, match="weight is a number, got 'many'"):
                monitor.log(loss=1.0, weight="many")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"folder": 3}, TypeError, "folder must be a path, got int"),
        ({"every": 0, "folder": "x"}, ValueError, "1 or more"),
        ({"every": 1.5, "folder": "x"}, TypeError, "every is a number of batches"),
        ({"every": 1}, ValueError, "give a folder"),
        ({"tensorboard": True}, ValueError, "give a folder"),
    ],
)
def test_options_that_cannot_be(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Monitor(**options)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Monitor: cannot make the folder") as caught:
        Monitor(tmp_path / "file" / "run")
    assert isinstance(caught.value, NotADirectoryError)


@pytest.mark.parametrize(("n", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_number_of_epochs_that_is_none(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Monitor\.epochs: the number of epochs"):
        Monitor(show=False).epochs(n)


def test_loaders_and_parts_that_are_none() -> None:
    with Monitor(show=False) as monitor:
        for _ in monitor.epochs(1):
            with pytest.raises(TypeError, match="a loader can be gone through, a int cannot"):
                monitor.batches(3)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="part is a string"):
                monitor.batches([], 3)  # type: ignore[arg-type]
