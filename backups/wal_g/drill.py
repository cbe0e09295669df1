"""Proves what WAL-G keeps: comes back to a named point on a private server, and looks whether everything is there.

read        the newest restore point's record, in the store itself: what is needed of the source stands there, signed
select      an explicit base backup, the newest before the newest point: WAL-G's own LATEST may be another
fetch       into a directory of ours, which is gone at the end, whatever happens
recover     to the point that the source wrote into its log, and to nothing else: the end of an archive proves nothing
assert      place, timeline and server; then open it, as one would
compare     every table with what the point held, indexes with their tables, pages with their checksums
measure     how long it took against the rto, how long the log took to the archive against the rpo; and whether base
            backups and log reach back over the window, of which only the newest part is recovered

What is not there, or not as it was, is found. What only says something about this machine or the way to the store is
why nobody looked: could not verify, never a pass.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from backups import scratch
from backups.section import SECTION
from backups.timings import Timings
from backups.wal_g import compare, copy, listing, measured, program, record
from backups.wal_g.listing import Backup, Chosen
from backups.wal_g.program import Program
from backups.wal_g.record import Recorded, Source
from backups.wal_g.watch import histories, known
from backups.wal_g.watch.known import Known
from backups.wal_g.words import WalG
from lifecycle import scratch as machine
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place, Reason
from lifecycle.errors import CommandFailed, LifecycleError, Unproven
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure, headline
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries, Cluster
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted

JOB = "backups.recover"
RECOVERED = "backups.recovered"

POINT = Place("point", "its record in the store")
RECOVERY = Place("recovery", "place, timeline and server")
OPENED = Place("recovery", "opened, and nothing of it acts")
PAGES = Place("pages", "their checksums")
INDEXES = Place("indexes", "against their tables")
STORE = Place("store", "nothing was written into it")
TIMELINES = Place("store", "whose timelines lie there")
RPO, RTO, WINDOW = (Place("promise", name) for name in ("rpo", "rto", "window"))
WHOLE = (POINT, RECOVERY, OPENED, PAGES, INDEXES, STORE, TIMELINES, RPO, RTO, WINDOW)

_NO_CHECKSUMS = Reason(
    "the source has no checksums of pages",
    "`pg_checksums --enable` on the stopped source; a changed byte is seen in no other way.",
    "limit",
)
_NEWER = Reason(
    "no restore point has been written since it was taken",
    f"The next `{record.JOB}` writes one; let it run after the base backup.",
)
_NOT_BY_INDEX = Reason(
    "no table is counted by an index alone",
    "Vacuum the source: pages must be known as visible.",
    "limit",
)


@dataclass(slots=True)
class Found:
    """What a drill has come to know so far."""

    looks: Looks = field(default_factory=Looks)
    timings: Timings = field(default_factory=Timings)
    recorded: Recorded | None = None
    chosen: Chosen | None = None
    latest: Backup | None = None
    backups: tuple[Backup, ...] = ()
    known: tuple[Known, ...] = ()
    rows: int | None = None
    reason: Reason | None = None
    program: str | None = None


def carry_out(task: Task) -> Judgement:
    """Drill, and write down what was found. Raise only what concerns the ledger itself."""
    judged, found = judge(task.system, task.now)
    if found.chosen is not None and found.recorded is not None:
        with task.system.connect(JOB) as conn:
            evidence.record(
                conn,
                task.claim,
                "finding",
                RECOVERED,
                found.chosen.backup.backup_name,
                counts=judged.told,
                digest=found.program,  # which WAL-G it was, by its SHA-256
            )
    return judged


def judge(system: System, now: datetime) -> tuple[Judgement, Found]:
    """Return what is known of the newest base backup and its log. Never raises for what it is there to find out."""
    promised, found = SECTION.of(system.policy).wal_g, Found()
    if promised is None:
        return Judgement(NOTHING_ASKED, "the policy promises nothing of WAL-G"), found
    try:
        _drill(system, promised, now, found)
    except (Unproven, CommandFailed) as error:
        found.looks.found(Failure(_target(found), error.what, error.hint))
        found.reason = Reason(error.what, error.hint)
    except LifecycleError as error:
        found.reason = Reason(error.what, error.hint)
    places = {_backup(found), *WHOLE}
    if found.recorded is not None:
        places |= {Place("table", name) for name in found.recorded.tables}
    cover = found.looks.cover(places)
    for place in cover.forgotten() if found.reason else ():
        found.looks.not_at(place, found.reason)  # pyright: ignore[reportArgumentType]
    coverage = found.looks.cover(places)
    return Judgement(coverage, _summary(found, coverage.found), _counts(found, now)), found


def _drill(system: System, promised: WalG, now: datetime, found: Found) -> None:
    timings, looks = found.timings, found.looks
    with timings.phase("preflight"):
        walg = program.find(system)
        found.program = walg.sha256
        # First: of a store that does not answer, `backup-list` says that it has no backups, and ends with 0.
        before = measured.stored(walg)
        with looks.at(POINT), record.ledger(system) as ledger:
            found.recorded = recorded = record.newest(walg, system, ledger, looks, now)
            found.known = known.standing(ledger) if ledger else ()
        source = recorded.source
        binaries = _binaries(system, recorded)
        _sweep(system, binaries)
    with timings.phase("select"):
        chosen = _select(walg, promised, now, found)
        copy.refuse_tablespaces(walg, chosen)
        _window(promised, before, now, found)
        looks.note(TIMELINES, histories.held_against(system, walg, recorded.point))
    with scratch.directory(system.machine) as ours:
        scratch.must_fit(ours, chosen.size * 4 // 3 + 2**29)
        with copy.made(ours, binaries, walg, chosen, source, timings) as server:
            copy.recover(server, walg, recorded.point, source, timings)
            _look(server, source, found)
        with looks.at(_backup(found)):
            if (left := machine.beside(ours)).exists():
                looks.found(Failure(str(left), "was left behind", "Remove it by hand."))
    with looks.at(STORE):
        looks.found(*measured.written(before, measured.stored(walg), recorded.point.timeline))
    with looks.at(RPO):
        looks.found(*measured.too_late(promised, recorded, now))
    with looks.at(RTO):
        looks.found(*measured.too_slow(promised, timings))


def _binaries(system: System, recorded: Recorded) -> Binaries:
    """Return PostgreSQL of the source's own major version: no other reads its files."""
    major = recorded.point.version // 10000
    return machine.programs(system.machine, at_least=major, at_most=major)


