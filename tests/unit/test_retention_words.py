"""What `policy check` refuses of rules that end whole partitions: words that contradict each other, with their line."""

from pathlib import Path

import pytest

from lifecycle.errors import InputError
from lifecycle.policy import load
from tests.unit.test_policy_check import told

DROP = {"table": "visits", "do": "drop", "because": "x"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("newest: 3, do: delete", "they go with `do: drop` alone"),
        ("after: 90 days, do: delete, unless: {a: [b]}", "they go with `do: drop` alone"),
        ("after: 90 days, newest: 3, do: drop", "must say when it ends"),
        ("newest: 3, size: 5 GB, do: drop", "must say when it ends"),
        ("do: drop", "must say when it ends"),
        ("newest: 0, do: drop", "retention[0].newest: out of range; write at least 1"),
        (
            "size: 5 gigs, do: drop",
            "'5 gigs' is no size; write it like '500 MB', '50 GB' or '2 TB'",
        ),
        ("size: 0 GB, do: drop", "is no size"),
        ("newest: 3, by: at, do: drop", "without `by`, `expires` and `where`"),
        ("newest: 3, do: drop, unless: {a: []}", "`a` has no value"),
    ],
)
def test_words_that_no_rule_can_have_together_are_refused_with_their_line(
    tmp_path: Path, rule: str, said: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "system: shop\ndatabase: shop\ntables: {}\nretention:\n"
        f"  - {{table: log, {rule}, because: x}}\n"
    )
    with pytest.raises(InputError) as refused:
        load.policy(file)
    line = refused.value.what.replace(f"{tmp_path}/", "")
    assert line.startswith("policy.yaml:5: ")
    assert said in line


BOOKS = {
    "floor": "30 days",
    "floors": {"books": {"tables": ["visits"], "least": "1 year", "because": "AO 147"}},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"retention": [DROP | {"newest": 2}]},
            "retention[0].newest: `newest: 2` (rows stay 1 month at least) is below the floor of 30 days",
        ),
        ({"retention": [DROP | {"newest": 1}]}, "retention[0].newest: `newest: 1` is below the floor of 30 days"),
        (
            {"retention": [DROP | {"newest": 12}], "limits": BOOKS},
            "retention[0].newest: 11 months is below the floor of books, 1 year (AO 147)",
        ),
        (
            {"retention": [DROP | {"size": "5 GB"}], "limits": BOOKS},
            "retention[0].size: `size` is below the floor of books, 1 year (AO 147)",
        ),
        (
            {"retention": [DROP | {"newest": 24}, {"table": "visits", "by": "at", "after": "2 years", "do": "move", "to": "books", "because": "x"}]},
            "retention[0].newest: by `newest` partitions may be dropped before retention[1] has taken their rows",
        ),
    ],
)  # fmt: skip
def test_a_number_or_a_size_that_another_line_forbids_is_a_mistake(
    change: dict[str, object], said: str
) -> None:
    assert said in told(change)


@pytest.mark.parametrize(
    "rule",
    [
        DROP | {"newest": 13},
        DROP | {"newest": 3, "archive": True},
        DROP | {"size": "1 GB", "archive": True, "keep": "1 year"},
    ],
)
def test_what_the_floor_of_a_class_lets_end_is_no_mistake(rule: dict[str, object]) -> None:
    change = {"retention": [rule], "limits": BOOKS, "archives": {"bucket": "b"}}
    assert told(change) == []
