"""What `doctor` asks about access: who our logins are and what they may, whose the ledger is, and who else gets in.

The login that changes rows acts as nobody else; the one that steps into owners touches no row; the evidence belongs to
neither. Each function answers one of these. Changes nothing.
"""

import contextlib
from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.admin import ddl_login, logins, statements, tampered
from lifecycle.admin.finding import Finding, bad, fine, not_asked, unknown
from lifecycle.policy import rights
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, quoted, sql_name, sql_parts
from lifecycle.system import System
from lifecycle.words import counted

Conn = Connection[TupleRow]

SHOWN = 20
"""Findings of one kind that are named one by one."""


def role(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    """Say what is wrong with the login that changes rows."""
    found = conn.execute(statements.ROLE).fetchone()
    assert found is not None
    who, superuser, bypass, makes = found
    label, name = f"{system.name}: role", quoted(conn, who)
    if superuser:
        yield bad(
            label,
            f"{who} is a superuser",
            "A mistake or a stolen password could then change everything, the evidence too.",
            "Run `lifecycle init` and let `user=lifecycle` stand in the dsn.",
        )
        return
    if makes:
        fix = f"alter role {name} nocreaterole nocreatedb noreplication;"
        yield bad(label, f"{who} may make roles or databases", "It needs neither.", fix)
    hidden = [t.name for t in catalog.tables.values() if t.rls and (t.owner != who or t.rls_forced)]
    if hidden and not bypass:
        yield bad(
            label,
            f"{who} has no BYPASSRLS; row security on {counted(len(hidden), 'table')} ({', '.join(hidden[:5])})",
            "A row hidden from an erasure is a row kept: every run refuses until it sees all rows.",
            f"alter role {name} bypassrls;  -- a superuser; from PostgreSQL 16 on whoever has BYPASSRLS himself",
        )
    else:
        yield fine(label, f"{who} is no superuser and sees every row")


def counts(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    """Say whether the server counts what our transactions change."""
    label = f"{system.name}: counts"
    found = conn.execute(statements.COUNTS).fetchone()
    if conn.execute(statements.COUNTS_NOT_FOR_DDL).fetchone() == (True,):
        yield bad(
            label,
            "track_counts is off for lifecycle_ddl",
            "What its statements set off is compared with the plan; uncounted, no partition is taken off or dropped.",
            "alter role lifecycle_ddl reset track_counts;  -- and in this database, if it is off there",
        )
    elif found and found[0]:
        yield fine(label, "the server counts what a transaction changes")
    else:
        yield bad(
            label,
            f"track_counts is off ({found[1] if found else 'unknown'})",
            "Every run that ends rows compares what changed with what was planned; uncounted, it refuses.",
            f"alter role {quoted(conn, conn.info.user)} reset track_counts;  "
            "-- and in database, server: wherever it is off",
        )


def owners(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    """Say whom our logins may act as, and whom the second one cannot."""
    label = f"{system.name}: owners"
    acts_as = conn.execute(statements.MAY_ACT_AS, {"owners": sorted(catalog.owners)}).fetchall()
    for owner, granted in acts_as:
        yield bad(
            label,
            f"the service may act as {owner}"
            + (f", through {granted}" if granted != owner else ""),
            "A trigger on a table it changes would run with that right: whoever owns one table would own them all.",
            f"revoke {quoted(conn, granted)} from {quoted(conn, conn.info.user)};",
        )
    if not catalog.owners:
        yield not_asked(label, "there is no table yet, so nobody owns one")
    elif not acts_as:
        whom = counted(len(catalog.owners), "owner")
        yield fine(label, f"the service is a member of no owner of a table ({whom})")
    needed = rights.of(system.policy, catalog)
    if any(right.kind in ("own", "analyze") for right in needed):
        with contextlib.closing(system.connect_ddl("doctor")) as ddl:
            yield from ddl_login.judge(label, ddl, catalog, needed)


def others(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    """Say who else can become one of our roles."""
    label = f"{system.name}: others"
    inside = conn.execute(statements.BECOME).fetchall()
    for ours, other in inside:
        yield bad(
            label,
            f"{other} may act as {ours}",
            "Whoever is let in does what the service may do, and the ledger cannot tell the two apart.",
            f"revoke {quoted(conn, ours)} from {quoted(conn, other)};",
        )
    if not inside:
        who = [row[0] for row in conn.execute(statements.ADMINISTER)]
        besides = f" and who administers roles ({', '.join(who)})" if who else ""
        yield fine(label, f"nobody but superusers{besides} can act as the service")


def schema(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    """Say whose the ledger is, and whether anybody could change its evidence, or changed its code."""
    label, why = f"{system.name}: schema", "Whoever owns the ledger can take its evidence away."
    row = conn.execute(statements.OWNED_BY).fetchone()
    if row is None:
        return  # the ledger's own question says so
    owner, enters, reached_by = row
    wrong = list(_ownership(label, why, conn, (owner, enters, reached_by)))
    for (can,) in conn.execute(statements.CHANGES_EVIDENCE).fetchall():
        login, _, rest = can.partition(" may ")
        right, _, table = rest.partition(" ")
        fix = f"revoke {right} on lifecycle.{table} from {login};"
        wrong.append(bad(label, can, "Evidence is written once.", fix))
    yield from wrong
    strange = list(tampered.judge(label, conn))
    yield from strange
    if not wrong and not strange:
        yield fine(label, f"the ledger belongs to {owner}, whom nobody of ours may act as")


def _ownership(
    label: str, why: str, conn: Conn, found: tuple[str, bool, list[str]]
) -> Iterator[Finding]:
    owner, enters, reached_by = found
    if owner != logins.OWNER or enters or reached_by:
        what = f"the schema lifecycle belongs to {owner}"
        what += ", who can log in" if enters else ""
        what += f", whom {' and '.join(reached_by)} can become" if reached_by else ""
        yield bad(label, what, why, "lifecycle init")
    strangers = [row[0] for row in conn.execute(statements.OWNED_BY_OTHERS)]
    if strangers:
        what = f"{', '.join(strangers[:5])} in schema lifecycle belong to somebody else than the schema"
        yield bad(label, what, why, "lifecycle init")


def events(system: System, conn: Conn, _catalog: Catalog) -> Iterator[Finding]:
    """Say which event triggers run at our DDL, and whose code that is."""
    label = f"{system.name}: event triggers"
    found = [row for row in conn.execute(statements.EVENT_TRIGGERS).fetchall() if not row[4]]
    for name, event, owner, superuser, _ in found:
        if superuser:
            yield unknown(
                label,
                f"{name} ({event}) runs at every partition that is made",
                "It is a superuser's code, with the rights of the table's owner. Nobody here knows what it does.",
                "Read the function that `\\dy` names in psql.",
            )
        else:
            yield bad(
                label,
                f"{name} ({event}) runs code of {owner} at every partition that is made",
                f"{owner} may replace it at any time, and it runs where other owners can be stepped into.",
                f"alter event trigger {quoted(conn, name)} disable;",
            )
    if not found:
        yield fine(label, "none runs at our DDL")


def granted(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    """Say which right the policy needs and the service lacks."""
    label = f"{system.name}: rights"
    asked = {"schemas": sorted(catalog.schemas)}
    closed = conn.execute(statements.MISSING_SCHEMA_RIGHTS, asked).fetchall()
    for (schema,) in closed:
        why = "Nothing in it can be read."
        fix = f"grant usage on schema {quoted(conn, schema)} to lifecycle;"
        yield bad(label, f"the service may not use schema {schema}", why, fix)
    missing = list(_missing_rights(system, conn, catalog))
    for relation, right in missing[:SHOWN]:
        why = "The run that needs it would fail in the middle of the night."
        fix = f"grant {right} on {sql_name(relation).as_string(conn)} to lifecycle;"
        yield bad(label, f"the service may not {right} on {relation}", why, fix)
    if len(missing) > SHOWN:
        what = f"and {len(missing) - SHOWN} more rights are missing"
        yield bad(label, what, "", f"lifecycle init --system {system.name}")
    extra = list(_extra_rights(system, conn, catalog))
    for relation in extra:
        why = "Nothing the policy asks for needs it: a restore of an archive that was killed has left it, or somebody."
        fix = f"revoke insert on {sql_name(relation).as_string(conn)} from lifecycle;"
        yield bad(label, f"the service may insert into {relation}", why, fix)
    if not catalog.tables:
        yield not_asked(label, "there is no table yet on which the policy could ask for a right")
    elif not missing and not closed and not extra:
        yield fine(label, "the service may do what the policy asks of it")


def chunks(system: System, conn: Conn, catalog: Catalog) -> Iterator[Finding]:
    """Say who may read rows of a hypertable past it, in its chunks: these get its grants, and no row security."""
    label, tables = f"{system.name}: chunks", [t for t in catalog.tables.values() if t.kind == "h"]
    asked = _places([(table.name, "") for table in tables])
    found = conn.execute(statements.CHUNK_READERS, asked).fetchall() if tables else []
    for schema, name, readers, one in found:
        table = policy_name(schema, name)
        yield bad(
            label,
            f"{', '.join(readers)} may read rows of {table} past it, in its chunks",
            "What row security and grants keep from somebody in the table lies open in its parts; row security without "
            "a policy shuts them, and no query of the table asks for it.",
            f"alter table {one} enable row level security;  -- and each other chunk, whenever one is made",
        )
    if tables and not found:
        yield fine(label, f"nobody reads {counted(len(tables), 'hypertable')} past it")


def _extra_rights(system: System, conn: Conn, catalog: Catalog) -> Iterator[str]:
    """Yield the tables and partitions into which the service may put rows, and need not."""
    wanted = rights.fillable(rights.of(system.policy, catalog))
    asked = [
        (relation, "insert")
        for table in catalog.tables.values()
        if table.name not in wanted
        for relation in table.relations
    ]
    for schema, name in conn.execute(statements.MAY_INSERT, _places(asked)).fetchall():
        yield policy_name(schema, name)


def _missing_rights(system: System, conn: Conn, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield (table or partition, right as `grant` spells it) for what the service role lacks."""
    whole, columns = _wanted(rights.of(system.policy, catalog), catalog)
    asked = _places(whole) | {"privileges": [privilege for _, privilege in whole]}
    for schema, name, privilege in conn.execute(statements.MISSING_TABLE_RIGHTS, asked).fetchall():
        yield policy_name(schema, name), privilege
    asked = _places(columns) | {"columns": [column for _, column in columns]}
    for schema, name, column in conn.execute(statements.MISSING_COLUMN_RIGHTS, asked).fetchall():
        yield policy_name(schema, name), f"update ({quoted(conn, column)})"


def _places(wanted: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the schemas and names of these relations, as the statements take them."""
    parts = [sql_parts(relation) for relation, _ in wanted]
    return {"schemas": [schema for schema, _ in parts], "names": [name for _, name in parts]}


def _wanted(
    needed: tuple[rights.Right, ...], catalog: Catalog
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (relation, right) for whole tables and (relation, column) to be updated."""
    deletable, fillable = rights.deletable(needed), rights.fillable(needed)
    whole: list[tuple[str, str]] = []
    columns: list[tuple[str, str]] = []
    for table in catalog.tables.values():
        updatable = [c for c in rights.updatable(needed, table.name) if table.column(c)]
        for relation in table.relations:
            whole.append((relation, "select"))
            if table.name in deletable:
                whole.append((relation, "delete"))
            if relation in fillable:
                whole.append((relation, "insert"))
            columns += [(relation, column) for column in updatable]
    return whole, columns
