"""The daemon on its bad days: processes killed, frozen, stuck; PostgreSQL killed; clocks wrong.

Nothing is lost, and nothing is repeated that is not safe to repeat.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lifecycle.ledger import claims
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.acceptance.stage import Stage
from tests.waiting import alive


@pytest.fixture(scope="module")
def fragile() -> Iterator[Cluster]:
    """A cluster of this module's own, to be killed."""
    with server.temporary(server.find_binaries()) as running:
        yield running


@pytest.fixture
def fragile_stage(fragile: Cluster, tmp_path: Path) -> Iterator[Stage]:
    """A stage on the cluster that is killed."""
    name = f"fragile{time.monotonic_ns()}"
    fragile.start()
    with psycopg.connect(fragile.dsn(), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    made = Stage(fragile, name, tmp_path)
    yield made
    made.close()


def state(stage: Stage) -> str:
    return stage.value("select state from lifecycle.run order by scheduled_for limit 1")


def beyond_stale(stage: Stage) -> None:
    """Wait until a daemon has looked at a silent run (12 s without a beat) and is through with that look."""
    silent = "(select max(greatest(started_at, at)) from lifecycle.run, lifecycle.heartbeat)"
    looked = f"select max(seen_at) from lifecycle.daemon where seen_at > {silent} + interval '12 s'"
    first = stage.until(lambda: stage.value(looked))
    stage.until(lambda: stage.value(looked) > first)


def ended(stage: Stage) -> bool:
    return stage.value(
        "select not exists (select from lifecycle.run where state in ('queued', 'running'))"
    )


def test_a_killed_daemon_neither_stops_nor_repeats_the_run(stage: Stage):
    jobs = {"job": {"does": "steps", "seconds": 2}}
    stage.queue("job")
    first = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.value("select count(*) from effect") > 2)
    first.kill()
    second = stage.start("daemon", "--until-idle", jobs=jobs)
    assert stage.finish(second) == 0
    assert stage.runs() == [("job", "finished", "pass", 1)]
    assert stage.rows("select count(*), count(distinct step) from effect") == [(40, 40)]


def test_a_killed_process_of_a_run_that_is_safe_to_repeat_is_followed_by_another(stage: Stage):
    stage.queue("job")
    jobs = {"job": {"does": "sleep", "seconds": 60, "again": 0}}
    daemon = stage.start("daemon", "--until-idle", jobs=jobs)
    os.kill(stage.until(lambda: stage.told("asleep")), signal.SIGKILL)
    assert stage.finish(daemon) == 0
    assert stage.runs() == [("job", "finished", "pass", 2)]
    assert stage.value("select count(*) from lifecycle.alert") == 0


def test_a_killed_process_of_a_run_that_is_not_safe_to_repeat_leaves_it_lost_with_an_alert(
    stage: Stage,
):
    stage.queue("job")
    jobs = {"job": {"does": "sleep", "seconds": 60, "retry_safe": False}}
    daemon = stage.start("daemon", "--until-idle", jobs=jobs)
    os.kill(stage.until(lambda: stage.told("asleep")), signal.SIGKILL)
    assert stage.finish(daemon) == 1
    assert stage.runs() == [("job", "lost", None, 1)]
    assert stage.value("select kind from lifecycle.alert") == "lost"


def test_a_run_whose_process_always_dies_is_lost_after_three_attempts(stage: Stage):
    stage.queue("job")
    daemon = stage.start("daemon", "--until-idle", jobs={"job": {"does": "sleep", "seconds": 60}})
    seen: set[int] = set()
    while len(seen) < 3:
        pid = stage.until(lambda: (pid := stage.told("asleep")) not in seen and pid)
        os.kill(pid, signal.SIGKILL)
        seen.add(pid)
    assert stage.finish(daemon) == 1
    assert stage.runs() == [("job", "lost", None, 3)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("safe", "expected"), [(True, ("finished", "pass", 2)), (False, ("lost", None, 1))]
)
def test_a_daemon_and_its_run_killed_together_leave_it_to_the_next_daemon(
    stage: Stage, safe: bool, expected: tuple[str, str | None, int]
):
    jobs = {"job": {"does": "sleep", "seconds": 60, "retry_safe": safe}}
    stage.queue("job")
    first = stage.start("daemon", jobs=jobs)
    child = stage.until(lambda: stage.told("asleep"))
    first.kill()
    os.kill(child, signal.SIGKILL)
    stage.silent_for_long()
    second = stage.start("daemon", jobs={"job": jobs["job"] | {"seconds": 0.1}})
    stage.until(lambda: ended(stage))
    assert [row[1:] for row in stage.runs()] == [expected]
    assert stage.value("select count(*) from lifecycle.alert where kind = 'lost'") == (not safe)
    second.terminate()
    assert stage.finish(second) == 0


