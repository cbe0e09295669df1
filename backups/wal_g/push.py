"""Takes a base backup with WAL-G when one is due, and looks into the store whether it is there.

survey      what the store lists of this server, and whether its data directory lies here and is this server's
decide      due is one where there is none, or where the newest is older than half of what the policy promises
carry out   `wal-g backup-push PGDATA`, alone, watched: its time, its silence, its memory
judge       list again: a new one that is whole, its end behind its beginning, and none older than promised

WAL-G's exit code says nothing: one that was killed leaves files and no sentinel, and one that ended well may have
written into another store. Killed at any instant it is run again: what is there by then decides.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from backups.section import SECTION
from backups.wal_g import listing, noted, program, statements
from backups.wal_g.listing import Backup
from backups.wal_g.program import Program
from backups.wal_g.words import WalG
from lifecycle import progress
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place
from lifecycle.errors import Conflict, InputError, LifecycleError
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.outside.watching import Watch
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.promise import Listing, Promise, Task
from lifecycle.system import System
from lifecycle.words import moment

JOB = "backups.push"
PUSHED = "backups.pushed"

LIMIT = timedelta(hours=12)
QUIET = timedelta(minutes=30)
"""How long WAL-G may say nothing: it says a line for each part, of 1 GB."""


@dataclass(frozen=True, slots=True)
class Seen:
    """This server, its base backups by their place in the log, and why none can be taken here; empty where one can."""

    identifier: int
    backups: tuple[Backup, ...]
    unreachable: str

    @property
    def newest(self) -> Backup | None:
        """Return the last one."""
        return self.backups[-1] if self.backups else None


@dataclass(frozen=True, slots=True)
class Pushed:
    """How the push went: nobody asked for one, or why WAL-G could not; in both cases the store is looked at."""

    tried: bool
    error: LifecycleError | None = None


def survey(system: System, now: datetime, only: str | None) -> Seen:  # noqa: ARG001 - all rooms are asked alike
    """Read it. Raise InputError when `only` is given, else as `program.find` and `listing.parse` do."""
    if only is not None:
        raise InputError("a base backup is of a whole server", hint="Leave the name out.")
    with closing(system.connect(JOB, write=False)) as conn:
        row = conn.execute(statements.SERVER).fetchone()
    assert row is not None
    identifier, standby = int(row[0]), bool(row[1])
    found = _listed(program.find(system), identifier)
    return Seen(identifier, found, _unreachable(system, identifier, standby=standby))


def _listed(walg: Program, identifier: int) -> tuple[Backup, ...]:
    """Return this server's base backups. Raise as `Program.run`, and as `listing.parse`."""
    # First: of a store that does not answer, `backup-list` says that it has no backups, and ends with 0.
    walg.run("st", "ls")
    listed = listing.parse(walg.ask("backup-list", "--detail", "--json"))
    return listing.of_server(listed, identifier)


def _unreachable(system: System, identifier: int, *, standby: bool) -> str:
    """Return why no base backup of this server can be taken from here; empty where one can."""
    named = system.settings.wal_g
    if named is None or named.pgdata is None:
        return "the settings name no data directory that lies on this machine"
    if standby:
        return "the server is a standby"
    pgdata = system.machine.path(named.pgdata)
    try:
        with (pgdata / "global/pg_control").open("rb") as file:
            (there,) = struct.unpack("=Q", file.read(8))
    except (OSError, struct.error):
        return f"{pgdata} is no data directory that this account can read"
    if there != identifier:
        return f"{pgdata} is the data directory of another server"
    return ""


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Step]:
    """Return the base backup that is due, if one is; refused where it cannot be taken from here."""
    promised = SECTION.of(policy).wal_g
    over = [one for one in seen.backups if not listing.to_come(one, now)]
    newest = over[-1] if over else None
    reason = _due(promised, newest, now) if promised is not None and promised.push else None
    if reason is None:
        return Decision(())
    if seen.unreachable:
        hint = (
            "On the database's host, as its account: `lifecycle run backups.push` with a settings file whose "
            "`wal_g: pgdata:` names the data directory; or give `backups.push` to a daemon there."
        )
        refused = Failure("base backup", f"one is due and not taken: {seen.unreachable}", hint)
        return Decision((), refusals=(refused,))
    binds = seen.newest.backup_name if seen.newest else ""
    cost = "reads the whole server once; a checkpoint, and no lock"
    return Decision((Step("take base backup", policy.database, reason, cost, binds=binds),))


def _due(promised: WalG, newest: Backup | None, now: datetime) -> str | None:
    """Return why one is due now."""
    if newest is None:
        return "there is none yet"
    age = now - newest.finish_time
    if age >= promised.base.at_least():
        return f"the newest is older than {promised.base}, which are promised"
    if age * 2 >= promised.base.at_least():
        return f"the schedule: one each {promised.base}, and more than half of it has passed"
    return None


def carry_out(task: Task, seen: Seen, decision: Decision[Step]) -> Pushed:  # noqa: ARG001 - asked alike
    """Take it. Raise Fenced when another process holds the run, Conflict when another takes one at this moment."""
    if not decision.steps:
        return Pushed(tried=False)
    named = task.system.settings.wal_g
    assert named is not None
    assert named.pgdata is not None
    walg = program.find(task.system)
    with closing(task.system.connect(JOB)) as conn:
        alone = conn.execute(statements.ALONE).fetchone()
        if alone is None or not alone[0]:
            raise Conflict(
                "a base backup of this server is being taken already",
                hint="Wait until it has ended: `lifecycle runs list` shows it.",
            )
        evidence.record(conn, task.claim, "intent", PUSHED, task.system.name)
        conn.commit()
        progress.phase(f"{JOB}: take a base backup")
        watch = Watch(QUIET, named.memory_mb << 20)
        try:
            walg.push(task.system.machine.path(named.pgdata), LIMIT, watch)
        except LifecycleError as error:
            return Pushed(tried=True, error=error)
    return Pushed(tried=True)


