"""A verdict is what its coverage adds up to, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.coverage import NOTHING_ASKED, Coverage, Judgement, Looks, Place, Reason, conclude
from lifecycle.outcome import Failure, Verdict

A, B, C = (Place("table", name) for name in "abc")
WRONG = Failure("a", "two rows are left", "run again")
WHY = Reason("no right to read it", "grant it")
LIMIT = Reason("nothing looks there yet", "Look by hand.", "limit")


def verdict(coverage: Coverage) -> Verdict:
    return conclude(Judgement(coverage, "done")).verdict


def test_everything_looked_at_and_nothing_found_passes() -> None:
    assert verdict(Coverage(frozenset({A, B}), frozenset({A, B}))) is Verdict.PASS


def test_what_was_found_fails_whatever_was_looked_at() -> None:
    assert verdict(Coverage(frozenset({A}), frozenset({A}), (WRONG,))) is Verdict.FAIL
    assert verdict(Coverage(frozenset({A}), frozenset(), (WRONG,))) is Verdict.FAIL


def test_a_promised_place_that_nobody_looked_at_is_named_even_where_nobody_says_why() -> None:
    outcome = conclude(Judgement(Coverage(frozenset({A, B}), frozenset({A})), "done"))
    assert outcome.verdict is Verdict.UNVERIFIED
    assert outcome.summary == "done; not looked at: table b"
    assert outcome.coverage["unseen"] == [
        {
            "place": "table b",
            "why": "nobody looked there",
            "hint": "This is a mistake in the program: report it.",
            "kind": "trouble",
        }
    ]


def test_a_place_said_not_to_be_looked_at_counts_even_if_it_was_never_promised() -> None:
    assert verdict(Coverage(frozenset({A}), frozenset({A}), (), {B: WHY})) is Verdict.UNVERIFIED


def test_an_empty_promise_never_passes() -> None:
    outcome = conclude(Judgement(Coverage(frozenset(), frozenset()), "nothing to do"))
    assert outcome.verdict is Verdict.FAIL
    assert "nothing was promised" in outcome.failures[0].what


def test_looking_where_nobody_promised_anything_does_not_help() -> None:
    assert verdict(Coverage(frozenset({A}), frozenset({B}))) is Verdict.UNVERIFIED
    assert verdict(Coverage(frozenset(), frozenset({B}))) is Verdict.FAIL


def test_a_policy_that_asks_for_nothing_is_not_configured_unless_something_was_found() -> None:
    assert verdict(NOTHING_ASKED) is Verdict.NOT_CONFIGURED
    assert conclude(Judgement(NOTHING_ASKED, "").with_found([WRONG])).verdict is Verdict.FAIL


def test_many_places_are_counted_in_the_summary_and_kept_on_the_ledger() -> None:
    places = frozenset(Place("leaf", f"p{number}") for number in range(9))
    outcome = conclude(Judgement(Coverage(places, frozenset()), "done"))
    assert outcome.summary.endswith("not looked at: leaf p0, leaf p1, leaf p2 and 6 more")
    assert outcome.coverage["not_looked_at"] == 9


@pytest.mark.parametrize(
    ("reasons", "in_the_way"),
    [({A: LIMIT}, 0), ({A: LIMIT, B: WHY}, 1), ({A: LIMIT, B: LIMIT}, 0), ({}, 2)],
)
def test_only_a_run_that_limits_of_the_program_alone_kept_from_a_place_ended_well(
    reasons: dict[Place, Reason], in_the_way: int
) -> None:
    promised = frozenset(reasons) or frozenset({A, B})  # of what is forgotten, nobody knows why
    outcome = conclude(Judgement(Coverage(promised, frozenset(), (), reasons), "done"))
    assert outcome.verdict is Verdict.UNVERIFIED
    assert outcome.coverage["in_the_way"] == in_the_way
    assert outcome.well == (in_the_way == 0)


def test_what_was_found_is_not_well_and_a_pass_is() -> None:
    outcomes = [
        conclude(Judgement(Coverage(frozenset({A}), frozenset({A}), found), "done"))
        for found in ((), (WRONG,))
    ]
    assert [outcome.well for outcome in outcomes] == [True, False]


def test_a_limit_and_trouble_at_the_same_place_have_not_the_same_digest() -> None:
    digests = {
        Coverage(frozenset({A}), frozenset(), (), {A: Reason("why", "hint", kind)}).digest()
        for kind in ("limit", "trouble")
    }
    assert len(digests) == 2


def test_only_looking_makes_a_look() -> None:
    looks = Looks()
    with looks.at(A):
        pass
    assert verdict(looks.cover({A})) is Verdict.PASS
    assert verdict(looks.cover({A, B})) is Verdict.UNVERIFIED


def test_a_look_that_ends_by_an_exception_is_none() -> None:
    looks = Looks()
    with pytest.raises(ZeroDivisionError), looks.at(A, B):
        raise ZeroDivisionError
    assert looks.cover({A}).looked_at == frozenset()


def test_what_cannot_be_looked_at_is_not_made_good_by_somebody_who_looked() -> None:
    looks = Looks()
    looks.not_at(A, WHY)
    with looks.at(A):
        pass
    assert looks.cover({A}).unseen() == {A: WHY}
    looks.found(WRONG)
    assert verdict(looks.cover({A})) is Verdict.FAIL


PLACES = st.frozensets(st.sampled_from([A, B, C]))
COVERAGES = st.builds(
    Coverage,
    PLACES,
    PLACES,
    st.lists(st.just(WRONG), max_size=1).map(tuple),
    PLACES.map(lambda places: dict.fromkeys(places, WHY)),
    st.booleans(),
)


@given(COVERAGES, COVERAGES)
def test_two_coverages_together_lose_nothing_of_either(one: Coverage, other: Coverage) -> None:
    together = one | other
    for part in (one, other):
        assert part.promised <= together.promised
        assert part.unseen().keys() <= together.unseen().keys()
        assert set(part.found) <= set(together.found)
    assert len(together.found) == len(one.found) + len(other.found)
    assert together.unseen().keys() == one.unseen().keys() | other.unseen().keys()
    assert together.asked == (one.asked or other.asked)
    worst = [Verdict.PASS, Verdict.NOT_CONFIGURED, Verdict.UNVERIFIED, Verdict.FAIL]
    for part in (one, other):
        if part.promised and part.asked:
            assert worst.index(verdict(together)) >= worst.index(verdict(part))


def test_a_look_for_one_person_is_none_for_another() -> None:
    seen = Coverage(frozenset({A}), frozenset({A}))
    kept_from, forgotten = (Coverage(frozenset({A}), frozenset(), (), u) for u in ({A: WHY}, {}))
    assert (seen | kept_from).unseen() == (kept_from | seen).unseen() == {A: WHY}
    assert [r.why for r in (seen | forgotten).unseen().values()] == ["nobody looked there"]
    assert (seen | kept_from).counts()["looked_at"] == 0
    assert forgotten.forgotten() == {A}
    assert kept_from.forgotten() == frozenset()


def test_what_asks_for_nothing_takes_nothing_from_what_asks() -> None:
    asked = Coverage(frozenset({A}), frozenset({A}))
    assert verdict(asked | NOTHING_ASKED) is Verdict.PASS
    assert verdict(NOTHING_ASKED | NOTHING_ASKED) is Verdict.NOT_CONFIGURED


@given(COVERAGES)
def test_equal_coverages_have_equal_digests(one: Coverage) -> None:
    again = Coverage(one.promised, one.looked_at, one.found, one.not_looked_at)
    assert again.digest() == one.digest()


@pytest.mark.parametrize(
    "other",
    [
        Coverage(frozenset({A}), frozenset({A})),
        Coverage(frozenset({A, B}), frozenset({A, B})),
        Coverage(frozenset({A, B}), frozenset({A}), (WRONG,)),
        Coverage(frozenset({A, B}), frozenset({A}), (), {B: WHY}),
        Coverage(frozenset({A, B}), frozenset({B})),
    ],
)
def test_another_coverage_has_another_digest(other: Coverage) -> None:
    assert Coverage(frozenset({A, B}), frozenset({A})).digest() != other.digest()
