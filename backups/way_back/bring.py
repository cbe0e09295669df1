"""Brings a database back from a dump onto an empty server.

Under another name and closed to everybody but superusers, from its first moment until it has been compared; its own
name it gets in one transaction, last of all. Killed at any instant it may be run again: what it left is dropped first,
and what is done is known by the remark on the database. No code of the dump runs with a superuser's rights: whom it is
restored by says `restorer.py`. What that code did to what others own, the comparison finds.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from backups import (
    covering,
    drill,
    in_parts,
    keyed,
    manifest,
    measure,
    roles,
    scratch,
    seal,
    secrecy,
    shelf,
    slots,
    structure,
)
from backups.in_parts import LIMIT, Copy
from backups.manifest import Content, Manifest
from backups.restore import Restored
from backups.roles import Globals
from backups.section import SECTION
from backups.timings import Timings
from backups.way_back import as_dumped, entry, plan, restorer, statements, there
from backups.way_back.plan import Since
from backups.way_back.restorer import Wanted
from backups.way_back.statements import RESTORING
from backups.way_back.there import There
from lifecycle import forgotten
from lifecycle import scratch as machine
from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.errors import Conflict, LifecycleError, NotFound, Refused
from lifecycle.outcome import Failure
from lifecycle.plan import Plan, Step
from lifecycle.postgres import connect
from lifecycle.postgres.server import Binaries
from lifecycle.system import System
from lifecycle.words import counted

ERASURES = Place("erasures", "since the dump")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The dump, what lay beside it, the server as it is, and who was erased since."""

    dumped: Manifest
    beside: Globals | None
    there: There
    since: Since
    plan: Plan[Step]


def choose(system: System, admin: str, key: str | None) -> Chosen:
    """Return what would be done from this dump, or the newest one there is; asks the bucket and the server alone.

    Raise NotFound when there is no such dump, InputError, and as `shelf.look`, `shelf.get_globals` and `connect` do.
    """
    dumped = _wanted(system, key)
    beside = shelf.get_globals(system, dumped)
    try:
        with closing(connect.connect(admin, "backups restore", write=True)) as conn:
            seen = there.look(conn)
        if plan.is_closed(dumped, seen):
            since = _missing(system, make_conninfo(admin, dbname=dumped.source.database))
        else:
            since = _since(system, dumped.started_at)
    except psycopg.Error as error:
        raise connect.explain(error) from None
    decided = plan.decide(dumped, beside, seen, since, signed=seal.of(system).asked)
    made = Plan(
        "backups restore", system.name, dumped.source.database, system.policy_digest, decided
    )
    return Chosen(dumped, beside, seen, since, made)


def bring(system: System, admin: str, wanted: str, key: str | None) -> Judgement:
    """Carry out the plan with this hash and return what was looked at.

    Raise Conflict when another plan would be made now, Refused where the server is not empty, CommandFailed when
    pg_restore ends with an error, Unproven when the dump is bad, and as `choose` does.
    """
    chosen = choose(system, admin, key)
    for refused in chosen.plan.decision.refusals:
        raise Refused(f"{refused.target}: {refused.what}", hint=refused.hint)
    if chosen.plan.hash != wanted:
        raise Conflict(
            f"the plan is {chosen.plan.hash} by now, not {wanted}",
            hint="Nothing was done. Look at `lifecycle backups restore plan` again, and apply that one.",
        )
    dumped, timings, looks = chosen.dumped, Timings(what="backups.restore"), Looks()
    if plan.is_back(dumped, chosen.there):
        if chosen.plan.decision.steps:
            with closing(connect.connect(admin, "backups restore", write=True)) as conn:
                entry.let_in(conn, dumped, chosen.beside)
        _fence(looks, chosen.since)
        return Judgement(looks.cover({ERASURES}), chosen.plan.decision.notes[0])
    binaries = machine.programs(
        system.machine, at_least=max(dumped.source.major, chosen.there.major)
    )
    scratch.sweep(system.machine, binaries)
    with scratch.directory(system.machine) as directory:
        scratch.must_fit(directory, 2 * dumped.size)
        file = directory / manifest.DATA
        with timings.phase("download"):
            shelf.get(system, dumped, file)
            drill.same_bytes(dumped, file)
            secrecy.open_file(system, dumped, file)
        try:
            return _bring(chosen, admin, binaries, file, timings, looks)
        except psycopg.Error as error:
            raise connect.explain(error) from None


def _wanted(system: System, key: str | None) -> Manifest:
    dumps = SECTION.of(system.policy).dumps
    every = [
        dumped
        for kind in (slots.kinds(dumps) if dumps else ())
        for dumped in shelf.look(system, of=kind).dumps
        if key in (None, dumped.key)
    ]
    if not every:
        raise NotFound(
            f"there is no dump {key} that counts" if key else "there is no dump that counts",
            hint="`lifecycle backups list` shows what lies there. One that is not signed counts where no key is set.",
        )
    return max(every, key=lambda dumped: (dumped.slot, dumped.copy_of is None))


def _since(system: System, moment: datetime) -> Since:
    try:
        return Since(forgotten.since(system, moment), None)
    except LifecycleError as error:
        return Since((), f"nobody can tell who was erased since: {error.what}")


def _missing(system: System, inside: str) -> Since:
    """Return who is in the database that is back and was erased before, by what it remembers itself."""
    try:
        with closing(connect.connect(inside, "backups restore", write=False)) as conn:
            return Since(forgotten.missing(conn, system), None)
    except psycopg.Error as error:
        said = connect.explain(error)
    except LifecycleError as error:
        said = error
    return Since((), f"nobody can tell who was erased since: {said.what}")


