"""Makes the schema `lifecycle`, its logins (`logins.py`) and the grants a policy needs, and nothing more.

PostgreSQL lets only a table's owner attach partitions and refresh statistics, so the DDL login is a member of those
owners, and steps into that membership only for such a statement. BYPASSRLS is needed because a row hidden from an
erasure is a row kept. What is run and what `lifecycle init --print-sql` prints is one script. Run by an administrator.
"""

from collections.abc import Iterator

from psycopg import Connection, sql
from psycopg.errors import DatabaseError, InsufficientPrivilege
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.admin import adopt, logins, tombstones
from lifecycle.errors import AccessDenied, Refused
from lifecycle.policy import rights
from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres import ddl
from lifecycle.postgres.catalog import Catalog, sql_name

Statement = sql.SQL | sql.Composed
Memberships = tuple[tuple[str, str, str], ...]

# Names in what follows are PostgreSQL's own or written out: nobody's `public` has a say in what an administrator runs.
_PATH = sql.SQL("set local search_path = pg_catalog, pg_temp")
_OPEN = (
    _PATH,
    logins.ROLES,
    logins.ENTER,
    logins.MAKE,
    adopt.QUESTION,
    logins.HAND_OVER,
    logins.BECOME,
)
_REGISTER = "insert into lifecycle.installation (system) values ({}) on conflict do nothing"
_REGISTERED = "select system from lifecycle.installation"
_MEMBERSHIPS = """
    select m.rolname, o.rolname, g.rolname
      from pg_catalog.pg_auth_members a
      join pg_catalog.pg_roles m on m.oid = a.member
      join pg_catalog.pg_roles o on o.oid = a.roleid
      join pg_catalog.pg_roles g on g.oid = a.grantor
     where m.rolname in ('lifecycle', 'lifecycle_ddl')
     order by 1, 2, 3
"""


def packages() -> tuple[str, ...]:
    """Return whose tables are made: the ledger's, and each room's own."""
    return ("lifecycle.ledger", *rooms.ROOMS)


def install(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    password: str | None,
    ddl_password: str | None = None,
) -> tuple[str, ...]:
    """Make roles, schema, tables and grants in one transaction; safe to repeat. Return the migrations applied.

    A password, when given, becomes its login's, sent as a SCRAM verifier only. Raise Refused when the database
    belongs to another system's policy, the schema there to a stranger, or a table to be partitioned to whom the service
    must not act as; `tombstones.Wrong` where one cannot be made; AccessDenied when this administrator may not do all of
    it.
    """
    try:
        with tombstones.path_kept(conn), conn.transaction():
            todo = _enter(conn, policy)
            for statement in script(conn, policy, catalog, todo):
                conn.execute(statement.encode())
            tombstones.make(conn, policy, catalog)
            conn.execute(_PATH)  # an owner's code may have set another
            for role, secret in ((logins.SERVICE, password), (logins.DDL, ddl_password)):
                if secret is not None:
                    conn.execute(_set_password(conn, role, secret))
    except InsufficientPrivilege as error:
        raise _not_allowed(error) from None
    return tuple(migration.name for migration in todo)


