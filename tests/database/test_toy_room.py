"""A room that nobody here has heard of is granted, checked, measured, kept, reported and documented.

It lies in a folder of its own, and not a line of the product is edited for it: a new promise is a new room.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from audit import gather, render, report
from lifecycle import cli, cli_options, clock, rooms
from lifecycle.admin import doctor, install
from lifecycle.coverage import Coverage, Judgement, Place, Reason, conclude
from lifecycle.ledger import claims, runs
from lifecycle.policy import load
from lifecycle.postgres import catalog
from lifecycle.running.run import carry_out
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System
from lifecycle.watch import metrics
from lifecycle.watch.gather import gather as gather_figures
from scripts import commands_page
from tests import build, toyroom

TABLES = """
    create table users (user_id uuid primary key, email text not null);
    create table lockers (locker_id int primary key, user_id uuid not null references users, holder uuid references users,
                          emptied_at timestamptz not null, number int);
    insert into users select gen_random_uuid(), 'a' || n from generate_series(1, 3) n;
    insert into lockers
    select n, (select min(user_id::text)::uuid from users), (select max(user_id::text)::uuid from users),
           now() - n * interval '3 days', n
      from generate_series(1, 5) n;
"""
POLICY = """\
system: gym
database: {database}
subjects:
  user: {{table: users, key: user_id}}
tables:
  users: {{owner: {{user: user_id}}}}
  lockers: {{owner: {{user: user_id}}, mentions: {{holder: set null}}}}
