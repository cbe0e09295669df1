"""The command line as people and monitors meet it: quick help, completion, doctor, check, init."""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle import clock, rooms
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3, stripe_double
from lifecycle.watch import check
from tests.acceptance.workspace import COMMAND, VITALIS, Workspace

OWNER = "select tableowner from pg_tables where tablename = 'audit_log'"
Verdicts = dict[str, list[str]]


@pytest.fixture
def at(vitalis: Any, tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, vitalis.admin)


def say(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60, env=env or None
    )


# --- help


def test_help_is_there_in_the_blink_of_an_eye(record_property: Any) -> None:
    taken: list[float] = []
    for _ in range(5):
        begun = work_of_children()
        assert say("--help").returncode == 0
        taken.append(work_of_children() - begun)
    record_property("seconds", min(taken))
    sys.stdout.write(f"lifecycle --help: {min(taken):.3f} s of work (aim 0.3 s)\n")
    assert min(taken) < 0.6


def work_of_children() -> float:
    """Return the processor's seconds spent by the programs that have ended: no busy neighbour is in them."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@pytest.mark.parametrize(
    "slow",
    [
        "boto3",
        "stripe",
        "jinja2",
        "apscheduler",
        "moto",
        "rich",
        "psycopg",
        "pydantic",
        "structlog",
    ],
)
def test_help_loads_no_slow_library(slow: str) -> None:
    program = (
        "import sys; from lifecycle.cli import carry_out; carry_out(['--help']);"
        f"sys.exit(any(name.split('.')[0] == '{slow}' for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.returncode == 0


def test_help_lists_every_room_and_every_word_of_the_design() -> None:
    listed = set(
        re.findall(r"^  ([a-z]+) ", say("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    )
    words = {
        "demo",
        "doctor",
        "check",
        "init",
        "policy",
        "daemon",
        "worker",
        "run",
        "schedule",
        "runs",
    }
    assert listed == words | {room.rpartition(".")[2] for room in rooms.ROOMS}


def test_a_group_without_a_command_shows_its_help() -> None:
    for words in ((), ("policy",), ("runs",)):
        ended = say(*words)
        assert ended.returncode == 2
        assert ended.stdout == ""
        assert ended.stderr.startswith(f"Usage: {' '.join(('lifecycle', *words))} ")


def test_the_version_is_said() -> None:
    assert re.fullmatch(r"lifecycle \d+\.\d+\.\d+\n", say("--version").stdout)


@pytest.mark.parametrize(
    ("typed", "expected"), [("lifecycle par", "partitions"), ("lifecycle partitions ap", "apply")]
)
def test_bash_completes_groups_and_the_commands_below_them(typed: str, expected: str) -> None:
    ended = say(
        _LIFECYCLE_COMPLETE="complete_bash",
        COMP_WORDS=typed,
        COMP_CWORD=str(typed.count(" ")),
        PATH="/usr/bin:/bin",
    )
    assert ended.stdout.split() == [expected]


# --- doctor


def verdicts(at: Workspace, **env: str) -> tuple[int, Verdicts]:
    """Run doctor and return its exit code, and `verdict: what / fix` by check."""
    ended = at.cli("doctor", "--json", env=env)
    assert "Traceback" not in ended.stderr
    found: Verdicts = {}
    for finding in json.loads(ended.stdout)["findings"]:
        words = f"{finding['verdict']}: {finding['what']} / {finding['fix']}"
        found.setdefault(finding["check"].removeprefix("vitalis: "), []).append(words)
    return ended.returncode, found


def whole(at: Workspace, outside: tuple[str, str]) -> None:
    """Give the installation everything that the policy needs."""
    import boto3

    at.system |= {
        "s3": {
            "endpoint": outside[0],
            "access_key": at.secret("access", s3.ACCESS_KEY),
            "secret_key": at.secret("secret", s3.SECRET_KEY),
        },
        "stripe": {"key": at.secret("stripe", stripe_double.KEY), "address": outside[1]},
        "buckets": {name: f"{name}-1" for name in set(re.findall(r"bucket: ([a-z-]+)", at.policy))},
    }
    client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=outside[0],
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )
    with closing(client):
        for bucket in at.system["buckets"].values():
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
    at.machine |= {
        "alerts": {"command": ["/bin/true"]},
        "pings": {"daemon": at.secret("ping", "https://ping.example/uuid")},
        "scratch": str(at.directory),
    }


SEEN = """
    insert into lifecycle.daemon (id, host, pid, version, policy) values ('d', 'here', 1, '1', 'p');
    insert into lifecycle.alert (system, kind, message, delivered_at)
    values ('vitalis', 'fail', 'a run failed', clock_timestamp());
