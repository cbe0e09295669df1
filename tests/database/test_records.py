"""Months of the ledger leave it: on a real server and a real (stand-in) bucket, cut off and tampered with on the way."""

import fcntl
import gzip
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from psycopg import sql

from lifecycle.admin import install
from lifecycle.errors import InputError, NotFound, Unproven
from lifecycle.ledger import claims, evidence, months, runs
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import signing
from lifecycle.outside.signing import SigningKey
from lifecycle.plan import Decision
from lifecycle.policy import check, whole
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.records import age, judge, prove, survey
from lifecycle.records.findings import FINDINGS
from lifecycle.records.manifest import DATA, MANIFEST, SIGNATURE, Manifest
from lifecycle.records.promise import PROMISE
from lifecycle.records.retire import Retired
from lifecycle.records.shelf import Shelf
from lifecycle.sandbox import installation
from lifecycle.system import System
from tests import build
from tests.keep import keep, plan
from tests.waiting import wait_until

NOW = datetime.now(UTC)
OLD = date(NOW.year - 7, 5, 1)
OLDER = date(NOW.year - 8, 5, 1)
YOUNG = date(NOW.year - 3, 5, 1)
HELD = {"runs": 3, "attempts": 3, "evidence": 6, "alerts": 1}
"""What `World.month` puts into a month."""


@dataclass(frozen=True)
class World:
    """A database whose ledger is old, the bucket for its months, and the directory of its keys."""

    admin: str
    system: System
    client: Any
    bucket: str
    directory: Path

    def ask(self, question: str) -> list[Any]:
        """Return the first column, asked as a superuser."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            return [row[0] for row in admin.execute(question.encode())]

    def month(self, first: date) -> None:
        """Put a month on the ledger: three runs that ended in it, one that never did, evidence, an alert."""
        values = {"at": datetime(first.year, first.month, 9, tzinfo=UTC), "name": f"{first}"}
        with psycopg.connect(self.admin, autocommit=True) as admin:
            for parent in ("evidence", "attempt"):
                child = sql.Identifier("lifecycle", f"{parent}_{first:%Y_%m}")
                bounds = survey.bounds(first)
                admin.execute(
                    sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
                        child,
                        sql.Identifier("lifecycle", parent),
                        sql.Literal(bounds["since"].isoformat()),
                        sql.Literal(bounds["to"].isoformat()),
                    )
                )
                admin.execute(sql.SQL("alter table {} owner to lifecycle_owner").format(child))
            admin.execute(_RUNS, values)
            admin.execute(_ATTEMPTS, values)
            admin.execute(_EVIDENCE, values)
            admin.execute(_ALERT, values)

    def claim(self) -> Claim:
        """Claim a new run, after whoever held the last one is found dead."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            admin.execute(
                "update lifecycle.run set state = 'lost', holder = null, finished_at = clock_timestamp()"
                " where job = 'records.keep' and state = 'running'"
            )
        with closing(self.system.connect("test")) as conn:
            at, holder = datetime.now(UTC), claims.new_holder()
            return claims.claim_new(conn, "old", "records.keep", at, holder, asked_by="schedule")

    def keep(self) -> Outcome:
        """Keep the promise as the daemon does, to the end of the run."""
        claim = self.claim()
        outcome = keep(PROMISE, self.system, claim, NOW)
        with closing(self.system.connect("test")) as conn:
            claims.finish(conn, claim, outcome)
        return outcome

    def months(self) -> set[str]:
        """Return the months that the ledger has, without those of this year."""
        with closing(self.system.connect("test")) as conn:
            return {age.name(m) for m in months.kept(conn) if m.year < NOW.year - 1}

    def held(self, first: date) -> dict[str, int]:
        with closing(self.system.connect("test")) as conn:
            return survey.count(conn, first)

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        return [found["Key"] for found in listed.get("Contents", ())]

    def versions(self) -> int:
        return len(self.client.list_object_versions(Bucket=self.bucket).get("Versions", ()))

    def tamper(self, end: str, change: Callable[[bytes], bytes]) -> None:
        """Change every object whose key ends so."""
        for key in self.keys():
            if key.endswith(end):
                body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                self.client.put_object(Bucket=self.bucket, Key=key, Body=change(body))

    def fetched(self) -> Path:
        """Fetch an export to disk, as an auditor would; return its file."""
        for key in self.keys():
            self.client.download_file(self.bucket, key, str(self.directory / Path(key).name))
        return next(self.directory.glob(f"*{DATA}"))

    def with_settings(self, **changed: object) -> "World":
        settings = self.system.settings.model_copy(update=changed)
        return replace(self, system=replace(self.system, settings=settings))

    def with_records(self, **records: object) -> "World":
        policy = policy_of({"keep": "6 years"} | records)
        database = self.system.policy.database
        policy = policy.model_copy(update={"database": database})
        return replace(self, system=replace(self.system, policy=policy))