lockers: {{table: lockers, emptied: emptied_at}}
"""


@dataclass(frozen=True)
class Gym:
    """A system with lockers."""

    admin: str
    system: System

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            found = conn.execute(query.encode())
            return found.fetchall() if found.description else []


class Say(Protocol):
    """Says something to the command line, as `--json`; returns what came."""

    def __call__(self, *words: str, code: int = 0) -> Any: ...


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def saying(*words: str, code: int = 0) -> Any:
        ended = cli.carry_out([*words, "--json"])
        said = capsys.readouterr().out
        assert ended == code, said
        return json.loads(said)

    return saying


@pytest.fixture
def gym(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gym]:
    with toyroom.brought(tmp_path / "rooms"):
        file = tmp_path / "policy.yaml"
        file.write_text(POLICY.format(database=conninfo_to_dict(database)["dbname"]))
        policy, _ = load.policy(file)
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(TABLES.encode())
            install.install(conn, policy, catalog.read(conn), None)
        system = build.system(database, policy)
        settings = {"systems": {"gym": {"policy": str(file), "dsn": system.settings.dsn}}}
        (tmp_path / "lifecycle.yaml").write_text(json.dumps(settings))
        monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))
        monkeypatch.setattr(cli_options.chosen, "as_json", False)
        monkeypatch.setattr(cli_options.chosen, "system", None)
        yield Gym(database, system)


def test_init_grants_what_the_room_needs_and_makes_its_tables(gym: Gym) -> None:
    assert gym.ask(
        "select has_column_privilege('lifecycle', 'lockers', 'holder', 'update'),"
        " has_column_privilege('lifecycle', 'lockers', 'number', 'update'),"
        " has_table_privilege('lifecycle', 'lockers', 'delete'),"
        " to_regclass('lifecycle.locker_round') is not null"
    ) == [(True, False, False, True)]


def test_doctor_asks_the_room_and_misses_its_rights(gym: Gym) -> None:
    gym.ask("revoke update (holder) on lockers from lifecycle")
    found = doctor.findings(cli_options.open_settings())
    said = {finding.check: finding.what for finding in found}
    assert said["gym: lost keys"] == "nobody counted the keys"
    lacking = [f.what + f.fix for f in found if f.check == "gym: rights"]
    assert any("update (" in what and "holder" in what for what in lacking), lacking


def test_its_promise_is_shown_planned_applied_and_judged_like_every_other(
    gym: Gym, say: Say
) -> None:
    assert say("lockers", "status")["rows"] == [{"held_too_long": 3}]
    plan = say("lockers", "plan")
    assert [step["cost"] for step in plan["steps"]] == ["3 lockers"]
    outcome = say("lockers", "apply", plan["hash"])
    assert (outcome["verdict"], outcome["counts"], outcome["coverage"]["promised"]) == (
        "pass",
        {"rows": 3},
        1,
    )
    assert say("lockers", "apply", plan["hash"], code=7)["exit_code"] == 7
    assert gym.ask("select count(holder) from lockers") == [(2,)]
    assert gym.ask("select event, target, counts from lifecycle.evidence") == [
        ("lockers.emptied", "lockers", {"rows": 3})
    ]
    assert say("run", "lockers.empty")["verdict"] == "pass"
    assert "lockers.empty" in {row["job"] for row in say("schedule", "list")["rows"]}


def test_a_run_that_applied_a_plan_is_resumed_with_that_plan_and_no_other(
    gym: Gym, say: Say
) -> None:
    def resumed() -> tuple[str, Any]:
        say("runs", "resume", str(refused["id"]))
        with gym.system.connect("test") as conn:
            claim = claims.claim_next(conn, "gym", claims.new_holder())
        assert claim is not None
        system = cli_options.open_system("gym")
        carry_out(system, claim, rooms.job(system.policy, claim.job))
        with gym.system.connect("test") as conn:
            shown = runs.shown(conn, "gym", claim.id)
        return shown["verdict"], shown["error_code"]

    plan = say("lockers", "plan")["hash"]
    gym.ask("update lockers set emptied_at = emptied_at - interval '365 days' where locker_id = 1")
    say("lockers", "apply", plan, code=7)
    [refused] = say("runs", "list")["rows"]
    assert resumed() == ("fail", 7)
    assert gym.ask("select count(holder) from lockers") == [(5,)]
    gym.ask("update lockers set emptied_at = emptied_at + interval '365 days' where locker_id = 1")
    assert resumed() == ("pass", None)
    assert gym.ask("select count(holder) from lockers") == [(2,)]


def test_only_a_job_that_is_paused_is_let_go_on(gym: Gym, say: Say) -> None:
    scheduled = """select s.job, exists (select from lifecycle.pause p where p.job = s.job and p.until is null)
                     from lifecycle.schedule s where s.job = 'lockers.empty'"""
    assert say("schedule", "resume", "lockers.empty")["done"] == (
        "lockers.empty is not paused; nothing was changed."
    )
    assert gym.ask(scheduled) == []
    say("schedule", "pause", "lockers.empty", "--because", "they move")
    assert gym.ask(scheduled) == [("lockers.empty", True)]
    say("schedule", "resume", "lockers.empty")
    assert gym.ask(scheduled) == [("lockers.empty", False)]


def test_monitors_hear_its_figures(gym: Gym) -> None:
    jobs = {"gym": rooms.jobs(gym.system.policy)}
    state = DaemonState("d", (gym.system,), jobs, clock.now())
    gather_figures(state, gym.system)
    assert b'lifecycle_lockers_held{system="gym"} 5.0' in metrics.render(state)


def test_the_report_has_its_chapter(gym: Gym, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.carry_out(["run", "lockers.empty", "--json"]) == 0
    capsys.readouterr()
    to = datetime.now(UTC) + timedelta(seconds=2)
    document = report.make(gather.gather(gym.system, "0", 0, to - timedelta(days=1), to))
    [chapter] = [one for one in document["chapters"] if one["key"] == "lockers"]
    assert chapter["sentence"] == "3 lockers were emptied."
    page = render.page(document)
    assert "3 lockers were emptied." in page


def test_the_page_of_commands_has_its_group_with_the_three_commands(gym: Gym) -> None:
    page = commands_page.page()
    for words in ("status", "plan", "apply"):
        assert f"`lifecycle lockers {words}`" in page


def test_a_run_is_shown_with_what_it_covered_and_what_nobody_looked_at(
    gym: Gym, capsys: pytest.CaptureFixture[str]
) -> None:
    north, south = Place("locker", "north"), Place("locker", "south")
    covered = Coverage(
        frozenset({north, south}),
        frozenset({north}),
        (),
        {south: Reason("it is locked", "Open it.")},
    )
    now = clock.now()
    with gym.system.connect("test") as conn:
        claims.enqueue(conn, "gym", "lockers.empty", now, asked_by="person")
        claim = claims.claim_one(conn, "gym", "lockers.empty", now, claims.new_holder())
        claims.finish(conn, claim, conclude(Judgement(covered, "done")))
    assert cli.carry_out(["runs", "show", str(claim.id)]) == 0
    told = capsys.readouterr().out
    for said in ("promised", "looked at", "locker south", "it is locked", "Open it."):
        assert said in told, told
    assert covered.digest() in told.replace("\n", "").replace(" ", "")
    assert "{" not in told
