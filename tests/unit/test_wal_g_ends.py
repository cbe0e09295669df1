"""What ends of base backups and their log, decided: no time that is kept is lost, and what nobody may lose stays."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.wal_g import lines
from backups.wal_g.ends import plan, stays
from backups.wal_g.ends.files import Parts, parts, stored
from backups.wal_g.ends.plan import Delete
from backups.wal_g.ends.survey import Seen
from backups.wal_g.intervals import Moment
from backups.wal_g.listing import Backup
from backups.wal_g.log import Fork, Line, Segment
from backups.wal_g.watch.looked import Looked
from backups.wal_g.watch.survey import Said, Store
from backups.wal_g.watch.timelines import Lines
from lifecycle.plan import Decision
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from tests.unit.test_wal_g_intervals import DAY, base, day, log, looks
from tests.unit.test_wal_g_lag import NOW, SERVER, SIZE

LAG: Any = None
ONE = Line(1)


def policy(**promised: Any) -> Policy:
    said = {"window": "3 days", "rpo": "5 minutes", "rto": "1 hour", "keep": "3 days"} | promised
    tables = {"visits": {"personal": "none", "because": "a test made it"}}
    document = {
        "system": "clinic",
        "database": "clinic",
        "tables": tables,
        "backups": {"wal_g": said},
    }
    return whole.model().model_validate(document)


def name(number: float) -> str:
    return f"base_{Segment(1, round(number * 100)).name(SIZE)}"


def taken(number: float, parent: float | None = None, **also: Any) -> Backup:
    """Return a base backup as the list has it, by the name that WAL-G gives."""
    called = name(number) + (f"_D_{name(parent)[5:]}" if parent is not None else "")
    return base(number).model_copy(
        update={"backup_name": called, "compressed_size": 10, "modified": day(number)} | also
    )


def seen(
    backups: Sequence[Backup],
    there: Collection[Segment],
    *,
    proven: Iterable[Backup] | None = None,
    moments: Sequence[Moment] | None = None,
    line: Line | None = ONE,
    **also: Any,
) -> Seen:
    """Return an archive on its tenth day, of which the last drill came back with the newest base backup."""
    at = looks(*(n / 2 for n in range(20))) if moments is None else moments
    said = Said(replace(SERVER, at=day(10)), {}, tuple(at))
    store = Store(dict.fromkeys(there, NOW))
    looked = Looked(store, {}, tuple(backups), tuple(backups), Lines({}), line, LAG, None)
    whole_ones = {
        one.backup_name: Parts(True, (f"{one.backup_name}/tar_partitions/part_1.tar.lz4",), 10, NOW)
        for one in backups
    }
    drilled = tuple(one.backup_name for one in (backups[-1:] if proven is None else proven))
    names = {one: (f"{one.name(SIZE)}.lz4",) for one in there}
    made = Seen(said, looked, whole_ones, names, (), drilled, ())
    return replace(made, **also)


def decided(found: Seen, **promised: Any) -> Decision[Delete]:
    return plan.decide(policy(**promised), found, day(10))


def ended(decision: Decision[Delete]) -> list[str]:
    return [step.target for step in decision.steps if step.base]


def log_ended(decision: Decision[Delete]) -> list[int]:
    keys = [key for step in decision.steps if step.verb == "delete log" for key in step.keys]
    return sorted(int(key[-10:-4], 16) + int(key[16:24], 16) * 256 for key in keys)


def test_what_no_kept_time_needs_ends_and_its_log_up_to_the_base_backup_that_stays() -> None:
    """Kept are three days of ten: the newest base backup from before then is the fifth day's."""
    found = seen([taken(1), taken(3), taken(5), taken(8)], log(50, 990))
    decision = decided(found)
    assert ended(decision) == [name(3), name(1)]
    assert log_ended(decision) == list(range(50, 500))
    assert [step.verb for step in decision.steps][-1] == "delete log"
    assert decision.notes == (f"everything stays from {name(5)} on, finished 2026-11-22 13:00:00Z",)


def test_nothing_ends_where_the_policy_has_no_keep() -> None:
    found = seen([taken(1), taken(3), taken(5), taken(8)], log(50, 990))
    assert decided(found, keep=None) == Decision(())


def test_a_permanent_one_stays_and_exactly_its_own_log() -> None:
    found = seen([taken(1), taken(3, is_permanent=True), taken(5), taken(8)], log(50, 990))
    decision = decided(found)
    assert ended(decision) == [name(1)]
    assert log_ended(decision) == [*range(50, 300), *range(304, 500)]
    assert decision.notes[0] == f"{name(3)} stays with its log: permanent"


def test_what_a_kept_delta_builds_on_stays() -> None:
    found = seen([taken(1), taken(3), taken(5, 3), taken(8)], log(50, 990))
    decision = decided(found)
    assert ended(decision) == [name(1)]
    assert log_ended(decision) == [*range(50, 300), *range(304, 500)]
    assert decision.notes[0] == f"{name(3)} stays with its log: a kept one builds on it"


