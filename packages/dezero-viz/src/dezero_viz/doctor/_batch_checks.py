"""Checks of the batch and of the loss. Each takes the evidence and yields what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from dezero_core.errors import describe
from dezero_core.graph import GraphOperation
from dezero_viz.doctor._evidence import Evidence, function_name
from dezero_viz.doctor._report import Finding

__all__ = ["BATCH_CHECKS", "classes_of", "cross_entropy"]

# Initializers assume inputs with a mean square of about 1. Pixels from 0 to 1 have 0.1 to 0.5,
# raw ones 16 000; a root of 10 is far from the former and below the latter.
_LARGE_INPUT = 10.0
# The other way round: a hundredth is lost beside a bias of ordinary size.
_SMALL_INPUT = 0.01
# Features whose spread differs by more than this have gradients that differ by its square.
_SPREAD_RATIO = 100.0
# Labels that all agree are chance in a batch that is smaller.
_LEAST_FOR_CONSTANT = 8
# Fresh scores of variance 1, which is much, raise the loss of ln C by about 0.5, and those of
# variance 2 by 1. Twice ln C and one more means that the model is sure, and wrong.
_LOSS_FACTOR, _LOSS_MARGIN = 2.0, 1.0
# No network knows nine tenths of the answers before it has seen any.
_KNOWING = 0.1
# Rounding in float32 over a thousand classes stays below.
_SUM_TOLERANCE = 1e-3
# Operations that only move values, through which a softmax is seen.
_PASSING = frozenset({"reshape", "transpose", "flatten", "squeeze", "expand_dims", "get_item"})
_CROSS_ENTROPIES = frozenset({"softmax_cross_entropy", "log_softmax"})


def cross_entropy(evidence: Evidence) -> GraphOperation | None:
    """Return the operation of the loss that turns scores into logarithms of probabilities."""
    for operation in evidence.operations:
        if operation.name.strip("_") in _CROSS_ENTROPIES:
            key = operation.inputs[0]
            # Inside the model it is the end of it, or no loss at all.
            if not evidence.of_model(operation) or set(operation.outputs) & evidence.output_keys:
                return operation if evidence.value(key) is not None else None
    return None


def classes_of(evidence: Evidence) -> int | None:
    """Return how many classes the loss tells apart, where it is a cross entropy of scores."""
    operation = cross_entropy(evidence)
    if operation is not None:
        shape = evidence.value(operation.inputs[0]).shape
        axis = operation.settings.get("axis", 1)
        fits = isinstance(axis, int) and -len(shape) <= axis < len(shape)
        return int(shape[axis]) if fits else None
    output, targets = evidence.output, evidence.targets
    failed = evidence.failure is not None and evidence.failure[0] == "loss"
    if failed and output is not None and output.ndim == 2 and output.shape[1] > 1:
        is_label = targets is not None and targets.ndim == 1 and targets.dtype.kind in "iu"
        return int(output.shape[1]) if is_label else None
    return None


def check_failure(evidence: Evidence) -> Iterator[Finding]:
    """The model, the loss or the backward pass raises an error."""
    if evidence.failure is None:
        return
    stage, error = evidence.failure
    named = {"model": "the model", "loss": "the loss", "backward": "the backward pass"}[stage]
    shapes = ", ".join(map(describe, evidence.inputs)) or "no array"
    advice = "Mend this first; what else is said here is of the parts that ran."
    targets = evidence.targets
    if stage == "loss" and targets is not None and evidence.output is not None:
        shapes = f"{describe(evidence.output)} and {describe(targets)}"
        if targets.dtype.kind == "f" and targets.ndim == 1 and evidence.output.ndim == 2:
            if evidence.output.shape[1] > 1 and np.all(targets == np.round(targets)):
                advice = "Labels are integers: t.astype(int)."
        elif targets.shape == evidence.output.shape and targets.dtype.kind in "iub":
            advice = "Of one-hot rows take the labels: t.argmax(axis=1)."
    yield Finding(
        "does not run",
        "error",
        f"{named} raises an error",
        f"{named}, given {shapes}",
        f"{type(error).__name__}: {error}",
        advice,
    )


def check_inputs(evidence: Evidence) -> Iterator[Finding]:
    """Inputs are not finite, of the wrong size, or of sizes that differ."""
    for i, x in enumerate(evidence.inputs):
        where = "the input" if len(evidence.inputs) == 1 else f"input {i}"
        is_picture = x.dtype == np.uint8
        if not x.size or (x.dtype.kind != "f" and not is_picture):
            continue  # indices, masks
        if not np.isfinite(x).all():
            n = int((~np.isfinite(x)).sum())
            yield Finding(
                "inputs",
                "error",
                "the inputs have values that are not finite",
                where,
                f"{n} of {x.size} values are nan or infinite, the first at "
                f"{np.argwhere(~np.isfinite(x))[0].tolist()}",
                "Find them where the data are read; drop such examples, or fill the gaps.",
            )
            continue
        x = x.astype(np.float64)
        size = float(np.sqrt(np.mean(np.square(x))))
        figures = f"from {x.min():.4g} to {x.max():.4g}, mean {x.mean():.4g}, spread {x.std():.4g}"
        if evidence.n_examples > 1 and np.ptp(x, axis=0).max() == 0:
            yield Finding(
                "inputs",
                "warning",
                "all examples of the batch are the same",
                where,
                figures,
                "Look at how the batch is made: the same index, or an overwritten buffer?",
            )
        elif size > _LARGE_INPUT or size < _SMALL_INPUT:
            yield Finding(
                "inputs",
                "warning",
                "the inputs are not normalized",
                where,
                figures,
                "Subtract the mean and divide by the spread of the training set; pixels from 0 to "
                "255 divide by 255 at least.",
            )
        elif x.ndim == 2 and x.shape[1] > 1 and len(x) >= _LEAST_FOR_CONSTANT:
            yield from _check_features(where, x)


def _check_features(where: str, x: Any) -> Iterator[Finding]:
    spreads = x.std(axis=0)
    typical = float(np.median(spreads[spreads > 0])) if (spreads > 0).any() else 0.0
    largest = int(spreads.argmax())
    if typical and spreads[largest] / typical > _SPREAD_RATIO:
        yield Finding(
            "inputs",
            "warning",
            "one feature of the inputs is far larger than the others",
            f"{where}, column {largest}",
            f"its spread is {spreads[largest]:.4g}, that of a typical one {typical:.4g}",
            "Normalize each feature by its own mean and spread.",
        )


def check_labels(evidence: Evidence) -> Iterator[Finding]:
    """Labels are out of range, of the wrong dtype, or all the same."""
    t = evidence.targets
    if t is None or not t.size:
        return
    if t.dtype.kind == "f" and not np.isfinite(t).all():
        yield Finding(
            "labels",
            "error",
            "the targets have values that are not finite",
            "the targets",
            f"{int((~np.isfinite(t)).sum())} of {t.size} values",
            "Find them where the data are read.",
        )
        return
    if len(t.reshape(-1)) >= _LEAST_FOR_CONSTANT and t.min() == t.max():
        yield Finding(
            "labels",
            "warning",
            "all targets of the batch are the same",
            "the targets",
            f"{t.size} times {t.reshape(-1)[0]}",
            "Shuffle the training set, which may be sorted; or the labels were not read.",
        )
    n_classes = classes_of(evidence)
    if t.dtype.kind in "iu" and n_classes is not None:
        yield from _check_range(evidence, t, n_classes)


def _check_range(evidence: Evidence, t: Any, n_classes: int) -> Iterator[Finding]:
    wrong = (t < 0) | (t >= n_classes)
    operation = cross_entropy(evidence)
    if operation is not None and wrong.any():
        # A loss that ignores a label has no gradient there.
        grad = evidence.grad(operation.inputs[0])
        if grad is not None and grad.ndim == 2 and len(grad) == t.size:
            wrong = wrong & (grad != 0).any(axis=1).reshape(t.shape)
    if wrong.any():
        starts_at_1 = t.min() == 1 and t.max() == n_classes
        yield Finding(
            "labels",
            "error",
            "labels are out of range",
            "the targets",
            f"{int(wrong.sum())} of {t.size}, such as {t[wrong][0]} at "
            f"{np.argwhere(wrong)[0].tolist()}; for {n_classes} classes they go from 0 to "
            f"{n_classes - 1}",
            "They seem to be counted from 1: subtract 1."
            if starts_at_1
            else "Give the model an output for each class, or mend the labels.",
        )


def check_shapes(evidence: Evidence) -> Iterator[Finding]:
    """Predictions (N, 1) and targets (N,) are broadcast to (N, N) without a word."""
    y, t = evidence.output, evidence.targets
    if y is None or t is None or t.dtype.kind not in "fiub" or y.shape == t.shape:
        return
    try:
        together = np.broadcast_shapes(y.shape, t.shape)
    except ValueError:
        return
    if math.prod(together) <= max(y.size, t.size):
        return
    refused = evidence.failure is not None and evidence.failure[0] == "loss"
    happened = any(
        variable.shape == together
        for operation in evidence.operations
        if not evidence.of_model(operation) and evidence.graph is not None
        for variable in evidence.graph.variables
        if variable.key in operation.outputs
    )
    if refused or happened:
        yield Finding(
            "shapes",
            "error",
            "the loss compares each prediction with all targets",
            "the loss",
            f"predictions {y.shape} and targets {t.shape} are broadcast to {together}"
            + (", which the loss refuses" if refused else ""),
            f"Give both one shape: t.reshape{y.shape}."
            if y.size == t.size
            else "Give both one shape.",
        )


def check_initial_loss(evidence: Evidence) -> Iterator[Finding]:
    """The first loss of a classifier is far from ln C, that of guessing among C classes."""
    operation, n_classes = cross_entropy(evidence), classes_of(evidence)
    if operation is None or n_classes is None or evidence.loss is None or n_classes < 2:
        return
    if not math.isfinite(evidence.loss):
        return  # which is another check's matter
    values = evidence.value(operation.outputs[0])
    own = operation.name.strip("_") == "softmax_cross_entropy" and values is not None
    loss = float(np.mean(values)) if own else evidence.loss
    expected = math.log(n_classes)
    n = evidence.n_examples
    if n >= 4 and loss and 0.9 < abs(evidence.loss / loss / n) < 1.1:
        yield Finding(
            "initial loss",
            "note",
            "the loss is a sum over the batch",
            "the loss",
            f"{evidence.loss:.4g} for {n} examples, {loss:.4g} for each",
            "The step size then depends on the batch size: take the mean, or know it.",
        )
    if loss > _LOSS_FACTOR * expected + _LOSS_MARGIN:
        yield Finding(
            "initial loss",
            "warning",
            "the loss is far above that of guessing",
            "the loss",
            f"{loss:.4g}; guessing among {n_classes} classes gives ln {n_classes} = {expected:.4g}",
            "The scores are too large at the start: look at the initializer of the last layer, "
            "and at the scale of the inputs.",
        )
    elif loss < _KNOWING * expected:
        yield Finding(
            "initial loss",
            "note",
            "the loss is far below that of guessing",
            "the loss",
            f"{loss:.4g}; guessing among {n_classes} classes gives ln {n_classes} = {expected:.4g}",
            "Of a trained model that is fine. A new one cannot know: do the inputs hold the "
            "labels?",
        )


def check_softmax_twice(evidence: Evidence) -> Iterator[Finding]:
    """The loss takes scores, and was given probabilities."""
    operation = cross_entropy(evidence)
    if operation is None:
        return
    maker = _seen_through(evidence, operation.inputs[0])
    names_it = maker is not None and maker.name.strip("_") == "softmax"
    x = evidence.value(operation.inputs[0])
    axis = operation.settings.get("axis", 1)
    sums = x.sum(axis=axis) if x.ndim > 1 else x.sum()
    sums_to_1 = x.size and x.min() >= 0 and np.abs(sums - 1).max() < _SUM_TOLERANCE
    if names_it or sums_to_1:
        place = evidence.place(maker) if names_it and maker is not None else "the model's output"
        yield _twice("softmax", place, operation, f"{x.min():.3g} to {x.max():.3g} with sums of 1")


def check_sigmoid_twice(evidence: Evidence) -> Iterator[Finding]:
    """The loss of yes and no takes scores, and was given probabilities."""
    for operation in evidence.operations:
        if operation.name.strip("_") == "sigmoid_cross_entropy":
            maker = _seen_through(evidence, operation.inputs[0])
            x = evidence.value(operation.inputs[0])
            if maker is not None and function_name(maker) == "sigmoid" and x is not None:
                figures = f"{x.min():.3g} to {x.max():.3g}"
                yield _twice("sigmoid", evidence.place(maker), operation, figures)


def _seen_through(evidence: Evidence, key: int) -> GraphOperation | None:
    """Return the operation that computed a variable's values, not one that only moved them."""
    maker = evidence.maker(key)
    while maker is not None and maker.name in _PASSING:
        maker = evidence.maker(maker.inputs[0])
    return maker


def _twice(name: str, where: str, operation: GraphOperation, figures: str) -> Finding:
    return Finding(
        f"{name} twice",
        "error",
        f"{name} is applied twice",
        where,
        f"{operation.name.strip('_')} takes scores of any size and applies {name} itself; it was "
        f"given probabilities, from {figures}",
        f"Let the model return the scores, and apply {name} where probabilities are wanted.",
    )


BATCH_CHECKS = (
    check_failure,
    check_inputs,
    check_labels,
    check_shapes,
    check_softmax_twice,
    check_sigmoid_twice,
    check_initial_loss,
)
