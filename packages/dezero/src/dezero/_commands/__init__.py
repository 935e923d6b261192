"""``python -m dezero`` and ``dezero``: looking after an installation, and at models by name.

What a command needs is loaded when it runs, so that asking for help is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from dezero.__about__ import __version__

__all__ = ["main"]

_FAILURE, _INTERRUPTED = 1, 130
_MODELS = ("mlp", "resnet18", "resnet50", "resnet101", "resnet152", "squeezenet", "vgg16")
_EXAMPLES = """examples:
  dezero doctor
  dezero summary mlp --sizes 1000,10 --input-shape 100,784
  dezero plot squeezenet --to-file squeezenet.svg
  dezero bench --seconds 2

Data sets are fetched and removed by `python -m dezero_data`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code.

    It is 0 if all went well, 1 if something is wrong or could not be done, 2 if the command line
    makes no sense, and 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # `... doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    except (ImportError, LookupError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"dezero {options.command}: {error}", file=sys.stderr)
        return _FAILURE


def _run(options: argparse.Namespace) -> int:
    if options.command == "doctor":
        from dezero._commands.doctor import doctor

        return doctor()
    if options.command == "bench":
        from dezero._commands.bench import bench

        return bench(options.seconds, options.device)
    from dezero._commands.models import plot, summary

    if options.command == "summary":
        return summary(options.model, options.sizes, options.input_shape)
    return plot(options.model, options.sizes, options.input_shape, options.to_file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dezero",
        description="DeZero, a define-by-run deep-learning framework.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dezero {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text}.{more}")

    command(
        "doctor",
        "Tell what of DeZero is found on this machine, and what to install for the rest",
        " The exit code is 1 if something that is installed does not work.",
    )
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "model", metavar="MODEL", type=_model, help=f"one of {', '.join(_MODELS)}, in any case"
    )
    model.add_argument(
        "--sizes",
        type=_numbers,
        metavar="N,...",
        help="mlp: the number of outputs of each layer, such as 1000,10",
    )
    model.add_argument(
        "--input-shape",
        type=_numbers,
        metavar="N,...",
        help="the input's shape, the batch included (default: 1,3,224,224 for models of images)",
    )
    commands.add_parser(
        "summary",
        parents=[model],
        help="Show the layers of a model, the shapes of their results and what they cost",
        description="Show the layers of a model, the shapes of their results and what they cost. "
        "Nothing is computed and nothing downloaded.",
    )
    plotting = commands.add_parser(
        "plot",
        parents=[model],
        help="Draw the graph that a model records",
        description="Draw the graph that a model records, with weights drawn at random.",
    )
    plotting.add_argument(
        "--to-file",
        metavar="FILE",
        help="where to; its ending says what is drawn: png, svg, pdf, jpg, dot "
        "(default: MODEL.png)",
    )
    bench = command("bench", "Measure how fast DeZero is on this machine, in some seconds")
    bench.add_argument(
        "--seconds", type=_seconds, default=1.0, help="how long each line takes (default: 1)"
    )
    bench.add_argument(
        "--device", metavar="NAME", default="cpu", help="where: cpu, cuda, cuda:1 (default: cpu)"
    )
    return parser


def _model(text: str) -> str:
    if text.lower() not in _MODELS:
        raise argparse.ArgumentTypeError(
            f"there is no model {text!r}; there are {', '.join(_MODELS)}"
        )
    return text.lower()


def _numbers(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise argparse.ArgumentTypeError(
            f"wanted are positive integers with commas between them, such as 1,784, not {text!r}"
        )
    return tuple(int(word) for word in words)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"wanted is a number from 0 to 3600, not {text!r}")
    return seconds
