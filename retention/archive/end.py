"""Ends archives whose own time is over, by the `keep` of the rule that had them made; one with a row on hold stays.

Counted is from when the archive was stored, by the store's own word and by the manifest's, whichever is later: who can
write to the bucket makes no archive older than it is. Where several rules archive a table, the longest of them counts;
of a table that no rule archives any more, nothing ends. While a hold may lie on its rows, an archive is fetched and
loaded to be asked; where that cannot be told, it stays.

Rows of a class that has a floor (`limits.floors`) stay in their archive until they are that old. How old they were when
it was made, the ledger has; where it has not, they are as old as their archive.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.config.span import Span
from lifecycle.errors import Fenced, LifecycleError, NotFound
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.outcome import Failure
from lifecycle.plan import Step
from lifecycle.postgres import connect
from lifecycle.postgres.catalog import Catalog
from lifecycle.promise import Task
from lifecycle.returning import staging
from lifecycle.returning import statements as of_return
from lifecycle.system import System
from lifecycle.words import counted
from retention import floor
from retention.archive import known, manifest, parquet, rows, shelf, statements, write
from retention.archive.manifest import Manifest
from retention.archive.shelf import Shelf
from retention.rule import Rules

ENDED = "retention.archive_ended"
"""What the ledger calls it: an intent before the first object goes, an outcome when the last one has."""


@dataclass(frozen=True, slots=True)
class Old:
    """An archive whose time is over, since the time it was kept from. `on_hold`: how many of its rows are on hold.

    `stays`: until when it stays all the same, and as which class of data asks for it.
    """

    written: Manifest
    since: datetime
    keep: Span
    on_hold: int
    stays: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class EndArchive(Step):
    """Delete an archive, all versions of it. It binds its SHA-256."""

    table: str
    written: Manifest


def kept(rules: Rules, only: str | None) -> Mapping[str, Span]:
    """Return, by table, how long its archives are kept; without those that are kept for ever."""
    found: dict[str, list[Span | None]] = {}
    for rule in rules:
        if rule.archive and only in (None, rule.table):
            found.setdefault(rule.table, []).append(rule.keep)
    return {
        table: max((s for s in spans if s), key=lambda span: span.at_least())
        for table, spans in found.items()
        if all(spans)
    }


def old(
    system: System, catalog: Catalog, rules: Rules, now: datetime, only: str | None
) -> tuple[tuple[Old, ...], tuple[Failure, ...]]:
    """Return the archives whose time is over, and why that could not be told. Raise Unreachable of the database."""
    keeps = kept(rules, only)
    if not keeps:
        return (), ()
    try:
        on = shelf.shelf(system)
        with closing(on.store), closing(system.connect("retention.archives")) as conn:
            holds = gate.known(conn)
            return tuple(_old(system, conn, on, catalog, holds, keeps, now)), ()
    except LifecycleError as error:
        what = f"whether an archive has ended cannot be told: {error.what}"
        return (), (Failure("archives", what, error.hint),)


def steps(found: Sequence[Old]) -> Iterator[EndArchive | str]:
    """Yield a step for each, and what keeps the others. Pure."""
    for one in found:
        described, key = one.written.description, one.written.key
        many = counted(described.content.rows, "row")
        if one.stays:
            yield f"{key}: its time is over, and it stays until {one.stays[0]:%Y-%m-%d}: {one.stays[1]}"
            continue
        if one.on_hold:
            yield f"{key}: {one.on_hold:,} of {many} on legal hold, so the archive stays; `lifecycle holds list`"
            continue
        yield EndArchive(
            verb="end archive",
            target=key,
            reason=f"an archive of {described.table} is kept for {one.keep}, and this is from {one.since:%Y-%m-%d}",
            cost=f"{many}, {one.written.size / 2**20:,.1f} MB, and no copy of them",
            binds=one.written.sha256,
            table=described.table,
            written=one.written,
        )


def left(found: Sequence[Old]) -> Iterator[Failure]:
    """Yield what should have ended and is still there, when the bucket is looked at again. Pure."""
    for one in found:
        if not one.on_hold and not one.stays:
            what = f"its time is over, {one.keep} after {one.since:%Y-%m-%d}, and it is still there"
            yield Failure(
                one.written.key,
                what,
                "What was in its way is told beside it; the next run tries again.",
            )


def carry_out(
    task: Task, catalog: Catalog, wanted: Sequence[EndArchive]
) -> Iterator[Failure | str]:
    """End them: yield the place of each that is gone, or why it is not. Raise Fenced, Unreachable of the database."""
    if not wanted:
        return
    on = shelf.shelf(task.system)
    with closing(on.store):
        for step in wanted:
            with closing(task.system.connect("retention.archives")) as conn:
                try:
                    yield _end(task, conn, on, catalog, step.written) or step.target
                except Fenced:
                    raise
                except LifecycleError as error:
                    if conn.broken:
                        raise
                    yield Failure(step.target, f"it is not ended: {error.what}", error.hint)


def _end(
    task: Task, conn: Connection[TupleRow], on: Shelf, catalog: Catalog, written: Manifest
) -> Failure | None:
    """Delete it, the manifest last: a run that is killed in between finds by it what is left to do."""
    holds = gate.standing_while_connected(conn)  # none is placed until this connection is closed
    if on_hold := _on_hold(task.system, conn, on, catalog, holds, written):
        many = counted(written.description.content.rows, "row")
        what = f"it is not ended: {on_hold:,} of {many} on legal hold"
        return Failure(written.key, what, "It ends in the first run after that has ended.")
    write.record(task, conn, "intent", ENDED, written)
    for key in (written.key, manifest.beside(written.key)):
        on.store.delete_versions(on.bucket, key, on.store.versions(on.bucket, key))
    write.record(task, conn, "outcome", ENDED, written)
    return None


def _old(
    system: System,
    conn: Connection[TupleRow],
    on: Shelf,
    catalog: Catalog,
    holds: Sequence[Hold],
    keeps: Mapping[str, Span],
    now: datetime,
) -> Iterator[Old]:
    for key, written in on.all():
        if isinstance(written, LifecycleError) or written.description.table not in keeps:
            continue  # one that is damaged, `retention.archives` names
        keep = keeps[written.description.table]
        since = max(written.written_at, _stored(on, key) or written.written_at)
        if keep.after(since) <= now:
            of = known.before(conn, written) or since
            stays = floor.stays(written.description.table, of, system.policy)
            if stays and stays[0] > now:
                yield Old(written, since, keep, 0, stays)
                continue
            on_hold = _on_hold(system, conn, on, catalog, holds, written)
            yield Old(written, since, keep, on_hold)


def _stored(on: Shelf, key: str) -> datetime | None:
    """Return when the store took it, None where only the manifest is left: a run was killed in between."""
    try:
        return on.store.head(on.bucket, key).stored_at
    except NotFound:
        return None


def _on_hold(
    system: System,
    conn: Connection[TupleRow],
    on: Shelf,
    catalog: Catalog,
    holds: Sequence[Hold],
    written: Manifest,
) -> int:
    """Count its rows on hold: all of them where nobody can tell. Raise as the store does."""
    described = written.description
    if not holds or _stored(on, written.key) is None:
        return 0
    if described.table not in catalog.tables:
        return described.content.rows
    held = gate.on(holds, system.policy, catalog, described.table)
    if held.rows is None:
        return 0
    try:
        return _count(system, conn, on, held, written)
    except psycopg.Error as error:
        if conn.broken:
            raise connect.explain(error) from None
        return described.content.rows


def _count(
    system: System, conn: Connection[TupleRow], on: Shelf, held: gate.Held, written: Manifest
) -> int:
    """Load it, and count. Raise psycopg.Error where its columns are not the table's any more."""
    described = written.description
    there = {column.name: column.type for column in rows.relation(conn, described.table).columns}
    places = [n for n, c in enumerate(described.columns) if there.get(c.name) == c.type]
    columns = [described.columns[place].name for place in places]
    with scratch.directory(system.machine, write.PREFIX) as directory:
        file = directory / Path(written.key).name
        shelf.must_fit(directory, written.size)
        progress.phase(f"retention.archives: ask {described.leaf} for holds")
        on.fetch(written, file)
        conn.execute(of_return.UNSTAGE)
        conn.execute(of_return.stage_of(described.table, columns))
        try:
            with staging.reading(conn):
                copying = of_return.copy_in(of_return.STAGED, columns)
                with conn.cursor() as cursor, cursor.copy(copying) as into:
                    for block in parquet.lines(file, tuple(places)):
                        into.write(block)
                counting = statements.count_staged(held.rows)
                row = conn.execute(counting, dict(held.keys)).fetchone()
        finally:
            if not conn.broken:
                conn.execute(of_return.UNSTAGE)
    return row[0] if row else described.content.rows