"""


def succeeded(at: Workspace, vitalis: Any) -> None:
    """Let a daemon live, an alert have gone out, and every job have passed just now."""
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(SEEN)
    with vitalis.system.connect("test") as conn:
        for job in rooms.jobs(vitalis.system.policy):
            claim = vitalis.claim(job.name, clock.now())
            claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))


def test_doctor_finds_nothing_in_a_whole_installation(
    at: Workspace, vitalis: Any, outside: tuple[str, str]
) -> None:
    whole(at, outside)
    succeeded(at, vitalis)
    before = at.picture()
    code, found = verdicts(at)
    rest = {
        (name, w.partition(": ")[0])
        for name, said in found.items()
        for w in said
        if not w.startswith("pass: ")
    }
    # A switch is heard by whoever keeps it; of default partitions Vitalis has none; no month is old enough to sign.
    assert rest == {
        ("watched from outside", "could not verify"),
        ("default partitions", "not configured"),
        ("exports of the ledger", "not configured"),
        ("legal holds", "not configured"),
        ("restore points", "not configured"),
        ("archive", "not configured"),
        ("tombstones", "not configured"),
        ("ledger of erasures", "not configured"),
        ("recipients", "not configured"),
        ("WAL-G", "not configured"),
    }
    assert code == 0
    assert at.picture() == before


def test_doctor_names_what_is_left_out_and_that_is_no_failure(
    at: Workspace, vitalis: Any, outside: tuple[str, str]
) -> None:
    whole(at, outside)
    succeeded(at, vitalis)
    at.machine = {"daemon": {"listen": None}}
    code, found = verdicts(at)
    assert code == 0
    assert found["alerts"][0].startswith("not configured: nobody is told")
    assert found["watched from outside"][0].startswith("not configured: nothing outside this host")
    assert found["monitoring address"][0].startswith("not configured")


def test_of_an_empty_policy_doctor_passes_nothing_that_nobody_asked_for(
    database: str, tmp_path: Path
) -> None:
    at = Workspace(tmp_path, database)
    del at.system["reference_key"]
    name = conninfo_to_dict(database)["dbname"]
    at.policy = f"system: vitalis\ndatabase: {name}\ntimezone: UTC\ntables: {{}}\n"
    assert at.cli("init", env={"LIFECYCLE_ADMIN_DSN": database}).returncode == 0
    code, found = verdicts(at)
    told = {name: {words.partition(": ")[0] for words in said} for name, said in found.items()}
    assert {name for name, said in told.items() if said == {"pass"}} == {
        "settings", "monitoring address", "database", "role", "counts", "others", "ledger", "schema",
        "event triggers", "pooler", "encryption", "clock", "clock changes", "how long the ledger is kept",
    }  # fmt: skip
    nothing = {name for name, said in told.items() if said == {"not configured"}}
    assert nothing == {
        "secrets", "alerts", "watched from outside", "owners", "rights", "policy", "default partitions",
        "programs", "scratch", "large objects", "bucket of dumps", "reference key", "buckets", "Stripe", "recipients", "statistics",
        "words of the policy", "legal holds", "tombstones", "WAL-G", "restore points", "archive",
        "ledger of erasures",
        "exports of the ledger", "bucket of the ledger's exports",
    }  # fmt: skip
    assert {name for name in told if name not in nothing and told[name] != {"pass"}} == {
        "schedule", "jobs",
    }  # fmt: skip
    assert code == 0


def test_doctor_says_that_alerts_wait_and_that_none_ever_went_out(
    at: Workspace, vitalis: Any
) -> None:
    at.machine["alerts"] = {"command": ["/bin/true"]}
    [never] = verdicts(at)[1]["alerts"]
    assert never.startswith("could not verify: they go out by command, and none ever did")
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(
            "insert into lifecycle.alert (system, kind, message, created_at) "
            "values ('vitalis', 'fail', 'm', clock_timestamp() - interval '2 hours')"
        )
    code, found = verdicts(at)
    assert found["alerts"][0].startswith("fail: 1 alert could not be delivered for an hour")
    assert code == 10


def test_a_job_that_has_not_run_yet_has_not_passed(at: Workspace, vitalis: Any) -> None:
    succeeded(at, vitalis)
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(
            "insert into lifecycle.schedule (system, job, cron, timezone, covered_until) "
            "select 'vitalis', job, '0 3 * * *', 'UTC', clock_timestamp() from lifecycle.run"
        )
        conn.execute("truncate lifecycle.run cascade")
    said = verdicts(at)[1]["jobs"]
    assert said
    assert all(words.startswith("could not verify: ") for words in said)


# What an administrator can break: SQL -> (check, words of the finding, words of the remedy).
BREAKS = {
    "alter role lifecycle in database {db} set default_transaction_read_only = on": (
        "database", "the server is read-only", "primary",
    ),
    "revoke delete on documents from lifecycle": (
        "rights", "may not delete on documents", 'grant delete on "public"."documents" to lifecycle;',
    ),
    "revoke select on users from lifecycle": (
        "rights", "may not select on users", 'grant select on "public"."users" to lifecycle;',
    ),
    "create table stray (user_id uuid)": ("policy", "stray", "edit"),
    "alter table users drop column display_name": ("policy", "display_name", "edit"),
    "drop schema lifecycle cascade": ("ledger", "the schema lifecycle is missing", "lifecycle init"),
    "delete from lifecycle.migration where name like '%ledger%'": ("ledger", "0001_ledger.sql", "lifecycle init"),
    "update lifecycle.installation set system = 'other'": (
        "database", "belongs to the policy of system 'other'", "",
    ),
    "create table audit_log_rest partition of audit_log default; "
    "insert into audit_log (created_at, action, table_name, record_id) "
    "values ('2400-01-01', 'INSERT', 'users', gen_random_uuid()); grant select on audit_log_rest to lifecycle": (
        "default partitions", "audit_log_rest holds rows", "partitions status",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), BREAKS.items())
def test_doctor_finds_what_is_broken_in_the_database_and_says_how_to_mend_it(
    at: Workspace, statement: str, expected: tuple[str, str, str]
) -> None:
    name, what, fix = expected
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(statement.format(db=at.database).encode())
    code, found = verdicts(at)
    assert code == 10
    [words] = [w for w in found[name] if w.startswith("fail: ") and what in w]
    assert fix in words.rpartition(" / ")[2]


@pytest.fixture
def altered(cluster: Cluster) -> Iterator[Any]:
    """Change the service's role, which all databases of the cluster share, for one test."""

    def change(statement: str) -> None:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute(statement.encode())

    yield change
    change("alter role lifecycle_ddl noinherit")
    change("alter role lifecycle nosuperuser noinherit bypassrls nocreaterole nocreatedb")