def test_a_delta_ends_before_what_it_builds_on() -> None:
    found = seen([taken(1), taken(2, 1), taken(5), taken(8)], log(50, 990))
    assert ended(decided(found)) == [f"{name(2)}_D_{name(1)[5:]}", name(1)]


def test_the_sentinel_goes_first_so_that_nobody_takes_half_a_base_backup_for_a_whole_one() -> None:
    found = seen([taken(1), taken(5), taken(8)], log(50, 990))
    files = (f"{name(1)}/metadata.json", f"{name(1)}/tar_partitions/part_1.tar.lz4")
    sentinel = f"{name(1)}_backup_stop_sentinel.json"
    with_it = Parts(True, tuple(sorted((*files, sentinel))), 10, NOW)
    [step, _] = decided(replace(found, parts={**found.parts, name(1): with_it})).steps
    assert step.keys == tuple(f"basebackups_005/{one}" for one in (sentinel, *files))


def test_the_last_that_a_drill_has_proven_stays_with_all_that_comes_after() -> None:
    backups = [taken(1), taken(3), taken(5), taken(8)]
    decision = decided(seen(backups, log(50, 990), proven=[backups[1], backups[0]]))
    assert ended(decision) == [name(1)]
    assert log_ended(decision) == list(range(50, 300))


def test_where_none_was_ever_proven_none_ends() -> None:
    decision = decided(seen([taken(1), taken(5), taken(8)], log(50, 990), proven=[]))
    assert decision.steps == ()
    assert [one.what for one in decision.refusals] == [
        "no base backup that is there was ever proven by a drill, so none ends"
    ]


def test_what_wal_g_takes_for_its_latest_stays_as_the_next_delta_builds_on_it() -> None:
    found = seen([taken(1), taken(3, modified=NOW + DAY), taken(5), taken(8)], log(50, 990))
    decision = decided(found)
    assert ended(decision) == [name(1)]
    assert decision.notes[0] == f"{name(3)} stays with its log: LATEST"


def test_32_a_base_backup_behind_which_the_log_is_broken_is_not_the_one_to_keep() -> None:
    found = seen([taken(1), taken(3), taken(5), taken(8)], log(50, 990, 501))
    decision = decided(found)
    assert ended(decision) == [name(1)]
    assert log_ended(decision) == list(range(50, 300))


def test_a_log_that_broke_long_before_leaves_what_can_still_be_come_back_to() -> None:
    """Nothing of what is kept can be come back to: what is older is the last there is."""
    found = seen([taken(1), taken(3), taken(5)], log(50, 400), moments=looks(2, 3.5))
    decision = decided(found, keep="4 days", window="4 days")
    assert ended(decision) == [name(1)]
    assert log_ended(decision) == list(range(50, 300))


def test_one_of_which_a_part_is_gone_is_not_the_one_to_keep() -> None:
    found = seen([taken(1), taken(3), taken(5), taken(8)], log(50, 990))
    part_gone = {**found.parts, name(5): replace(found.parts[name(5)], packed=9)}
    assert ended(decided(replace(found, parts=part_gone))) == [name(1)]


def test_one_whose_parent_is_gone_is_not_the_one_to_keep() -> None:
    found = seen([taken(1), taken(3), taken(5, 4), taken(8)], log(50, 990))
    assert name(3) not in ended(decided(found))


def test_a_clock_that_is_ahead_ends_nothing_that_the_servers_own_does_not() -> None:
    found = seen([taken(1), taken(3), taken(5), taken(8)], log(50, 990))
    assert ended(plan.decide(policy(), found, day(300))) == [name(3), name(1)]


@pytest.mark.parametrize(
    ("also", "what"),
    [
        ({"line": None}, "no history in the store says where the server's timeline comes from"),
        ({"standby": True}, "the server is a standby, and its log is not the one"),
        ({"stranger": 8}, "whose the log is does not stand in its name"),
    ],
)
def test_where_nobody_can_tell_whose_the_log_is_nothing_ends(also: Any, what: str) -> None:
    backups = [taken(1), taken(5), taken(8)]
    found = seen(backups, log(50, 990), line=also.get("line", Line(1)))
    if "standby" in also:
        found = replace(
            found, said=replace(found.said, server=replace(found.said.server, standby=True))
        )
    if "stranger" in also:
        other = taken(2, system_identifier=also["stranger"])
        found = replace(found, there=replace(found.there, listed=(*backups, other)))
    decision = decided(found)
    assert decision.steps == ()
    assert [what in one.what for one in decision.refusals] == [True]


def test_while_a_hold_stands_nothing_ends_and_it_is_said() -> None:
    decision = decided(seen([taken(1), taken(5), taken(8)], log(50, 990), holds=(7,)))
    assert decision.steps == ()
    assert decision.notes == ("451 objects over age: kept while a legal hold stands (7)",)


