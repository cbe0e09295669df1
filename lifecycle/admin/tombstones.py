"""Makes the row that stands for whoever is gone, where the policy has a `tombstone`: once, and over nobody's row.

An insert runs code of the table's owner: its triggers, checks and defaults. A superuser's is therefore said within a
function of the owner's, which serves once and where nobody changes roles; the owner says it himself. Anybody else says
nothing and names who has to: `doctor` sees until then that the row is missing. Says what is wrong by its place in the
policy. The search path is set anew behind it, as that code may have set one.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.config.mistake import Mistake, Where
from lifecycle.errors import Refused
from lifecycle.policy import tombstone
from lifecycle.policy.model import Policy
from lifecycle.policy.people import Subject
from lifecycle.postgres import reasons
from lifecycle.postgres.catalog import Catalog, Table, sql_name

COLLIDES = "LC001"
"""SQLSTATE by which our own statement says that a row has the tombstone's key, and is somebody else."""

_MAKE = sql.SQL("""do $make$ begin
    if current_user <> {owner} and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        raise warning 'the tombstone of % in %: run `lifecycle init` as % or as a superuser', {kind}, {table}, {owner};
        return;
    end if;
    execute $create$
create function pg_temp.lifecycle_tombstone() returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $body$ begin
    if exists (select from {relation} as s where {its_own} and ({differs})) then
        raise exception 'subjects.%.tombstone: a row of % has this key, and is somebody else', {kind}, {table}
            using errcode = {collides};
    end if;
    insert into {relation} ({columns}) overriding system value
    select {values} where not exists (select from {relation} as s where {its_own});
end $body$ $create$;
    if current_user <> {owner} then
        execute pg_catalog.format('alter function pg_temp.lifecycle_tombstone() owner to %I', {owner});
    end if;
    perform pg_temp.lifecycle_tombstone();
    drop function pg_temp.lifecycle_tombstone();
end $make$""")

_WHY = {
    "23505": "a value of it that must be unique is somebody else's",
    "23502": "a column that may not be NULL is missing",
    "23514": "a check of the table refuses its values",
    "23503": "a foreign key of it leads nowhere",
    "42501": "the table's owner may not insert it, or row security hides it from him",
    "P0001": "a trigger of the table refuses it",
}


_PATH_NOW = "select pg_catalog.current_setting('search_path')"
_PATH_AGAIN = "select pg_catalog.set_config('search_path', %(path)s, false)"


@contextmanager
def path_kept(conn: Connection[TupleRow]) -> Generator[None]:
    """Let the session find names afterwards as it did before, whatever code of an owner's has set."""
    row = conn.execute(_PATH_NOW).fetchone()
    yield
    conn.execute(_PATH_AGAIN, {"path": row[0] if row else ""})


class Wrong(Refused):
    """A tombstone cannot be made; `mistake` says where in the policy."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(
            str(mistake), hint="Nothing was changed. Correct the policy's `tombstone`."
        )
        self.mistake = mistake


def make(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> None:
    """Make those that are not there, in the caller's transaction. Raise Wrong for the first that cannot be."""
    for kind, subject in _wanted(policy, catalog):
        try:
            with conn.transaction():
                conn.execute(statement(kind, subject, catalog.tables[subject.table]))
        except psycopg.Error as error:
            if conn.broken or conn.closed:
                raise
            raise Wrong(_mistake(kind, subject, error)) from None


def script(policy: Policy, catalog: Catalog) -> Iterator[str]:
    """Yield the statements that make them, as text."""
    for kind, subject in _wanted(policy, catalog):
        yield statement(kind, subject, catalog.tables[subject.table]).as_string()


def _wanted(policy: Policy, catalog: Catalog) -> Iterator[tuple[str, Subject]]:
    """Yield each row once: several kinds of people may have the same one."""
    seen: list[tuple[str, object]] = []
    for kind, subject in policy.subjects.items():
        one = (subject.table, subject.tombstone)
        if subject.tombstone and subject.table in catalog.tables and one not in seen:
            seen.append(one)
            yield kind, subject


def statement(kind: str, subject: Subject, table: Table) -> sql.Composed:
    """Return the one statement that makes a tombstone where it is not there, and refuses to where somebody else is."""
    said = subject.tombstone or {}
    differs = [*tombstone.differs(table, subject), sql.SQL("false")]
    return _MAKE.format(
        kind=sql.Literal(kind),
        owner=sql.Literal(table.owner),
        table=sql.Literal(table.name),
        relation=sql_name(table.name),
        its_own=tombstone.its_own(table, subject),
        differs=sql.SQL(" or ").join(differs),
        collides=sql.Literal(COLLIDES),
        columns=sql.SQL(", ").join(map(sql.Identifier, said)),
        values=sql.SQL(", ").join(map(sql.Literal, said.values())),
    )


def _mistake(kind: str, subject: Subject, error: psycopg.Error) -> Mistake:
    path: Where = ("subjects", kind, "tombstone")
    if error.sqlstate == COLLIDES:
        what = f"it collides: a row of {subject.table} has this key, and is somebody else by its other values"
        return Mistake((*path, subject.key), what, f"choose a value of {subject.key} nobody has")
    why = _WHY.get(error.sqlstate or "", "PostgreSQL does not take the row")
    what = f"{subject.table} does not take it {reasons.state(error.sqlstate)}: {why}"
    return Mistake(path, what, "write values that a row of this table may have")
