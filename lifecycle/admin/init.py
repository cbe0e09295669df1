"""`lifecycle init`: an administrator lets the service into a database, or prints the SQL that would.

Knows how the administrator's connection is named; what is made stands in `install.py`. Changes nothing with
`--print-sql`.
"""

import os

import psycopg
from psycopg import conninfo

from lifecycle import settings_file, show
from lifecycle.admin import install, logins, tombstones
from lifecycle.cli_options import open_system
from lifecycle.config.load import refuse
from lifecycle.errors import InputError
from lifecycle.policy import load
from lifecycle.postgres import catalog, connect
from lifecycle.system import System

VARIABLE = "LIFECYCLE_ADMIN_DSN"


def carry_out(name: str | None, dsn: str | None, *, print_sql: bool, as_json: bool) -> None:
    """Make schema, role and grants for system `name`, or print them. Raise Refused for another's database."""
    system = open_system(name)
    try:
        _carry_out(system, dsn, print_sql=print_sql, as_json=as_json)
    except tombstones.Wrong as error:
        file = settings_file.policy_file(settings_file.settings_from(None), system.name)
        _, lines, _ = load.policy_with_lines(file)
        refuse(lines, [error.mistake])


def _carry_out(system: System, dsn: str | None, *, print_sql: bool, as_json: bool) -> None:
    with connect.connect(
        administrator(dsn), "init", write=not print_sql, database=system.policy.database
    ) as conn:
        live = catalog.read(conn)
        if print_sql:
            rendered = install.render(conn, system.policy, live).rstrip()
            if as_json:
                show.document("init-sql", {"database": system.policy.database, "sql": rendered})
            else:
                show.text(rendered)
            return
        secrets = (system.settings.password, system.settings.ddl.password)
        own, ddl = (s.read(f"{system.name}: password") if s else None for s in secrets)
        applied = install.install(conn, system.policy, live, own, ddl)
        left = logins.left(conn)
    if as_json:
        show.document(
            "init", {"database": system.policy.database, "applied": list(applied), "left": left}
        )
        return
    made = f"{len(applied)} new" if applied else "nothing new"
    show.text(f"{system.policy.database}: schema `lifecycle` is up to date ({made}).")
    show.text(
        "Role `lifecycle` has the rights that this policy needs, and no others; `lifecycle_ddl` steps into owners."
    )
    for statement in left:
        show.text(f"This administrator may not say it, a superuser has to: {statement}")
    show.text("Next: `lifecycle doctor` says what is still missing.")


def administrator(dsn: str | None) -> str:
    """Return the administrator's connection string. One from the environment may carry a password."""
    if dsn is not None:
        return connect.conninfo(dsn, None)
    named = os.environ.get(VARIABLE)
    if not named:
        raise InputError(
            "no administrator's connection is named",
            hint=f"Set {VARIABLE}, or give `--dsn` without a password (libpq reads it from PGPASSFILE).",
        )
    try:
        return conninfo.make_conninfo(named)
    except psycopg.ProgrammingError:
        raise InputError(
            f"the dsn in {VARIABLE} cannot be read",
            hint="Write it like `host=db.example dbname=vitalis user=postgres` or `postgresql://...`.",
        ) from None
