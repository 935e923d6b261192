"""How operations are folded."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dezero_viz.explorer._groups import Group, Item, Step, arrange, keys_in, series


def chain(*names: str, layers: tuple[str, ...] = ()) -> list[Step]:
    """Operations of which each takes the result of the one before."""
    return [Step(i, name, name, layers, (i - 1,) if i else ()) for i, name in enumerate(names)]


def shape(items: list[Item]) -> list[Any]:
    return [
        (item.label, item.kind, item.times, shape(item.kids)) if isinstance(item, Group) else item
        for item in items
    ]


def test_layers_are_groups_where_they_ran_first() -> None:
    steps = [
        Step(0, "linear", "linear", ("l1",)),
        Step(1, "relu", "relu", (), (0,)),
        Step(2, "linear", "linear", ("block", "block/l1"), (1,)),
        Step(3, "linear", "other", ("block", "block/l2"), (2,)),
    ]
    assert shape(arrange(steps)) == [
        ("l1", "layer", 1, [0]),
        1,
        ("block", "layer", 1, [("l1", "layer", 1, [2]), ("l2", "layer", 1, [3])]),
    ]


def test_a_thousand_steps_fold_by_tens() -> None:
    items = arrange(chain(*["matmul", "tanh"] * 1000))
    assert len(items) == 1 and isinstance(items[0], Group)
    (group,) = items
    assert (group.kind, group.times, group.label) == ("repeat", 1000, "matmul, tanh")
    hundreds = group.kids
    assert [kid.label for kid in hundreds[:2]] == ["steps 1–100", "steps 101–200"]
    tens = hundreds[1].kids
    assert [tens[0].label, tens[9].label] == ["steps 101–110", "steps 191–200"]
    assert [(step.label, step.kids) for step in tens[0].kids[:2]] == [
        ("step 101", [200, 201]),
        ("step 102", [202, 203]),
    ]
    assert list(keys_in(items)) == list(range(2000))


def test_what_comes_before_and_after_a_repetition_stays() -> None:
    items = arrange(chain("sin", *["matmul", "tanh"] * 30, "sum", "exp"))
    assert items[0] == 0 and items[2:] == [61, 62]
    assert isinstance(items[1], Group) and items[1].times == 30


def test_a_short_row_stays_as_it_is() -> None:
    assert arrange(chain(*["exp", "log"] * 20)) == list(range(40))


def test_layers_that_follow_each_other_fold_one_by_one() -> None:
    """Two layers at each of 50 times: the one is folded over time, then the other."""
    steps = []
    for t in range(50):
        own = (2 * t - 2,) if t else ()
        steps.append(Step(2 * t, "rnn", "rnn", ("rnn",), own))
        steps.append(Step(2 * t + 1, "linear", "linear", ("fc",), (2 * t,)))
    rnn, fc = arrange(steps)
    assert isinstance(rnn, Group) and isinstance(fc, Group)
    assert (rnn.label, rnn.times, fc.label, fc.times) == ("rnn", 50, "fc", 50)
    assert list(keys_in([rnn])) == list(range(0, 100, 2))


def test_layers_that_feed_each_other_back_fold_over_time() -> None:
    """Inside a recurrent layer h2h waits for tanh, which waits for h2h."""
    steps = []
    for t in range(12):
        k = 3 * t
        steps.append(Step(k, "matmul", "a", ("x2h",)))
        steps.append(Step(k + 1, "matmul", "b", ("h2h",), (k - 1,) if t else ()))
        steps.append(Step(k + 2, "tanh", "tanh", (), (k, k + 1)))
    (group,) = arrange(steps)
    assert isinstance(group, Group)
    assert (group.kind, group.times) == ("repeat", 12)
    first = group.kids[0].kids[0]
    assert shape(first.kids) == [("x2h", "layer", 1, [0]), ("h2h", "layer", 1, [1]), 2]


def test_a_long_row_without_repetition_is_cut() -> None:
    items = arrange(chain(*[f"op{i}" for i in range(1000)]))
    assert len(items) <= 40
    assert isinstance(items[0], Group) and items[0].kind == "range"
    assert list(keys_in(items)) == list(range(1000))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([(), ("l",), ("l", "l/m"), ("n",)])),
        max_size=120,
    )
)
def test_nothing_is_lost_and_no_level_is_long(drawn: list[tuple[str, tuple[str, ...]]]) -> None:
    steps = [
        Step(i, name, name, layers, (i - 1,) if i else ()) for i, (name, layers) in enumerate(drawn)
    ]
    items = arrange(steps)
    assert sorted(keys_in(items)) == list(range(len(steps)))
    stack = [items]
    while stack:
        level = stack.pop()
        # Three times as many where a repetition stands between what came before and after.
        assert len(level) <= 120
        assert all(item.kids for item in level if isinstance(item, Group))
        stack.extend(item.kids for item in level if isinstance(item, Group))


def test_a_series_of_other_lengths() -> None:
    assert series("x", "inputs", list(range(7))).kids == list(range(7))
    group = series("x", "inputs", list(range(11)))
    assert [kid.label for kid in group.kids[:1]] == ["x 1–10"]
    assert group.kids[1] == 10
    assert list(keys_in([group])) == list(range(11))
