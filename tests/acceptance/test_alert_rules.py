"""docs/alerts.yml over what a real daemon answers to a scrape: silent while all is well, and each rule in its case."""

import socket
import time
import urllib.request

import pytest
from ruamel.yaml import YAML

from lifecycle.watch import metrics
from tests.acceptance.ear import settle
from tests.acceptance.stage import ROOT, Stage
from tests.prometheus import Scrape

RULES = {
    rule["alert"]: str(rule["expr"])
    for rule in YAML(typ="safe").load(ROOT / "docs/alerts.yml")["groups"][0]["rules"]  # pyright: ignore[reportUnknownMemberType]
}
YEAR = 366 * 86400.0


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return answer.read().decode()


def firing(text: str, after: float = 0) -> set[str]:
    """Return the rules that hold, so many seconds from now."""
    return {name for name, rule in RULES.items() if Scrape(text, time.time() + after).fires(rule)}


def serve(stage: Stage) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    stage.configure(listen=f"127.0.0.1:{port}")
    return port


def figure(port: int, line: str) -> bool:
    return line in scrape(port)


def test_the_rules_are_silent_while_all_is_well_and_fire_when_time_or_the_database_stands_still(
    stage: Stage,
) -> None:
    port = serve(stage)
    stage.queue("write")
    daemon = stage.start("daemon", jobs={"write": {}})
    passed = 'lifecycle_job_last_run_state{job="testroom.write",state="pass",system="stage"} 1.0'
    stage.until(lambda: answers(port))
    stage.until(lambda: figure(port, passed))
    well = scrape(port)
    assert firing(well) == set()
    assert firing(well, 130) == {"LifecycleDown"}
    assert firing(well, 1000) == {"LifecycleDown", "LifecycleFiguresStale"}
    assert firing(well, 2 * YEAR) == {
        "LifecycleDown",
        "LifecycleFiguresStale",
        "LifecycleJobOverdue",
    }
    assert firing("") == {"LifecycleDown"}
    with stage.admin() as admin:
        admin.execute("revoke insert, update on lifecycle.daemon from lifecycle")
    stage.until(lambda: figure(port, 'lifecycle_up{system="stage"} 0.0'))
    assert firing(scrape(port)) == {"LifecycleDown"}
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_the_rules_name_a_job_that_failed_and_one_that_has_never_succeeded(stage: Stage) -> None:
    port = serve(stage)
    settle(stage, alerts={"command": ["/bin/true"]})
    stage.queue("fails")
    daemon = stage.start("daemon", jobs={"fails": {"does": "break"}})
    stage.until(lambda: answers(port))
    failed = 'lifecycle_job_last_run_state{job="testroom.fails",state="fail",system="stage"} 1.0'
    stage.until(lambda: figure(port, failed))
    stage.until(lambda: figure(port, 'lifecycle_alerts_undelivered{system="stage"} 0.0'))
    text = scrape(port)
    assert firing(text) == {"LifecycleRunNotPassed"}
    late = Scrape(text, time.time() + 2 * YEAR).fires(RULES["LifecycleJobOverdue"])
    assert late == [{"system": "stage", "job": "testroom.fails"}]
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_the_rules_name_alerts_that_no_channel_takes(stage: Stage) -> None:
    port = serve(stage)
    settle(stage, alerts={"command": ["/bin/false"]})
    stage.queue("fails")
    daemon = stage.start("daemon", jobs={"fails": {"does": "break"}})
    stage.until(lambda: "alert.nobody_told" in stage.logs())
    stage.until(lambda: figure(port, 'lifecycle_alerts_undelivered{system="stage"} 1.0'))
    text = scrape(port)
    assert firing(text) == {"LifecycleRunNotPassed", "LifecycleAlertsUndelivered"}
    daemon.terminate()
    assert stage.finish(daemon) == 0


def answers(port: int) -> bool:
    try:
        return bool(scrape(port))
    except OSError:
        return False


def test_the_rules_of_overdue_erasures_of_unread_figures_and_of_a_fence_fire_for_their_system() -> (
    None
):
    """By the figures' own names: the rooms that bring them are not on the stage."""
    text = 'lifecycle_build_info{version="1"} 1\nlifecycle_erasure_requests_overdue{system="a"} 2\n'
    assert firing(text) == {"LifecycleErasureOverdue"}
    text = (
        'lifecycle_build_info{version="1"} 1\nlifecycle_room_figures_read{system="a",room="r"} 0\n'
    )
    assert firing(text) == {"LifecycleFiguresStale"}
    text = 'lifecycle_build_info{version="1"} 1\nlifecycle_fenced{system="a"} 0\n'
    assert firing(text) == set()
    assert firing(text + 'lifecycle_fenced{system="b"} 1\n') == {"LifecycleFenced"}
    names = {family.name for family in metrics.Figures().families.values()}
    assert {
        *("lifecycle_erasure_requests_overdue", "lifecycle_room_figures_read", "lifecycle_fenced")
    } <= names


def test_an_expression_that_is_not_known_fails() -> None:
    for expression in (
        "rate(lifecycle_up[5m])",
        "lifecycle_up and lifecycle_up",
        "other_figure > 1",
    ):
        with pytest.raises(ValueError, match=r"known here|missing"):
            Scrape("", 0).fires(expression)
