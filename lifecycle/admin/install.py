"""Makes the schema `lifecycle` and a role with what the policy needs and nothing more.

The role is no superuser and inherits nothing: PostgreSQL lets only a table's owner attach partitions and refresh
statistics, so the role is a member of those owners, and steps into that membership only for such a statement.
BYPASSRLS is needed because a row hidden from an erasure is a row kept. Run by an administrator, who may
prefer to read the SQL first: `lifecycle init --print-sql`.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.errors import Refused
from lifecycle.policy import whole
from lifecycle.policy.model import Policy, SharedBy
from lifecycle.postgres import ddl
from lifecycle.postgres.catalog import Catalog, Table, sql_name

ROLE = "lifecycle"
PACKAGES = ("lifecycle.ledger", *rooms.ROOMS)

Statement = sql.SQL | sql.Composed

_ROLE = sql.SQL("""do $$ begin
    if not exists (select from pg_roles where rolname = 'lifecycle') then
        create role lifecycle login noinherit bypassrls nosuperuser nocreatedb nocreaterole;
    elsif exists (select from pg_roles where rolname = 'lifecycle' and not (
                  rolcanlogin and not rolinherit and rolbypassrls and not rolsuper)) then
        alter role lifecycle login noinherit bypassrls nosuperuser;
    end if;
end $$""")
_SCHEMA = sql.SQL("create schema if not exists lifecycle")
_PRIVATE = sql.SQL("revoke all on schema lifecycle from public")
_REGISTER = """
    insert into lifecycle.installation (system) values (%(system)s) on conflict do nothing
