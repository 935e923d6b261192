"""The examination: a pass on a copy of the model, the checks, and an attempt to train."""

from __future__ import annotations

import copy
import math
import numbers
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from dezero_core import Variable, using_config
from dezero_core.errors import describe
from dezero_core.protocols import ParameterSource
from dezero_viz.doctor._batch_checks import BATCH_CHECKS, classes_of
from dezero_viz.doctor._evidence import Evidence, examine, named_params
from dezero_viz.doctor._network_checks import NETWORK_CHECKS
from dezero_viz.doctor._overfit import overfit
from dezero_viz.doctor._report import Diagnosis, Finding

__all__ = ["diagnose"]

_RANK = {"error": 0, "warning": 1, "note": 2}
# A batch is learned by heart when a fifth of the loss is left, or a tenth of that of guessing.
_LEFT, _LEFT_OF_GUESSING = 0.2, 0.1
# With fewer numbers than this for each target, a model need not be able to.
_NUMBERS_PER_TARGET = 10


def diagnose(
    model: Any,
    loss_fn: Callable[..., Any],
    batch: Sequence[Any],
    *,
    optimizer: Any = None,
    lr: float | None = None,
    steps: int = 100,
    seconds: float = 10.0,
    show: bool = True,
) -> Diagnosis:
    """Say what is wrong with a model, a loss or a batch, before hours are lost.

    It runs a forward and a backward pass on a copy of the model and looks at what was recorded:

    - inputs that are not finite, not normalized, all the same;
    - labels out of range, of the wrong dtype, all the same; (N, 1) against (N,);
    - a first loss far from ln C; softmax, or sigmoid, applied twice;
    - results or gradients that are not finite;
    - parameters that get no gradient; dead units of relu; saturated sigmoid and tanh;
    - gradients that vanish or explode from layer to layer;
    - updates that are too large or too small beside the weights, if a step size is known;
    - whether the model can learn this one batch by heart.

    An error in the model or the loss is a finding too. Model, optimizer, gradients and the global
    random generators of Python and NumPy are afterwards as they were; generators of a GPU library
    are out of its reach. It trains, so call it once before a run, not in it.

    Args:
        model: Any callable with ``params()``. Paths come from ``namedparams()``, where it has it.
        loss_fn: ``loss_fn(output, target)``, which returns a Variable with one element.
        batch: A tuple of the model's inputs and, last, the target: ``(x, t)``.
        optimizer: The one that will train the model. Its first update is tried on the copy.
        lr: A step size, where there is no optimizer: of plain gradient descent.
        steps: How many steps to try to learn the batch by heart with each of three step sizes. 0
            for none.
        seconds: How long to try. After the first update, no step is begun that would take longer.
        show: Whether to print what was found.

    Returns:
        What was found.

    Raises:
        TypeError: `model` is not callable or has no ``params()``, `loss_fn` is not callable,
            `batch` is no tuple or list, `optimizer` is a class, or `lr` or `seconds` no number.
        ValueError: The batch has no input and target, or a number is out of range.

    Example:
        >>> from dezero_core import Parameter
        >>> from dezero_core import functions as F
        >>> class Line:
        ...     def __init__(self):
        ...         self.w = Parameter(np.array([[0.5]]))
        ...     def params(self):
        ...         yield self.w
        ...     def __call__(self, x):
        ...         return x @ self.w
        >>> def squared(y, t):
        ...     return ((y - t) ** 2).mean()
        >>> x = np.linspace(-1, 1, 8).reshape(8, 1)
        >>> report = diagnose(Line(), squared, (x, x[:, 0]), steps=0, show=False)
        >>> [(finding.what, finding.evidence) for finding in report.findings]  # doctest: +ELLIPSIS
        [('the loss compares each prediction with all targets', 'predictions (8, 1) and ...')]
    """
    inputs, target = _checked(model, loss_fn, batch, optimizer, lr, steps, seconds)
    evidence = Evidence()
    with _left_as_it_was(model), using_config("enable_backprop", True), using_config("train", True):
        patient = copy.deepcopy(model)
        examine(evidence, patient, loss_fn, inputs, target)
        if evidence.graph is not None:
            evidence.update_ratios = _update_ratios(patient, optimizer, lr)
            evidence.untried = _obstacle(evidence) if steps else "steps=0"
            if evidence.untried is None and evidence.loss is not None:
                evidence.overfit = overfit(
                    *(patient, loss_fn, inputs, target),
                    first=evidence.loss,
                    goal=_goal(evidence, evidence.loss),
                    steps=steps,
                    seconds=seconds,
                    pace=evidence.seconds,
                )
    checks = (*BATCH_CHECKS, *NETWORK_CHECKS)
    findings = [finding for check in checks for finding in check(evidence)]
    findings = _without_echoes(findings)
    findings.sort(key=lambda finding: _RANK[finding.severity])
    subject = f"{type(model).__name__} on a batch of {evidence.n_examples}"
    report = Diagnosis(subject, tuple(findings), _facts(evidence))
    if show:
        print(report)
    return report


