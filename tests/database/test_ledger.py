"""The ledger's own rules, on a real server: one holder, one run of a job at a time, nothing after the end."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from structlog.testing import capture_logs

from lifecycle.coverage import Coverage, Judgement, Place, Reason, conclude
from lifecycle.errors import Conflict, Fenced, NotFound
from lifecycle.ledger import (
    alerts,
    claims,
    daemons,
    evidence,
    generations,
    months,
    runs,
    schedules,
    standing,
)
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import installation
from lifecycle.schedule import cover
from lifecycle.schedule.expected import expected
from lifecycle.system import System
from lifecycle.systems.vitalis.sample import SYSTEM
from lifecycle.watch import check
from tests.acceptance.stage import Stage
from tests.unit.test_slots import job

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PASS = Outcome(Verdict.PASS, "done", {"rows": 3})
FAIL = Outcome(Verdict.FAIL, "a table failed", failures=(Failure("users", "locked", "Wait."),))
SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(cluster: Cluster, stage_database: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(cluster, str(conninfo_to_dict(stage_database)["dbname"]), tmp_path)
    yield made
    made.close()


@pytest.fixture
def conn(stage: Stage) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with closing(stage.system().connect("test")) as opened:
        yield opened


Conn = psycopg.Connection[tuple[object, ...]]


def take(
    conn: Conn,
    name: str = "a",
    at: datetime = NOON,
    *,
    person: bool = False,
    lease: timedelta = claims.LEASE,
) -> Claim:
    holder, asked_by = claims.new_holder(), "person" if person else "schedule"
    return claims.claim_new(conn, "stage", name, at, holder, asked_by=asked_by, lease=lease)


def state(conn: Conn, claim: Claim) -> object:
    return runs.shown(conn, "stage", claim.id)["state"]


def age(stage: Stage, column: str = "started_at") -> None:
    with stage.admin() as admin:
        if column == "started_at":
            admin.execute("update lifecycle.heartbeat set at = at - interval '1 hour'")
        admin.execute(
            f"update lifecycle.run set {column} = clock_timestamp() - interval '1 hour'".encode()
        )


def test_a_slot_is_on_the_ledger_once(conn: Conn):
    assert claims.enqueue(conn, "stage", "a", NOON, asked_by="schedule")
    assert not claims.enqueue(conn, "stage", "a", NOON, asked_by="person")


def test_the_longest_due_run_is_claimed_first_and_two_runs_of_a_job_never_overlap(conn: Conn):
    for hours in (2, 1, 3):
        claims.enqueue(conn, "stage", "a", NOON + timedelta(hours=hours), asked_by="schedule")
    claims.enqueue(conn, "stage", "b", NOON + timedelta(hours=9), asked_by="schedule")
    first = claims.claim_next(conn, "stage", "me", ["a", "b"])
    second = claims.claim_next(conn, "stage", "me", ["a", "b"])
    assert first is not None and second is not None
    assert (first.job, first.scheduled_for) == ("a", NOON + timedelta(hours=1))
    assert second.job == "b"
    assert claims.claim_next(conn, "stage", "me", ["a", "b"]) is None


def test_a_run_of_a_job_that_this_daemon_does_not_know_is_left_alone(conn: Conn):
    claims.enqueue(conn, "stage", "a", NOON, asked_by="schedule")
    assert claims.claim_next(conn, "stage", "me", ["b"]) is None


def test_many_claimers_at_once_get_each_run_once(stage: Stage):
    names = [f"job{n}" for n in range(40)]
    with closing(stage.system().connect("test")) as conn:
        for name in names:
            claims.enqueue(conn, "stage", name, NOON, asked_by="schedule")
    claimed: list[str] = []

    def claim_all() -> None:
        with closing(stage.system().connect("claimer")) as own:
            while claim := claims.claim_next(own, "stage", claims.new_holder(), names):
                claimed.append(claim.job)

    threads = [threading.Thread(target=claim_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(names)


def test_claimers_at_once_of_one_jobs_runs_get_one_and_leave_the_rest(stage: Stage):
    with closing(stage.system().connect("test")) as conn:
        for hours in range(20):
            claims.enqueue(conn, "stage", "a", NOON + timedelta(hours=hours), asked_by="schedule")
        claims.enqueue(conn, "stage", "b", NOON + timedelta(days=9), asked_by="schedule")
    claimed: list[str] = []
    gate = threading.Barrier(8)

    def claim_one() -> None:
        with closing(stage.system().connect("claimer")) as own:
            gate.wait()
            if claim := claims.claim_next(own, "stage", claims.new_holder(), ["a", "b"]):
                claimed.append(claim.job)

    threads = [threading.Thread(target=claim_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == ["a", "b"]


def test_a_run_by_hand_leaves_nothing_behind_when_the_job_is_going_on(conn: Conn):
    take(conn)
    with pytest.raises(Conflict, match="waiting for another run"):
        take(conn, at=NOON + SECOND, person=True)
    assert len(runs.listed(conn, "stage", count=9)) == 1


def test_a_slot_that_ended_cannot_be_claimed_again(conn: Conn):
    claims.finish(conn, take(conn), PASS)
    with pytest.raises(Conflict, match=r"finished \(pass\)"):
        take(conn)
    assert claims.passed(conn, "stage", "a", NOON)


def test_after_the_end_every_word_of_the_old_holder_is_fenced(conn: Conn):
    claim = take(conn)
    claims.finish(conn, claim, PASS)
    for late in (
        lambda: claims.beat(conn, claim),
        lambda: claims.hold(conn, claim),
        lambda: claims.start(conn, claim, SECOND),
        lambda: claims.finish(conn, claim, FAIL),
        lambda: claims.cancel(conn, claim, "late"),
        lambda: claims.put_back(conn, claim, delay=SECOND, error_code=8, summary="late"),
        lambda: evidence.record(conn, claim, "effect", "a.b", "users"),
        lambda: claims.take_up(conn, claim.id, claim.attempt, claim.holder),
    ):
        with pytest.raises(Fenced):
            late()
    shown = runs.shown(conn, "stage", claim.id)
    assert (shown["state"], shown["verdict"], shown["evidence"]) == ("finished", "pass", [])
    assert conn.execute("select count(*) from lifecycle.alert").fetchall() == [(0,)]


def test_a_failure_raises_its_alert_in_the_same_transaction(conn: Conn):
    claims.finish(conn, take(conn), FAIL, error_code=1)
    row = conn.execute("select kind, message, job from lifecycle.alert").fetchone()
    assert row == ("fail", "a: a table failed", "a")


@pytest.mark.parametrize(
    "trouble",
    [
        "revoke insert on lifecycle.alert from lifecycle",
        "alter table lifecycle.alert rename to was_alert",
        "alter table lifecycle.alert add check (kind = 'other')",
    ],
)
def test_an_alert_that_cannot_be_written_holds_no_ending(stage: Stage, conn: Conn, trouble: str):
    failed, stopped, dead = take(conn, "a"), take(conn, "b"), take(conn, "c")
    with stage.admin() as admin:
        admin.execute(trouble.encode())
    with capture_logs() as logs:
        claims.finish(conn, failed, FAIL, error_code=1)
        claims.cancel(conn, stopped, "asked to stop")
        assert claims.abandon(conn, dead, retry_safe=False, summary="killed") == "lost"
    assert stage.rows("select state, verdict from lifecycle.run order by id") == [
        ("finished", "fail"),
        ("cancelled", None),
        ("lost", None),
    ]
    assert [line["event"] for line in logs] == ["alert.not_written"] * 3
    assert [line["kind"] for line in logs] == ["fail", "cancelled", "lost"]
    kept = [a for a in alerts.unwritten() if a.run in (failed.id, stopped.id, dead.id)]
    assert [a.kind for a in kept] == ["fail", "cancelled", "lost"]
    for one in alerts.unwritten():
        alerts.told(one)


def test_what_is_reminded_of_is_kept_once_a_reminder_where_it_cannot_be_written(
    stage: Stage, conn: Conn
):
    with stage.admin() as admin:
        admin.execute("revoke insert on lifecycle.alert from lifecycle")
    kept: list[str] = []
    for _ in range(3):
        assert not alerts.write_unless_recent(
            conn, "stage", None, "clock", "off", timedelta(days=1)
        )
        kept += [one.kind for one in alerts.unwritten()]
        for one in alerts.unwritten():
            alerts.told(one)
    assert kept == ["clock"]


@pytest.mark.parametrize("bad", [FAIL, Outcome(Verdict.UNVERIFIED, "a place was not seen")])
def test_the_first_pass_after_trouble_is_told_once_and_no_other(conn: Conn, bad: Outcome):
    for hour, outcome in enumerate((PASS, bad, bad, PASS, PASS)):
        claims.finish(conn, take(conn, at=NOON + timedelta(hours=hour)), outcome)
        claims.finish(conn, take(conn, "other", at=NOON + timedelta(hours=hour)), PASS)
    told = conn.execute("select job, kind from lifecycle.alert order by id").fetchall()
    assert told[-1] == ("a", "recovered")
    assert [kind for _, kind in told].count("recovered") == 1


def test_a_run_that_failed_and_passes_when_it_is_resumed_has_recovered(conn: Conn):
    claim = take(conn)
    claims.finish(conn, claim, FAIL, error_code=1)
    runs.resume(conn, "stage", claim.id)
    again = claims.claim_next(conn, "stage", "me")
    assert again is not None
    claims.finish(conn, again, PASS)
    told = conn.execute("select kind, run_id from lifecycle.alert order by id").fetchall()
    assert told == [("fail", claim.id), ("recovered", claim.id)]


def test_whoever_holds_the_table_of_alerts_holds_no_ending(stage: Stage, conn: Conn):
    claim = take(conn)
    with stage.admin() as admin, admin.transaction():
        admin.execute("lock table lifecycle.alert in access exclusive mode")
        claims.finish(conn, claim, FAIL)
    assert [a.run for a in alerts.unwritten()] == [claim.id]
    alerts.told(alerts.unwritten()[0])
    assert runs.shown(conn, "stage", claim.id)["verdict"] == "fail"


def test_an_effect_holds_its_run_bears_its_mark_and_records_in_one_transaction(
    stage: Stage, conn: Conn
):
    claim = take(conn)
    mark = "select current_setting('lifecycle.run', true)"
    with effect(conn, claim, None) as change:
        assert conn.execute(mark).fetchone() == (str(claim.id),)
        change.record("effect", "a.b", "users", counts={"rows": 3})
    assert conn.execute(mark).fetchone() == ("",)
    with effect(conn, claim, None, rehearsal=True) as change:
        change.record("effect", "a.rehearsed", "users")
    claims.finish(conn, claim, PASS)
    with pytest.raises(Fenced), effect(conn, claim, None):
        pytest.fail("whoever lost the run begins nothing")
    assert stage.rows("select event from lifecycle.evidence") == [("a.b",)]


def test_a_run_put_back_waits_its_delay(conn: Conn):
    claim = take(conn)
    claims.put_back(conn, claim, delay=timedelta(hours=1), error_code=8, summary="away")
    assert claims.claim_next(conn, "stage", "me", ["a"]) is None
    assert runs.waiting(conn, "stage", ["a"]) == runs.Waiting(0, 1)


def test_a_silent_run_is_taken_from_its_process_and_a_beating_one_is_not(stage: Stage, conn: Conn):
    claim = take(conn)
    grace = timedelta(seconds=60)
    assert runs.reclaim(conn, "stage", ["a"], grace=grace) == ()
    age(stage)
    (taken,) = runs.reclaim(conn, "stage", ["a"], grace=grace)
    assert (taken.state, taken.attempt) == ("queued", 1)
    again = claims.claim_next(conn, "stage", "other", ["a"])
    assert again is not None and again.attempt == 2
    with pytest.raises(Fenced):
        claims.beat(conn, claim)


def test_a_run_whose_host_dies_again_and_again_is_lost_after_its_last_attempt(
    stage: Stage, conn: Conn
):
    claim = take(conn)
    for attempt in range(2, claims.ATTEMPTS + 1):
        age(stage)
        assert [r.state for r in runs.reclaim(conn, "stage", ["a"], grace=SECOND)] == ["queued"]
        again = claims.claim_next(conn, "stage", claims.new_holder())
        assert again is not None
        assert (again.id, again.attempt) == (claim.id, attempt)
    age(stage)
    assert [r.state for r in runs.reclaim(conn, "stage", ["a"], grace=SECOND)] == ["lost"]
    assert state(conn, claim) == "lost"
    assert claims.claim_next(conn, "stage", claims.new_holder()) is None


@pytest.mark.parametrize(
    ("person", "retry_safe", "column"),
    [(True, ["a"], "started_at"), (False, [], "started_at"), (False, ["a"], "deadline_at")],
)
def test_what_must_not_be_repeated_is_lost(
    stage: Stage, conn: Conn, person: bool, retry_safe: list[str], column: str
):
    claim = take(conn, person=person)
    age(stage, column)
    (taken,) = runs.reclaim(conn, "stage", retry_safe, grace=SECOND)
    assert (taken.state, state(conn, claim)) == ("lost", "lost")


def test_a_run_held_by_an_open_transaction_is_not_taken(stage: Stage, conn: Conn):
    claim = take(conn)
    age(stage)
    with closing(stage.system().connect("holder")) as other, other.transaction():
        claims.hold(other, claim)
        assert runs.reclaim(conn, "stage", ["a"], grace=SECOND) == ()
    assert len(runs.reclaim(conn, "stage", ["a"], grace=SECOND)) == 1


def test_a_run_that_waited_too_long_is_missed_but_not_one_that_a_person_wants(conn: Conn):
    claims.enqueue(conn, "stage", "a", NOON - timedelta(days=900), asked_by="schedule")
    claims.enqueue(conn, "stage", "a", NOON - timedelta(days=901), asked_by="person")
    assert runs.expire(conn, "stage", {"a": timedelta(days=2)}) == {"a": 1}
    assert runs.waiting(conn, "stage", ["a"]).open == 1


def test_a_failed_run_can_be_resumed_and_a_passed_one_cannot(conn: Conn):
    failed, passed = take(conn), None
    claims.finish(conn, failed, FAIL)
    runs.resume(conn, "stage", failed.id)
    passed = claims.claim_next(conn, "stage", "me", ["a"])
    assert passed is not None and (passed.id, passed.attempt) == (failed.id, 2)
    claims.finish(conn, passed, PASS)
    with pytest.raises(Conflict, match=r"finished \(pass\)"):
        runs.resume(conn, "stage", passed.id)


def test_a_run_that_could_not_verify_is_not_made_a_pass_by_a_second_look(conn: Conn):
    claim = take(conn)
    left = {"unseen": [{"place": "copy images", "why": "not searched", "hint": "Search."}]}
    unverified = Outcome(Verdict.UNVERIFIED, "1 of 2", coverage=left)
    claims.finish(conn, claim, unverified)
    with pytest.raises(Conflict, match=r"finished \(could not verify\)") as refused:
        runs.resume(conn, "stage", claim.id)
    assert "lifecycle run JOB" in str(refused.value.hint)
    shown = runs.shown(conn, "stage", claim.id)
    assert (shown["verdict"], shown["coverage"]) == ("could not verify", left)


IMAGES, STORE = Place("copy", "images"), Place("store", "")
LIMIT = Reason("nothing searches them yet", "Search them by hand.", "limit")
AWAY = Reason("the store does not answer", "Look at the bucket.")


def night(conn: Conn, number: int, end: Outcome | Mapping[Place, Reason]) -> list[str]:
    """End the run of one night, so or with these places not looked at; return the alerts that were written of it."""
    if not isinstance(end, Outcome):
        seen = Place("table", "users")
        promised = frozenset((seen, *end))
        end = conclude(Judgement(Coverage(promised, frozenset({seen}), (), end), "looked"))
    claim = take(conn, at=NOON + timedelta(days=number))
    claims.finish(conn, claim, end)
    told = "select kind from lifecycle.alert where run_id = %s"
    return [str(kind) for (kind,) in conn.execute(told, [claim.id]).fetchall()]


def test_what_was_in_the_way_is_told_every_night_and_a_limit_once(conn: Conn):
    unsure = ["could not verify"]
    assert night(conn, 1, {IMAGES: LIMIT}) == unsure
    assert night(conn, 2, {IMAGES: LIMIT}) == []
    assert night(conn, 3, {IMAGES: LIMIT, STORE: AWAY}) == unsure
    assert night(conn, 4, {IMAGES: LIMIT, STORE: AWAY}) == unsure
    assert night(conn, 5, {STORE: AWAY}) == unsure
    assert night(conn, 6, {STORE: AWAY}) == unsure
    assert night(conn, 7, {IMAGES: LIMIT, STORE: LIMIT}) == unsure  # other limits than before
    assert night(conn, 8, {IMAGES: LIMIT, STORE: LIMIT}) == []
    failed = replace(FAIL, coverage={"unseen": [], "in_the_way": 0})
    assert night(conn, 9, failed) == ["fail"]
    assert (
        night(conn, 10, {IMAGES: LIMIT, STORE: LIMIT}) == unsure
    )  # better than what was told last
    assert night(conn, 11, PASS) == ["recovered"]


def test_a_lost_night_does_not_hide_that_the_next_one_ended_as_those_before(conn: Conn):
    night(conn, 1, {IMAGES: LIMIT})
    lost = take(conn, at=NOON + timedelta(days=2))
    assert claims.abandon(conn, lost, retry_safe=False, summary="killed") == "lost"
    assert night(conn, 3, {IMAGES: LIMIT}) == ["could not verify"]
    assert night(conn, 4, {IMAGES: LIMIT}) == []


def test_a_night_in_whose_way_something_was_is_no_success_and_the_job_becomes_overdue(
    stage: Stage, conn: Conn
):
    def days_ago(number: int) -> None:
        with stage.admin() as admin:
            admin.execute(
                "update lifecycle.run set finished_at = scheduled_for, queued_at = scheduled_for"
            )
            admin.execute(
                "update lifecycle.run set finished_at = %s where scheduled_for = (select max(scheduled_for) from lifecycle.run)",
                [NOON + timedelta(days=number)],
            )

    def stands(number: int) -> tuple[int | None, check.State]:
        days_ago(number)
        found = standing.read(conn, "stage")["a"]
        nightly = replace(job("0 12 * * *"), name="a")
        at = NOON + timedelta(days=number, hours=1)
        judged = check.judge("stage", "UTC", nightly, found, at)
        return found.succeeded and (found.succeeded - NOON).days, judged.state

    night(conn, 1, {IMAGES: LIMIT})
    assert stands(1) == (1, check.State.WARNING)
    night(conn, 2, {IMAGES: LIMIT})
    assert stands(2) == (2, check.State.WARNING)
    for number in (3, 4, 5):
        night(conn, number, {IMAGES: LIMIT, STORE: AWAY})
    assert stands(5) == (2, check.State.CRITICAL)
    night(conn, 6, {IMAGES: LIMIT})
    assert stands(6) == (6, check.State.WARNING)


def test_only_a_waiting_run_can_be_cancelled(conn: Conn):
    claim = take(conn)
    with pytest.raises(Conflict, match="running, not queued"):
        runs.cancel(conn, "stage", claim.id)
    with pytest.raises(NotFound):
        runs.cancel(conn, "stage", 999)
    claims.enqueue(conn, "stage", "b", NOON, asked_by="schedule")
    runs.cancel(conn, "stage", claim.id + 1)
    assert runs.listed(conn, "stage", job="b", ending="cancelled", count=1)


def test_many_daemons_covering_at_once_write_each_slot_and_each_alert_once(stage: Stage):
    system = stage.system()
    hourly = job("0 * * * *", "last", lateness=3)
    with closing(system.connect("test")) as conn:
        schedules.register(
            conn, "stage", hourly.name, hourly.cron, "UTC", NOON - timedelta(hours=10)
        )

    def cover_all() -> None:
        with closing(system.connect("daemon")) as own:
            for minute in range(0, 180, 20):
                cover.cover(own, system, [hourly], NOON + timedelta(minutes=minute))

    threads = [threading.Thread(target=cover_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = stage.rows("select state, count(*) from lifecycle.run group by 1 order by 1")
    # Ten slots of the absence: nine missed, the newest queued; then one each hour.
    assert states == [("missed", 9), ("queued", 3)]
    assert stage.rows(
        "select count(*), min(message) from lifecycle.alert where kind = 'missed'"
    ) == [
        (
            1,
            "testroom.nothing: 9 slots not run, from 2026-11-21 03:00:00 to 2026-11-21 11:00:00 UTC",
        )
    ]


def test_covering_never_goes_backwards(stage: Stage, conn: Conn):
    system, hourly = stage.system(), job("0 * * * *", "all")
    for hours in (0, 2, 1, 2, 0, 3):
        cover.cover(conn, system, [hourly], NOON + timedelta(hours=hours))
    assert stage.value("select count(*) from lifecycle.run") == 3


def test_a_schedule_covered_into_the_future_raises_an_alert_and_resume_mends_it(
    stage: Stage, conn: Conn
):
    system, hourly = stage.system(), job("0 * * * *", "all")
    schedules.register(conn, "stage", hourly.name, hourly.cron, "UTC", NOON + timedelta(days=365))
    for _ in range(2):
        cover.cover(conn, system, [hourly], NOON)
    assert stage.value("select string_agg(kind, ' ') from lifecycle.alert") == "clock"
    schedules.resume(conn, "stage", hourly.name, NOON)
    assert cover.cover(conn, system, [hourly], NOON + timedelta(hours=1)) == 1


def test_after_a_long_absence_one_row_says_how_many_it_stands_for(stage: Stage, conn: Conn):
    minutely = job("* * * * *", lateness=1)
    schedules.register(conn, "stage", minutely.name, minutely.cron, "UTC", NOON - timedelta(days=7))
    cover.cover(conn, stage.system(), [minutely], NOON)
    counts = stage.value("select counts from lifecycle.run order by scheduled_for limit 1")
    assert counts == {"slots": 7 * 24 * 60 - 1000}
    assert "10,079 slots" in stage.value("select message from lifecycle.alert")


def test_evidence_cannot_be_changed_by_anybody(stage: Stage, conn: Conn):
    evidence.record(conn, take(conn), "effect", "a.b", "users", counts={"rows": 3})
    for change in (
        "update lifecycle.evidence set target = ''",
        "delete from lifecycle.evidence",
        "truncate lifecycle.evidence",
    ):
        with stage.admin() as admin, pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(change.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(change.encode())
    assert json.dumps(runs.shown(conn, "stage", 1), default=str).count("a.b") == 1


def test_a_transaction_that_holds_its_run_does_not_silence_the_heartbeat(stage: Stage, conn: Conn):
    claim = take(conn, lease=timedelta(seconds=1))
    time.sleep(1)
    with stage.system().connect("heartbeat") as other, conn.transaction():
        claims.hold(conn, claim)
        other.execute("set lock_timeout = '1s'")
        claims.beat(other, claim)
        assert not runs.reclaim(other, "stage", ["a"], grace=timedelta(hours=1))


# --- the lease stands on the run


def test_a_silent_run_is_judged_by_the_lease_that_its_own_host_took(stage: Stage, conn: Conn):
    """Two hosts, one with heartbeats of a minute and one of 5 seconds: one process on a run at a time."""
    slow = take(conn, "slow", lease=timedelta(minutes=4))
    quick = take(conn, "quick", lease=timedelta(seconds=20))
    with stage.admin() as admin:
        admin.execute("update lifecycle.run set started_at = started_at - interval '1 minute'")
    taken = runs.reclaim(conn, "stage", ["slow", "quick"], grace=timedelta(hours=1))
    assert [run.id for run in taken] == [quick.id]
    assert state(conn, slow) == "running"


# --- attempts are history


def test_a_run_that_failed_and_passed_later_tells_both(conn: Conn):
    failed = take(conn)
    claims.finish(conn, failed, FAIL, error_code=1)
    runs.resume(conn, "stage", failed.id)
    passed = claims.claim_next(conn, "stage", "host:1:a", ["a"])
    assert passed is not None and passed.attempt == 2
    claims.finish(conn, passed, PASS)
    shown = runs.shown(conn, "stage", failed.id)
    told = [(a["attempt"], a["how"], a["verdict"], a["error_code"]) for a in shown["attempts"]]
    assert told == [
        (1, "finished", "fail", 1),
        (1, "resumed", None, None),
        (2, "finished", "pass", None),
    ]
    assert shown["attempts"][0]["failures"] == [
        {"target": "users", "what": "locked", "hint": "Wait."}
    ]
    assert (
        shown["attempts"][1]["summary"] == "a person queued it again; it was: fail, a table failed"
    )
    assert shown["attempts"][2]["host"] == "host"
    assert shown["verdict"] == "pass"


def test_each_way_in_which_an_attempt_ends_is_written_down(stage: Stage, conn: Conn):
    claims.put_back(conn, take(conn, "a"), delay=SECOND, error_code=8, summary="away")
    claims.cancel(conn, take(conn, "b"), "asked to stop", error_code=5)
    claims.abandon(conn, take(conn, "c"), retry_safe=False, summary="killed")
    claims.abandon(conn, take(conn, "d"), retry_safe=True, summary="killed")
    take(conn, "e")
    age(stage)
    runs.reclaim(conn, "stage", [], grace=SECOND)
    assert stage.rows(
        "select r.job, a.attempt, a.how, a.error_code, a.summary, a.started_at is not null, a.holder is not null"
        " from lifecycle.attempt a join lifecycle.run r on r.id = a.run_id order by 1"
    ) == [
        ("a", 1, "queued again", 8, "away", True, True),
        ("b", 1, "cancelled", 5, "asked to stop", True, True),
        ("c", 1, "lost", None, "killed", True, True),
        ("d", 1, "queued again", None, "killed", True, True),
        ("e", 1, "lost", None, "its process went silent", True, True),
    ]
    assert stage.rows("select job, missed, lost from lifecycle.tally order by job") == [
        ("c", 0, 1),
        ("e", 0, 1),
    ]


def test_only_what_its_holder_ended_is_taken_for_ended_by_it(stage: Stage, conn: Conn):
    mine = [take(conn, name) for name in ("a", "b", "c")]
    claims.finish(conn, mine[0], PASS)
    claims.cancel(conn, mine[1], "asked to stop", error_code=5)
    claims.put_back(conn, mine[2], delay=SECOND, error_code=8, summary="away")
    assert [claims.ended(conn, claim) for claim in mine] == [True, True, True]
    theirs = [take(conn, name) for name in ("d", "e", "f", "g")]
    claims.abandon(conn, theirs[0], retry_safe=False, summary="killed")
    claims.abandon(conn, theirs[1], retry_safe=True, summary="killed")
    assert not claims.ended(conn, theirs[2])
    age(stage)
    runs.reclaim(conn, "stage", [], grace=SECOND)
    assert [claims.ended(conn, claim) for claim in theirs] == [False, False, False, False]


def test_why_a_slot_was_missed_is_not_erased_by_queuing_it_again(conn: Conn):
    schedules.add(conn, "stage", "a", [(NOON, "missed", "nobody ran it", 7)])
    runs.resume(conn, "stage", 1)
    (resumed,) = runs.shown(conn, "stage", 1)["attempts"]
    assert resumed["summary"] == "a person queued it again; it was: missed, nobody ran it"
    assert resumed["counts"] == {"slots": 7}


FRAUD = {
    "a failure made a pass": "update lifecycle.run set verdict = 'pass' where id = {failed}",
    "what failed": "update lifecycle.run set failures = '[]' where id = {failed}",
    "a pass queued again": "update lifecycle.run set state = 'queued', verdict = null, asked_by = 'person' where id = {passed}",
    "ended unclaimed": "update lifecycle.run set state = 'finished', verdict = 'pass' where id = {queued}",
    "another day": "update lifecycle.run set scheduled_for = scheduled_for - interval '1 day' where id = {failed}",
    "more attempts": "update lifecycle.run set attempt = attempt - 1 where id = {going}",
    "another holder": "update lifecycle.run set holder = 'x:1:y' where id = {going}",
    "born finished": """insert into lifecycle.run (system, job, scheduled_for, state, verdict)
        values ('stage', 'z', clock_timestamp(), 'finished', 'pass')""",
    "invented attempts": "insert into lifecycle.attempt (run_id, attempt, how) values ({failed}, 1, 'finished')",
    "gone": "delete from lifecycle.run where id = {failed}",
    "a number of its own": """insert into lifecycle.run (id, system, job, scheduled_for) overriding system value
        values (99, 'stage', 'z', clock_timestamp())""",
    "an alert of another day": "update lifecycle.alert set created_at = '2001-01-06'",
    "an alert about something else": "update lifecycle.alert set message = 'all is well'",
    "a schedule without jobs": "update lifecycle.generation set jobs = '{{}}'",
    "a schedule that ended later": "update lifecycle.generation set until = until + interval '1 day' where until is not null",
    "a pause that began earlier": "update lifecycle.pause set since = since - interval '4 days'",
    "a pause that ended later": "update lifecycle.pause set until = until + interval '1 day' where until is not null",
}


@pytest.mark.parametrize("statement", FRAUD.values(), ids=FRAUD)
def test_whoever_has_the_services_password_makes_no_failure_a_pass(
    stage: Stage, conn: Conn, statement: str
):
    failed, passed, going = take(conn, "a"), take(conn, "b"), take(conn, "c")
    claims.finish(conn, failed, FAIL)
    claims.finish(conn, passed, PASS)
    claims.enqueue(conn, "stage", "d", NOON, asked_by="schedule")
    for at in (NOON, NOON + SECOND):
        cover.cover(conn, other(stage.system(), str(at)), [job("0 1 * * *", "none")], at)
    for change in (schedules.pause, schedules.pause):
        change(conn, "stage", job("0 1 * * *").name, NOON, "a test")
    (waits,) = conn.execute("select id from lifecycle.run where state = 'queued'").fetchall()
    told = statement.format(failed=failed.id, passed=passed.id, going=going.id, queued=waits[0])
    before = conn.execute("select * from lifecycle.run order by id").fetchall()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(told.encode())
    assert conn.execute("select * from lifecycle.run order by id").fetchall() == before


def test_when_a_run_ended_and_an_attempt_was_made_the_database_says(conn: Conn):
    failed = take(conn)
    claims.finish(conn, failed, FAIL)
    conn.execute(
        "update lifecycle.run set state = 'queued', verdict = null, asked_by = 'person', summary = null,"
        " finished_at = '2001-01-05', started_at = '2001-01-05' where id = %s", [failed.id]
    )  # fmt: skip
    assert conn.execute("select started_at, finished_at from lifecycle.run").fetchall() == [
        (None, None)
    ]
    conn.execute(
        "update lifecycle.run set state = 'cancelled', finished_at = '2001-01-05', started_at = '2001-01-05'"
    )
    assert conn.execute(
        "select state, started_at, finished_at > clock_timestamp() - interval '1 minute' from lifecycle.run"
    ).fetchall() == [("cancelled", None, True)]
    told = runs.shown(conn, "stage", failed.id)["attempts"]
    assert told[-1]["summary"] == "it was queued again; it was: fail, a table failed"


def test_no_lock_of_a_strangers_keeps_months_from_being_made(stage: Stage, conn: Conn):
    with stage.admin() as admin, stage.admin() as stranger:
        month = conn.execute(
            "select max(relname) from pg_class where relispartition and relkind = 'r' and relname ~ '^attempt_2'"
        ).fetchone()
        assert month
        admin.execute(sql.SQL("drop table {}").format(sql.Identifier("lifecycle", str(month[0]))))
        stranger.execute("select pg_advisory_lock(hashtext('lifecycle.make_months'))")
        assert months.make_ahead(conn) == 1
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            conn.execute("select lifecycle.make_months(60)")


@pytest.mark.parametrize("table", ["evidence", "attempt"])
def test_history_cannot_be_changed_in_any_month_by_anybody(stage: Stage, conn: Conn, table: str):
    claim = take(conn)
    evidence.record(conn, claim, "effect", "a.b", "users")
    claims.finish(conn, claim, PASS)
    month = stage.value(f"select tableoid::regclass::text from lifecycle.{table}")
    assert month.startswith(f"lifecycle.{table}_")
    for change in (f"update {month} set attempt = 9", f"delete from {month}", f"truncate {month}"):
        with stage.admin() as admin, pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(change.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(change.encode())


# --- months


def test_months_are_made_ahead_once_however_many_come_at_once(stage: Stage, conn: Conn):
    with stage.admin() as admin:
        for (name,) in stage.rows(
            "select relname from pg_class where relispartition and relkind = 'r'"
            " and relname ~ '^(evidence|attempt)_'"
        ):
            admin.execute(sql.SQL("drop table {}").format(sql.Identifier("lifecycle", name)))
    made: list[int] = []

    def make() -> None:
        with closing(stage.system().connect("daemon")) as own:
            made.append(months.make_ahead(own))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 0, 0, 2 * (months.AHEAD + 1)]
    assert len(months.kept(conn)) == months.AHEAD + 1
    evidence.record(conn, take(conn), "effect", "a.b", "users")


def test_a_month_that_is_young_or_was_not_exported_cannot_be_dropped(stage: Stage, conn: Conn):
    claim = take(conn)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not a year old"):
        months.drop(conn, min(months.kept(conn)), claim.id)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="as long as nobody says"):
        months.drop(conn, date(2001, 1, 1), claim.id)
    with stage.admin() as admin:
        admin.execute("insert into lifecycle.kept_for (keep) values ('6 years')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not written down elsewhere"):
        months.drop(conn, date(2001, 1, 1), claim.id)


# --- of two policies the newer one plans


def other(system: System, name: str) -> System:
    return replace(system, policy_digest=name)


def test_the_older_policy_stands_down_and_says_so_once(stage: Stage, conn: Conn):
    system, hourly = stage.system(), job("0 * * * *", "all")
    old, new = other(system, "old"), other(system, "new")
    half = replace(hourly, cron="30 * * * *")
    cover.cover(conn, old, [hourly], NOON)
    cover.cover(conn, new, [half], NOON + SECOND)
    with capture_logs() as logs:
        for minute in range(1, 180, 4):
            now = NOON + timedelta(minutes=minute)
            cover.cover(conn, old, [hourly], now)
            cover.cover(conn, new, [half], now)
    assert [line["event"] for line in logs] == ["schedule superseded"]
    assert stage.rows("select kind, count(*) from lifecycle.alert group by 1") == [
        ("superseded", 1)
    ]
    slots = stage.rows("select scheduled_for from lifecycle.run order by 1")
    assert slots == [(NOON + timedelta(minutes=m),) for m in (30, 90, 150)]


def test_an_older_policy_comes_back_when_no_daemon_lives_by_the_newer(stage: Stage, conn: Conn):
    system, hourly = stage.system(), job("0 * * * *", "all")
    old, new = other(system, "old"), other(system, "new")
    for which in (old, new, old):
        cover.cover(conn, which, [hourly], NOON)
    with stage.admin() as admin:
        admin.execute("update lifecycle.generation set lives_until = clock_timestamp()")
    assert cover.cover(conn, old, [hourly], NOON + timedelta(hours=1)) == 1
    told = stage.rows("select policy, until is null from lifecycle.generation order by id")
    assert told == [("old", False), ("new", False), ("old", True)]


def test_slots_before_a_change_are_those_of_the_schedule_that_held(stage: Stage, conn: Conn):
    system, hourly = stage.system(), job("0 * * * *", "all")
    cover.cover(conn, other(system, "old"), [hourly], NOON)
    later = replace(hourly, cron="30 * * * *")
    for minutes in (110, 160):
        cover.cover(conn, other(system, "new"), [later], NOON + timedelta(minutes=minutes))
    assert stage.rows("select scheduled_for from lifecycle.run order by 1") == [
        (NOON + timedelta(minutes=60),),
        (NOON + timedelta(minutes=150),),
    ]


def test_what_the_history_expects_is_what_the_daemons_wrote(stage: Stage, conn: Conn):
    system, hourly = stage.system(), job("0 * * * *", "all")
    start = daemons.time(conn).replace(minute=1, second=0, microsecond=0) - timedelta(hours=9)
    later = replace(hourly, cron="30 * * * *")
    for hours, policy, offered in (
        (0, "one", [hourly]),
        (2, "one", [hourly]),
        (3, "two", [later]),
        (5, "two", [later]),
        (6, "three", []),
        (7, "four", [hourly]),
        (8, "four", [hourly]),
    ):
        cover.cover(conn, other(system, policy), offered, start + timedelta(hours=hours))
    with stage.admin() as admin:
        admin.execute("insert into lifecycle.installation values ('stage', true, '2000-01-01Z')")
    history = generations.history(conn, "stage")
    assert history is not None
    found = expected(history, hourly.name, start, start + timedelta(hours=8))
    written = [at for (at,) in stage.rows("select scheduled_for from lifecycle.run order by 1")]
    assert [slot.at for slot in found.slots if slot.at not in written] == []
    # What fell due between the last look and the change that took the job away nobody will run.
    last = start.replace(minute=30) + timedelta(hours=5)
    assert stage.rows(
        "select scheduled_for, summary from lifecycle.run where state = 'missed' order by 1 desc limit 1"
    ) == [(last, "the policy took this job out before anybody ran it")]
    assert not [at for at in written if at not in {slot.at for slot in found.slots}]


def test_a_demo_that_goes_on_by_another_schedule_leaves_no_gap(cluster: Cluster, tmp_path: Path):
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute("create database vitalis")
    try:
        stage = Stage(cluster, "vitalis", tmp_path)
        system = stage.system()
        system = replace(system, policy=system.policy.model_copy(update={"system": "vitalis"}))
        with closing(system.connect("test")) as conn:
            now = daemons.time(conn).replace(second=0, microsecond=0)
            hourly = replace(job("0 * * * *"), name="partitions.create")
            for hours in (30, 29):
                cover.cover(conn, other(system, "one"), [hourly], now - timedelta(hours=hours))
            installation.be_absent(SYSTEM, cluster, now)
            later = replace(hourly, cron=installation.schedule(SYSTEM, now)[hourly.name])
            assert cover.cover(conn, other(system, "two"), [later], now) == 1
            with stage.admin() as admin:
                values = "('vitalis', true, '2000-01-01Z')"
                admin.execute(f"insert into lifecycle.installation values {values}".encode())
            history = generations.history(conn, "vitalis")
        assert history is not None
        found = expected(history, hourly.name, now - timedelta(days=1), now)
        assert (found.slots, {grey.why for grey in found.grey}) == (
            (),
            {"no daemon kept the schedule"},
        )
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("drop database vitalis with (force)")
