"""Which slots the history of a schedule expects, and of which time nothing can be said."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from lifecycle.ledger.generations import Generation, History, Pause, Timetable
from lifecycle.schedule.expected import expected

JOB = "a.job"
HOURLY, HALF_PAST = "0 * * * *", "30 * * * *"
SECOND = timedelta(seconds=1)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 21, hour, minute, tzinfo=UTC)


MIDNIGHT, NOON = at(0), at(12)


def generation(since: datetime, until: datetime | None = None, **jobs: str) -> Generation:
    crons = {name.replace("_", "."): cron for name, cron in jobs.items()}
    return Generation(Timetable("p", "1", "UTC", crons), since, until)


def history(
    *generations: Generation,
    installed: datetime = MIDNIGHT,
    now: datetime = NOON,
    pauses: tuple[Pause, ...] = (),
    covered: Mapping[str, datetime] | None = None,
) -> History:
    looked = {JOB: now} if covered is None else covered
    return History(installed, now, generations, pauses, looked)


def told(
    known: History, since: datetime, to: datetime, job: str = JOB
) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the slots and the grey parts, as one reads them."""
    found = expected(known, job, since, to)
    return (
        [f"{slot.at:%H:%M}" + (f" {slot.paused}" if slot.paused else "") for slot in found.slots],
        [(f"{part.since:%H:%M}", f"{part.to:%H:%M}", part.why) for part in found.grey],
    )


def test_every_slot_of_a_period_that_was_kept_throughout_is_expected():
    known = history(generation(at(1), a_job=HOURLY))
    assert told(known, at(8), at(11)) == (["08:00", "09:00", "10:00"], [])


def test_the_last_instant_of_a_period_belongs_to_the_next():
    known = history(generation(at(1), a_job=HOURLY))
    assert told(known, at(8), at(8)) == ([], [])
    assert told(known, at(8), at(8) + SECOND) == (["08:00"], [])


def test_before_the_installation_and_before_the_first_daemon_nothing_is_known():
    known = history(generation(at(4), a_job=HOURLY), installed=at(3))
    assert told(known, at(1), at(6)) == (
        ["05:00"],  # a new schedule has no past, its own first instant included
        [
            ("01:00", "03:00", "the ledger was not installed yet"),
            ("03:00", "04:00", "no daemon had begun to keep the schedule"),
        ],
    )


def test_of_a_period_before_everything_nothing_is_known_and_nothing_else_is_said():
    known = history(generation(at(10), a_job=HOURLY), installed=at(9))
    assert told(known, at(1), at(3)) == (
        [],
        [("01:00", "03:00", "the ledger was not installed yet")],
    )


def test_where_no_daemon_ever_was_nothing_is_known():
    assert told(history(covered={}), at(1), at(6)) == (
        [],
        [("01:00", "06:00", "no daemon had begun to keep the schedule")],
    )


def test_what_has_not_come_yet_is_not_expected():
    known = history(generation(at(1), a_job=HOURLY))
    assert told(known, at(11), at(14)) == (
        ["11:00", "12:00"],
        [("12:00", "14:00", "it has not come yet")],
    )
    assert told(known, at(14), at(16)) == ([], [("14:00", "16:00", "it has not come yet")])


def test_since_the_last_look_slots_are_grey_and_no_gap():
    known = history(generation(at(1), a_job=HOURLY), covered={JOB: at(9, 10)})
    assert told(known, at(8), at(12)) == (
        ["08:00", "09:00"],
        [("09:10", "12:00", "no daemon has looked what was due")],
    )


def test_without_a_slot_since_the_last_look_nothing_is_grey():
    known = history(generation(at(1), a_job=HOURLY), covered={JOB: at(11, 10)})
    assert told(known, at(8), at(12)) == (["08:00", "09:00", "10:00", "11:00"], [])


def test_a_changed_cron_holds_from_the_change_on():
    known = history(
        generation(at(1), at(9, 15), a_job=HOURLY), generation(at(9, 15), a_job=HALF_PAST)
    )
    assert told(known, at(8), at(11)) == (["08:00", "09:00", "09:30", "10:30"], [])


def test_a_slot_in_the_instant_of_the_change_is_expected_once():
    known = history(generation(at(1), at(9), a_job=HOURLY), generation(at(9), a_job=HOURLY))
    assert told(known, at(8), at(11)) == (["08:00", "09:00", "10:00"], [])


def test_a_removed_job_is_expected_up_to_its_removal_and_not_after():
    known = history(
        generation(at(1), at(9, 15), a_job=HOURLY, other_job=HOURLY),
        generation(at(9, 15), other_job=HOURLY),
        covered={JOB: at(9, 15), "other.job": at(12)},
    )
    assert told(known, at(8), at(11)) == (["08:00", "09:00"], [])
    assert told(known, at(8), at(11), "other.job")[0] == ["08:00", "09:00", "10:00"]


def test_a_job_that_came_back_has_no_slots_of_its_absence():
    known = history(
        generation(at(1), at(8, 30), a_job=HOURLY),
        generation(at(8, 30), at(10, 30), other_job=HOURLY),
        generation(at(10, 30), a_job=HOURLY),
    )
    assert told(known, at(7), at(12)) == (["07:00", "08:00", "11:00"], [])


def test_between_two_timetables_that_do_not_meet_nothing_is_known():
    known = history(
        generation(at(1), at(8, 30), a_job=HOURLY), generation(at(10, 30), a_job=HOURLY)
    )
    assert told(known, at(7), at(12)) == (
        ["07:00", "08:00", "11:00"],
        [("08:30", "10:30", "no daemon kept the schedule")],
    )


def test_a_slot_in_a_pause_is_expected_and_bears_its_reason():
    pauses = (
        Pause(JOB, at(8, 30), at(10), "audit"),
        Pause(JOB, at(12), None, "move"),
        Pause("other.job", at(1), None, "not ours"),
    )
    known = history(generation(at(1), a_job=HOURLY), pauses=pauses, now=at(13))
    slots, grey = told(known, at(8), at(13))
    assert slots == ["08:00", "09:00 audit", "10:00 audit", "11:00", "12:00 move"]
    assert grey == []


def test_slots_are_those_of_the_timetables_own_zone():
    berlin = Generation(Timetable("p", "1", "Europe/Berlin", {JOB: "0 3 * * *"}), at(0), None)
    assert told(history(berlin), at(1), at(4)) == (["02:00"], [])
