"""What `doctor` asks the login that steps into owners: whom it reaches, and that it touches no row. Changes nothing."""

from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.admin import statements
from lifecycle.admin.finding import Finding, bad, fine
from lifecycle.policy.rights import Right, barred, owners
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, quoted, sql_name, sql_parts

Conn = Connection[TupleRow]


def judge(label: str, conn: Conn, catalog: Catalog, needed: tuple[Right, ...]) -> Iterator[Finding]:
    """Say what is wrong with this login, over its own connection."""
    wanted = owners(needed, catalog)
    found = conn.execute(statements.ROLE).fetchone()
    assert found is not None
    who: str = found[0]
    wrong = [
        *_more(label, conn, catalog, wanted, found),
        *_unreached(label, conn, catalog, needed, who),
        *_all_the_time(label, conn, catalog, wanted, who),
        *_rows(label, conn, catalog, who),
    ]
    yield from wrong
    if not wrong:
        what = f"{who} can step into the owners it needs ({len(wanted)}) and has no right on a row"
        yield fine(label, what)


def _more(
    label: str, conn: Conn, catalog: Catalog, wanted: frozenset[str], found: TupleRow
) -> Iterator[Finding]:
    who, superuser, bypass, makes = found
    login = quoted(conn, who)
    if superuser or bypass or makes:
        fix = f"alter role {login} nosuperuser nobypassrls nocreaterole nocreatedb noreplication;"
        yield bad(label, f"{who} may more than step into owners", "It needs no more.", fix)
        return
    others = sorted(catalog.owners - wanted - {who})
    for owner, granted in conn.execute(statements.MAY_ACT_AS, {"owners": others}).fetchall():
        what = f"{who} may act as {owner}" + (f", through {granted}" if granted != owner else "")
        fix = f"revoke {quoted(conn, granted)} from {login};"
        yield bad(label, what, "The policy needs that nowhere, or it must not be.", fix)


def _unreached(
    label: str, conn: Conn, catalog: Catalog, needed: tuple[Right, ...], who: str
) -> Iterator[Finding]:
    refused = barred(needed, catalog)
    for name in refused:
        yield bad(
            label,
            f"{name} is to be partitioned, and belongs to {catalog.tables[name].owner}",
            "Who may act as a superuser, or as who can make roles or become the ledger's owner, could do anything.",
            f"alter table {sql_name(name).as_string(conn)} owner to ...;  -- then `lifecycle init`",
        )
    own = [right.table for right in needed if right.kind == "own" and right.table not in refused]
    tables = [catalog.tables[name] for name in own]
    partitioned = sorted({table.owner for table in tables})
    for (owner,) in conn.execute(statements.MEMBER, {"owners": partitioned}).fetchall():
        yield bad(
            label,
            f"{who} is not a member of {owner}, who owns partitioned tables",
            "PostgreSQL lets only the owner attach a partition.",
            f"grant {quoted(conn, owner)} to {quoted(conn, who)};",
        )
    homes = sorted({(table.owner, table.schema) for table in tables})
    pairs = {"owners": [owner for owner, _ in homes], "schemas": [schema for _, schema in homes]}
    for owner, schema in conn.execute(statements.MAY_CREATE, pairs).fetchall():
        yield bad(
            label,
            f"{owner}, who owns partitioned tables, may not make tables in schema {schema}",
            "A partition is a table of its owner's, so none can be made there.",
            f"grant create on schema {quoted(conn, schema)} to {quoted(conn, owner)};",
        )


def _all_the_time(
    label: str, conn: Conn, catalog: Catalog, wanted: frozenset[str], who: str
) -> Iterator[Finding]:
    login = quoted(conn, who)
    for (owner,) in conn.execute(statements.INHERITED, {"owners": sorted(wanted)}).fetchall():
        yield bad(
            label,
            f"{who} has the rights of {owner} all the time",
            "It steps into them for one statement at a time; otherwise a mistake could change any table.",
            f"grant {quoted(conn, owner)} to {login} with inherit false;"
            if catalog.version >= 16
            else f"alter role {login} noinherit;",
        )


def _rows(label: str, conn: Conn, catalog: Catalog, who: str) -> Iterator[Finding]:
    relations = [relation for table in catalog.tables.values() for relation in table.relations]
    places = [sql_parts(relation) for relation in relations]
    asked = {"schemas": [schema for schema, _ in places], "names": [name for _, name in places]}
    readable = [policy_name(*row) for row in conn.execute(statements.ROWS, asked).fetchall()]
    if readable:
        yield bad(
            label,
            f"{who} has rights on rows of {', '.join(readable[:5])}{', ...' if len(readable) > 5 else ''}",
            "It says DDL alone; a right on rows is the other login's.",
            f"revoke all on {sql_name(readable[0]).as_string(conn)} from {quoted(conn, who)}, public;",
        )