def _checked(
    model: Any, loss_fn: Any, batch: Any, optimizer: Any, lr: Any, steps: Any, seconds: Any
) -> tuple[list[Any], Any]:
    if not callable(model) or not isinstance(model, ParameterSource):
        raise TypeError(f"diagnose: a model is callable and has params(), got {describe(model)}")
    if not callable(loss_fn):
        raise TypeError(f"diagnose: loss_fn is called with output and target, got {loss_fn!r}")
    if not isinstance(batch, tuple | list):
        raise TypeError(
            "diagnose: a batch is a tuple (x, t), such as next(iter(loader)); "
            f"got {describe(batch)}"
        )
    if len(batch) < 2:
        raise ValueError(
            f"diagnose: a batch has one input or several and a target, got {describe(batch)}"
        )
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise TypeError(f"diagnose: optimizer is a class, {name}; {name}(...) makes an optimizer")
    for what, number in (("lr", lr), ("seconds", seconds)):
        if number is not None and not isinstance(number, numbers.Real):
            raise TypeError(f"diagnose: {what} is a number, got {number!r}")
    if lr is not None and not 0 < lr < math.inf:
        raise ValueError(f"diagnose: lr is a step size above 0, got {lr!r}")
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(f"diagnose: steps is a number of steps, 0 or more; got {steps!r}")
    if not seconds > 0:
        raise ValueError(f"diagnose: seconds is a time above 0, got {seconds!r}")
    # Gradients of what was computed before are no matter of the model's.
    parts = [x.detach() if isinstance(x, Variable) else x for x in batch]
    return parts[:-1], parts[-1]


@contextmanager
def _left_as_it_was(model: Any) -> Iterator[None]:
    """Restore random states, and gradients, which a loss that knows the model may change."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    gradients = [(parameter, parameter.grad) for parameter in model.params()]
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        for parameter, grad in gradients:
            if parameter.grad is not grad:
                parameter.grad = grad


def _update_ratios(patient: Any, optimizer: Any, lr: float | None) -> dict[str, float] | None:
    """Return how large the first update of each weight matrix is, beside the matrix."""
    weights = [
        (path, parameter, parameter.data, parameter.grad.data)
        for path, parameter in named_params(patient)
        if parameter.data is not None and parameter.grad is not None and parameter.ndim >= 2
    ]
    if optimizer is not None and callable(getattr(optimizer, "setup", None)):
        trial = copy.deepcopy(optimizer)
        trial.setup(patient)
        # It works on copies, since optimizers and their hooks write into both.
        originals = [(p, p.data, p.grad) for p in patient.params() if p.data is not None]
        for parameter, array, grad in originals:
            parameter.data = array.copy()
            parameter.grad = None if grad is None else Variable(grad.data.copy())
        try:
            trial.update()
            updates = [parameter.data - old for _, parameter, old, _ in weights]
        # It wants more than gradients, such as a function to minimize; or they are not finite.
        except (TypeError, ArithmeticError):
            return None
        finally:
            for parameter, array, grad in originals:
                parameter.data, parameter.grad = array, grad
    else:
        rate = getattr(optimizer, "lr", None) if lr is None else lr
        if rate is None:
            return None
        updates = [rate * grad for _, _, _, grad in weights]
    return {
        path: _norm(update) / norm
        for (path, _, old, _), update in zip(weights, updates, strict=True)
        if (norm := _norm(old)) > 0  # weights that begin at 0 have no size to compare with
    }


def _norm(array: Any) -> float:
    return math.sqrt(float((array * array).sum()))


def _obstacle(evidence: Evidence) -> str | None:
    """Return why a model need not be able to learn the batch by heart; None if it should be."""
    count = sum(p.value.size for p in evidence.params if p.value is not None and not p.is_frozen)
    if evidence.loss is None or not math.isfinite(evidence.loss) or evidence.loss <= 0:
        return "the loss is no positive number"
    if evidence.targets is None:
        return "the target is no array"
    if count < _NUMBERS_PER_TARGET * max(evidence.targets.size, 1):
        return f"{count} weights are few for {evidence.targets.size} targets"
    return None


def _goal(evidence: Evidence, loss: float) -> float:
    """Return the loss at which the batch counts as learned."""
    n_classes = classes_of(evidence)
    if not n_classes or n_classes < 2:
        return _LEFT * loss
    # Of scores that are wildly wrong at first, a fifth is no success.
    guess = math.log(n_classes)
    return max(_LEFT * min(loss, 2 * guess), _LEFT_OF_GUESSING * guess)


def _without_echoes(findings: list[Finding]) -> list[Finding]:
    """Leave out that the loss raises an error where another finding says why."""
    explained = any(f.check in ("shapes", "labels") and f.severity == "error" for f in findings)
    return [f for f in findings if not (explained and f.check == "does not run")]


def _facts(evidence: Evidence) -> dict[str, str]:
    facts: dict[str, str] = {}
    for x in evidence.inputs:
        facts["input"] = f"{facts['input']}, {describe(x)}" if "input" in facts else describe(x)
    if evidence.targets is not None:
        facts["target"] = describe(evidence.targets)
    if evidence.output is not None:
        facts["output"] = describe(evidence.output)
    if evidence.loss is not None:
        n_classes = classes_of(evidence)
        guess = f"; guessing gives ln {n_classes} = {math.log(n_classes):.4g}" if n_classes else ""
        facts["loss"] = f"{evidence.loss:.4g}{guess}"
    gradients = [p.grad for p in evidence.params if p.grad is not None]
    if gradients:
        norm = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
        facts["gradient norm"] = f"{norm:.4g}"
    if evidence.update_ratios:
        ratios = sorted(evidence.update_ratios.values())
        facts["update / weight"] = f"from {ratios[0]:.2g} to {ratios[-1]:.2g}"
    result = evidence.overfit
    if result is not None:
        facts["learning the batch by heart"] = (
            f"loss {result.first:.4g} to {result.best:.4g} in {result.steps} steps, "
            f"{result.seconds:.1f} s" + ("" if result.is_complete else "; out of time, not decided")
        )
    elif evidence.failure is None:
        reason = "no gradient" if evidence.untried is None else evidence.untried
        facts["learning the batch by heart"] = f"not tried: {reason}"
    return facts