def _sweep(system: System, binaries: Binaries) -> None:
    """Remove what killed runs left behind, and end what still works in it."""
    for left in machine.left_behind(system.machine, scratch.PREFIX):
        copy.end_all_in(machine.beside(left))
    scratch.sweep(system.machine, binaries)


def _select(walg: Program, promised: WalG, now: datetime, found: Found) -> Chosen:
    assert found.recorded is not None
    aim = found.recorded.point
    listed = listing.parse(walg.ask("backup-list", "--detail", "--json"))
    found.latest = listing.latest(listed)
    found.chosen = chosen = listing.newest_before(listed, aim.lsn, aim.identifier)
    found.backups = listing.of_server(listed, aim.identifier)
    newest = found.backups[-1]
    if listing.to_come(newest, now):
        what = "it says that it was finished at a time that is still to come"
        hint = "Set the clocks of the database's host and of this one; see who may write to WAL-G's store."
        found.looks.found(Failure(newest.backup_name, what, hint))
    if newest != chosen.backup:
        found.looks.not_at(Place("backup", newest.backup_name), _NEWER)
    if now - newest.finish_time > promised.base.at_most() + timedelta(hours=12):
        hours = listing.age_hours(newest, now)
        found.looks.found(
            Failure(
                newest.backup_name,
                f"the newest base backup is {hours} hours old; one is promised every {promised.base}",
                "Look why `wal-g backup-push` leaves none: one that was killed is not listed.",
            )
        )
    return chosen