@pytest.mark.slow
def test_a_frozen_process_writes_nothing_once_another_has_taken_its_run_over(stage: Stage):
    jobs = {"job": {"does": "steps", "seconds": 1.5}}
    stage.queue("job")
    first = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.value("select count(*) from effect") > 2)
    frozen = child_of(first.pid)
    first.kill()
    os.kill(frozen, signal.SIGSTOP)
    stage.silent_for_long()
    second = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.value("select attempt from lifecycle.run") == 2)
    before = stage.value("select count(*) from effect where attempt = 1")
    os.kill(frozen, signal.SIGCONT)
    stage.until(lambda: not alive(frozen))
    stage.until(lambda: ended(stage))
    assert stage.value("select count(*) from effect where attempt = 1") == before
    assert stage.value("select count(*) from lifecycle.evidence where attempt = 1") == before
    assert stage.rows("select attempt, verdict from lifecycle.run") == [(2, "pass")]
    second.terminate()
    assert stage.finish(second) == 0


@pytest.mark.slow
def test_a_process_frozen_inside_its_transaction_keeps_its_run_until_that_ends(stage: Stage):
    stage.configure(heartbeat="3 seconds")  # its run is locked: nobody else could shorten its lease
    jobs = {"job": {"does": "hold", "seconds": 0.5}}
    stage.queue("job")
    first = stage.start("daemon", jobs=jobs)
    frozen = stage.until(lambda: stage.told("holding"))
    first.kill()
    os.kill(frozen, signal.SIGSTOP)
    second = stage.start("daemon", jobs=jobs)
    beyond_stale(stage)
    assert stage.rows("select state, attempt from lifecycle.run") == [("running", 1)]
    assert stage.value("select count(*) from effect") == 0
    # PostgreSQL ends a transaction that idles for too long; here we do.
    stage.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'"
    )
    stage.until(lambda: stage.runs() == [("job", "finished", "pass", 2)])
    os.kill(frozen, signal.SIGCONT)
    stage.until(lambda: not alive(frozen))
    assert stage.rows("select attempt from effect") == [(2,)]
    second.terminate()
    assert stage.finish(second) == 0


def test_a_run_beyond_its_limit_is_stopped_and_says_so(stage: Stage):
    stage.queue("sleep")
    stage.queue("statement", since=datetime.now(UTC) - timedelta(hours=2))
    stage.queue("collect", since=datetime.now(UTC) - timedelta(hours=3))
    limit = 8  # of which a busy machine takes most to begin
    jobs = {
        name: {"does": name, "seconds": 120, "limit": limit}
        for name in ("sleep", "statement", "collect")
    }
    stage.configure(workers=3)
    began = time.monotonic()
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 1
    assert time.monotonic() - began < 60
    assert stage.rows("select distinct state, verdict, error_code, attempt from lifecycle.run") == [
        ("finished", "fail", 12, 1)
    ]
    assert stage.value("select count(*) from effect where job <> 'testroom.collect'") == 0
    asleep = "state = 'active' and query ~ 'pg_sleep' and pid <> pg_backend_pid()"
    assert stage.value(f"select count(*) from pg_stat_activity where {asleep}") == 0


def test_a_run_that_hears_nothing_is_killed_with_all_its_processes(stage: Stage):
    stage.queue("job")
    jobs = {"job": {"does": "deaf", "seconds": 121, "limit": 4}}
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 1
    assert stage.rows("select state, verdict, error_code from lifecycle.run") == [
        ("finished", "fail", 12)
    ]
    gone(stage, "time.sleep(121.0)  # grandchild")


