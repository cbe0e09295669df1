"""What a run leaves on the ledger when things go wrong at an awkward instant."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Literal

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle import clock
from lifecycle.coverage import Coverage, Judgement, Place, Reason, conclude
from lifecycle.daemon import notify
from lifecycle.errors import Interrupted
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.postgres.server import Cluster
from lifecycle.promise import Task
from lifecycle.running import run, worker
from lifecycle.schedule.state import DaemonState
from lifecycle.settings.model import Pings, Secret
from lifecycle.system import System
from tests.acceptance.ear import listening
from tests.acceptance.stage import ROOT, Stage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = frozenset({Place("test", "here")})
DONE = Judgement(Coverage(HERE, HERE), "done")
PASS = conclude(DONE)
PERSON = "carol@example.org"


@pytest.fixture
def stage(cluster: Cluster, stage_database: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(cluster, str(conninfo_to_dict(stage_database)["dbname"]), tmp_path)
    yield made
    made.close()


def job(work: Callable[[Task], Judgement]) -> Job:
    return Job("partitions.create", "a test", "0 0 1 1 *", work)


def passes(_task: Task) -> Judgement:
    return DONE


def ended(stage: Stage) -> list[tuple[object, ...]]:
    return stage.rows("select state, verdict, error_code from lifecycle.run order by id")


def silent_run(stage: Stage) -> None:
    """Leave a run behind whose process was killed, an hour ago."""
    with closing(stage.system().connect("test")) as conn:
        claims.claim_new(conn, "stage", "partitions.create", NOON, "dead:1:1", asked_by="schedule")
    with stage.admin() as conn:
        conn.execute("update lifecycle.run set started_at = started_at - interval '1 hour'")


# --- the session


def test_a_function_in_schema_public_never_stands_in_for_postgresqls_own(stage: Stage):
    """Who may create in `public` must not have his functions called by a role that may become every owner."""
    with stage.admin() as conn:
        conn.execute(
            "create function public.clock_timestamp() returns timestamptz language plpgsql as "
            "$$ begin raise exception 'called as %', current_user; end $$"
        )
    with closing(stage.system().connect("test")) as conn:
        claim = claims.claim_new(conn, "stage", "a", NOON, "me", asked_by="schedule")
        claims.beat(conn, claim)


# --- the ping


@pytest.fixture
def deaf_switch() -> Iterator[str]:
    """A switch that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/uuid"


def pinging(stage: Stage, url: str, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setenv("SWITCH", url)
    system = stage.system()
    pings = Pings(jobs={"partitions.create": Secret(env="SWITCH")})
    return replace(system, machine=system.machine.model_copy(update={"pings": pings}))


def test_a_switch_that_does_not_answer_delays_neither_the_start_of_a_run_nor_its_end_on_the_ledger(
    stage: Stage, deaf_switch: str, monkeypatch: pytest.MonkeyPatch
):
    from lifecycle.outside import ping

    monkeypatch.setattr(ping, "PATIENCE", 5.0)
    asked, began = clock.monotonic(), 0.0

    def work(_task: Task) -> Judgement:
        nonlocal began
        began = clock.monotonic()
        return DONE

    assert run.by_hand(pinging(stage, deaf_switch, monkeypatch), job(work)) == PASS
    assert began - asked < 5
    assert clock.monotonic() - asked < 20
    assert stage.value("select finished_at - started_at < interval '5 s' from lifecycle.run")


@pytest.mark.parametrize(("kind", "signal_heard"), [("limit", "/uuid"), ("trouble", "/uuid/fail")])
def test_a_switch_hears_fail_where_something_was_in_the_way_and_not_of_a_limit(
    stage: Stage,
    kind: Literal["limit", "trouble"],
    signal_heard: str,
    monkeypatch: pytest.MonkeyPatch,
):
    def work(_task: Task) -> Judgement:
        there = Place("test", "there")
        left = {there: Reason("not looked at", "Look there.", kind)}
        return Judgement(Coverage(HERE | {there}, HERE, (), left), "done")

    with listening() as ear:
        run.by_hand(pinging(stage, f"{ear.url}/uuid", monkeypatch), job(work))
    assert [path.partition("?")[0] for path in ear.paths()] == ["/uuid/start", signal_heard]


# --- signals


def test_a_signal_in_the_instant_after_the_work_still_ends_the_run_on_the_ledger(stage: Stage):
    def profile(frame: FrameType, event: str, _arg: object) -> None:
        if event == "return" and frame.f_code.co_filename.endswith("schedule/run.py"):
            sys.setprofile(None)
            signal.raise_signal(signal.SIGTERM)

    def work(_task: Task) -> Judgement:
        sys.setprofile(profile)
        return DONE

    with contextlib.suppress(Interrupted):
        run.by_hand(stage.system(), job(work))
    assert ended(stage)[0][0] in ("finished", "cancelled")


def test_a_process_that_ends_just_before_it_is_asked_to_is_still_attended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    ended_now = worker._ended  # pyright: ignore[reportPrivateUsage]

    def slowly(pid: int) -> bool:
        answer = ended_now(pid)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it has, however busy the machine is
        return answer

    monkeypatch.setattr(worker, "_ended", slowly)
    state = DaemonState("d", (stage.system(),), {"stage": ()}, NOON)
    state.hurry.set()
    child = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    try:
        assert worker._wait(state, child, timedelta(hours=1)) is False  # pyright: ignore[reportPrivateUsage]
    finally:
        assert child.wait() == 0


def test_a_process_stopped_by_a_leaving_daemon_before_it_heard_signals_is_cancelled_and_not_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "CHILD", ("/bin/sh", "-c", "sleep 60"))  # still importing
    system = stage.system()
    with closing(system.connect("test")) as conn:
        claim = claims.claim_new(conn, "stage", "a", NOON, "me", asked_by="schedule")
    state = DaemonState("me", (system,), {"stage": ()}, NOON)
    state.hurry.set()
    worker.attend(state, system, claim, replace(job(passes), retry_safe=False), over=lambda: None)
    assert ended(stage) == [("cancelled", None, Interrupted.exit_code)]
    assert stage.value("select string_agg(kind, ' ') from lifecycle.alert") == "cancelled"