@pytest.mark.parametrize(
    ("statement", "what", "fix"),
    [
        ("alter role lifecycle superuser", "lifecycle is a superuser", "lifecycle init"),
        (
            "alter role lifecycle nobypassrls",
            "has no BYPASSRLS",
            'alter role "lifecycle" bypassrls;',
        ),
        ("alter role lifecycle createrole", "may make roles", "nocreaterole"),
    ],
)
def test_doctor_judges_the_role(
    at: Workspace, altered: Any, statement: str, what: str, fix: str
) -> None:
    altered(statement)
    code, found = verdicts(at)
    assert code == 10
    [words] = [w for w in found["role"] if w.startswith("fail: ")]
    assert what in words
    assert fix in words


def test_doctor_finds_a_role_that_has_its_owners_rights_all_the_time(
    at: Workspace, altered: Any, cluster: Cluster
) -> None:
    if cluster.binaries.major >= 16:  # there a membership says whether it is inherited
        with psycopg.connect(at.admin, autocommit=True) as conn:
            row = conn.execute(OWNER).fetchone()
            assert row is not None
            owner = sql.Identifier(row[0])
            conn.execute(sql.SQL("grant {} to lifecycle_ddl with inherit true").format(owner))
    else:
        altered("alter role lifecycle_ddl inherit")
    code, found = verdicts(at)
    assert code == 10
    [words] = [w for w in found["owners"] if w.startswith("fail: lifecycle_ddl has the rights of ")]
    altered(words.rpartition(" / ")[2])
    assert all(w.startswith("pass: ") for w in verdicts(at)[1]["owners"])


def test_the_grant_that_doctor_prints_mends_what_it_found(at: Workspace) -> None:
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute("revoke all on users, documents, audit_log from lifecycle")
        fixes = [w.rpartition(" / ")[2] for w in verdicts(at)[1]["rights"]]
        assert len(fixes) > 3
        for fix in fixes:
            conn.execute(fix.encode())
    assert verdicts(at)[1]["rights"] == ["pass: the service may do what the policy asks of it / "]


