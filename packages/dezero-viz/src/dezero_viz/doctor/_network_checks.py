"""Checks of the network. Each takes the evidence and yields what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dezero_core.graph import GraphOperation
from dezero_viz.doctor._evidence import Evidence, ParameterFacts, function_name
from dezero_viz.doctor._report import Finding

__all__ = ["NETWORK_CHECKS"]

# A unit that fires for half of all examples is silent on 16 of them by chance once in 65 000 times.
_LEAST_EXAMPLES = 16
# At initialization correlated inputs silence up to a fifth of the units. Half is a fault, and with
# nine tenths hardly anything passes.
_DEAD, _MOSTLY_DEAD = 0.5, 0.9
# Where 2 % are left to the end of the range, a sigmoid's slope is 0.02 of at most 0.25; tanh at
# 0.96 has the same share of its slope of 1.
_SATURATED_SIGMOID, _SATURATED_TANH = 0.02, 0.96
_SATURATED_SHARE = 0.5
# Gradients of layers of one network differ by up to a hundred; from ten thousand on, no step size
# suits both.
_GRADIENT_RATIO = 1e4
# The norm of all gradients. Losses of order 1 give 0.1 to 10.
_EXPLODED, _VANISHED = 1e3, 1e-7
# About a thousandth is good. Adam's first step is its step size for each weight, so that 0.01
# beside weights of 0.05 is 0.2 and still trains.
_LARGE_UPDATE, _SMALL_UPDATE = 0.5, 1e-7
_SHOWN = 4


def check_finite(evidence: Evidence) -> Iterator[Finding]:
    """An operation makes values, or a gradient, that are not finite."""
    for operation in evidence.operations:
        if any(_is_broken(evidence.value(key)) for key in operation.outputs):
            inputs = [evidence.value(key) for key in operation.inputs]
            ranges = [f"{x.min():.4g} to {x.max():.4g}" for x in inputs if x is not None and x.size]
            if not any(map(_is_broken, inputs)):
                yield Finding(
                    "not finite",
                    "error",
                    "a result is not finite",
                    evidence.place(operation),
                    f"its operands go from {', '.join(ranges) or 'unknown values'}",
                    "Keep logarithms, roots and quotients away from 0 and exponents small; "
                    "dezero_core.detect_anomaly() names the line.",
                )
                return
    broken = [p for p in evidence.params if _is_broken(p.value)]
    if broken:
        yield Finding(
            "not finite",
            "error",
            "parameters are not finite",
            _paths(broken),
            f"{len(broken)} of {len(evidence.params)} parameters hold nan or infinity",
            "Begin with new ones, or load the last weights that were good.",
        )
        return
    broken = [p for p in evidence.params if _is_broken(p.grad)]
    if broken:
        yield Finding(
            "not finite",
            "error",
            "gradients are not finite",
            _paths(broken),
            f"{len(broken)} of {len(evidence.params)} gradients hold nan or infinity, though the "
            "loss is finite",
            "A root or a norm at 0 has an infinite slope: add a small number inside; "
            "dezero_core.detect_anomaly() names the line.",
        )


def check_gradients_reach(evidence: Evidence) -> Iterator[Finding]:
    """Parameters get no gradient: they will stay as they are."""
    if evidence.loss is None:
        return
    if not evidence.params:
        yield Finding(
            "no gradient",
            "error",
            "the model has no parameters",
            "the model",
            "params() yields nothing",
            "Make parameters attributes of the model, or of layers that are.",
        )
        return
    trained = [p for p in evidence.params if not p.is_frozen]
    without = [p for p in trained if p.grad is None]
    if without:
        everything = len(without) == len(trained)
        yield Finding(
            "no gradient",
            "error" if everything else "warning",
            "no parameter gets a gradient" if everything else "parameters get no gradient",
            _paths(without),
            f"{len(without)} of {len(trained)} parameters have no part in the loss",
            "Is the result cut off, by .data, detach() or no_grad()? Is the layer called? Freeze "
            "what shall stay as it is (requires_grad = False).",
        )
    moved = evidence.overfit.moved if evidence.overfit is not None else frozenset()
    zero = [p for p in trained if p.grad is not None and p.grad.size and not p.grad.any()]
    # What begins at 0 on purpose, such as the last layer of a branch, moves after a step.
    stuck = [p for p in zero if p.path not in moved]
    if stuck:
        yield Finding(
            "no gradient",
            "warning",
            "the gradients of parameters are all zero",
            _paths(stuck),
            f"{len(stuck)} of {len(trained)} parameters, at every step that was tried",
            "What follows does not pass gradients back: dead units, saturation, weights of 0 on "
            "both sides, or an operation without a slope.",
        )


def check_dead_units(evidence: Evidence) -> Iterator[Finding]:
    """Units of relu are zero for every example: nothing flows back through them."""
    for operation in evidence.operations:
        if not _is_relu(evidence, operation):
            continue
        y = evidence.value(operation.outputs[0])
        if y is None or y.ndim < 2 or not y.size:
            continue
        axis = 1 if y.ndim in (2, 4, 5) else y.ndim - 1
        if y.size // y.shape[axis] < _LEAST_EXAMPLES:
            continue
        dead = ~y.any(axis=tuple(i for i in range(y.ndim) if i != axis))
        share = float(dead.mean())
        if share > _DEAD:
            yield Finding(
                "dead units",
                "error" if share >= _MOSTLY_DEAD else "warning",
                f"{share:.0%} of the units are dead",
                evidence.place(operation),
                f"{int(dead.sum())} of {dead.size} units are 0 for the whole batch of "
                f"{evidence.n_examples}",
                "A smaller step size, a bias that is not far below 0, normalized inputs, or leaky "
                "relu.",
            )


def check_saturation(evidence: Evidence) -> Iterator[Finding]:
    """Sigmoid or tanh are at the ends of their range, where the slope is next to nothing."""
    for operation in evidence.operations:
        name = function_name(operation)
        if name not in ("sigmoid", "tanh") or not evidence.of_model(operation):
            continue
        if set(operation.outputs) & evidence.output_keys:
            continue  # answers may be sure
        y = evidence.value(operation.outputs[0])
        if y is None or y.size < _LEAST_EXAMPLES:
            continue
        margin = _SATURATED_SIGMOID if name == "sigmoid" else 1 - _SATURATED_TANH
        at_end = np.abs(y) > 1 - margin
        if name == "sigmoid":
            at_end |= y < margin
        share = float(at_end.mean())
        if share > _SATURATED_SHARE:
            yield Finding(
                "saturation",
                "warning",
                f"{share:.0%} of the results of {name} are saturated",
                evidence.place(operation),
                f"{int(at_end.sum())} of {y.size} are within {margin:.2g} of the end",
                "Smaller initial weights, normalized inputs, or a normalization layer before it.",
            )


def check_gradient_sizes(evidence: Evidence) -> Iterator[Finding]:
    """Gradients vanish, or explode, on the way back through the layers."""
    weights = [p for p in evidence.params if p.grad is not None and p.grad.any()]
    weights = [p for p in weights if np.isfinite(p.grad).all()]
    if not weights:
        return
    norm = float(np.sqrt(sum(np.square(p.grad, dtype=np.float64).sum() for p in weights)))
    matrices = [p for p in weights if p.grad.ndim >= 2]
    if norm > _EXPLODED:
        worst = max(weights, key=lambda p: float(np.linalg.norm(p.grad)))
        yield Finding(
            "gradient sizes",
            "warning",
            "the gradients are very large",
            worst.path,
            f"their norm is {norm:.3g}; that of {worst.path} is {np.linalg.norm(worst.grad):.3g}",
            "Normalize inputs and targets, take the mean of the loss, smaller initial weights, or "
            "clip gradients.",
        )
    elif norm < _VANISHED:
        yield Finding(
            "gradient sizes",
            "warning",
            "the gradients are next to nothing",
            "all parameters",
            f"their norm is {norm:.3g}",
            "Look for saturated or dead units, and at the scale of the loss.",
        )
    if len(matrices) < 2:
        return
    sizes = [_size_of_gradient(p.grad) for p in matrices]
    low, high = int(np.argmin(sizes)), int(np.argmax(sizes))
    if sizes[high] / sizes[low] > _GRADIENT_RATIO:
        vanish = low < high
        first, last = (low, high) if vanish else (high, low)
        yield Finding(
            "gradient sizes",
            "warning",
            "the gradients vanish on the way back"
            if vanish
            else "the gradients explode on the way back",
            f"from {matrices[last].path} to {matrices[first].path}",
            f"a typical element is {sizes[last]:.2g} in {matrices[last].path} and "
            f"{sizes[first]:.2g} in {matrices[first].path}",
            "Initial weights that fit the activation, relu instead of sigmoid, normalization "
            "layers, residual connections."
            if vanish
            else "Smaller initial weights, normalization layers, or clipped gradients.",
        )


def check_updates(evidence: Evidence) -> Iterator[Finding]:
    """An update is too large, or too small, beside the weights."""
    ratios = evidence.update_ratios or {}
    if not ratios:
        return
    large = {path: ratio for path, ratio in ratios.items() if ratio > _LARGE_UPDATE}
    if large:
        worst = max(large, key=large.__getitem__)
        yield Finding(
            "updates",
            "warning",
            "updates are too large beside the weights",
            worst,
            f"an update is {large[worst]:.2g} of the weights there; about 0.001 is usual",
            "A smaller step size.",
        )
    largest = max(ratios, key=ratios.__getitem__)
    if 0 < ratios[largest] < _SMALL_UPDATE:
        yield Finding(
            "updates",
            "warning",
            "updates are too small to matter",
            "all weights",
            f"the largest, in {largest}, is {ratios[largest]:.2g} of the weights; about 0.001 is "
            "usual",
            "A larger step size.",
        )


def check_overfit(evidence: Evidence) -> Iterator[Finding]:
    """The model cannot learn even one batch by heart."""
    result = evidence.overfit
    if result is None or not result.is_complete or result.best <= result.goal:
        return
    yield Finding(
        "overfitting one batch",
        "warning",
        "the model cannot learn one batch by heart",
        "the model and the loss",
        f"the loss went from {result.first:.4g} to {result.best:.4g}, not to {result.goal:.4g}, in "
        f"{result.steps} steps of Adam on the same {evidence.n_examples} examples",
        "Look at the findings above; whether inputs and labels belong together; whether the model "
        "is too small, or dropout too strong.",
    )


def _is_relu(evidence: Evidence, operation: GraphOperation) -> bool:
    name = function_name(operation)
    if name == "relu":
        return True
    if name == "leaky_relu":
        return operation.settings.get("slope") == 0
    if name == "maximum" and len(operation.inputs) == 2:
        values = [evidence.value(key) for key in operation.inputs]
        return any(v is not None and v.ndim == 0 and v == 0 for v in values)
    return False


def _is_broken(x: Any) -> bool:
    return x is not None and x.dtype.kind == "f" and not np.isfinite(x).all()


def _size_of_gradient(grad: Any) -> float:
    # Of the rows of an embedding most have none.
    used = grad[grad != 0].astype(np.float64)
    return float(np.sqrt(np.mean(np.square(used))))


def _paths(params: Sequence[ParameterFacts]) -> str:
    paths = [p.path for p in params]
    rest = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + rest


NETWORK_CHECKS = (
    check_finite,
    check_gradients_reach,
    check_dead_units,
    check_saturation,
    check_gradient_sizes,
    check_updates,
    check_overfit,
)