@pytest.mark.slow
def test_a_deaf_run_without_its_daemon_is_ended_by_any_other(stage: Stage):
    stage.queue("job")
    jobs = {"job": {"does": "deaf", "seconds": 122, "limit": 4}}
    first = stage.start("daemon", jobs=jobs)
    deaf = stage.until(lambda: stage.told("deaf"))
    first.kill()
    second = stage.start("daemon", jobs=jobs)
    stage.until(lambda: state(stage) == "lost")
    stage.until(lambda: not alive(deaf))
    gone(stage, "time.sleep(122.0)  # grandchild")
    second.terminate()
    assert stage.finish(second) == 0


def test_postgresql_killed_in_the_middle_of_a_run_loses_nothing_and_repeats_only_what_is_safe(
    fragile_stage: Stage,
):
    stage = fragile_stage
    stage.configure(workers=3)
    jobs = {
        "held": {
            "does": "hold",
            "seconds": 5,
            "again": 0,
        },  # a busy machine takes seconds to tell of both
        "asleep": {"does": "sleep", "seconds": 2},
    }
    for job in jobs:
        stage.queue(job)
    daemon = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.told("holding") and stage.told("asleep"))
    stage.cluster.kill()
    time.sleep(0.5)
    assert daemon.poll() is None
    stage.cluster.start()
    stage.until(lambda: ended(stage))
    # The one lost its transaction and was tried again; the other never noticed.
    assert sorted(stage.runs()) == [
        ("asleep", "finished", "pass", 1),
        ("held", "finished", "pass", 2),
    ]
    assert stage.rows("select job, attempt from effect") == [("testroom.held", 2)]
    daemon.terminate()
    assert stage.finish(daemon) == 0


@pytest.mark.slow
def test_a_database_away_beyond_the_heartbeat_ends_the_process_and_another_takes_its_run(
    fragile_stage: Stage,
):
    stage = fragile_stage
    stage.configure(heartbeat="3 seconds")
    jobs = {
        "safe": {"does": "sleep", "seconds": 60, "again": 0},
        "unsafe": {"does": "sleep", "seconds": 60, "retry_safe": False},
    }
    for job in jobs:
        stage.queue(job)
    daemon = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.value("select count(*) from lifecycle.evidence") == 2)
    pids = [int(pid) for (pid,) in stage.rows("select target from lifecycle.evidence")]
    stage.cluster.kill()
    stage.until(lambda: not any(alive(pid) for pid in pids))
    stage.cluster.start()
    stage.until(lambda: ended(stage))
    assert sorted(stage.runs()) == [("safe", "finished", "pass", 2), ("unsafe", "lost", None, 1)]
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_a_daemon_started_before_its_database_waits_for_it(fragile_stage: Stage):
    stage = fragile_stage
    stage.queue("write")
    stage.cluster.stop("immediate")
    daemon = stage.start("daemon", jobs={"write": {}})
    stage.until(lambda: "no tick" in stage.logs())
    assert daemon.poll() is None
    stage.cluster.start()
    stage.until(lambda: stage.runs() == [("write", "finished", "pass", 1)])
    daemon.terminate()
    assert stage.finish(daemon) == 0


@pytest.mark.slow
def test_until_idle_waits_for_a_run_longer_than_a_daemon_may_be_stuck(stage: Stage):
    stage.configure(drain="1 second")
    stage.queue("job")
    jobs = {"job": {"does": "sleep", "seconds": 9}}
    # `stuck` shortens that limit to four seconds; the alarm clock it hangs does not ring here anyway.
    daemon = stage.start("daemon", "--until-idle", jobs=jobs, stuck=True)
    assert stage.finish(daemon) == 0
    assert stage.runs() == [("job", "finished", "pass", 1)]


def test_until_idle_without_a_database_leaves_with_its_code(fragile_stage: Stage):
    fragile_stage.cluster.stop("immediate")
    assert fragile_stage.run("daemon", "--until-idle", jobs={"write": {}}) == 8


@pytest.mark.parametrize(
    ("ahead", "runs", "alerts"), [(20, 1, 1), (90, 0, 1), (-90, 0, 1), (1, 1, 0)]
)
def test_a_clock_that_is_off_warns_and_then_schedules_nothing(
    stage: Stage, ahead: float, runs: int, alerts: int
):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    jobs = {"nothing": {"cron": "0 0 * * *"}}
    stage.cover(midnight - timedelta(minutes=1), jobs)
    assert stage.run("daemon", "--until-idle", jobs=jobs, ahead=ahead) == 0
    assert stage.value("select count(*) from lifecycle.run where state = 'finished'") == runs
    assert stage.value("select count(*) from lifecycle.alert where kind = 'clock'") == alerts