_RUNS = """
    insert into lifecycle.run (system, job, scheduled_for, state, attempt, verdict, queued_at, started_at, finished_at, summary)
    select 'old', 'a.b', %(at)s + n * interval '1 day', case when n < 4 then 'finished' else 'queued' end, 1,
           case when n < 3 then 'pass' when n = 3 then 'fail' end, %(at)s,
           %(at)s, case when n < 4 then %(at)s + n * interval '1 day' end, 'zum Gruße ' || n
      from generate_series(1, 4) as n
"""
_ATTEMPTS = """
    insert into lifecycle.attempt (run_id, attempt, at, started_at, holder, how, verdict)
    select id, 1, finished_at, started_at, 'host:1:a', 'finished', verdict from lifecycle.run
     where finished_at between %(at)s and %(at)s + interval '9 days'
"""
_EVIDENCE = """
    insert into lifecycle.evidence (run_id, attempt, at, kind, event, target, counts)
    select id, 1, finished_at, 'effect', 'a.b', 'table ' || n, '{"rows": 3}' from lifecycle.run, generate_series(1, 2) n
     where finished_at between %(at)s and %(at)s + interval '9 days'
"""
_ALERT = """
    insert into lifecycle.alert (system, job, run_id, kind, message, created_at, delivered_at)
    select 'old', 'a.b', max(id), 'fail', 'it failed', %(at)s, %(at)s from lifecycle.run
     where verdict = 'fail' and finished_at between %(at)s and %(at)s + interval '9 days'
"""


def policy_of(records: object) -> Any:
    return whole.model().model_validate(
        {"system": "old", "database": "old", "tables": {}, "records": records}
    )


def private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def world(ledger: str, outside: tuple[str, str], tmp_path: Path) -> World:
    policy = policy_of({"keep": "6 years", "bucket": "records"})
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "signing.pub").write_bytes(public)
    client = installation.objects_at(outside[0])
    bucket = f"records-{os.getpid()}-{ledger.partition('dbname=')[2].split()[0]}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    own: dict[str, Any] = build.store_at(outside[0], tmp_path) | {
        "buckets": {"records": bucket},
        "signing_key": build.secret(tmp_path, "signing.key", private_pem(key)),
    }
    system = build.system(ledger, policy, {"base": tmp_path}, **own)
    with psycopg.connect(ledger, autocommit=True) as admin:
        install.install(admin, system.policy, catalog.read(admin), None)
    return World(ledger, system, client, bucket, tmp_path)


def reader(world: World) -> Iterator[psycopg.Connection[Any]]:
    """Give somebody who reads evidence in a transaction that stays open."""
    with psycopg.connect(world.admin) as conn:
        conn.execute("select from lifecycle.evidence limit 1")
        yield conn


# --- a month leaves


def test_a_month_over_age_leaves_after_a_signed_copy_of_it_was_read_back(world: World):
    world.month(OLD)
    world.month(YOUNG)
    outcome = world.keep()
    assert outcome.verdict is Verdict.PASS, outcome
    assert outcome.summary == "1 month exported and dropped, 4 kept of the last 6 years"
    assert outcome.counts == {"months": 4, "dropped": 1, **HELD}
    assert world.months() == {age.name(YOUNG)}
    assert world.held(OLD) == dict.fromkeys(HELD, 0)
    assert world.held(YOUNG) == HELD
    told = world.ask(
        "select kind || ' ' || event || ' ' || target from lifecycle.evidence where event ~ '^records' order by id"
    )
    month = age.name(OLD)
    assert told == [
        f"intent records.exported {month}",
        f"outcome records.exported {month}",
        f"effect records.dropped {month}",
    ]


