"""Which older point and which base backup are drilled in turn."""

from datetime import timedelta
from typing import Any

import pytest

from backups.wal_g import turn
from backups.wal_g.turn import Turn
from lifecycle.errors import NotFound, Unproven
from tests.unit.test_wal_g_ends import SIZE, taken
from tests.unit.test_wal_g_intervals import day

KEYS = [f"restore_points/clinic/{day(n):%Y%m%dT%H%M%SZ}_p{n}.json" for n in range(10)]
WEEK = timedelta(weeks=1)


def test_each_has_its_turn_and_a_delta_only_where_there_are_any() -> None:
    fulls, both = [taken(1)], [taken(1), taken(2, 1)]
    told = [Turn(None, day(0) + n * WEEK).told(both) for n in range(6)]
    assert sorted(told[:3]) == ["delta", "oldest", "random"]
    assert told[3:] == told[:3]
    assert {Turn(None, day(0) + n * WEEK).told(fulls) for n in range(6)} == {"oldest", "random"}
    assert Turn("delta", day(0)).told(both) == "delta"
    with pytest.raises(NotFound, match="there is no delta"):
        Turn("delta", day(0)).told(fulls)


def test_the_oldest_is_the_first_that_can_be_come_back_to_and_the_random_one_the_same_again() -> (
    None
):
    assert turn.aims("oldest", day(0), KEYS, day(3))[0] == KEYS[3]
    assert turn.aims("delta", day(0), KEYS, day(3))[0] == KEYS[9]
    drawn = {turn.aims("random", day(n), KEYS, day(3))[0] for n in range(40)}
    assert drawn == set(KEYS[3:])
    once = turn.aims("random", day(7), KEYS, day(3))
    assert once == turn.aims("random", day(7), KEYS, day(3))
    assert sorted(once) == KEYS[3:]
    with pytest.raises(Unproven, match="after the oldest base backup"):
        turn.aims("oldest", day(0), [*KEYS[:3], "restore_points/clinic/notes.json"], day(3))


def test_a_delta_is_taken_although_a_full_one_is_newer_and_never_one_from_after_the_point() -> None:
    backups: Any = (taken(1), taken(2, 1), taken(3), taken(4, 3))
    lsn = 350 * SIZE
    assert turn.base("delta", backups, lsn, 7).backup == backups[1]
    assert turn.base("delta", backups, lsn, 7).chain == backups[:2]
    assert turn.base("oldest", backups, lsn, 7).backup == backups[2]
    assert turn.base("delta", backups, 900 * SIZE, 7).backup == backups[3]
