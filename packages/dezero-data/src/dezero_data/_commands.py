"""``python -m dezero_data``: what of the data sets is in the cache, getting it, removing it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dezero_core.files import cache_dir, remove_file, remove_leftovers
from dezero_data.datasets.base import DataFileError
from dezero_data.datasets.sources import SOURCES, RemoteFile

__all__ = ["main"]

_SUCCESS, _FAILURE, _INTERRUPTED = 0, 1, 130
_DESCRIPTION = """Look after the downloads of the data sets.

They are kept in the folder that --root names, else $DEZERO_HOME, else ~/.dezero."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code.

    It is 0 if all went well, 1 if something is missing, damaged or could not be done, 2 if the
    command line makes no sense, and 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        with _cache_at(getattr(options, "root", None)):
            code: int = options.run(options)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # `... list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    except OSError as error:
        _complain(error)
        return _FAILURE


def _parser() -> argparse.ArgumentParser:
    # Before the command or after it; without a default, so that the second does not undo the first.
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument(
        "--root", metavar="FOLDER", default=argparse.SUPPRESS, help="the folder of the downloads"
    )
    parser = argparse.ArgumentParser(
        prog="python -m dezero_data",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[root],
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    known = f"a data set: {', '.join(SOURCES)}"

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[root], help=text, description=f"{text}.")

    listing = command("list", "Show the files of each data set, and which of them are there")
    listing.set_defaults(run=_list)
    fetching = command("fetch", "Download data sets, as far as they are not there")
    fetching.add_argument("names", metavar="NAME", nargs="+", type=_data_set, help=known)
    fetching.set_defaults(run=_fetch)
    verifying = command("verify", "Compare files with their published checksums")
    verifying.add_argument(
        "names", metavar="NAME", nargs="*", type=_data_set, help=f"{known} (default: what is there)"
    )
    verifying.set_defaults(run=_verify)
    clearing = command("clear", "Remove downloads, broken ones too")
    clearing.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        type=_data_set,
        help=f"{known} (default: all of them, and what broken downloads of anything left)",
    )
    clearing.add_argument("--yes", action="store_true", help="do not ask")
    clearing.set_defaults(run=_clear)
    return parser


def _data_set(text: str) -> str:
    for name in SOURCES:
        if name.lower() == text.lower():
            return name
    raise argparse.ArgumentTypeError(
        f"there is no data set {text!r} that is downloaded; there are {', '.join(SOURCES)}"
    )


def _list(options: argparse.Namespace) -> int:
    rows = [("data set", "file", "size", "in the cache")]
    for name, files in SOURCES.items():
        rows += [
            (name if file is files[0] else "", file.file_name, _size(file.bytes), _state(file))
            for file in files
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print(f"folder: {cache_dir()}\n")
    for name, file_name, size, state in rows:
        line = f"{name:{widths[0]}}  {file_name:{widths[1]}}  {size:>{widths[2]}}  {state}"
        print(line.rstrip())
    print("\nOnly sizes are looked at here; `verify` compares checksums.")
    return _SUCCESS


def _fetch(options: argparse.Namespace) -> int:
    code = _SUCCESS
    for name, file in _files(options.names):
        try:
            path = file.fetch()
        except OSError as error:
            _complain(error)
            code = _FAILURE
        else:
            print(f"{name}: {path}", flush=True)
    return code


def _verify(options: argparse.Namespace) -> int:
    wanted = list(_files(options.names or SOURCES))
    if not options.names:
        wanted = [(name, file) for name, file in wanted if _path(file).exists()]
        if not wanted:
            print(f"no data set is in {cache_dir()}")
    faults = []
    for name, file in wanted:
        try:
            file.check(_path(file))
        except FileNotFoundError:
            state = "missing"
        except DataFileError as error:
            _complain(error)
            state = "damaged"
        else:
            state = "right"
        print(f"{name}: {file.file_name}: {state}", flush=True)
        if state != "right":
            faults.append(file.file_name)
    if faults:
        _complain(f"not as published: {', '.join(faults)}")
    return _FAILURE if faults else _SUCCESS


def _clear(options: argparse.Namespace) -> int:
    files = [file for _, file in _files(options.names or SOURCES)]
    present = {path for file in files for path in (_path(file), _part(file)) if path.exists()}
    if not options.names:
        present.update(cache_dir().glob("*.part"))
    if present and not options.yes and not _agreed(sorted(present)):
        print("nothing was removed")
        return _FAILURE
    code, count = _SUCCESS, 0
    for file in files:
        try:
            count += remove_file(file.file_name)
        except OSError as error:
            _complain(error)
            code = _FAILURE
    others = [] if options.names else remove_leftovers()
    if others:
        print(f"removed what broken downloads left of: {', '.join(others)}")
    print(f"removed {_number(count)} from {cache_dir()}")
    return code


def _agreed(paths: Sequence[Path]) -> bool:
    for path in paths:
        print(f"  {path.name}")
    size = _size(sum(path.stat().st_size for path in paths))
    try:
        answer = input(f"Remove {_number(len(paths))}, {size}, from {cache_dir()}? [y/N] ")
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ("y", "yes")


def _state(file: RemoteFile) -> str:
    path, part = _path(file), _part(file)
    if path.exists():
        size = path.stat().st_size
        return "whole" if size == file.bytes else f"damaged: {size} instead of {file.bytes} bytes"
    if part.exists():
        return f"broken off at {part.stat().st_size * 100 // file.bytes} %"
    return "-"


def _files(names: Iterable[str]) -> Iterator[tuple[str, RemoteFile]]:
    for name in dict.fromkeys(names):
        for file in SOURCES[name]:
            yield name, file


def _path(file: RemoteFile) -> Path:
    return cache_dir() / file.file_name


def _part(file: RemoteFile) -> Path:
    return cache_dir() / f"{file.file_name}.part"  # as `dezero_core.files` says


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _number(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _complain(what: object) -> None:
    lines = [str(what), *getattr(what, "__notes__", ())]
    print("\n".join(lines), file=sys.stderr, flush=True)


@contextmanager
def _cache_at(root: str | None) -> Iterator[None]:
    """Let the cache be another folder; the data sets know it from the environment alone."""
    before = os.environ.get("DEZERO_HOME")
    if root is not None:
        os.environ["DEZERO_HOME"] = root
    try:
        yield
    finally:
        if root is not None:
            if before is None:
                del os.environ["DEZERO_HOME"]
            else:
                os.environ["DEZERO_HOME"] = before