def _bring(
    chosen: Chosen, admin: str, binaries: Binaries, file: Path, timings: Timings, looks: Looks
) -> Judgement:
    dumped, beside, me = chosen.dumped, chosen.beside, chosen.there.me
    wanted = Wanted(dumped, beside, _owners(chosen), admin, me, binaries, file)
    with closing(connect.connect(admin, "backups restore", write=True)) as conn:
        with restorer.restorer(conn, wanted):
            restored, altered = _made(conn, wanted, timings)
        held = restored.tables
        with looks.at(*(Place("table", name) for name in held)):
            differ = manifest.differences(dumped.tables, held) + altered
        if beside is not None:
            _empower(conn, chosen, beside)
            given = roles.read(conn, RESTORING)
            restored = replace(restored, globals=given)
            beside = _but_me(beside, me).model_copy(update={"connections": given.connections})
        with looks.at(covering.dump_of(dumped)):
            differ += covering.compare(looks, dumped, beside, restored)
        looks.found(*differ)
        if not differ:
            _open(conn, chosen)
    timings.counts["rows"] = sum(content.rows for content in restored.tables.values())
    _fence(looks, chosen.since)
    cover = covering.cover(looks, dumped, None, restore=True)
    whole = looks.cover(cover.promised | {ERASURES})
    return Judgement(whole, _summary(chosen, len(differ)), timings.counts)


def _made(
    conn: Connection[TupleRow], wanted: Wanted, timings: Timings
) -> tuple[Restored, tuple[Failure, ...]]:
    """Restore, and return what was made and what code of the dump has altered of it."""
    with timings.phase("bare"):
        told = restorer.tell_bare(conn, wanted)
    copy = restorer.let_in(conn, wanted)
    with timings.phase("restore"):
        contents = _restore(copy, wanted)
    with timings.phase("analyze"):
        in_parts.say(copy, statements.ANALYZE)
    with timings.phase("compare"):
        held = _held(conn, copy)
        restorer.hand_over(conn, copy, wanted, contents)
        altered = as_dumped.differences(told, as_dumped.told(copy))
    restored = _measured(copy.inside, held, contents)
    restored = keyed.as_of(wanted.dumped, wanted.beside, restored)
    if not altered and not _altered(wanted.dumped, restored):
        restorer.make_event_triggers(copy, contents)
    return restored, altered


def _owners(chosen: Chosen) -> tuple[str, ...]:
    """Return whom things of the dump belong to or are granted to: as made by us, they can do nothing yet."""
    named = (name for name in chosen.dumped.source.roles if not name.startswith("pg_"))
    return tuple(name for name in named if name != chosen.there.me)


def _restore(copy: Copy, wanted: Wanted) -> str:
    return restorer.restore(copy, wanted, rows=True)


def _held(conn: Connection[TupleRow], copy: Copy) -> dict[str, Content]:
    """Measure as the restorer, when nobody else is in who could change a row after that."""
    in_parts.forget_settings(copy)
    with closing(connect.connect(copy.restorer, "backups restore", write=False)) as within:
        restorer.shut_out(conn, within.info.backend_pid)
        with within.transaction(force_rollback=True):
            measure.pin(within, LIMIT)
            return measure.tables(within)


def _measured(inside: str, held: dict[str, Content], contents: str) -> Restored:
    with _snapshot(inside) as conn:
        return Restored(held, structure.read(conn), measure.source(conn), contents, None)


def _altered(dumped: Manifest, restored: Restored) -> bool:
    """Say whether a function that an event trigger calls may be another than was dumped."""
    if dumped.structure is None or dumped.source.major != restored.source.major:
        return False
    return any(structure.differences(dumped.structure, restored.structure))


@contextmanager
def _snapshot(conninfo: str) -> Generator[Connection[TupleRow]]:
    with (
        closing(connect.connect(conninfo, "backups restore", write=False)) as conn,
        conn.transaction(force_rollback=True),
    ):
        measure.pin(conn, LIMIT)
        yield conn


def _but_me(beside: Globals, me: str) -> Globals:
    """Leave out whom we came as: that server's first superuser stays what he is there."""
    kept = {name: role for name, role in beside.roles.items() if name != me}
    return beside.model_copy(update={"roles": kept})


def _empower(conn: Connection[TupleRow], chosen: Chosen, beside: Globals) -> None:
    closed = beside.model_copy(update={"connections": 0})
    roles.empower(conn, closed, RESTORING, frozenset({chosen.there.me}))


def _open(conn: Connection[TupleRow], chosen: Chosen) -> None:
    """Give the database its name, and let in who may enter."""
    name = chosen.dumped.source.database
    with conn.transaction():
        conn.execute(statements.rename(name))
        entry.open_to(conn, chosen.dumped, chosen.beside, chosen.since)


def _fence(looks: Looks, since: Since) -> None:
    if not since.fenced:
        with looks.at(ERASURES):
            return
    why = since.unknown or f"{counted(len(since.erased), 'person was', 'people were')} erased since"
    hint = (
        "The database lets superusers in alone. Find out, and then, as one: `alter database ... connection limit -1`."
        if since.unknown
        else "The database lets the service in alone. `lifecycle init`, then `lifecycle gdpr replay plan` and `apply`; "
        "then `lifecycle backups restore plan` and `apply` let everybody in."
    )
    looks.not_at(ERASURES, Reason(why, hint))


def _summary(chosen: Chosen, differ: int) -> str:
    name, rows = chosen.dumped.source.database, counted(chosen.dumped.rows, "row")
    if differ:
        return f"{name} was not opened: {counted(differ, 'thing')} in it not as dumped; it is there as {RESTORING}"
    who = "superusers" if chosen.since.unknown else "the service"
    closed = f" and is closed but to {who}" if chosen.since.fenced else ""
    return f"{name} is back from {chosen.dumped.key} with {rows}{closed}"
