"""http.py, metrics.py: what a monitor is answered, over real HTTP from a real ledger."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lifecycle import clock, rooms
from lifecycle.errors import InputError
from lifecycle.ledger import claims, schedules
from lifecycle.outcome import Outcome, Verdict
from lifecycle.postgres import connect
from lifecycle.schedule import tick
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import http as pages
from lifecycle.watch.gather import gather

Get = Callable[[str], tuple[int, str]]


@pytest.fixture
def state(vitalis: Any) -> DaemonState:
    system = vitalis.system
    jobs = {system.name: rooms.jobs(system.policy)}
    return DaemonState("me", (system,), jobs, clock.now())


@pytest.fixture
def server(state: DaemonState) -> Iterator[pages.Server]:
    serving = pages.serve("127.0.0.1:0", state)
    yield serving
    serving.shutdown()


@pytest.fixture
def get(server: pages.Server) -> Get:
    def ask(path: str, method: str = "GET") -> tuple[int, str]:
        conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            conn.request(method, path)
            answer = conn.getresponse()
            return answer.status, answer.read().decode()
        finally:
            conn.close()

    return ask


def look(state: DaemonState) -> None:
    """Tick and gather once, as the daemon does."""
    for system in state.systems:
        tick.look(state, system, plan=False)
        if state.dark(system.name, clock.now()) is None:
            gather(state, system)


def away(state: DaemonState) -> None:
    """Let the state's system lead to an address where nobody listens, and be looked at."""
    system = state.systems[0]
    own = system.settings.model_copy(update={"dsn": "host=127.0.0.1 port=1 dbname=x user=y"})
    state.systems = (type(system)(system.policy, system.policy_digest, own, system.machine),)
    look(state)


def values(text: str) -> dict[tuple[str, ...], float]:
    """Return every sample under its name and the values of its labels but the system."""
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if k != "system")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_daemon_whose_clock_rings_is_healthy_and_one_whose_does_not_is_not(
    get: Get, state: DaemonState
) -> None:
    assert get("/healthz")[0] == 200
    state.pulse = clock.monotonic() - 3600
    assert get("/healthz")[0] == 503


def test_health_does_not_depend_on_a_database(get: Get, state: DaemonState) -> None:
    away(state)
    assert get("/healthz")[0] == 200