def _window(promised: WalG, names: frozenset[str], now: datetime, found: Found) -> None:
    """Look whether one can come back to each moment of the window, as far back as points were written at all."""
    assert found.recorded is not None
    since = max(promised.window.before(now), found.recorded.since)
    found.looks.note(
        WINDOW, measured.too_short(found.backups, names, since, found.recorded.point, found.known)
    )


def _look(server: Cluster, source: Source, found: Found) -> None:
    """Assert where the copy holds, open it, and compare. Raise Unproven, CommandFailed, Refused."""
    assert found.recorded is not None
    aim, looks = found.recorded.point, found.looks
    with connect.connect(server.dsn(source.database), JOB, write=False) as conn:
        with looks.at(RECOVERY):
            copy.must_be(conn, aim)
        unseen = compare.unseen(conn, aim)
    with found.timings.phase("open"), looks.at(OPENED):
        copy.open_up(server, aim, source.database)
    info = compare.reader(server, source.database)
    with found.timings.phase("compare"):
        _compare(info, unseen, found)
    with found.timings.phase("checksums"):
        server.stop()
        if compare.checksums(server):
            with looks.at(PAGES):
                pass
        else:
            looks.not_at(PAGES, _NO_CHECKSUMS)


def _compare(info: str, unseen: int, found: Found) -> None:
    assert found.recorded is not None
    looks, tables = found.looks, found.recorded.tables
    places = [Place("table", name) for name in tables]
    try:
        by_index = list(compare.indexes(info))
        looks.found(*(failure for _, failure in by_index if failure))
        if by_index:
            with looks.at(INDEXES):
                pass
        else:
            looks.not_at(INDEXES, _NOT_BY_INDEX)
        with looks.at(*places):
            differ, found.rows = compare.tables(info, tables)
    except psycopg.Error as error:
        raise compare.explained(error) from None
    if unseen:
        what = f"{counted(unseen, 'transaction')} committed just before the point, unseen by its counts"
        for place in places:
            looks.not_at(place, Reason(what, f"The next `{record.JOB}` writes another point."))
    else:
        looks.found(*differ)


def _backup(found: Found) -> Place:
    return Place("backup", found.chosen.backup.backup_name if found.chosen else "the newest")


def _target(found: Found) -> str:
    return found.chosen.backup.backup_name if found.chosen else "the archive"


def _counts(found: Found, now: datetime) -> dict[str, int]:
    counts = dict(found.timings.counts)
    if found.chosen is not None:
        counts["bytes"] = found.chosen.size
        counts["age_minutes"] = round(
            (now - found.chosen.backup.finish_time) / timedelta(minutes=1)
        )
    if found.recorded is not None:
        counts["archived_ms"] = found.recorded.archived_ms
        if (way := measured.on_its_way(found.recorded)) is not None:
            counts["rpo_ms"] = round(way / timedelta(milliseconds=1))
    if found.rows is not None:
        counts |= {"rows": found.rows, "brought_back_ms": measured.brought_back(found.timings)}
    return counts


def _summary(found: Found, failures: tuple[Failure, ...]) -> str:
    if failures:
        return headline(failures)
    if found.reason is not None or found.recorded is None or found.rows is None:
        return f"{_target(found)}: {found.reason.why if found.reason else 'not found'}"
    took = timedelta(milliseconds=measured.brought_back(found.timings))
    said = (
        f"{_target(found)} was recovered to {found.recorded.point.name} in {took}: "
        f"{counted(len(found.recorded.tables), 'table')} with {counted(found.rows, 'row')} equal what the point held"
    )
    if found.latest is not None and found.chosen and found.latest != found.chosen.backup:
        said += f"; WAL-G's LATEST is another, {found.latest.backup_name}"
    return said
