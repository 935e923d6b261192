"""Worker processes: the same batches, errors that arrive, and nothing left behind."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dezero_data import DataLoader, TokenLoader, WorkerError
from dezero_data.dataloaders._shared import layout_of, new_block, pack, unpack

IMPORTABLE = str(Path(__file__).parent / "importable")
# Spawned processes have the same path.
sys.path.insert(0, IMPORTABLE)

import sets_for_workers as sets  # noqa: E402


def processes(loader: DataLoader) -> list[Any]:
    workers = loader._running.workers
    return [] if workers is None else [worker.process for worker in workers._workers]


def equal(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(x, x2) and np.array_equal(t, t2)
        for (x, t), (x2, t2) in zip(some, others, strict=True)
    )


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def noisy() -> Iterator[DataLoader]:
    """One loader for several tests, since processes take their time to start."""
    loader = DataLoader(sets.Noisy(41), 4, seed=3, num_workers=2)
    yield loader
    pids = [process.pid for process in processes(loader)]
    assert len(pids) == 2
    del loader


class TestSameBatches:
    def test_over_several_epochs_by_the_same_processes(self, noisy: DataLoader) -> None:
        plain = DataLoader(sets.Noisy(41), 4, seed=3)
        assert equal(list(noisy), list(plain))
        pids = [process.pid for process in processes(noisy)]
        assert equal(list(noisy), list(plain))
        assert [process.pid for process in processes(noisy)] == pids
        assert os.getpid() not in pids

    def test_after_break(self, noisy: DataLoader) -> None:
        next(noisy)
        noisy.reset()
        plain = DataLoader(sets.Noisy(41), 4, seed=3)
        plain._begin(noisy.epoch)
        next(noisy)
        for _ in noisy:  # after a first batch: a new epoch
            break
        plain.reset()
        assert noisy.epoch == plain.epoch
        assert equal([next(noisy)], [(next(plain), next(plain))[1]])

    def test_goes_on_from_what_was_handed_out(self, noisy: DataLoader) -> None:
        noisy.reset()
        for _ in range(3):
            next(noisy)
        state = noisy.state_dict()
        assert state["iteration"] == 3
        rest = [next(noisy) for _ in range(8)]
        plain = DataLoader(sets.Noisy(41), 4, seed=3)
        plain.load_state_dict(state)
        assert equal(list(plain), rest)
        noisy.load_state_dict(state)
        assert equal(list(noisy), rest)

    def test_with_four_workers_a_thread_and_a_collate(self) -> None:
        options: dict[str, Any] = {"seed": 1, "collate": sets.as_dict}
        many = DataLoader(sets.Noisy(20), 3, num_workers=4, prefetch=2, **options)
        plain = DataLoader(sets.Noisy(20), 3, **options)
        for _ in range(2):
            for batch, wanted in zip(many, plain, strict=True):
                assert batch["names"] == wanted["names"]
                assert np.array_equal(batch["sum"], wanted["sum"])

    def test_global_generators_are_repeatable_too(self) -> None:
        drawn = [
            [x.tolist() for x, _ in DataLoader(sets.GlobalDraws(), 2, seed=1, num_workers=count)]
            for count in (1, 2)
        ]
        assert drawn[0] == drawn[1]
        assert len({value for batch in drawn[0] for value in batch}) == 8


class TestSharedMemory:
    def test_large_batches_stay_what_they_are(self) -> None:
        loader = DataLoader(sets.Marks(300), 1, shuffle=False, num_workers=2)
        kept = list(loader)  # more than may lie where the workers put them
        again = [x for x, _ in loader]
        for number, (x, t) in enumerate(kept):
            assert x.shape == (1, 100, 100)
            assert t.item() == number
            assert (x == number).all()
            assert (again[number] == number).all()
        kept[0][0][...] = -1  # a batch belongs to whoever has it
        assert (kept[1][0] == 1).all()

    def test_memory_is_used_again(self) -> None:
        loader = DataLoader(sets.Marks(200), 1, shuffle=False, num_workers=2)
        for number, (x, _) in enumerate(loader):
            assert (x == number).all()
        blocks = [len(worker._maps) for worker in loader._running.workers._workers]  # type: ignore[union-attr]
        assert max(blocks) <= 12

    def test_memory_is_used_again_after_breaks(self) -> None:
        loader = DataLoader(sets.Marks(40), 1, seed=0, num_workers=2)
        for _ in range(30):
            for done, (x, t) in enumerate(loader):
                assert (x == t.item()).all()
                if done == 3:
                    break
        blocks = [len(worker._maps) for worker in loader._running.workers._workers]  # type: ignore[union-attr]
        assert max(blocks) <= 12

    def test_batches_outlive_the_loader(self) -> None:
        loader = DataLoader(sets.Marks(4), 2, shuffle=False, num_workers=1)
        x, _ = next(loader)
        del loader
        gc.collect()
        assert x.sum() == 100 * 100

    def test_arrays_of_the_data_set_are_not_copied(self, tmp_path: Path) -> None:
        shared = np.arange(12.0).reshape(4, 3)
        loader = DataLoader(sets.InMemory(shared), 4, shuffle=False, num_workers=1)
        x, _ = next(loader)
        assert x.tolist() == np.arange(12.0).reshape(4, 3).tolist()
        assert shared[0, 0] == 0  # what a worker writes is its own
        np.save(tmp_path / "x.npy", shared)
        for view in (slice(None), slice(1, 3)):
            mapped = np.load(tmp_path / "x.npy", mmap_mode="c")[view]
            loader = DataLoader(sets.InMemory(mapped), 4, shuffle=False, num_workers=1)
            x, kinds = next(loader)
            assert x.tolist() == shared[view].tolist()
            assert kinds[0] == "memmap mmap"

    def test_without_shared_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dezero_data.dataloaders._workers.CAN_SHARE", False)
        shared = np.arange(12.0).reshape(4, 3)
        x, kinds = next(DataLoader(sets.InMemory(shared), 4, shuffle=False, num_workers=1))
        assert x.tolist() == np.arange(12.0).reshape(4, 3).tolist()
        assert kinds[0].startswith("ndarray")

    def test_a_mapped_file_is_not_read_to_be_sent(self, tmp_path: Path) -> None:
        np.arange(100000, dtype=np.uint16).tofile(tmp_path / "tokens")
        tokens = np.memmap(tmp_path / "tokens", np.uint16, mode="r")
        for array in (tokens, tokens[5:-5], np.asarray(tokens)[7:]):
            data, buffers = pack(array)
            assert len(data) < 1000 and not buffers
            assert np.array_equal(unpack(data, [], b""), array)
        loader = TokenLoader(tokens, 2, 4, num_workers=1)
        assert next(loader)[0].tolist() == [[0, 1, 2, 3], [49999, 50000, 50001, 50002]]

    def test_arrays_of_any_layout(self) -> None:
        array = np.arange(24).reshape(2, 3, 4)
        for each in (array, array.T, array[:, ::2], array[:0], np.array(3)):
            data, buffers = pack({"x": each, "y": [each.copy()]})
            assert len(buffers) == 2
            layout, size = layout_of(buffers)
            memory = np.zeros(size, np.uint8)
            for buffer, (start, length) in zip(buffers, layout, strict=True):
                assert start % 64 == 0
                memory[start : start + length] = np.frombuffer(buffer.raw(), np.uint8)
            found = unpack(data, layout, memory)
            assert np.array_equal(found["x"], each) and np.array_equal(found["y"][0], each)

    def test_more_memory_than_there_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def full(descriptor: int, start: int, size: int) -> None:
            asked.append(descriptor)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left") as caught:
            new_block(100)
        assert caught.value.__notes__ == [
            "There are no 100 bytes of memory to share between processes."
        ]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(asked[0])


class TestWhatGoesWrong:
    def test_an_error_of_the_data_set_is_what_it_was(self, tmp_path: Path) -> None:
        loader = DataLoader(sets.Failing("raises", tmp_path), 1, shuffle=False, num_workers=1)
        assert [next(loader)[1].item() for _ in range(2)] == [0, 1]
        with pytest.raises(OSError, match="no such sheep") as caught:
            next(loader)
        notes = "\n".join(caught.value.__notes__)
        assert "position 0 of the batch, index 2 of the data set" in notes
        assert "This was in worker 0 (process" in notes
        # The traceback begins with the code of the user.
        lines = notes.partition("Traceback (most recent call last):\n")[2].splitlines()
        assert "sets_for_workers.py" in lines[0]
        assert lines[-1] == "OSError: no such sheep"
        # The process lives, and is asked again.
        pids = [process.pid for process in processes(loader)]
        assert [t.item() for _, t in (next(loader), next(loader))] == [2, 3]
        assert [process.pid for process in processes(loader)] == pids

    def test_a_connection_that_the_data_set_loses(self, tmp_path: Path) -> None:
        dataset = sets.Failing("loses its server", tmp_path)
        loader = DataLoader(dataset, 4, shuffle=False, num_workers=1)
        with pytest.raises(ConnectionResetError, match="the sheep's"):
            next(loader)
        assert next(loader)[1].tolist() == [0, 1, 2, 3]

    def test_a_batch_that_cannot_be_sent(self) -> None:
        loader = DataLoader([1, 2], 1, num_workers=1, collate=sets.as_generator)
        with pytest.raises(TypeError, match="cannot pickle 'generator' object"):
            next(loader)

    def test_an_error_that_cannot_travel(self, tmp_path: Path) -> None:
        dataset = sets.Failing("raises strangely", tmp_path)
        loader = DataLoader(dataset, 4, shuffle=False, num_workers=1)
        with pytest.raises(
            WorkerError, match=r"batch 0 failed(?s:.)*UnpicklableError: code 3: wolf\n.*index 2"
        ):
            next(loader)

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ("is killed", r"died of SIGKILL with exit code -9 with batch 2 to do, items 2\. .*mem"),
            ("crashes", r"died of SIGSEGV with exit code -11 with batch 2 .*num_workers=0 to see"),
            ("exits", r"died with exit code 7 with batch 2 to do, items 2"),
        ],
    )
    @pytest.mark.parametrize("prefetch", [0, 1])
    def test_a_worker_that_dies(
        self, tmp_path: Path, how: str, message: str, prefetch: int
    ) -> None:
        loader = DataLoader(
            sets.Failing(how, tmp_path), 1, shuffle=False, num_workers=1, prefetch=prefetch
        )
        got = []
        with pytest.raises(WorkerError, match=message):
            while True:
                got.append(next(loader)[1].item())
        assert got == [0, 1]
        assert processes(loader) == []
        assert [t.item() for _, t in (next(loader), next(loader))] == [2, 3]

    def test_a_time_out(self, tmp_path: Path) -> None:
        dataset = sets.Failing("sleeps", tmp_path)
        loader = DataLoader(dataset, 1, shuffle=False, num_workers=1, timeout=2)
        with pytest.raises(
            TimeoutError, match=r"batch 2 did not come from worker 0 .* within 2 s; .* items 2"
        ):
            list(loader)
        assert processes(loader) == []
        assert next(loader)[1].item() == 2

    @pytest.mark.parametrize(
        ("dataset", "message"),
        [
            ([lambda: 1], r"this list cannot be pickled .*take num_workers=0"),
            (
                sets.NotThere(),
                r"worker \d .* could not load the data set(?s:.)*No module named 'secret'",
            ),
            (sets.EndsProcess(), r'exit code 3 while it started.*if __name__ == "__main__"'),
        ],
    )
    def test_a_data_set_that_does_not_arrive(self, dataset: Any, message: str) -> None:
        with pytest.raises(WorkerError, match=message):
            next(DataLoader(dataset, 1, num_workers=1))

    def test_a_collate_that_cannot_be_sent(self) -> None:
        loader = DataLoader([1, 2], 1, num_workers=1, collate=lambda items: items)
        with pytest.raises(WorkerError, match=r"collate=<function .*lambda.* cannot be pickled"):
            next(loader)

    def test_a_script_without_a_guard(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "from dezero_data import DataLoader\n"
            "print(next(DataLoader([(1, 2)], 1, num_workers=1)))\n"
        )
        run = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
        )
        assert run.returncode == 1
        assert 'keeps what it does under `if __name__ == "__main__":`' in run.stderr


class TestNothingIsLeft:
    def test_when_a_loader_is_dropped_in_mid_epoch(self, tmp_path: Path) -> None:
        for prefetch in (0, 1):
            loader = DataLoader(sets.Noisy(100), 2, num_workers=2, prefetch=prefetch)
            next(loader)
            pids = [process.pid for process in processes(loader)]
            assert all(map(is_alive, pids))
            del loader
            assert not any(map(is_alive, pids))

    def test_in_the_middle_of_a_slow_batch(self, tmp_path: Path) -> None:
        loader = DataLoader(sets.Slow(tmp_path), 2, num_workers=2, prefetch=1)
        loader._running.stream = loader._open()
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [process.pid for process in processes(loader)]
        del loader
        assert not any(map(is_alive, pids))

    def test_when_the_data_set_grows_there_are_new_workers(self) -> None:
        pairs = [(0.0, 0)]
        loader = DataLoader(pairs, 2, shuffle=False, num_workers=1)
        assert [t.tolist() for _, t in loader] == [[0]]
        (old,) = [process.pid for process in processes(loader)]
        pairs.append((1.0, 1))
        loader.reset()
        assert [t.tolist() for _, t in loader] == [[0, 1]]
        assert not is_alive(old)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_when_the_process_is_interrupted_or_killed(self, tmp_path: Path, number: int) -> None:
        program = (
            f"import sys; sys.path.insert(0, {IMPORTABLE!r})\n"
            "from pathlib import Path\n"
            "from dezero_data import DataLoader\n"
            "from sets_for_workers import Slow\n"
            "if __name__ == '__main__':\n"
            f"    next(DataLoader(Slow(Path({str(tmp_path)!r})), 2, num_workers=2))\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [int(path.name) for path in tmp_path.iterdir()]
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does, to all of them
        else:
            process.kill()
        _, noise = process.communicate(timeout=60)
        if number == signal.SIGINT:
            assert noise.count("Traceback") == 1
            assert noise.rstrip().endswith("KeyboardInterrupt")
        wait_until(lambda: not any(map(is_alive, pids)))

    def test_a_loader_with_workers_can_be_pickled(self, noisy: DataLoader) -> None:
        noisy.reset()
        next(noisy)
        twin = pickle.loads(pickle.dumps(noisy))
        assert processes(twin) == []
        twin.num_workers = 0
        assert equal([next(twin)], [next(noisy)])