def test_ready_means_that_a_tick_reached_the_database_and_wrote(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    code, body = get("/readyz")
    assert code == 503
    assert "not been looked at" in body
    look(state)
    assert get("/readyz") == (200, body_of(ready=True, draining=False, systems={"vitalis": None}))
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("alter schema lifecycle rename to elsewhere")
    look(state)
    code, body = get("/readyz")
    assert code == 503
    assert "lifecycle init" in body
    assert datetime.fromisoformat(json.loads(body)["systems"]["vitalis"]["dark_since"])


def body_of(**words: object) -> str:
    return json.dumps(words) + "\n"


def test_a_daemon_on_its_way_out_is_not_ready_and_still_healthy(
    get: Get, state: DaemonState
) -> None:
    look(state)
    state.stop.set()
    assert get("/readyz")[0] == 503
    assert get("/healthz")[0] == 200


def test_a_database_that_is_away_is_named_without_its_address(get: Get, state: DaemonState) -> None:
    away(state)
    code, body = get("/readyz")
    assert code == 503
    assert "no server listens" in body
    assert "port=1" not in body


def test_the_figures_tell_what_is_on_the_ledger(get: Get, state: DaemonState, vitalis: Any) -> None:
    now = clock.now()
    passed = vitalis.claim("partitions.create")
    failed = vitalis.claim("retention.expire")
    with vitalis.system.connect("test") as conn:
        claims.finish(conn, passed, Outcome(Verdict.PASS, "done"))
        claims.finish(conn, failed, Outcome(Verdict.FAIL, "not done"))
        claims.enqueue(conn, "vitalis", "backups.dump", now, asked_by="schedule")
        slots = [(now - timedelta(days=days), "missed", "away", n) for days, n in ((2, 7), (1, 1))]
        schedules.add(conn, "vitalis", "gdpr.erase", slots)
        lost = claims.claim_new(conn, "vitalis", "gdpr.erase", now, "me", asked_by="schedule")
        claims.abandon(conn, lost, retry_safe=False, summary="killed")
    look(state)
    state.skew["vitalis"] = 0.25
    code, text = get("/metrics")
    found = values(text)
    assert code == 200
    ticked = found["lifecycle_scheduler_tick_timestamp_seconds",]
    assert now.timestamp() <= ticked <= clock.now().timestamp()
    success = found.pop(("lifecycle_job_last_success_timestamp_seconds", "partitions.create"))
    assert abs(success - clock.now().timestamp()) < 60
    assert ("lifecycle_job_last_success_timestamp_seconds", "retention.expire") not in found
    assert found["lifecycle_job_duration_seconds", "partitions.create"] >= 0
    assert found["lifecycle_job_next_run_timestamp_seconds", "gdpr.erase"] > now.timestamp()
    assert found["lifecycle_erasure_requests_due",] >= 1
    assert found["lifecycle_erasure_requests_overdue",] >= 0
    expected = {
        ("lifecycle_up",): 1,
        ("lifecycle_job_last_run_state", "partitions.create", "pass"): 1,
        ("lifecycle_job_last_run_state", "retention.expire", "fail"): 1,
        ("lifecycle_job_missed_total", "gdpr.erase"): 8,
        ("lifecycle_job_lost_total", "gdpr.erase"): 1,
        ("lifecycle_runs_queued",): 1,
        ("lifecycle_alerts_undelivered",): 2,
        ("lifecycle_job_expected_interval_seconds", "partitions.create"): 86400,
        ("lifecycle_room_figures_read", "gdpr"): 1,
        ("lifecycle_clock_skew_seconds",): 0.25,
    }
    assert {key: found[key] for key in expected} == expected


def test_figures_of_a_daemon_whose_database_is_away_are_still_figures(
    get: Get, state: DaemonState
) -> None:
    away(state)
    state.skew["vitalis"] = 1
    code, text = get("/metrics")
    found = values(text)
    assert code == 200
    assert found["lifecycle_up",] == 0
    assert found["lifecycle_clock_skew_seconds",] == 1
    assert ("lifecycle_job_expected_interval_seconds", "partitions.create") in found


def test_a_ledger_that_is_locked_keeps_no_scrape_waiting_and_its_last_figures_stay(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    look(state)
    read = values(get("/metrics")[1])["lifecycle_figures_timestamp_seconds",]
    with psycopg.connect(vitalis.admin) as blocking:
        blocking.execute("lock table lifecycle.run in access exclusive mode")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            gather(state, state.systems[0])
        found = values(get("/metrics")[1])
    assert found["lifecycle_figures_timestamp_seconds",] == read
    assert found["lifecycle_up",] == 1


def test_a_room_whose_figures_cannot_be_read_hides_nothing_of_the_others(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("revoke select on deletion_requests from lifecycle")
    look(state)
    found = values(get("/metrics")[1])
    assert found["lifecycle_room_figures_read", "gdpr"] == 0
    assert ("lifecycle_erasure_requests_due",) not in found
    assert found["lifecycle_alerts_undelivered",] == 0


def test_a_request_is_due_by_the_policys_grace_and_not_by_its_own_word_alone(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    """And one whose dates cannot be read is counted as such, and hides nobody."""
    look(state)
    before = values(get("/metrics")[1])
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(
            "alter table deletion_requests alter column grace_period_ends_at drop expression"
        )
        conn.execute("""update deletion_requests set status = 'pending', requested_at = now(),
                        grace_period_ends_at = now() - interval '1 day'""")
    look(state)
    early = values(get("/metrics")[1])
    assert before["lifecycle_erasure_requests_due",] >= 1
    assert early["lifecycle_erasure_requests_due",] == 0
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("update deletion_requests set grace_period_ends_at = 'infinity'")
    look(state)
    assert values(get("/metrics")[1])["lifecycle_erasure_requests_undated",] >= 1


def test_the_page_for_people_shows_every_job_and_no_foreign_markup(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("""insert into lifecycle.pause (system, job, since, reason)
                        values ('vitalis', 'gdpr.erase', now(), '<script>alert(1)</script>')""")
        conn.execute("""insert into lifecycle.run (system, job, scheduled_for)
                        values ('vitalis', 'gdpr.erase', now())""")
    look(state)
    code, body = get("/status")
    assert code == 200
    for job in state.jobs["vitalis"]:
        assert job.name in body
    assert "&lt;script&gt;" in body
    assert "<script>" not in body


def test_the_page_for_people_says_what_waits_and_what_to_do(
    get: Get, state: DaemonState, vitalis: Any
) -> None:
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("""insert into lifecycle.run (system, job, scheduled_for)
                        select 'vitalis', 'gdpr.erase', now() - n * interval '1 h' from generate_series(1, 37) n""")
    look(state)
    body = get("/")[1]
    row = next(row for row in body.split("<tr class=") if "'job'>gdpr.erase<" in row)
    assert "<td data-name='waiting'>37</td>" in row
    never = next(
        row for row in body.split("<tr class=") if "'state'><span class=word>WARNING" in row
    )
    assert "lifecycle runs list --job " in never


def test_a_dark_system_is_the_first_row_of_the_page_with_its_cause_and_what_to_do(
    get: Get, state: DaemonState
) -> None:
    look(state)
    state.started -= timedelta(days=1)
    state.__post_init__()
    away(state)
    first = get("/")[1].split("<tr class=")[1]
    assert first.startswith("DARK>")
    assert "since " in first
    assert "data-name='what to do'></td>" not in first


def test_other_pages_and_methods_are_refused(get: Callable[..., tuple[int, str]]) -> None:
    assert get("/status/x")[0] == 404
    assert get("/metrics/../etc/passwd")[0] == 404
    assert get("/healthz", "POST")[0] == 501
    assert get("/healthz", "HEAD") == (200, "")


def test_many_scrapes_at_once_are_all_answered(get: Get) -> None:
    with ThreadPoolExecutor(12) as pool:
        assert {code for code, _ in pool.map(get, ["/metrics"] * 12)} == {200}


def test_a_client_that_says_nothing_does_not_hold_up_the_others(
    get: Get, server: pages.Server
) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert get("/healthz")[0] == 200


def test_an_address_that_is_taken_is_refused_with_a_hint(
    server: pages.Server, state: DaemonState
) -> None:
    with pytest.raises(InputError, match="address already in use") as refused:
        pages.serve(f"127.0.0.1:{server.port}", state)
    assert "listen" in refused.value.hint


@pytest.mark.parametrize(
    "listen", ["9877", "here", "127.0.0.1:", "127.0.0.1:http", "1.2.3.4:99999"]
)
def test_an_address_that_cannot_be_read_is_refused(listen: str, state: DaemonState) -> None:
    with pytest.raises(InputError, match="not an address"):
        pages.serve(listen, state)


def test_an_address_is_free_again_after_the_shutdown(state: DaemonState) -> None:
    first = pages.serve("127.0.0.1:0", state)
    port = first.port
    first.shutdown()
    pages.serve(f"127.0.0.1:{port}", state).shutdown()


def test_the_scrape_reads_with_the_service_role_alone(vitalis: Any) -> None:
    with connect.connect(vitalis.system.conninfo(), "test", write=False) as conn:
        row = conn.execute("select current_user").fetchone()
    assert row == ("lifecycle",)