"""
_SUPERUSERS = "select rolname from pg_roles where rolsuper"
_REGISTERED = "select system from lifecycle.installation"


def install(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, password: str | None
) -> tuple[str, ...]:
    """Make role, schema, tables and grants in one transaction; safe to repeat. Return the migrations applied.

    `password`, when given, becomes the role's password, sent as a SCRAM verifier only.
    Raise Refused when the database already belongs to another system's policy.
    """
    with conn.transaction():
        conn.execute(_ROLE)
        conn.execute(_SCHEMA)
        conn.execute(_PRIVATE)
        applied = ddl.migrate(conn, PACKAGES)
        conn.execute(_REGISTER, {"system": policy.system})
        owner = conn.execute(_REGISTERED).fetchone()
        if owner is not None and owner[0] != policy.system:
            raise Refused(
                f"this database already belongs to the policy of system {owner[0]!r}",
                hint="One database has one policy. Merge the two, or correct the dsn.",
            )
        for statement in grants(policy, catalog, superusers(conn)):
            conn.execute(statement)
        if password is not None:
            verifier = conn.pgconn.encrypt_password(
                password.encode(), ROLE.encode(), b"scram-sha-256"
            )
            conn.execute(
                sql.SQL("alter role lifecycle password {}").format(sql.Literal(verifier.decode()))
            )
    return applied


def render(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> str:
    """Return all of it as SQL text, for an administrator to read and run with psql. Sets no password."""
    head = [_text(_ROLE), _text(_SCHEMA), _text(_PRIVATE)]
    own = ddl.render(ddl.to_do(conn, PACKAGES))
    register = "insert into lifecycle.installation (system) values ({}) on conflict do nothing;"
    tail = [register.format(sql.Literal(policy.system).as_string())]
    body = [_text(statement) for statement in grants(policy, catalog, superusers(conn))]
    return "begin;\n" + "\n".join([*head, *own, *tail, *body]) + "\ncommit;\n"


def _text(statement: Statement) -> str:
    return statement.as_string() + ";"


def superusers(conn: Connection[TupleRow]) -> frozenset[str]:
    """Return the superusers of this server: nobody is made a member of one."""
    return frozenset(row[0] for row in conn.execute(_SUPERUSERS).fetchall())


def grants(policy: Policy, catalog: Catalog, superusers: frozenset[str]) -> Iterator[Statement]:
    """Yield the grants the policy needs on the tables of this database, in the catalog's order.

    Raise Refused when a table to be partitioned belongs to one of `superusers`: whoever may act as its
    owner could do anything.
    """
    barred = [
        n
        for n in whole.named(policy, "partitions") or ()
        if n in catalog.tables and catalog.tables[n].owner in superusers
    ]
    if barred:
        raise Refused(
            f"{', '.join(barred)} belong to a superuser, and only a table's owner can attach partitions",
            hint="The service must not act as a superuser. Give them another owner, with "
            "`alter table ... owner to ...`, and run `lifecycle init` again.",
        )
    yield sql.SQL("grant connect on database {} to lifecycle").format(
        sql.Identifier(catalog.database)
    )
    for owner in sorted(_owners(policy, catalog) - superusers):
        yield sql.SQL("grant {} to lifecycle").format(sql.Identifier(owner))
    schemas = {table.schema for table in catalog.tables.values()}
    for schema in sorted(schemas):  # what an earlier policy needed is taken back
        yield sql.SQL("revoke all on all tables in schema {} from lifecycle").format(
            sql.Identifier(schema)
        )
    for schema in sorted(schemas | {"lifecycle"}):
        yield sql.SQL("grant usage on schema {} to lifecycle").format(sql.Identifier(schema))
        # Everything, as a dump reads everything: partitions that are partitioned again, too.
        yield sql.SQL("grant select on all tables in schema {} to lifecycle").format(
            sql.Identifier(schema)
        )
        yield sql.SQL("grant select on all sequences in schema {} to lifecycle").format(
            sql.Identifier(schema)
        )
    for name in catalog.tables:
        yield from _table_grants(policy, catalog, name)


def _table_grants(policy: Policy, catalog: Catalog, name: str) -> Iterator[Statement]:
    table = catalog.tables[name]
    # A right on the parent is not a right on its partitions, and batches work on the partition itself.
    for relation in [name, *(partition.name for partition in table.partitions)]:
        target = sql_name(relation)
        yield sql.SQL("grant select on {} to lifecycle").format(target)
        if name in deletable(policy):
            yield sql.SQL("grant delete on {} to lifecycle").format(target)
        columns = sorted(updatable(policy, table))
        if columns:
            yield sql.SQL("grant update ({}) on {} to lifecycle").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), target
            )


def _owners(policy: Policy, catalog: Catalog) -> set[str]:
    """Return whom the service may act as: to attach partitions, and to refresh the planner's statistics.

    They remember values of people whose rows are gone, and before PostgreSQL 17 only an owner can refresh them.
    """
    names = {*(whole.named(policy, "partitions") or ()), *deletable(policy)} & set(catalog.tables)
    return {catalog.tables[name].owner for name in names}


def deletable(policy: Policy) -> frozenset[str]:
    """Return the tables whose rows the policy lets go."""
    log = whole.named(policy, "audit")
    audit = {log.table} if log else set[str]()
    erased = {
        name
        for name, table in policy.tables.items()
        if whole.named(policy, "erasure") and table.owner is not None and not table.keep
    }
    expired = {rule.table for rule in whole.named(policy, "retention") or () if rule.do == "delete"}
    return frozenset((erased | expired) - audit)


def updatable(policy: Policy, target: Table) -> frozenset[str]:
    """Return the columns of a table that the policy sets.

    `select ... for update` needs the right to update some column: of rows that expire the one that starts
    their clock, of a person's row its key.
    """
    name = target.name
    cleared = {
        r.table.removeprefix(f"{name}.")
        for r in whole.named(policy, "retention") or ()
        if r.do == "clear" and r.table.rpartition(".")[0] == name
    }
    clocks = {
        r.by or target.partition_key or ""
        for r in whole.named(policy, "retention") or ()
        if r.do == "delete" and r.table == name
    }
    erasure = whole.named(policy, "erasure")
    erased = set(_set_by_an_erasure(policy, erasure, name)) if erasure else set[str]()
    return frozenset((cleared | clocks | erased) - {""})


def _set_by_an_erasure(policy: Policy, erasure: Any, name: str) -> Iterator[str]:
    table, audit, requests = policy.tables.get(name), whole.named(policy, "audit"), erasure.requests
    if table is not None:
        yield from table.mentions
        yield from table.keep.clear if table.keep else ()
        if table.owner and any(isinstance(owner, SharedBy) for owner in table.owner.values()):
            yield from _payers(policy, name)
    yield from (subject.key for subject in policy.subjects.values() if subject.table == name)
    if audit is not None and audit.table == name:
        yield from (audit.subject, audit.actor, audit.record, *audit.values, *audit.of_actor)
    if requests.table == name:
        yield from (requests.status, requests.completed)
        yield from [requests.tables] if requests.tables else []


def _payers(policy: Policy, name: str) -> Iterator[str]:
    """Yield the payer's column of a shared table, if it stands there: the one an erasure may lock."""
    for subject in policy.subjects.values():
        if subject.payer and subject.payer.column.rpartition(".")[0] == name:
            yield subject.payer.column.rpartition(".")[2]