@pytest.mark.slow
def test_the_statement_of_a_process_that_was_killed_ends_soon_and_lets_its_run_go(stage: Stage):
    """Else it would hold its locks, and the run, until its own time limit of 15 minutes."""
    asleep = "select count(*) from pg_stat_activity where query ~ '[p]g_sleep' and datname = current_database()"
    words = f"""
from lifecycle.postgres import connect
connect.connect({stage.dsn!r}, "long", write=True).execute("select pg_sleep(60)")
"""
    process = subprocess.Popen([sys.executable, "-c", words], cwd=ROOT)
    stage.until(lambda: stage.value(asleep))
    process.kill()
    process.wait()
    stage.until(lambda: not stage.value(asleep), 10)


# --- without a daemon


def test_a_run_whose_process_was_killed_does_not_stand_in_the_way_where_there_is_no_daemon(
    stage: Stage,
):
    silent_run(stage)
    work = replace(job(passes), cron="0 * * * *")
    assert run.slot(stage.system(), work, NOON + timedelta(hours=1)).outcome == PASS
    assert run.slot(stage.system(), work, NOON).outcome == PASS  # as a scheduler that tries again
    assert ended(stage) == [("finished", "pass", None)] * 2


def test_a_person_is_not_held_up_by_a_run_whose_process_was_killed(stage: Stage):
    silent_run(stage)
    work = job(passes)
    assert run.by_hand(stage.system(), work) == PASS


# --- what stands on the ledger


def test_no_path_or_word_of_an_error_carries_a_person_onto_the_ledger(stage: Stage):
    def work(_task: Task) -> Judgement:
        Path(f"/nowhere/{PERSON}.pdf").read_bytes()
        return DONE

    with pytest.raises(Exception, match="no such file"):
        run.by_hand(stage.system(), job(work))
    told = stage.value("select run::text from lifecycle.run")
    assert "no such file" in told
    assert PERSON not in told
    assert PERSON not in stage.value("select string_agg(message, ' ') from lifecycle.alert")


def test_a_run_beats_at_once(stage: Stage):
    """The first sign of life is not left to the first interval: what came before it has already taken time."""

    def work(task: Task) -> Judgement:
        beats = f"select count(*) from lifecycle.heartbeat where run_id = {task.claim.id}"
        assert stage.until(lambda: stage.value(beats), 10)
        return DONE

    stage.configure(heartbeat="30 seconds")
    assert run.by_hand(stage.system(), job(work)) == PASS


# --- systemd


def test_a_systemd_that_does_not_listen_does_not_end_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify.notify("WATCHDOG=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.bind(str(tmp_path / "gone"))
        for _ in range(1000):  # nobody reads
            notify.notify("WATCHDOG=1")