def test_what_left_is_whole_and_can_be_proven_by_whoever_has_the_public_key(world: World):
    world.month(OLD)
    tables = ("run", "attempt", "evidence", "alert")
    before = {
        table: world.ask(f"select to_jsonb(t) from lifecycle.{table} t order by 1::text")
        for table in tables
    }
    assert world.keep().verdict is Verdict.PASS
    file = world.fetched()
    proven = prove.prove(file, signing.public_key(world.directory / "signing.pub"))
    assert (proven.system, proven.month, proven.counts) == ("old", age.name(OLD), HELD)
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    rows = {t: [line["row"] for line in lines if line["table"] == t] for t in tables}
    still_open = [row for row in before["run"] if row["state"] == "queued"]
    for table in tables:
        gone = [row for row in before[table] if row not in still_open]
        assert sorted(rows[table], key=str) == sorted(gone, key=str)
    assert any(row["summary"].startswith("zum Gruße") for row in rows["run"])


def test_runs_that_have_not_ended_stay_however_old_they_are(world: World):
    world.month(OLD)
    assert world.keep().verdict is Verdict.PASS
    assert world.ask("select state from lifecycle.run where job = 'a.b'") == ["queued"]


def test_nothing_is_over_age_and_every_month_was_looked_at(world: World):
    world.month(YOUNG)
    outcome = world.keep()
    assert outcome.verdict is Verdict.PASS
    assert outcome.summary == "0 months exported and dropped, 4 kept of the last 6 years"
    assert outcome.coverage["promised"] == 4
    assert world.keys() == []


def test_a_month_that_nobody_looks_at_is_no_pass(world: World, monkeypatch: pytest.MonkeyPatch):
    def looks_nowhere(*_: object) -> None:
        return None

    monkeypatch.setattr(judge, "_left", looks_nowhere)
    outcome = world.keep()
    assert (outcome.verdict, outcome.coverage["looked_at"]) == (Verdict.UNVERIFIED, 0)


def test_a_young_month_without_a_run_that_goes_while_the_run_is_on_is_found(world: World):
    seen = survey.survey(world.system, NOW, None)
    ahead = max(seen.months)
    with psycopg.connect(world.admin, autocommit=True) as admin:
        gone = "drop table lifecycle.evidence_{0}, lifecycle.attempt_{0}"
        admin.execute(gone.format(f"{ahead:%Y_%m}").encode())
    task = Task(world.system, world.claim(), NOW)
    judged = judge.judge(task, seen, Decision(()), Retired((), ()))
    assert [(f.target, f.what) for f in judged.coverage.found] == [
        (age.name(ahead), "it is gone before its time")
    ]


def test_a_person_looks_at_one_month_and_retires_exactly_that(world: World):
    world.month(OLD)
    world.month(OLDER)
    made = plan(PROMISE, world.system, NOW, age.name(OLDER))
    (step,) = made.decision.steps
    assert step.cost == "3 runs, 3 attempts, 6 lines of evidence, 1 alert"
    outcome = keep(PROMISE, world.system, world.claim(), NOW, made)
    assert (outcome.failures, outcome.coverage["promised"]) == ((), 2)
    assert outcome.summary.endswith("; not looked at: the rest of records.keep")
    assert world.months() == {age.name(OLD)}
    with pytest.raises(NotFound, match="has no month '1999-01'"):
        plan(PROMISE, world.system, NOW, "1999-01")


GONE = {
    "all of it": (
        "drop table lifecycle.evidence_{0}, lifecycle.attempt_{0}",
        "it is gone before its time",
    ),
    "evidence": ("drop table lifecycle.evidence_{0}", "its evidence is gone before its time"),
    "attempts": (
        "alter table lifecycle.attempt detach partition lifecycle.attempt_{0}",
        "the history of its runs is gone before its time",
    ),
    "rows of attempts": (
        "alter table lifecycle.attempt_{0} disable trigger all; truncate lifecycle.attempt_{0}",
        "the history of 3 runs of it is gone, or tells another end",
    ),
    "a failure": (
        "update lifecycle.run set verdict = 'pass' where verdict = 'fail'",
        "the history of 1 run of it is gone, or tells another end",
    ),
}


