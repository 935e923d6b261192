"""What the backward pass of each operation does, in words, by the operation's name.

The sentences answer what one asks at a node of a graph: how does the gradient get through here?
`gy` is the gradient that arrives.
"""

from __future__ import annotations

import sys

from dezero_core import Function
from dezero_core.primitive import Primitive

__all__ = ["RULES", "rule_of"]

_STEP = "A step function: no gradient passes."
_CHOICE = "Gives true or false: no gradient passes."

#: One sentence or two for each operation.
RULES = {
    # arithmetic
    "add": "Passes the gradient on to both, summed over broadcast axes.",
    "subtract": "Passes the gradient on to the first and its negative to the second.",
    "multiply": "Each factor gets the gradient times the other factor.",
    "divide": "The dividend gets gy / x1, the divisor -gy · x0 / x1².",
    "floor_divide": _STEP,
    "remainder": "The dividend gets the gradient, the divisor -gy times the rounded quotient.",
    "negative": "Passes the gradient on with its sign changed.",
    "positive": "Passes the gradient on as it is.",
    "absolute": "Passes the gradient on, with its sign changed where x is negative.",
    "sign": _STEP,
    "reciprocal": "Multiplies the gradient by -1 / x².",
    # powers, exponentials and logarithms
    "power": "The base gets gy · x1 · x0^(x1 - 1), the exponent gy · y · log x0.",
    "square": "Multiplies the gradient by 2x.",
    "sqrt": "Divides the gradient by twice the root: infinite at 0.",
    "cbrt": "Divides the gradient by three times the squared root: infinite at 0.",
    "exp": "Multiplies the gradient by the result itself, eˣ.",
    "exp2": "Multiplies the gradient by the result and log 2.",
    "expm1": "Multiplies the gradient by eˣ.",
    "log": "Divides the gradient by x.",
    "log2": "Divides the gradient by x · log 2.",
    "log10": "Divides the gradient by x · log 10.",
    "log1p": "Divides the gradient by 1 + x.",
    "logaddexp": "Shares the gradient out in proportion to the two exponentials.",
    # angles
    "sin": "Multiplies the gradient by cos x.",
    "cos": "Multiplies the gradient by -sin x.",
    "tan": "Multiplies the gradient by 1 + tan² x.",
    "arcsin": "Divides the gradient by √(1 - x²).",
    "arccos": "Divides the gradient by -√(1 - x²).",
    "arctan": "Divides the gradient by 1 + x².",
    "arctan2": "Turns the gradient by the angle's own slope, x1 and -x0 over the squared radius.",
    "sinh": "Multiplies the gradient by cosh x.",
    "cosh": "Multiplies the gradient by sinh x.",
    "tanh": "Multiplies the gradient by 1 - y²: next to nothing where tanh is saturated.",
    "slope_of_tanh": "Multiplies the gradient by -2 tanh x, as the slope is 1 - tanh² x.",
    "arcsinh": "Divides the gradient by √(x² + 1).",
    "arccosh": "Divides the gradient by √(x² - 1).",
    "arctanh": "Divides the gradient by 1 - x².",
    # sums and other reductions
    "sum": "Hands the gradient to every element that was added.",
    "mean": "Hands every element the gradient divided by their number.",
    "var": "Gives each element the gradient times twice its distance from the mean, over n.",
    "std": "Gives each element the gradient times its distance from the mean, over n · std.",
    "prod": "Gives each element the gradient times the product of all others.",
    "cumsum": "Sums the gradient from the end: each element counts in all later sums.",
    "max": "Gives the gradient to the largest element alone; equal ones share it.",
    "min": "Gives the gradient to the smallest element alone; equal ones share it.",
    "argmax": "Gives positions: no gradient passes.",
    "argmin": "Gives positions: no gradient passes.",
    "logsumexp": "Shares the gradient out in proportion to the exponentials, as softmax does.",
    "norm": "Gives each element its part in the norm: for the Euclidean one, gy · x / norm.",
    # comparison and choice
    "maximum": "Gives the gradient to the larger of the two; equal ones get half each.",
    "minimum": "Gives the gradient to the smaller of the two; equal ones get half each.",
    "clip": "Passes the gradient on where nothing was clipped; the bound gets the rest.",
    "where": "Gives the gradient to whichever was chosen, and zero to the other.",
    "equal": _CHOICE,
    "not_equal": _CHOICE,
    "less": _CHOICE,
    "less_equal": _CHOICE,
    "greater": _CHOICE,
    "greater_equal": _CHOICE,
    "logical_and": _CHOICE,
    "logical_or": _CHOICE,
    "logical_not": _CHOICE,
    "isfinite": _CHOICE,
    "isinf": _CHOICE,
    "isnan": _CHOICE,
    "ceil": _STEP,
    "floor": _STEP,
    "round": _STEP,
    "trunc": _STEP,
    # shape
    "reshape": "Brings the gradient back to the operand's shape; no number changes.",
    "transpose": "Swaps the gradient's axes back.",
    "broadcast_to": "Sums the gradient over the axes that were stretched.",
    "sum_to": "Stretches the gradient back over the axes that were summed.",
    "flip": "Flips the gradient back.",
    "roll": "Rolls the gradient back.",
    "pad": "Cuts the border off the gradient.",
    "repeat": "Sums the gradients of all repetitions of an element.",
    "tile": "Sums the gradients of all copies.",
    "concatenate": "Cuts the gradient into the parts that were joined.",
    "stack": "Takes the gradient apart along the new axis.",
    "split": "Joins the gradients of the parts; a part that was not used counts as zeros.",
    "astype": "Converts the gradient back to the operand's dtype.",
    # indexing
    "get_item": "Puts the gradient back at the index, zeros elsewhere; repeated elements add up.",
    "add_at": "Takes the gradient at the index.",
    "take_along_axis": "Adds the gradient up at the indices it was taken from.",
    "add_along_axis": "Takes the gradient at the indices.",
    # products and matrices
    "matmul": "The first gets gy @ x1ᵀ, the second x0ᵀ @ gy.",
    "tensordot": "Each operand gets the gradient contracted with the other one.",
    "outer": "Each vector gets the gradient's matrix times the other vector.",
    "einsum": "Each operand gets the einsum of the gradient with all others.",
    "einsum_of_one": "Spreads the gradient back over the subscripts that were summed.",
    "identity_like": "Makes a constant: no gradient passes.",
    "inv": "Gives -yᵀ @ gy @ yᵀ, where y is the inverse.",
    "det": "Multiplies the gradient by det x and the transposed inverse.",
    "slogdet": "The logarithm's gradient goes on times the transposed inverse.",
    "solve": "Solves the transposed equations for x1's gradient; x0 gets minus its product with y.",
    "cholesky": "Takes the gradient back through the triangular factor: Murray (2016).",
    "half_triangle": "Takes the same half triangle of the gradient.",
    # creation
    "full_like": "Makes a constant: no gradient passes.",
    "ones_like": "Makes a constant: no gradient passes.",
    "zeros_like": "Makes a constant: no gradient passes.",
    "argument": "Passes the gradient on: marks an argument that a transform differentiates by.",
    # layers' operations
    "linear": "x gets gy @ Wᵀ, W gets xᵀ @ gy, and b the sum of gy over the batch.",
    "linear_activation": "Multiplies the gradient by the activation's slope; with that, x gets "
    "gy @ Wᵀ, W gets xᵀ @ gy, and b the sum of gy over the batch.",
    "conv2d": "x gets a transposed convolution of gy with W, W the correlation of x with gy, "
    "and b the sum over batch and pixels.",
    "deconv2d": "x gets a convolution of gy with W, W the correlation of gy with x, and b the "
    "sum over batch and pixels.",
    "conv2d_weight": "Both get convolutions: this is itself the gradient of one.",
    "im2col": "Adds all windows back into the image: what col2im computes.",
    "col2im": "Cuts the gradient into windows: what im2col computes.",
    "pooling": "Gives the gradient to the largest pixel of each window alone.",
    "from_winners": "Puts the gradient back where each window's largest pixel stands.",
    "to_winners": "Takes the gradient from where each window's largest pixel stands.",
    "average_pooling": "Spreads the gradient evenly over each window.",
    "spread": "Averages the gradient over each window.",
    "embedding": "Adds the gradient to the rows that were looked up.",
    # activations
    "relu": "Passes the gradient on where x is positive and stops it elsewhere.",
    "leaky_relu": "Passes the gradient on, times the slope where x is negative.",
    "elu": "Passes the gradient on where x is positive, times alpha · eˣ elsewhere.",
    "gelu": "Multiplies the gradient by Φ(x) + x φ(x), of the normal distribution.",
    "gelu_by_tanh": "Multiplies the gradient by the slope of the approximation by tanh.",
    "silu": "Multiplies the gradient by s + x · s · (1 - s), with s = sigmoid x.",
    "sigmoid": "Multiplies the gradient by y · (1 - y): at most a quarter.",
    "softplus": "Multiplies the gradient by sigmoid x.",
    "softmax": "Takes y · (gy - Σ gy · y): what one class gains, the others lose.",
    "log_softmax": "Takes gy - softmax x · Σ gy.",
    "log_odds": "Divides the gradient by p · (1 - p).",
    "normal_cdf": "Multiplies the gradient by the normal density.",
    "normal_pdf": "Multiplies the gradient by -x and the normal density.",
    # normalization and regularization
    "batch_norm": "Takes the gradient's mean, and its part along the normalized x, out of each "
    "channel; gamma and beta get sums over batch and pixels.",
    "normalize_rows": "Takes the gradient's mean, and its part along the normalized x, out of "
    "each row; gamma and beta get sums over the rows.",
    "scale_and_shift": "x gets gy · scale; scale and shift get sums over each channel.",
    "dropout": "Passes the gradient through the same mask, with the same factor.",
    # recurrence and attention
    "rnn": "Takes gy times the activation's slope to x, h and the weights: backpropagation "
    "through time goes on with h.",
    "lstm": "Goes through the steps backwards, through gates and cell; the gradients of the "
    "weights add up over time.",
    "gru": "Goes through the gates backwards; the previous state gets the update gate's part "
    "directly.",
    "lstm_step": "Takes the gradients of the new state and the new cell back through the gates.",
    "weights": "Goes back through softmax to the scores, and through their scaled product to "
    "queries and keys.",
    # losses
    "mean_squared_error": "Gives 2 (x0 - x1) / n to the first and its negative to the second.",
    "huber": "Passes the error on as it is when small, and clipped to ±delta when large.",
    "softmax_cross_entropy": "Gives softmax x minus the one-hot label; of a mean, divided by the "
    "batch size.",
    "probabilities": "Takes y · (gy - Σ gy · y), as softmax does.",
    "scores_gradient": "This is itself a gradient; its own passes through the softmax again.",
    "sigmoid_cross_entropy": "Gives sigmoid x minus the label, times gy.",
    "binary_cross_entropy": "Gives (p - t) / (p (1 - p)), times gy.",
    "kl_divergence": "Gives -t to the logarithms x, times gy.",
    "accuracy": "A count: no gradient passes.",
}


def rule_of(name: str) -> str:
    """Return the words for an operation.

    Args:
        name: The operation's name.

    Returns:
        The table's sentence; for another operation, the first line of the docstring of the
        primitive or the Function of this name that the program defines; or else "".
    """
    return RULES.get(name) or _first_line(_find(name))


def _find(name: str) -> str | None:
    """Return the docstring of an operation that the program defined somewhere."""
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if isinstance(value, Primitive) and value.name == name:
                return value.__doc__
    stack = Function.__subclasses__()
    while stack:
        cls = stack.pop()
        if cls.__name__ == name:
            return cls.__doc__
        stack.extend(cls.__subclasses__())
    return None


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].strip()