def test_a_daemon_whose_clock_is_ahead_takes_no_slot_before_its_time_and_repeats_none(stage: Stage):
    # A busy machine takes seconds for each; it is never idle where they come faster than it ends them.
    jobs = {"write": {"cron": "*/20 * * * * *", "catch_up": "all"}}
    stage.cover(datetime.now(UTC) - timedelta(seconds=70), jobs)
    assert stage.run("daemon", "--until-idle", jobs=jobs, ahead=40) == 0
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 0
    assert stage.value("select count(*) from lifecycle.run where scheduled_for > queued_at") == 0
    assert stage.value("select count(*) from effect") > 2
    assert stage.rows("select slot from effect group by slot having count(*) > 1") == []


@pytest.mark.slow
def step(steps: Path, seconds: str) -> None:
    """Say how far off the clock is, in one moment: the daemon reads it all the time, and never half of it."""
    new = steps.with_suffix(".new")
    new.write_text(seconds)
    new.replace(steps)


def test_a_clock_that_is_put_back_and_forward_under_a_daemon_stops_and_doubles_nothing(
    stage: Stage,
):
    """While it is off, nothing is planned and somebody is told; once it is right, every slot is there once."""
    steps = stage.directory / "steps"
    step(steps, "0")
    with closing(stage.system().connect("test")) as conn:  # another's run, so that ours only wait
        other = datetime.now(UTC) - timedelta(days=1)
        claims.claim_new(
            conn, "stage", "testroom.a", other, "x", asked_by="person", lease=timedelta(hours=1)
        )
    daemon = stage.start(
        "daemon", jobs={"a": {"cron": "*/2 * * * * *", "catch_up": "all"}}, steps=steps
    )
    slots = "select count(*) from lifecycle.run"
    alarms = "select count(*) from lifecycle.alert where kind = 'clock'"
    seen = "select max(seen_at) from lifecycle.daemon"

    def more(of: str) -> None:
        before = stage.value(of)
        stage.until(lambda: stage.value(of) > before)

    stage.until(lambda: stage.value(slots) > 1)
    for off in ("-7200", "90000"):
        more(slots)  # so no look of the last wrong hour is still on its way to an alert
        stage.rows(
            "update lifecycle.alert set created_at = created_at - interval '1 day' returning id"
        )
        step(steps, off)
        more(alarms)
        more(seen)  # its bells ring on
        step(steps, "0")
    more(slots)
    daemon.terminate()
    assert stage.finish(daemon) == 0
    gaps = "select scheduled_for - lag(scheduled_for) over (order by scheduled_for) as gap from lifecycle.run"
    found = stage.rows(f"select distinct gap from ({gaps}) g where gap < interval '1 hour'")
    assert found == [(timedelta(seconds=2),)]
    early = "select count(*) from lifecycle.run where scheduled_for > queued_at"
    assert stage.value(early) == 0


def test_a_daemon_that_no_longer_ticks_leaves_with_70(stage: Stage):
    daemon = stage.start("daemon", jobs={"write": {}}, stuck=True)
    assert stage.finish(daemon) == 70


def child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    (child,) = {int(word) for file in children for word in file.read_text().split()}
    return child


def gone(stage: Stage, words: str) -> None:
    """Wait until no process says these words: a killed one is there until the machine has time to bury it."""
    stage.until(lambda: not processes(words))


def processes(words: str) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_policy_that_was_edited_and_cannot_be_read_is_told_where_its_run_is_lost(stage: Stage):
    daemon = stage.start("daemon", jobs={"job": {"does": "steps"}})
    stage.until(lambda: stage.value("select count(*) from lifecycle.schedule"))
    with (stage.directory / "policy.yaml").open("a") as policy:
        policy.write("retention: [{table: effect\n")
    stage.queue("job")
    stage.until(lambda: stage.runs()[-1][1] == "lost")
    message = stage.value("select message from lifecycle.alert where kind = 'lost'")
    assert "policy.yaml" in message
    daemon.kill()