@pytest.mark.parametrize("first", [YOUNG, OLD])
@pytest.mark.parametrize(("how", "said"), GONE.values(), ids=GONE)
def test_what_somebody_took_out_of_the_ledger_between_two_runs_is_found(
    world: World, first: date, how: str, said: str
):
    world.month(first)
    assert world.with_records(keep="9 years").keep().verdict is Verdict.PASS
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(how.format(f"{first:%Y_%m}").encode())
    outcome = world.keep()
    assert outcome.verdict is Verdict.FAIL
    assert [(f.target, f.what) for f in outcome.failures] == [(age.name(first), said)]
    assert world.keys() == []


# --- cut off, tampered with


@pytest.mark.slow
def test_a_process_killed_between_the_store_and_the_drop_is_followed_by_one_that_asks_the_bucket(
    world: World,
):
    world.month(OLD)
    reading = reader(world)
    next(reading)  # the drop waits for whoever reads
    child = os.fork()
    if child == 0:
        try:
            world.keep()
        finally:
            os._exit(0)
    stored = "select count(*) = 1 from lifecycle.evidence where kind = 'outcome'"
    wait_until(lambda: world.ask(stored) == [True])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    next(reading, None)
    assert world.months() == {age.name(OLD)}
    assert world.versions() == 3
    assert world.keep().verdict is Verdict.PASS
    assert world.months() == set()
    assert world.versions() == 3, "it was asked for, and not put again"
    assert world.ask(
        "select string_agg(kind, ' ' order by id) from lifecycle.evidence where event ~ '^records'"
    ) == ["intent outcome outcome effect"]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("later", ["a month to retire", "nothing to do"])
def test_what_a_killed_run_left_on_the_disk_goes_with_the_next_and_nothing_of_who_lives(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str
):
    machine = world.system.machine.model_copy(update={"scratch": str(tmp_path / "scratch")})
    world = replace(world, system=replace(world.system, machine=machine))
    (tmp_path / "scratch").mkdir()
    world.month(OLD)
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Shelf, "put", die)
            world.keep()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    [left] = (tmp_path / "scratch").iterdir()
    assert list(left.iterdir())
    alive = tmp_path / "scratch" / "lifecycle-records-of-another"
    alive.mkdir()
    handle = os.open(alive, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    if later == "nothing to do":
        with psycopg.connect(world.admin, autocommit=True) as admin:
            admin.execute(
                f"drop table lifecycle.evidence_{OLD:%Y_%m}, lifecycle.attempt_{OLD:%Y_%m};"
                f"delete from lifecycle.alert where created_at < '{YOUNG}';"
                f"delete from lifecycle.run where finished_at < '{YOUNG}'".encode()
            )
    assert world.keep().verdict is Verdict.PASS
    assert list((tmp_path / "scratch").iterdir()) == [alive]
    os.close(handle)


def test_whoever_reads_the_ledger_is_not_waited_for_for_long_and_the_month_stays(world: World):
    world.month(OLD)
    reading = reader(world)
    next(reading)
    outcome = world.keep()
    next(reading, None)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.failures[0].what == "it was not dropped: no lock within 5 tries"
    assert world.held(OLD) == HELD
    assert world.keep().verdict is Verdict.PASS


@pytest.mark.parametrize("end", [DATA, MANIFEST, SIGNATURE])
def test_nothing_is_dropped_where_the_bucket_has_not_what_was_stored(
    world: World, monkeypatch: pytest.MonkeyPatch, end: str
):
    world.month(OLD)
    put = Shelf.put

    def put_and_tamper(shelf: Shelf, written: Manifest, key: SigningKey, file: Path) -> None:
        put(shelf, written, key, file)
        world.tamper(end, lambda body: bytes([body[0] ^ 1]) + body[1:])

    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "put", put_and_tamper)
        outcome = world.keep()
    assert outcome.verdict is Verdict.FAIL
    assert "what the bucket has is not what was stored" in outcome.failures[0].what
    assert world.held(OLD) == HELD
    assert world.ask("select count(*) from lifecycle.evidence where kind = 'outcome'") == [0]
    assert world.keep().verdict is Verdict.PASS, "the damaged copy is written again"
    assert world.months() == set()