def test_the_grant_of_an_owner_that_doctor_prints_mends_what_it_found(at: Workspace) -> None:
    with psycopg.connect(at.admin, autocommit=True) as conn:
        row = conn.execute(OWNER).fetchone()
        assert row is not None
        revoke = sql.SQL("revoke {} from lifecycle_ddl").format(sql.Identifier(row[0]))
        try:
            conn.execute(revoke)
            [words] = [w for w in verdicts(at)[1]["owners"] if "not a member of" in w]
            conn.execute(words.rpartition(" / ")[2].encode())
            assert all(w.startswith("pass: ") for w in verdicts(at)[1]["owners"])
        finally:
            conn.execute(sql.SQL("grant {} to lifecycle_ddl").format(sql.Identifier(row[0])))


def test_doctor_looks_at_files_buckets_stripe_and_the_calendar_too(
    at: Workspace, outside: tuple[str, str]
) -> None:
    whole(at, outside)
    at.system["stripe"]["key"] = at.secret("stripe", "sk_test_revoked")
    first = min(at.system["buckets"])
    at.system["buckets"][first] = "no-such-bucket"
    at.system["reference_key"] = at.secret("reference.key", "abc")
    at.machine |= {"daemon": {"listen": "0.0.0.0:9877"}, "scratch": "/nonexistent"}
    at.machine["pings"] = {"daemon": {"file": "/nonexistent"}}
    at.policy = at.policy.replace("timezone: UTC", "timezone: Europe/Berlin")
    at.write()
    (at.directory / "access").chmod(0o640)
    code, found = verdicts(at)
    assert code == 10
    said = {name: " | ".join(words) for name, words in found.items()}
    assert "/nonexistent" in said["secrets"]
    assert "open to others (mode 0640)" in said["secrets"]
    assert "not 32 bytes" in said["reference key"]
    assert "may be reached from other hosts" in said["monitoring address"]
    assert "/nonexistent is no directory" in said["scratch"]
    assert "backups.dump is due at 0" in said["clock changes"]
    assert "backups.drill is due" not in said["clock changes"]
    assert said["buckets"].startswith("could not verify: ")  # its key file is refused
    (at.directory / "access").chmod(0o600)
    said = {name: " | ".join(words) for name, words in verdicts(at)[1].items()}
    assert f"bucket '{first}'" in said["buckets"] + said["bucket of dumps"]
    assert "keeps versions" in said["buckets"] + said["bucket of dumps"]


def test_doctor_goes_on_to_the_next_system_when_one_has_no_database(at: Workspace) -> None:
    second = at.policy.replace("system: vitalis", "system: second")
    (at.directory / "second.yaml").write_text(second)
    away = at.system | {"policy": "second.yaml", "dsn": "host=/nonexistent dbname=x user=y"}
    at.machine = {"systems": {"second": away, "vitalis": at.system}}
    code, found = verdicts(at)
    assert code == 10
    assert found["second: database"][0].startswith("fail: no server listens")
    assert found["role"][0].startswith("pass: ")


def test_doctor_tells_people_why_and_how_to_mend_it(at: Workspace) -> None:
    ended = at.cli("doctor")
    assert "\n  fix: Set `webhook`, `smtp` or `command`" in ended.stdout
    assert "\n  why: A dead host sends no alert." in ended.stdout


# --- check


def test_check_is_well_when_every_job_has_succeeded(at: Workspace, vitalis: Any) -> None:
    succeeded(at, vitalis)
    assert at.cli("check").returncode == 0
    ended = at.cli("check", "--nagios")
    assert ended.returncode == 0
    assert re.match(r"LIFECYCLE OK - 8 jobs well \| 'vitalis/\S+'=\d+s;\d+;\d+;0", ended.stdout)
    assert ended.stdout.count("\n") == 1


@pytest.mark.parametrize(("days", "code", "state"), [(1.5, 1, "WARNING"), (4, 2, "CRITICAL")])
def test_check_warns_of_a_job_that_is_overdue(
    at: Workspace, vitalis: Any, days: float, code: int, state: str
) -> None:
    succeeded(at, vitalis)
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(
            "update lifecycle.run set finished_at = finished_at - %s where job = 'gdpr.erase'",
            [timedelta(days=days)],
        )
    assert at.cli("check").returncode == 10
    ended = at.cli("check", "--nagios")
    assert ended.returncode == code
    assert ended.stdout.startswith(f"LIFECYCLE {state} - vitalis/gdpr.erase: no success for ")


def test_check_is_critical_when_the_newest_run_failed(at: Workspace, vitalis: Any) -> None:
    succeeded(at, vitalis)
    claim = vitalis.claim("gdpr.erase", clock.now())
    with vitalis.system.connect("test") as conn:
        claims.finish(conn, claim, Outcome(Verdict.FAIL, "not done"))
    ended = at.cli("check", "--nagios")
    assert ended.returncode == 2
    assert "vitalis/gdpr.erase: its newest run failed" in ended.stdout


