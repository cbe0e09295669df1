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

from datetime import datetime, timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from backups import scratch
from backups.section import SECTION
from backups.wal_g import compare, copy, listing, measured, noted, program, record
from backups.wal_g import found as told
from backups.wal_g.found import Found
from backups.wal_g.listing import Backup, Chosen
from backups.wal_g.program import Program
from backups.wal_g.record import Recorded, Source
from backups.wal_g.turn import Turn, aims, base
from backups.wal_g.watch import histories, known
from backups.wal_g.words import WalG
from lifecycle import scratch as machine
from lifecycle.coverage import NOTHING_ASKED, Judgement, Place, Reason
from lifecycle.errors import CommandFailed, LifecycleError, Unproven
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
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
KEPT = (POINT, RECOVERY, OPENED, PAGES, INDEXES, STORE, RTO)
"""What a drill of an older point promises."""
WHOLE = (*KEPT, TIMELINES, RPO, WINDOW)

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


def carry_out(task: Task, turn: Turn | None = None) -> Judgement:
    """Drill, and write down what was found. Raise only what concerns the ledger itself."""
    judged, found = judge(task.system, task.now, turn)
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


def judge(system: System, now: datetime, turn: Turn | None = None) -> tuple[Judgement, Found]:
    """Return what is known of the newest base backup and its log, or of an older point where it is its turn.

    Never raises for what it is there to find out.
    """
    promised, found = SECTION.of(system.policy).wal_g, Found()
    if promised is None:
        return Judgement(NOTHING_ASKED, "the policy promises nothing of WAL-G"), found
    try:
        _drill(system, promised, now, found, turn)
    except (Unproven, CommandFailed) as error:
        found.looks.found(Failure(told.target(found), error.what, error.hint))
        found.reason = Reason(error.what, error.hint)
    except LifecycleError as error:
        found.reason = Reason(error.what, error.hint)
    places = {_backup(found), *(KEPT if turn else WHOLE)}
    if found.recorded is not None:
        places |= {Place("table", name) for name in found.recorded.tables}
    cover = found.looks.cover(places)
    for place in cover.forgotten() if found.reason else ():
        found.looks.not_at(place, found.reason)  # pyright: ignore[reportArgumentType]
    coverage = found.looks.cover(places)
    return Judgement(coverage, told.summary(found, coverage.found), told.counts(found, now)), found


def _drill(system: System, promised: WalG, now: datetime, found: Found, turn: Turn | None) -> None:
    timings, looks = found.timings, found.looks
    with timings.phase("preflight"):
        walg = _program(system, found)
        # First: of a store that does not answer, `backup-list` says that it has no backups, and ends with 0.
        before = measured.stored(walg)
        with looks.at(POINT), record.ledger(system) as ledger:
            found.recorded = recorded = _recorded(walg, system, ledger, turn, now, found)
            found.known = known.standing(ledger) if ledger else ()
        source = recorded.source
        binaries = _binaries(system, recorded)
        _sweep(system, binaries)
    with timings.phase("select"):
        chosen = _select(walg, promised, now, found)
        copy.refuse_tablespaces(walg, chosen)
        if turn is None:
            _window(promised, before, now, found)
            looks.note(TIMELINES, histories.held_against(system, walg, recorded.point))
    with scratch.directory(system.machine) as ours:
        scratch.must_fit(ours, chosen.size * 4 // 3 + 2**29)
        with (
            copy.made(ours, binaries, walg, chosen, source, timings) as server,
            copy.answering(server),
        ):
            copy.recover(server, walg, recorded.point, source, timings)
            _look(server, source, found)
        with looks.at(_backup(found)):
            if (left := machine.beside(ours)).exists():
                looks.found(Failure(str(left), "was left behind", "Remove it by hand."))
    with looks.at(STORE):
        looks.found(*measured.written(before, measured.stored(walg), recorded.point.timeline))
    with looks.at(RPO):
        looks.found(*(measured.too_late(promised, recorded, now) if turn is None else ()))
    with looks.at(RTO):
        looks.found(*measured.too_slow(promised, timings))


def _recorded(
    walg: Program,
    system: System,
    ledger: Connection[TupleRow] | None,
    turn: Turn | None,
    now: datetime,
    found: Found,
) -> Recorded:
    """Return the record to come back to. Raise as `record.newest` and `record.counted`; Unproven without one."""
    if turn is None:
        return record.newest(walg, system, ledger, found.looks, now)
    backups = _listed(walg)
    if not backups:
        raise Unproven("there is no base backup", hint="Look why `wal-g backup-push` leaves none.")
    found.turn = which = turn.told(backups)
    keys = aims(which, turn.slot, record.keys(walg, system.name), backups[0].finish_time)
    read = (record.counted(walg, system, key, ledger, now) for key in keys)
    past = (one for one in read if one.point.lsn >= backups[0].finish_lsn)
    if (first := next(past, None)) is None:
        raise Unproven(
            "no restore point is of after the oldest base backup",
            hint=f"The next `{record.JOB}` writes one.",
        )
    return first


def _program(system: System, found: Found) -> Program:
    """Return WAL-G, and write down which it is."""
    walg = program.find(system)
    found.program = walg.sha256
    return walg


def _listed(walg: Program) -> tuple[Backup, ...]:
    return listing.parse(walg.ask("backup-list", "--detail", "--json"))


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
    listed = _listed(walg)
    if found.turn is not None:
        found.chosen = base(found.turn, listed, aim.lsn, aim.identifier)
        return found.chosen
    found.latest = listing.latest(listed)
    found.chosen = chosen = listing.newest_before(listed, aim.lsn, aim.identifier)
    found.looks.found(*noted.damaged(walg, chosen.backup.backup_name))
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
