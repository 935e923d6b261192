import threading
import warnings
import weakref

import numpy as np
import pytest

from dezero_core import Variable, gradients
from dezero_core.callers import user_line, warn


def test_the_line_is_the_innermost_of_the_user() -> None:
    line = user_line()  # here
    assert line.file == __file__
    assert line.function == "test_the_line_is_the_innermost_of_the_user"
    assert line.text == "line = user_line()  # here"
    assert str(line).startswith(f"{__file__}:{line.line}, in test_the_line")


def test_frames_of_numpy_are_passed_over() -> None:
    lines = []
    namespace = {"__name__": "numpy.lib", "lines": lines, "user_line": user_line}
    exec("def inner():\n    lines.append(user_line())", namespace)
    namespace["inner"]()  # type: ignore[operator]
    assert lines[0].function == "test_frames_of_numpy_are_passed_over"


def test_a_warning_points_to_the_user() -> None:
    namespace = {"__name__": "dezero_nn.somewhere", "warn": warn}
    exec("def inner():\n    warn('careful')", namespace)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        namespace["inner"]()  # type: ignore[operator]
    (warning,) = caught
    assert warning.filename == __file__
    assert warning.category is RuntimeWarning
    assert str(warning.message) == "careful"


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_thread_that_adds_gradients_is_known_only_meanwhile(create_graph: bool) -> None:
    x = Variable(np.ones(2))
    (x * x).sum().backward(create_graph=create_graph)
    seen = []
    reference = weakref.ref(x.grad, lambda _: seen.append(gradients.adding_thread))
    (x * x).sum().backward(create_graph=create_graph)
    assert seen == [threading.get_ident()]
    assert reference() is None
    assert gradients.adding_thread is None
