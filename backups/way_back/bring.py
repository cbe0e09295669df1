"""Brings a database back from a dump onto an empty server.

Under another name and closed to everybody but superusers, from its first moment until it has been compared; its own
name it gets in one transaction, last of all. Killed at any instant it may be run again: what it left is dropped first,
and what is done is known by the remark on the database. A superuser restores here, as owners and event triggers are to
be what they were: the code of the dump runs with his rights, so the manifest's signature is looked at before.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from backups import (
    covering,
    drill,
    manifest,
    measure,
    roles,
    scratch,
    seal,
    secrecy,
    shelf,
    slots,
    statements_of_roles,
    structure,
)
from backups import statements as of_room
from backups.manifest import Manifest
from backups.restore import LIMIT, Restored
from backups.roles import Globals
from backups.section import SECTION
from backups.timings import Timings
from backups.way_back import plan, statements, there
from backups.way_back.plan import Since
from backups.way_back.statements import RESTORING
from backups.way_back.there import There
from lifecycle import forgotten
from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.errors import Conflict, LifecycleError, NotFound, Refused
from lifecycle.outside import commands
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
    beside, since = shelf.get_globals(system, dumped), _since(system, dumped.started_at)
    try:
        with closing(connect.connect(admin, "backups restore", write=True)) as conn:
            seen = there.look(conn)
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
    if not chosen.plan.decision.steps:
        _fence(looks, chosen.since)
        return Judgement(looks.cover({ERASURES}), chosen.plan.decision.notes[0])
    binaries = drill.programs(system, dumped)
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


def _bring(
    chosen: Chosen, admin: str, binaries: Binaries, file: Path, timings: Timings, looks: Looks
) -> Judgement:
    dumped, beside = chosen.dumped, chosen.beside
    inside = make_conninfo(admin, dbname=RESTORING)
    with closing(connect.connect(admin, "backups restore", write=True)) as conn:
        _make_empty(conn, chosen)
        with timings.phase("restore"):
            _restore(binaries, inside, file)
            contents = commands.run(
                (str(binaries.tool("pg_restore")), "--list", str(file)), env={}, limit=LIMIT
            ).stdout
        _must_have_made_nobody(conn, chosen)
        with timings.phase("compare"):
            restored = _measured(inside, contents)
            with looks.at(*(Place("table", name) for name in restored.tables)):
                differ = manifest.differences(dumped.tables, restored.tables)
        with (
            timings.phase("analyze"),
            closing(connect.connect(inside, "backups restore", write=True)) as within,
        ):
            within.execute(statements.ANALYZE)
        if beside is not None:
            _empower(conn, chosen, beside)
            given = roles.read(conn, RESTORING)
            wanted = _but_me(beside, chosen.there.me)
            restored = Restored(
                restored.tables, restored.structure, restored.source, contents, given
            )
            beside = wanted.model_copy(update={"connections": given.connections})
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


def _make_empty(conn: Connection[TupleRow], chosen: Chosen) -> None:
    """Make the database, empty and closed, and its roles, who can do nothing yet."""
    locale = chosen.dumped.source.locale
    assert locale is not None  # else the plan refuses
    encoding = chosen.dumped.source.encoding
    conn.execute(statements.DROP)
    conn.execute(of_room.create_database(RESTORING, encoding, locale, chosen.there.me))
    conn.execute(statements_of_roles.limit_database(RESTORING, 0))
    if chosen.beside is not None:
        roles.make(conn, chosen.beside, there.look(conn).roles)


def _restore(binaries: Binaries, inside: str, file: Path) -> None:
    with commands.libpq(inside, file.parent) as (dsn, secret):
        commands.run(
            (
                str(binaries.tool("pg_restore")),
                *("--exit-on-error", "--no-password", "--no-tablespaces", "--no-subscriptions"),
                f"--dbname={dsn}",
                str(file),
            ),
            env=secret | {"PGAPPNAME": "lifecycle backups restore"},
            limit=LIMIT,
        )


def _must_have_made_nobody(conn: Connection[TupleRow], chosen: Chosen) -> None:
    """Raise Refused, and drop what was restored, where code of the dump made a role while it was.

    That of an owner's check runs with our rights. It can do worse than this: the plan says on which host to restore.
    """
    known = chosen.there.roles.union(chosen.beside.roles if chosen.beside else ())
    if made := sorted(there.look(conn).roles - known):
        conn.execute(statements.DROP)
        raise Refused(
            f"code of the dump made {counted(len(made), 'role')} on this server: {', '.join(made)}",
            hint="Throw the server and its host away: somebody who owns a table took a superuser's rights there. "
            "Restore another dump, or this one where nothing can be reached, and look into the checks of its tables.",
        )


def _measured(inside: str, contents: str) -> Restored:
    with (
        closing(connect.connect(inside, "backups restore", write=False)) as conn,
        conn.transaction(force_rollback=True),
    ):
        measure.pin(conn, LIMIT)
        held, made_of = measure.tables(conn), structure.read(conn)
        return Restored(held, made_of, measure.source(conn), contents, None)


def _but_me(beside: Globals, me: str) -> Globals:
    """Leave out whom we came as: that server's first superuser stays what he is there."""
    kept = {name: role for name, role in beside.roles.items() if name != me}
    return beside.model_copy(update={"roles": kept})


def _empower(conn: Connection[TupleRow], chosen: Chosen, beside: Globals) -> None:
    closed = beside.model_copy(update={"connections": 0})
    roles.empower(conn, closed, RESTORING, frozenset({chosen.there.me}))


def _open(conn: Connection[TupleRow], chosen: Chosen) -> None:
    """Give the database its name, and let everybody in who may enter, unless somebody was erased since."""
    name = chosen.dumped.source.database
    limit = chosen.beside.connections if chosen.beside else -1
    with conn.transaction():
        conn.execute(statements.rename(name))
        conn.execute(statements.remark(name, plan.said_of(chosen.dumped)))
        if not chosen.since.fenced:
            conn.execute(statements_of_roles.limit_database(name, limit))


def _fence(looks: Looks, since: Since) -> None:
    if not since.fenced:
        with looks.at(ERASURES):
            return
    why = since.unknown or f"{counted(len(since.erased), 'person was', 'people were')} erased since"
    hint = (
        "The database lets superusers in alone. Repeat these erasures, and then, as one: "
        "`alter database ... connection limit -1`."
    )
    looks.not_at(ERASURES, Reason(why, hint))


def _summary(chosen: Chosen, differ: int) -> str:
    name, rows = chosen.dumped.source.database, counted(chosen.dumped.rows, "row")
    if differ:
        return f"{name} was not opened: {counted(differ, 'thing')} in it not as dumped; it is there as {RESTORING}"
    closed = " and is closed but to superusers" if chosen.since.fenced else ""
    return f"{name} is back from {chosen.dumped.key} with {rows}{closed}"
