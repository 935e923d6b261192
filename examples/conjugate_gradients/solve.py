"""Solve for Newton steps and natural gradients by conjugate gradients, without any matrix.

    python examples/conjugate_gradients/solve.py

First, logistic regression on handwritten digits by Newton's method; then a policy that balances a
pole, by steps inside a trust region. Each is compared with the exact solution.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import digits
import numpy as np
import policy
from matplotlib.figure import Figure
from tqdm import tqdm

from dezero_core import Device
from dezero_viz import plot_curves

NEWTON_STEPS = 9
UPDATES, LONGEST = 30, 500
QUICK_EXAMPLES, QUICK_UPDATES, QUICK_LONGEST = 300, 12, 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    options = parse(arguments)
    try:
        with options.device.active():
            run(options)
    except KeyboardInterrupt:
        print("\ninterrupted: no file was left half-written", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print("\n".join([f"solve.py: {error}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Newton steps by conjugate gradients.")
    parser.add_argument("--updates", type=int, help=f"of the policy (default: {UPDATES})")
    parser.add_argument("--iterations", type=int, default=60, help="to compare (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="another run of chance (default: 0)")
    parser.add_argument("--device", type=at_hand, default="cpu", help="cpu (default), cuda, cuda:1")
    parser.add_argument("--out", type=Path, default=Path("runs", "conjugate_gradients"))
    parser.add_argument(
        "--quick", action="store_true", help="fewer digits, fewer updates, shorter episodes"
    )
    options = parser.parse_args(arguments)
    if options.updates is None:
        options.updates = QUICK_UPDATES if options.quick else UPDATES
    for name in ("updates", "iterations"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name}: {getattr(options, name)} is not at least 1")
    if options.seed < 0:
        parser.error(f"argument --seed: {options.seed} is not at least 0")
    return options


def at_hand(name: str) -> Device:
    """Return a device that the command line names, and that must be there."""
    try:
        return Device(name)
    except (LookupError, RuntimeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> None:
    """Do both parts, and draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    newton_step, slopes = learn_digits(options)
    fisher_errors, returns = learn_policy(options)

    figure = Figure(figsize=(14.5, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_curves(
        {
            f"Newton step, n = {digits.SIZE}": {"distance": newton_step.errors[1:]},
            f"natural gradient, n = {policy.SIZE}": {"distance": fisher_errors[1:]},
        },
        xlabel="iteration of conjugate gradients",
        ax=left,
    )
    left.set_ylabel("distance from the exact solution, relative")
    left.set_yscale("log")
    plot_curves({"length of the gradient": slopes}, xlabel="Newton step", ax=middle)
    middle.set_yscale("log")
    # With the last panel the whole figure is written.
    file = options.out / "solve.png"
    plot_curves(returns, xlabel="update of the policy", ax=right, to_file=file)
    print(f"wrote solve.png into {options.out.resolve()}")


def learn_digits(options: argparse.Namespace) -> tuple[digits.Comparison, list[float]]:
    """Compare one Newton step, then minimize; return the comparison and the gradients' lengths."""
    problem = digits.Problem(QUICK_EXAMPLES if options.quick else None, options.device)
    compared = digits.compare(problem, options.iterations)
    print(f"Newton step for {len(problem.x)} digits and {digits.SIZE} weights")
    for count in sorted({10, 20, 40, options.iterations}):
        if count < len(compared.errors):
            print(
                f"  {count:2} iterations: residual {compared.residuals[count]:.1e}, "
                f"distance from the exact step {compared.errors[count]:.1e}"
            )
    print(
        f"  {len(compared.errors) - 1} products {1000 * compared.cg_seconds:.0f} ms, "
        f"the whole Hessian {1000 * compared.exact_seconds:.0f} ms"
    )
    _, history = digits.newton(problem, NEWTON_STEPS)
    print("Newton's method by conjugate gradients\n  step      loss  gradient  products  accuracy")
    for number, step in enumerate(history, start=1):
        print(
            f"  {number:4}  {step.loss:8.6f}  {step.slope:8.1e}  {step.products:8}"
            f"  {step.accuracy:8.2%}"
        )
    return compared, [step.slope for step in history]


def learn_policy(
    options: argparse.Namespace,
) -> tuple[np.ndarray, dict[str, dict[str, list[float]]]]:
    """Compare one natural gradient, then balance poles; return the errors and all mean returns."""
    longest = QUICK_LONGEST if options.quick else LONGEST
    random = np.random.default_rng(options.seed)
    errors = policy.compare(random, longest, options.iterations, options.device)
    print(f"natural gradient of a policy with {policy.SIZE} weights")
    for count in sorted({5, 10, 20, options.iterations}):
        if count < len(errors):
            print(f"  {count:2} iterations: distance from the exact one {errors[count]:.1e}")
    returns: dict[str, dict[str, list[float]]] = {}
    for name, natural in (("natural gradient", True), ("gradient", False)):
        random = np.random.default_rng(options.seed)
        updates = policy.learn(options.updates, longest, random, options.device, natural=natural)
        started = time.perf_counter()
        # The bar draws itself on a terminal only.
        bar = tqdm(updates, total=options.updates, unit=" updates", leave=False, disable=None)
        done = list(bar)
        seconds = time.perf_counter() - started
        returns[name] = {f"steps upright, of {longest}": [update.mean_return for update in done]}
        first, last = done[0].mean_return, np.mean([update.mean_return for update in done[-3:]])
        print(
            f"{name + ',':17} {options.updates} updates in {seconds:.1f} s: upright for "
            f"{first:.0f} steps at first, for {last:.0f} of {longest} in the last three; "
            f"largest KL {max(update.kl for update in done):.4f}"
        )
    return errors, returns


if __name__ == "__main__":
    sys.exit(main())
