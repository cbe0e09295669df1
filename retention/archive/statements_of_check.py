"""What the check of archives asks a managed database: values beside their digests, a part of them at a time."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.postgres.names import sql_name
from retention.archive.section import Digests


def differing(one: Digests, key: Sequence[str]) -> sql.Composed:
    """Name today's rows whose value is not what the digest beside it is of."""
    return sql.SQL("""
        select {name} from {table} as t
         where {today}
           and ({of} is null
                or encode(sha256(convert_to(concat({of}), 'UTF8')), 'hex') is distinct from lower({sha256}::text))
    """).format(**_parts(one, key))


def how_many(one: Digests) -> sql.Composed:
    """Count today's rows."""
    return sql.SQL("select count(*) from {table} as t where {today}").format(**_parts(one, ()))


def objects(one: Digests, key: Sequence[str]) -> sql.Composed:
    """Return today's rows: name, the object's key, the digest."""
    return sql.SQL(
        "select {name}, {of}::text, {sha256}::text from {table} as t where {today}"
    ).format(**_parts(one, key))


def _parts(one: Digests, key: Sequence[str]) -> dict[str, sql.Composable]:
    of, sha256 = sql.Identifier("t", one.of), sql.Identifier("t", one.sha256)
    named = [sql.Identifier("t", name) for name in (key or (one.of,))]
    return {
        "table": sql_name(one.table),
        "of": of,
        "sha256": sha256,
        "name": sql.SQL(
            "left(encode(sha256(convert_to(concat_ws(',', {}), 'UTF8')), 'hex'), 12)"
        ).format(sql.SQL(", ").join(named)),
        "today": sql.SQL(
            "({of} is not null or {sha256} is not null) "
            "and (hashtextextended(concat({sha256}), 0) & 9223372036854775807) %% %(parts)s = %(today)s"
        ).format(of=of, sha256=sha256),
    }
