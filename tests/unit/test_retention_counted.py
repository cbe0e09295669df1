"""What follows of a rule's counts, over as many partitions as a table may have."""

from datetime import UTC, datetime

from retention.count import Counted, Overdue
from retention.parts import Part
from retention.rule import RetentionRule
from retention.rules import Bound

NAMES = tuple(f"log_{n}" for n in range(2000))
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_what_ends_of_two_thousand_partitions_is_known_in_a_moment():
    rule = RetentionRule.model_validate(
        {"table": "log", "after": "90 days", "do": "drop", "because": "x"}
    )
    parts = tuple(Part(name, (name,), over=name != "log_9", ends=None) for name in NAMES)
    bound = Bound(0, rule, "log", None, "at", NOW, NAMES, (), parts=parts)
    rows = tuple(Overdue(name, 1, "", on_hold=name in {"log_3", "log_4"}) for name in NAMES)
    counted = Counted(bound, rows, {}, back={"log_5": 7})
    assert [part.name for part in counted.held] == ["log_3", "log_4"]
    assert {part.name: rows for part, rows in counted.kept_back.items()} == {"log_5": 7}
    assert len(counted.too_many) == 1996
    assert counted.rows == 1997
    assert all(counted.in_part(part).rows == 1 for part in parts if part in counted.too_many)