def test_what_a_killed_push_left_ends_once_it_is_old_and_keeps_its_log_until_then() -> None:
    found = seen([taken(5), taken(8)], log(50, 990))
    for days, gone, first in ((2.5, [], 200), (4, [name(2)], 500)):
        left = Parts(False, (f"{name(2)}/tar_partitions/part_1.tar.lz4",), 10, day(10 - days))
        decision = decided(replace(found, parts={**found.parts, name(2): left}))
        assert ended(decision) == gone
        assert log_ended(decision) == list(range(50, first))


def test_the_log_that_was_left_on_another_timeline_ends_with_the_rest() -> None:
    there = log(50, 990, timeline=2) | log(50, 700)
    line = Line(2, (Fork(1, 100 * SIZE),))
    backups = [
        taken(5, wal_file_name=Segment(2, 500).name(SIZE)),
        taken(8, wal_file_name=Segment(2, 800).name(SIZE)),
    ]
    found = seen(backups, there, line=line, moments=looks(6, 9, timeline=2))
    [step] = decided(found).steps
    assert len(step.keys) == 2 * 450
    assert step.keys[0].startswith("wal_005/000000010000")


def test_records_of_points_that_nobody_can_come_back_to_end_but_for_the_newest() -> None:
    keys = tuple(f"restore_points/clinic/{day(n / 4):%Y%m%dT%H%M%SZ}_p{n}.json" for n in range(40))
    found = seen([taken(5), taken(8)], log(500, 990), points=keys)
    [step] = decided(found).steps
    assert step.keys == tuple(name for key in keys[:20] for name in (key, f"{key}.sig"))
    few = replace(found, points=keys[:16])
    assert decided(few).steps[0].keys == (keys[0], f"{keys[0]}.sig", keys[1], f"{keys[1]}.sig")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=8, unique=True).map(sorted),
    st.sets(st.integers(0, 990), max_size=4),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(3, 9),
)
def test_a_run_that_is_killed_anywhere_loses_no_time_that_is_kept(
    tenths: list[int], lacking: set[int], permanent: int, proven: int, keep: int
) -> None:
    """After each object that goes, and in whatever was planned, one can come back to every time that one could."""
    backups = [taken(n / 10, is_permanent=i == permanent) for i, n in enumerate(tenths)]
    drilled = backups[proven % len(backups)]
    found = seen(backups, log(0, 990, *lacking), proven=[drilled])
    decision = decided(found, keep=f"{keep} days")
    since = day(10 - keep)
    every = stays.reached(found, backups, found.there.store.segments)
    gone: set[str] = set()
    assert drilled.backup_name not in ended(decision)
    for step in decision.steps:
        for key in step.keys:
            gone.add(step.target if step.base else key)
            if not step.base and len(gone) % 90:
                continue
            there = [
                one
                for one in found.there.store.segments
                if f"wal_005/{found.log[one][0]}" not in gone
            ]
            left = [one for one in backups if one.backup_name not in gone]
            assert not list(stays.lost(every, stays.reached(found, left, there), since))
            if permanent < len(backups):
                ours = backups[permanent]
                assert ours in left
                numbers = {one.number for one in there} | lacking
                first, last = ours.start_lsn // SIZE, ours.finish_lsn // SIZE
                assert set(range(first, min(last, 990) + 1)) <= numbers
    assert (
        not every.intervals
        or stays.reached(
            found,
            [one for one in backups if one.backup_name not in gone],
            [
                one
                for one in found.there.store.segments
                if f"wal_005/{found.log[one][0]}" not in gone
            ],
        )
        .intervals[-1]
        .until
        == every.intervals[-1].until
    )


def test_the_list_of_a_store_is_read_file_by_file() -> None:
    text = """type size    last modified                           name
obj  381     2026-11-28 05:52:00.507278787 +0000 UTC base_000000010000000000000002_backup_stop_sentinel.json
obj  172423  2026-11-28 05:52:00.507278787 +0000 UTC /base_000000010000000000000002/files_metadata.json
obj  5772660 2026-11-28 05:51:59.487278768 +0000 UTC /base_000000010000000000000002/tar_partitions/part_001.tar.lz4
obj  375     2026-11-28 05:52:01 +0000 UTC /base_000000010000000000000003/tar_partitions/part_003.tar.lz4
obj  12      2026-11-28 05:52:01 +0000 UTC notes.txt
"""
    found = parts(stored(lines.files(text)))
    assert {name: (one.listed, one.packed, len(one.files)) for name, one in found.items()} == {
        "base_000000010000000000000002": (True, 5772660, 3),
        "base_000000010000000000000003": (False, 375, 1),
    }
    assert found["base_000000010000000000000002"].newest - found[
        "base_000000010000000000000003"
    ].newest < timedelta(0)