def render(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> str:
    """Return all of it as SQL text, for an administrator to read and run with psql. Sets no password.

    Raise Refused as `install` does; run later, what is printed asks again whose the schema is. Looks as an
    administrator would, and rolls that back.
    """
    try:
        with tombstones.path_kept(conn), conn.transaction(force_rollback=True):
            todo = _enter(conn, policy)
            tombstones.make(conn, policy, catalog)
        lines = (*script(conn, policy, catalog, todo), *tombstones.script(policy, catalog))
        ended = (line if line.endswith(";") else f"{line};" for line in lines)
        return "\n".join(["begin;", *ended, "commit;", ""])
    except InsufficientPrivilege as error:
        raise _not_allowed(error) from None


def script(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, todo: tuple[ddl.Migration, ...]
) -> Iterator[str]:
    """Yield every statement of an installation, as text."""
    for statement in (*_OPEN, logins.PRIVATE):
        yield statement.as_string()
    yield from ddl.render(todo)
    yield _REGISTER.format(sql.Literal(policy.system).as_string())
    for _, room in rooms.load("terms"):
        yield from room.terms(policy)
    for statement in (*logins.USE, logins.STOP, *grants(policy, catalog, memberships(conn))):
        yield statement.as_string()
    yield logins.LEAVE.as_string()


def _enter(conn: Connection[TupleRow], policy: Policy) -> tuple[ddl.Migration, ...]:
    """Make roles and schema, and return what is still to be applied there. Raise Refused for a stranger's schema."""
    try:
        for statement in _OPEN:
            conn.execute(statement)
    except DatabaseError as error:
        if error.sqlstate != adopt.STATE:
            raise
        raise Refused(
            error.diag.message_primary or "", hint=error.diag.message_hint or ""
        ) from None
    todo = ddl.to_do(conn, packages())
    if len(todo) < len(tuple(ddl.migrations(packages()))):
        owner = conn.execute(_REGISTERED).fetchone()
        if owner is not None and owner[0] != policy.system:
            raise Refused(
                f"this database already belongs to the policy of system {owner[0]!r}",
                hint="One database has one policy. Merge the two, or correct the dsn.",
            )
    conn.execute(logins.STOP)
    return todo


def _set_password(conn: Connection[TupleRow], role: str, password: str) -> sql.Composed:
    verifier = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.SQL("alter role {} password {}").format(
        sql.Identifier(role), sql.Literal(verifier.decode())
    )


def _not_allowed(error: InsufficientPrivilege) -> AccessDenied:
    return AccessDenied(
        f"this administrator may not do all of it: {error.diag.message_primary}",
        hint="Nothing was changed. A superuser can, or whoever administers the roles concerned: the tables' owners "
        "and `lifecycle_owner`. `lifecycle init --print-sql` prints it for them.",
    )


def memberships(conn: Connection[TupleRow]) -> Memberships:
    """Read (login of ours, whom it may act as, who granted that)."""
    return tuple((row[0], row[1], row[2]) for row in conn.execute(_MEMBERSHIPS).fetchall())


def grants(policy: Policy, catalog: Catalog, acts_as: Memberships) -> Iterator[Statement]:
    """Yield the grants the policy needs on the tables of this database, in the catalog's order.

    Raise Refused when a table to be partitioned belongs to a superuser or to who could let himself into the ledger:
    whoever may act as its owner could do anything.
    """
    needed = rights.of(policy, catalog)
    if barred := rights.barred(needed, catalog):
        whose = ", ".join(sorted({catalog.owner(table) for table in barred}))
        raise Refused(
            f"{', '.join(barred)} belong to {whose}, and only the owner can attach partitions or refresh a view",
            hint="The service must not act as a superuser, nor as who can make roles or could become the ledger's "
            "owner. Give them another owner (`alter table ... owner to ...`): the head of what `lifecycle policy "
            "generate` drafts has the statements.",
        )
    yield sql.SQL("grant connect on database {} to lifecycle, lifecycle_ddl").format(
        sql.Identifier(catalog.database)
    )
    # What is fetched back from an archive is loaded beside the tables, for its session alone.
    yield sql.SQL("grant temporary on database {} to lifecycle").format(
        sql.Identifier(catalog.database)
    )
    yield from _memberships(catalog, acts_as, rights.owners(needed, catalog))
    schemas = sorted({table.schema for table in catalog.tables.values()})
    for schema in map(sql.Identifier, sorted(catalog.schemas - {*schemas})):  # of leaves alone
        yield sql.SQL("grant usage on schema {} to lifecycle").format(schema)
    for schema in map(sql.Identifier, schemas):  # what an earlier policy needed is taken back
        yield sql.SQL("revoke all on all tables in schema {} from lifecycle, lifecycle_ddl").format(
            schema
        )
        yield sql.SQL("grant usage on schema {} to lifecycle").format(schema)
        # Everything, as a dump and a proof read everything: partitions that are partitioned again, too.
        yield sql.SQL("grant select on all tables in schema {} to lifecycle").format(schema)
        yield sql.SQL("grant select on all sequences in schema {} to lifecycle").format(schema)
    for name in catalog.tables:
        yield from _table_grants(needed, catalog, name)
    for name in sorted(rights.fillable(needed)):
        yield sql.SQL("grant insert on {} to lifecycle").format(sql_name(name))


def _memberships(
    catalog: Catalog, acts_as: Memberships, wanted: frozenset[str]
) -> Iterator[Statement]:
    """Yield who the DDL login steps into, and take back every other owner, all of them from the service."""
    there = {table.owner for table in catalog.tables.values()} | {logins.OWNER, logins.DDL}
    there |= {*catalog.materialized.values()}
    for login, owner, grantor in acts_as:
        if owner in there and (login == logins.SERVICE or owner not in wanted):
            by = sql.SQL(" granted by {}").format(sql.Identifier(grantor))
            yield sql.SQL("revoke {} from {}{}").format(
                sql.Identifier(owner),
                sql.Identifier(login),
                by if catalog.version >= 16 else sql.SQL(""),
            )
    for owner in sorted(wanted):
        yield sql.SQL("grant {} to lifecycle_ddl").format(sql.Identifier(owner))


def _table_grants(needed: tuple[Right, ...], catalog: Catalog, name: str) -> Iterator[Statement]:
    table = catalog.tables[name]
    columns = rights.updatable(needed, name)
    # A right on the parent is not a right on its partitions, and batches work on the partition itself.
    for relation in [name, *(partition.name for partition in table.partitions)]:
        target = sql_name(relation)
        yield sql.SQL("grant select on {} to lifecycle").format(target)
        if name in rights.deletable(needed):
            yield sql.SQL("grant delete on {} to lifecycle").format(target)
        if columns and table.compressed:  # TimescaleDB gives no right on a column there
            yield sql.SQL("grant update on {} to lifecycle").format(target)
        elif columns:
            yield sql.SQL("grant update ({}) on {} to lifecycle").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), target
            )