def test_an_export_of_another_ledger_is_no_export_of_this_one(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.month(OLD)
    put = Shelf.put

    def put_for_another(shelf: Shelf, written: Manifest, key: SigningKey, file: Path) -> None:
        put(shelf, written.model_copy(update={"system": "another"}), key, file)

    monkeypatch.setattr(Shelf, "put", put_for_another)
    outcome = world.keep()
    assert "signed for something else" in outcome.failures[0].what
    assert world.held(OLD) == HELD


def test_a_month_that_holds_something_else_than_its_export_is_not_dropped(world: World):
    world.month(OLD)
    claim = world.claim()
    with closing(world.system.connect("test")) as conn:
        month = age.name(OLD)
        evidence.record(conn, claim, "outcome", "records.exported", month, counts=HELD)
        (failed,) = world.ask("select id from lifecycle.run where verdict = 'fail'")
        runs.resume(conn, "old", failed)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            months.drop(conn, OLD, claim.id)
    assert world.held(OLD) == HELD | {"runs": 2}
    assert world.keep().verdict is Verdict.PASS, "what is open again stays, the others leave"
    assert world.ask("select count(*) from lifecycle.run where job = 'a.b'") == [2]


# --- what is missing


@pytest.mark.parametrize(
    ("records", "settings", "what"),
    [
        ({}, {}, "the policy names no bucket for it"),
        ({"bucket": "records"}, {"signing_key": None}, "no signing key is set"),
        ({"bucket": "records"}, {"s3": None}, "the settings have no object store"),
        ({"bucket": "nowhere"}, {}, "the settings do not say which bucket 'nowhere' is"),
    ],
)
def test_without_bucket_or_key_a_month_over_age_is_refused_and_stays(
    world: World, records: dict[str, object], settings: dict[str, object], what: str
):
    world.month(OLD)
    lacking = world.with_records(**records).with_settings(**settings)
    outcome = lacking.keep()
    assert outcome.verdict is Verdict.FAIL
    (failure,) = outcome.failures
    assert (failure.target, failure.what) == (
        age.name(OLD),
        f"it is kept longer than 6 years: {what}",
    )
    assert failure.hint.endswith("Nothing is dropped that was not exported.")
    assert world.held(OLD) == HELD
    (finding, *_) = FINDINGS["exports of the ledger"](lacking.system)
    assert finding.verdict is Verdict.FAIL
    assert what in finding.what


def test_a_young_ledger_is_told_in_time_what_it_will_need(world: World):
    (finding,) = FINDINGS["exports of the ledger"](world.with_records().system)
    assert finding.verdict is Verdict.NOT_CONFIGURED
    (finding,) = FINDINGS["exports of the ledger"](world.system)
    assert finding.verdict is Verdict.PASS
    (finding,) = FINDINGS["bucket of the ledger's exports"](world.system)
    assert finding.verdict is Verdict.PASS


def test_a_bucket_that_does_not_exist_keeps_the_month(world: World):
    world.month(OLD)
    outcome = world.with_settings(buckets={"records": "no-such-bucket-of-ours"}).keep()
    assert outcome.verdict is Verdict.FAIL
    assert world.held(OLD) == HELD


def test_a_signing_key_that_others_can_read_is_refused(world: World):
    (world.directory / "signing.key").chmod(0o644)
    world.month(OLD)
    (failure,) = world.keep().failures
    assert "open to others" in failure.what
    assert world.held(OLD) == HELD


@pytest.mark.parametrize(
    "text", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_ed25519_key_is_refused(world: World, text: str):
    secret = world.system.settings.signing_key
    assert secret is not None
    (world.directory / "signing.key").write_text(text)
    with pytest.raises(InputError, match="no Ed25519 private key"):
        signing.signing_key(secret)


# --- the floor


def test_no_policy_may_keep_the_ledger_for_less_than_a_year(world: World):
    for short in ("11 months", "365 days", "1 day"):
        (mistake,) = check.check(policy_of({"keep": short}))
        assert str(mistake) == (
            f"records.keep: {short} is below the floor of 1 year; write 1 year or more"
        )
    assert list(check.check(policy_of({"keep": "12 months"}))) == []


def test_the_database_drops_no_month_below_a_year_whatever_was_recorded(world: World):
    claim = world.claim()
    with closing(world.system.connect("test")) as conn:
        month = min(months.kept(conn))
        counts = world.held(month)
        evidence.record(conn, claim, "outcome", "records.exported", age.name(month), counts=counts)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not a year old"):
            months.drop(conn, month, claim.id)


def test_the_service_lets_no_month_go_before_the_policys_time_whatever_it_records(world: World):
    world.month(YOUNG)
    claim = world.claim()
    tell = "update lifecycle.kept_for set keep = '1 year'"
    for connect in (world.system.connect, world.system.connect_ddl):
        for statement in (tell, "insert into lifecycle.kept_for values (false, '1 year')"):
            with (
                closing(connect("test")) as conn,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                conn.execute(statement.encode())
    with closing(world.system.connect("test")) as conn:
        conn.execute("set timezone = 'Pacific/Kiritimati'")
        evidence.record(conn, claim, "outcome", "records.exported", age.name(YOUNG), counts=HELD)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is kept for 6 years"):
            months.drop(conn, YOUNG, claim.id)
    assert world.held(YOUNG) == HELD


def test_a_policy_that_keeps_less_counts_once_an_administrator_has_told_the_database(world: World):
    world.month(OLD)
    world.month(YOUNG)
    (finding,) = FINDINGS["how long the ledger is kept"](world.system)
    assert finding.verdict is Verdict.PASS
    shorter = world.with_records(keep="2 years", bucket="records")
    (failure,) = shorter.keep().failures
    assert (failure.target, failure.what) == (
        age.name(YOUNG),
        "the database was told to keep it for 6 years, not 2 years",
    )
    assert "Run `lifecycle init` again" in failure.hint
    assert world.months() == {age.name(YOUNG)}
    (finding,) = FINDINGS["how long the ledger is kept"](shorter.system)
    assert (finding.verdict, finding.fix) == (Verdict.FAIL, "lifecycle init")
    with psycopg.connect(world.admin, autocommit=True) as admin:
        text = install.render(admin, shorter.system.policy, catalog.read(admin))
        admin.execute(text.encode())
    assert shorter.keep().verdict is Verdict.PASS
    assert world.months() == set()


def test_the_services_logins_can_drop_no_month_that_was_not_exported(world: World):
    world.month(OLD)
    claim, name = world.claim(), f"{OLD:%Y_%m}"
    statements = (
        f"drop table lifecycle.evidence_{name}",
        f"alter table lifecycle.evidence detach partition lifecycle.evidence_{name}",
        f"delete from lifecycle.run where finished_at < '{YOUNG}'",
        f"select lifecycle.drop_month('{OLD}', {claim.id})",
    )
    for connect in (world.system.connect, world.system.connect_ddl):
        for statement in statements:
            with (
                closing(connect("test")) as conn,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                conn.execute(statement.encode())
    assert world.held(OLD) == HELD


def test_an_export_that_another_run_has_recorded_lets_nothing_go(world: World):
    world.month(OLD)
    first = world.claim()
    with closing(world.system.connect("test")) as conn:
        evidence.record(conn, first, "outcome", "records.exported", age.name(OLD), counts=HELD)
        second = world.claim()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not written down"):
            months.drop(conn, OLD, second.id)


# --- an export by itself


Files = dict[str, bytes]
CHANGES: dict[str, Callable[[Files], Files]] = {
    "torn": lambda files: files | {DATA: files[DATA][:-9]},
    "another": lambda files: files | {DATA: gzip.compress(b'{"table": "run", "row": {}}\n')},
    "the manifest": lambda files: files | {MANIFEST: files[MANIFEST].replace(b'"old"', b'"new"')},
    "the signature": lambda files: files | {SIGNATURE: files[SIGNATURE][::-1]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_export_with_anything_changed_is_not_proven(world: World, change: str):
    world.month(OLD)
    assert world.keep().verdict is Verdict.PASS
    file = world.fetched()
    key = signing.public_key(world.directory / "signing.pub")
    prove.prove(file, key)
    stem = file.name.removesuffix(DATA)
    files = {end: file.with_name(stem + end) for end in (DATA, MANIFEST, SIGNATURE)}
    before = {end: path.read_bytes() for end, path in files.items()}
    after = CHANGES[change](before)
    assert after != before
    for end, body in after.items():
        files[end].write_bytes(body)
    with pytest.raises(Unproven):
        prove.prove(file, key)


def test_an_export_is_not_proven_by_another_key_nor_without_its_signature(world: World):
    world.month(OLD)
    assert world.keep().verdict is Verdict.PASS
    file = world.fetched()
    other = SigningKey(Ed25519PrivateKey.generate())
    with pytest.raises(Unproven, match="signature"):
        prove.prove(file, other.public)
    file.with_name(file.name.removesuffix(DATA) + SIGNATURE).unlink()
    with pytest.raises(NotFound, match="cannot be read"):
        prove.prove(file, other.public)