def judge(task: Task, seen: Seen, decision: Decision[Step], pushed: Pushed) -> Judgement:  # noqa: ARG001 - asked alike
    """List again, and write the newest one down. Never goes by an exit code alone."""
    promised = SECTION.of(task.system.policy).wal_g
    if promised is None or not promised.push:
        return Judgement(NOTHING_ASKED, "the policy does not ask the service for base backups")
    looks, walg = Looks(), program.find(task.system)
    before = {one.backup_name for one in seen.backups}
    after = _listed(walg, seen.identifier)
    place = Place("backup", after[-1].backup_name if after else "the newest")
    fresh = [one for one in after if one.backup_name not in before]
    with looks.at(place):
        looks.found(*_wrong(walg, promised, after, seen.identifier, task.now))
    if pushed.error is not None:
        looks.found(Failure("base backup", pushed.error.what, pushed.error.hint))
    elif pushed.tried and not fresh:
        what = "WAL-G ended as if all were well, and the store lists no new one of this server"
        looks.found(Failure("base backup", what, "See whether `WALG_*_PREFIX` names one store."))
    coverage = looks.cover({place})
    counts = {"backups": len(after), "taken": len(fresh)}
    if after and not coverage.found:
        counts["bytes"] = after[-1].compressed_size
        _record(task, after[-1])
    return Judgement(coverage, _summary(after, fresh), counts)


def _wrong(
    walg: Program, promised: WalG, after: tuple[Backup, ...], identifier: int, now: datetime
) -> tuple[Failure, ...]:
    """Return what is wrong with the newest base backup: none, too old, or not what its sentinel says."""
    if not after:
        hint = "One that was killed has no sentinel and is not listed: see `lifecycle runs list`."
        return (Failure("base backup", "there is none of this server in the store", hint),)
    newest = after[-1]
    name, found = newest.backup_name, list[str]()
    if now - newest.finish_time > promised.base.at_most():
        hours = listing.age_hours(newest, now)
        found.append(
            f"the newest base backup is {hours} hours old; one is promised every {promised.base}"
        )
    if listing.to_come(newest, now):
        finished = moment(newest.finish_time)
        found.append(f"it says that it was finished at {finished}, which is still to come")
    if newest.finish_lsn <= newest.start_lsn:
        found.append("it ends in the log where it begins, or before")
    try:
        said: Any = json.loads(
            walg.run("st", "cat", f"basebackups_005/{name}_backup_stop_sentinel.json")
        )
        found += _not_as_said(said, newest, identifier, _stored(walg, name))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found.append("its sentinel is not whole")
    hint = "Look what `wal-g backup-push` says on the database's host; until then come back by an older one."
    return (*(Failure(name, what, hint) for what in found), *noted.damaged(walg, name))


def _not_as_said(said: Any, newest: Backup, identifier: int, stored: int) -> Iterator[str]:
    """Yield what is otherwise than the sentinel says. Raise KeyError, TypeError or AttributeError where it is none."""
    if (said["LSN"], said["FinishLSN"]) != (newest.start_lsn, newest.finish_lsn):
        yield "its sentinel has another place in the log than the list"
    if said.get("SystemIdentifier") not in (None, identifier):
        yield "its sentinel is of another server"
    needed = int(said.get("CompressedSize") or 0)
    if stored < needed:
        yield f"a part of it is not there: {needed:,} bytes were stored, and {stored:,} are"


def _stored(walg: Program, name: str) -> int:
    """Return how many bytes its parts are in the store. Raise as `Program.run`."""
    parts = list(walg.ls(f"basebackups_005/{name}/tar_partitions/"))
    return sum(one.size for one in parts if ".tar" in one.name)


def _record(task: Task, newest: Backup) -> None:
    """Write the newest down, once, whoever took it: a push may have been killed when all of it was stored."""
    with task.system.connect(JOB) as conn:
        if newest.backup_name in evidence.targets(conn, PUSHED):
            return
        places = {"start_lsn": newest.start_lsn, "finish_lsn": newest.finish_lsn}
        counts = {"bytes": newest.compressed_size, **places}
        evidence.record(conn, task.claim, "outcome", PUSHED, newest.backup_name, counts=counts)


def _summary(after: tuple[Backup, ...], fresh: list[Backup]) -> str:
    if not after:
        return "no base backup of this server is in the store"
    newest = after[-1]
    done = "was taken" if newest in fresh else "is the newest, and none is due"
    finished = moment(newest.finish_time)
    return (
        f"{newest.backup_name} {done}: finished {finished}, {newest.compressed_size:,} bytes stored"
    )


def status(system: System, now: datetime) -> Listing:
    """Return this server's base backups, oldest first."""
    rows = [
        (one.backup_name, one.finish_time, one.compressed_size, listing.age_hours(one, now))
        for one in survey(system, now, None).backups
    ]
    return Listing("base backups", ("name", "finished", "bytes", "hours old"), rows)


PROMISE: Promise[Seen, Step, Pushed] = Promise(
    job=JOB,
    only="nothing: a base backup is of a whole server",
    survey=survey,
    decide=decide,
    carry_out=carry_out,
    judge=judge,
    status=status,
)