def test_a_monitor_gets_unknown_in_one_line_when_nothing_can_be_asked(at: Workspace) -> None:
    at.system["dsn"] = "host=/nonexistent dbname=x user=y"
    ended = at.cli("check", "--nagios")
    assert ended.returncode == 3
    assert (
        ended.stdout == "LIFECYCLE UNKNOWN - vitalis: no server listens at the address in the dsn\n"
    )
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("cron", "hours"),
    [("@hourly", 1), ("0 3 * * *", 24), ("0 3 * * 1-5", 72), ("*/5 9-16 * * 1-5", 64 + 1 / 12), ("0 0 1 * *", 744)],
)  # fmt: skip
def test_a_job_is_expected_as_often_as_its_longest_pause(cron: str, hours: float) -> None:
    assert check.expected_interval(cron, "UTC", clock.now()) == timedelta(hours=hours)


# --- init


@pytest.fixture
def bare(database: str, tmp_path: Path) -> Workspace:
    """An installation on a database with Vitalis' schema and nothing of ours."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(VITALIS.with_name("schema.sql").read_bytes())
    return Workspace(tmp_path, database)


def test_init_lets_the_service_in_and_is_safe_to_repeat(bare: Workspace) -> None:
    first = bare.cli("init", env={"LIFECYCLE_ADMIN_DSN": bare.admin})
    assert first.returncode == 0, first.stderr
    assert "has the rights that this policy needs" in first.stdout
    assert bare.cli("init", "--dsn", bare.admin).returncode == 0
    found = verdicts(bare)[1]
    for name in ("database", "role", "owners", "rights", "ledger", "policy"):
        assert found[name][0].startswith("pass: "), found[name]


def test_the_sql_that_init_prints_does_the_same_in_psql(bare: Workspace, cluster: Cluster) -> None:
    before = bare.picture()
    printed = bare.cli("init", "--print-sql", env={"LIFECYCLE_ADMIN_DSN": bare.admin})
    assert printed.returncode == 0, printed.stderr
    assert bare.picture() == before
    with psycopg.connect(bare.admin, autocommit=True) as conn:
        conn.execute(printed.stdout.encode())
    found = verdicts(bare)[1]
    for name in ("role", "owners", "rights", "policy"):
        assert found[name][0].startswith("pass: "), found[name]


@pytest.mark.parametrize(
    ("dsn", "code", "what"),
    [
        (None, 2, "no administrator's connection is named"),
        ("host='", 2, "the dsn in LIFECYCLE_ADMIN_DSN cannot be read"),
        ("host=/nonexistent dbname=x", 8, "no server listens"),
    ],
)
def test_init_says_what_is_wrong_with_the_administrators_connection(
    bare: Workspace, dsn: str | None, code: int, what: str
) -> None:
    ended = bare.cli("init", env={"LIFECYCLE_ADMIN_DSN": dsn} if dsn else None)
    assert ended.returncode == code
    assert f"error: {what}" in ended.stderr


def test_init_by_somebody_who_is_no_administrator_is_refused_and_changes_nothing(
    bare: Workspace,
) -> None:
    with psycopg.connect(bare.admin, autocommit=True) as conn:
        conn.execute("create role passer_by login")
        try:
            before = bare.picture()
            ended = bare.cli("init", "--dsn", make_conninfo(bare.admin, user="passer_by"))
            assert ended.returncode == 3
            assert "this administrator may not do all of it" in ended.stderr
            assert bare.picture() == before
        finally:
            conn.execute("drop role passer_by")
    assert conninfo_to_dict(bare.admin)["dbname"] == bare.database


def test_check_warns_within_minutes_of_a_slot_that_no_daemon_was_there_for(
    at: Workspace, vitalis: Any
) -> None:
    succeeded(at, vitalis)
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(
            "update lifecycle.run set asked_by = 'schedule', scheduled_for = now() - interval '24 hours'"
        )
        conn.execute(
            """insert into lifecycle.schedule (system, job, cron, timezone, covered_until)
               select 'vitalis', 'gdpr.erase', '15 4 * * *', 'UTC', now() - interval '1 day'"""
        )
    ended = at.cli("check", "--nagios")
    assert ended.returncode == 1
    assert re.search(
        r"vitalis/gdpr\.erase: its slot of \S+ 04:15\S* .*is a daemon running\?", ended.stdout
    )
