"""The statements by which an administrator gives tables an owner of their own, for people to run; who sees all rows."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

SEES_ALL: LiteralString = (
    "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
)

# Who gives them stays a member of the new owner: an application that logs in as the old one goes on working.
_GIVE = sql.SQL("""\
create role {new};
grant {new} to current_user;
grant usage, create on schema {schemas} to {new};
do $$ declare one regclass; begin
  for one in select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where c.relkind in ('r', 'p', 'm') and n.nspname in ({names}) and pg_get_userbyid(c.relowner) in ({old})
                and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
  loop execute format('alter table %s owner to {new}', one); end loop;
end $$;""")


def give(new: str, old: Sequence[str], schemas: Sequence[str]) -> sql.Composed:
    """Return what makes the role `new` the owner of all tables that the `old` ones have in these schemas."""
    comma = sql.SQL(", ")
    return _GIVE.format(
        new=sql.Identifier(new),
        schemas=comma.join(map(sql.Identifier, schemas)),
        names=comma.join(map(sql.Literal, schemas)),
        old=comma.join(map(sql.Literal, old)),
    )
