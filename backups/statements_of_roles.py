"""What this room says about what is a server's and not a database's: roles, memberships, settings, and who may enter.

Never asks for a password.
"""

from collections.abc import Sequence

from psycopg import sql

# The roles that PostgreSQL brings itself are every server's.
ROLES = """
    select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
           rolconnlimit, case when not isfinite(rolvaliduntil) then rolvaliduntil::text
                              else to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') end
      from pg_roles where rolname !~ '^pg_' order by rolname
"""

# Who may inherit or set a role is a membership's own since PostgreSQL 16.
MEMBERSHIPS = """
    select r.rolname, m.rolname, bool_or(a.admin_option), bool_or((to_jsonb(a) ->> 'inherit_option')::bool),
           bool_or((to_jsonb(a) ->> 'set_option')::bool)
      from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
     where m.rolname !~ '^pg_' group by 1, 2 order by 1, 2
"""

# Of one database, and of all.
SETTINGS = """
    select s.setdatabase <> 0, r.rolname, split_part(c.said, '=', 1), substr(c.said, strpos(c.said, '=') + 1)
      from pg_db_role_setting s cross join unnest(s.setconfig) as c (said)
      left join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole
     where s.setdatabase = 0 or d.datname = %(database)s order by 1, 2 nulls first, 3
"""

DATABASE = (
    "select pg_get_userbyid(datdba), datconnlimit from pg_database where datname = %(database)s"
)

ENTERING = """
    select coalesce(r.rolname, ''), a.privilege_type, bool_or(a.is_grantable)
      from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
      left join pg_roles r on r.oid = a.grantee
     where d.datname = %(database)s group by 1, 2 order by 1, 2
"""


def create_role(role: str) -> sql.Composed:
    """Return what makes a role that can do nothing yet."""
    return sql.SQL("create role {} nologin").format(sql.Identifier(role))


def alter_role(
    role: str, words: Sequence[sql.SQL], connections: int, until: str | None
) -> sql.Composed:
    """Return what makes a role what it was, but for its password."""
    return sql.SQL("alter role {} {} connection limit {} valid until {}").format(
        sql.Identifier(role),
        sql.SQL(" ").join(words),
        sql.Literal(connections),
        sql.Literal(until or "infinity"),
    )


def word(name: str, *, has: bool) -> sql.SQL:
    """Return one attribute of a role, as it is or is not."""
    return _WORDS[name][0 if has else 1]


_WORDS = {
    "superuser": (sql.SQL("superuser"), sql.SQL("nosuperuser")),
    "inherit": (sql.SQL("inherit"), sql.SQL("noinherit")),
    "create_role": (sql.SQL("createrole"), sql.SQL("nocreaterole")),
    "create_database": (sql.SQL("createdb"), sql.SQL("nocreatedb")),
    "login": (sql.SQL("login"), sql.SQL("nologin")),
    "replication": (sql.SQL("replication"), sql.SQL("noreplication")),
    "bypass_row_security": (sql.SQL("bypassrls"), sql.SQL("nobypassrls")),
}


def grant_role(
    role: str, member: str, *, admin: bool, inherits: bool | None, sets: bool | None
) -> sql.Composed:
    """Return what makes a role a member of another, as it was."""
    options = [sql.SQL("admin {}").format(sql.Literal(admin))] if inherits is not None else []
    if inherits is not None:
        options += [sql.SQL("inherit {}").format(sql.Literal(inherits))]
        options += [sql.SQL("set {}").format(sql.Literal(sets))]
    elif admin:
        options = [sql.SQL("admin option").format()]
    said = sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member))
    return said + sql.SQL(" with ") + sql.SQL(", ").join(options) if options else said


def set_for(
    role: str | None, database: str | None, name: str, values: Sequence[str]
) -> sql.Composed:
    """Return what sets something for a role (or all of them), in one database (or all of them)."""
    if role is None and database is not None:
        whose = sql.SQL("alter database {}").format(sql.Identifier(database))
    else:
        whose = sql.SQL("alter role {}").format(sql.Identifier(role) if role else sql.SQL("all"))
        if database is not None:
            whose += sql.SQL(" in database {}").format(sql.Identifier(database))
    spelled = sql.SQL(", ").join(map(sql.Literal, values))
    return whose + sql.SQL(" set {} to {}").format(sql.Identifier(*name.split(".")), spelled)


def own_database(database: str, owner: str) -> sql.Composed:
    """Return what gives a database to its owner."""
    return sql.SQL("alter database {} owner to {}").format(
        sql.Identifier(database), sql.Identifier(owner)
    )


def limit_database(database: str, connections: int) -> sql.Composed:
    """Return what limits how many may be in a database; -1 is no limit, 0 lets superusers in alone."""
    return sql.SQL("alter database {} connection limit {}").format(
        sql.Identifier(database), sql.Literal(connections)
    )


def close_database(database: str, owner: str) -> sql.Composed:
    """Return what takes from everybody and the owner what PostgreSQL gives them on a new database."""
    return sql.SQL("revoke all on database {} from public, {}").format(
        sql.Identifier(database), sql.Identifier(owner)
    )


_RIGHTS = {
    "CREATE": sql.SQL("create"),
    "CONNECT": sql.SQL("connect"),
    "TEMPORARY": sql.SQL("temporary"),
}


def let_enter(database: str, right: str, grantee: str, *, grantable: bool) -> sql.Composed:
    """Return what gives a right on a database; an empty grantee is everybody."""
    return sql.SQL("grant {} on database {} to {}{}").format(
        _RIGHTS[right],
        sql.Identifier(database),
        sql.Identifier(grantee) if grantee else sql.SQL("public"),
        sql.SQL(" with grant option" if grantable else ""),
    )
