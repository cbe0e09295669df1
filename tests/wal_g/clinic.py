"""The database `clinic` of the source as a system of ours, whose archive is the source's or a damaged copy of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from backups.wal_g import drill, point, record
from backups.wal_g import program as our_program
from backups.wal_g.record import Recorded
from lifecycle.admin import install
from lifecycle.coverage import Looks, conclude
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.system import System
from tests import build
from tests.keep import work
from tests.waiting import wait_until
from tests.wal_g.source import Archive, Source, program

PROMISE = {"base": "1 day", "window": "7 days", "rpo": "5 minutes", "rto": "1 hour"}


def policy(**promised: Any) -> Policy:
    return whole.model().model_validate(
        {
            "system": "clinic",
            "database": "clinic",
            "tables": {"visits": {"personal": "none", "because": "a test made it"}},
            "backups": {"wal_g": PROMISE | promised},
        }
    )


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clinic:
    """The source with the service installed, and where the scratch of its drills lies."""

    source: Source
    scratch: Path

    def install(self) -> None:
        with psycopg.connect(self.source.cluster.dsn("clinic"), autocommit=True) as conn:
            install.install(conn, policy(), catalog.read(conn), None)
            conn.execute(
                "grant execute on function pg_create_restore_point(text), pg_switch_wal(), pg_ls_archive_statusdir() "
                "to lifecycle"
            )

    def system(
        self, archive: Archive | None = None, promised: dict[str, Any] | None = None, **wal_g: Any
    ) -> System:
        named = {"program": str(program()), "config": str((archive or self.source.archive).config)}
        return build.system(
            self.source.cluster.dsn("clinic"),
            policy(**(promised or {})),
            {"base": self.scratch, "scratch": str(self.scratch)},
            wal_g=named | wal_g,
        )

    def claim(self, job: str) -> Claim:
        with self.system().connect("test") as conn:
            at = now()
            claims.enqueue(conn, "clinic", job, at, asked_by="person")
            return claims.claim_one(conn, "clinic", job, at, claims.new_holder())

    def end(self, claim: Claim) -> None:
        with self.system().connect("test") as conn:
            claims.finish(conn, claim, Outcome(Verdict.PASS, ""))

    def point(self, system: System | None = None) -> Outcome:
        """Write a restore point, as the daemon does."""
        claim = self.claim(point.JOB)
        try:
            return work(point.carry_out, system or self.system(), claim, now())
        finally:
            self.end(claim)

    def after(self) -> None:
        """Let the archive have something of after the point."""
        self.source.say("insert into visits select max(id) + 1 from visits", "clinic")
        [(last,)] = self.source.ask("select pg_walfile_name(pg_switch_wal())")
        archived = f"select last_archived_wal >= '{last}' from pg_stat_archiver"
        wait_until(lambda: self.source.ask(archived) == [(True,)])

    def newest(self) -> Recorded:
        system = self.system()
        with system.connect("test") as conn:
            return record.newest(our_program.find(system), system, conn, Looks(), now())

    def drill(
        self,
        archive: Archive | None = None,
        at: datetime | None = None,
        promised: dict[str, Any] | None = None,
        **wal_g: Any,
    ) -> Outcome:
        """Come back to the newest point from this archive."""
        judged, _ = drill.judge(self.system(archive, promised, **wal_g), at or now())
        return conclude(judged)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.scratch.iterdir())


def opened(source: Source, scratch: Path) -> Clinic:
    """Return a clinic of a hundred visits on the source, with the service installed and nothing stored yet."""
    source.say("create database clinic")
    source.say("create table visits (id bigint primary key, note text)", "clinic")
    source.say("insert into visits select n from generate_series(0, 99) n", "clinic")
    made = Clinic(source, scratch)
    made.install()
    return made


def told(outcome: Outcome) -> str:
    return "; ".join(f"{failure.target}: {failure.what}" for failure in outcome.failures)


def unseen(outcome: Outcome) -> str:
    found: Any = outcome.coverage["unseen"]
    return "; ".join(f"{one['place']}: {one['why']}" for one in found)
