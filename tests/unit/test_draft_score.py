"""The score of a drafted policy: an unasked line is right, deletes wrongly or leaves wrongly; one that asks is honest."""

from typing import Any

import pytest

from bench.score import score

GOES = {"row": "goes", "by": ["user_id", "visit_id"]}
STAYS = {"row": "stays"}
SHARED = {"row": "shared", "by": ["household_id"]}
NONE = {"personal": "none", "because": "a list"}


def owner(how: Any) -> dict[str, Any]:
    return {"owner": {"user": how}}


@pytest.mark.parametrize(
    ("line", "key", "verdict"),
    [
        (owner("user_id"), GOES, "right"),
        (owner({"through": ["visit_id"]}), GOES, "right"),
        (owner({"through": ["year", "number"]}), {"row": "goes", "by": ["number"]}, "right"),
        (owner({"through": ["visit_id", "nurse_id"]}), GOES, "deletes"),
        (owner("nurse_id"), GOES, "deletes"),
        (owner("user_id"), STAYS, "deletes"),
        (owner("user_id"), SHARED, "deletes"),
        (owner({"shared_by": "users.household_id"}), STAYS, "deletes"),
        (owner({"shared_by": "users.household_id"}), SHARED, "right"),
        (owner({"through": ["household_id"]}), SHARED, "right"),
        (owner({"shared_by": "users.household_id"}), GOES, "leaves"),
        (owner({"party": {"user_id": [], "visit_id": []}}), GOES, "right"),
        (owner({"party": {"user_id": [], "reader_id": []}}), GOES, "leaves"),
        (owner({"party": {"user_id": [], "visit_id": []}}), STAYS, "deletes"),
        (owner({"party": {"user_id": [], "visit_id": []}}), SHARED, "right"),
        (NONE, STAYS, "right"),
        (NONE, GOES, "leaves"),
        (NONE, SHARED, "leaves"),
        (owner("user_id") | {"keep": {"clear": ["user_id"]}}, STAYS, "right"),
        (owner("user_id") | {"keep": {"clear": ["user_id"]}}, GOES, "leaves"),
        (owner("nurse_id") | {"because": "DECIDE: who? (nurse_id)"}, GOES, "asked"),
    ],
)
def test_each_line_is_held_against_the_key(line: dict[str, Any], key: dict[str, Any], verdict: str):
    found = score({"t": line}, {"t": key}, [("t", ("year", "number")), ("t", ("visit_id",))])
    verdicts = ("right", "follow", "asked", "deletes", "leaves")
    assert [v for v in verdicts if getattr(found, v)] == [verdict]


def test_one_question_asked_of_two_tables_is_one_answer():
    asked = {n: {"because": f"DECIDE: who wrote it? ({n})"} for n in ("a", "b")}
    found = score(asked | {"c": NONE}, dict.fromkeys("abc", STAYS), [])
    assert found.patterns == ("DECIDE: who wrote it?",)
    assert str(found) == (
        "3 tables: 1 right, 0 decided with another, 2 asked about (67 per 100, answered in 1), 0 deleted wrongly, 0 left wrongly"
    )


@pytest.mark.parametrize(
    ("whole", "part", "verdict"),
    [
        (GOES, {"row": "goes", "by": ["order_id"]}, "follow"),
        (GOES, STAYS, "deletes"),
        (STAYS, STAYS, "follow"),
        (STAYS, {"row": "goes", "by": ["order_id"]}, "leaves"),
        ({"row": "goes", "by": ["another_id"]}, STAYS, "asked"),  # no word says so of the whole
    ],
)
def test_what_is_decided_with_another_is_judged_by_what_becomes_of_it(
    whole: dict[str, Any], part: dict[str, Any], verdict: str
):
    asked = owner("user_id") | {"because": "DECIDE: is it money? (total)"}
    follows = owner({"through": ["order_id"]}) | {"because": "DECIDE: a part of orders (amount)"}
    found = score({"orders": asked, "lines": follows}, {"orders": whole, "lines": part}, [])
    assert "lines" in getattr(found, verdict)
    assert found.patterns == ("DECIDE: is it money?",)
