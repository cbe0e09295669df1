"""What pg_partman's own table says of the tables that it looks after, in the words of a policy.

It keeps them in `part_config`, in whatever schema it was put, and those that it partitions below others in
`part_config_sub` beside it (versions 4.7 to 5.5). Reads only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, sql_name

_COLUMNS = {"parent_table", "partition_interval", "automatic_maintenance"}

_READ = """
    select c.parent_table::text, c.control::text, c.partition_interval::text, c.premake::integer, c.epoch::text,
           c.retention::text, c.retention_keep_table, c.retention_schema::text, c.undo_in_progress,
           c.automatic_maintenance::text,
           exists (select from {sub} s where s.sub_parent::text = c.parent_table::text), md5(c::text)
      from {config} c order by 1
"""

# A count of an id set is no interval, though PostgreSQL would read it as one of seconds.
_PARTS = """
    select (extract(year from said) * 12 + extract(month from said))::integer, extract(day from said)::integer,
           extract(epoch from said - date_trunc('day', said))::integer
      from (select %(said)s::interval as said) as it
"""


@dataclass(frozen=True, slots=True)
class Config:
    """How pg_partman looks after a table: `config` is where it says so, `spelled` how it spells the table there.

    `every` and `after` are in the words of a policy, None where there are none for it; `interval` and `retention` are
    its own. `keeps`: what ends is taken off and kept. `digest` is of the whole row.
    """

    table: str
    config: str
    spelled: str
    by: str
    interval: str
    every: str | None
    ahead: int
    holds: str | None
    retention: str | None
    after: str | None
    keeps: bool
    schema: str | None
    undo: bool
    maintained: bool
    below: bool
    digest: str


def configs(catalog: Catalog) -> Iterator[str]:
    """Yield the tables in which pg_partman says what it looks after."""
    for table in catalog.tables.values():
        if table.relname == "part_config" and {c.name for c in table.columns} >= _COLUMNS:
            yield table.name


def read(conn: Connection[TupleRow], catalog: Catalog) -> tuple[Config, ...]:
    """Read them all. Raise psycopg.Error as it comes."""
    found: list[Config] = []
    for config in configs(catalog):
        sub = sql_name(policy_name(catalog.tables[config].schema, "part_config_sub"))
        question = sql.SQL(_READ).format(config=sql_name(config), sub=sub)
        for row in conn.execute(question).fetchall():
            (
                spelled,
                by,
                interval,
                ahead,
                epoch,
                retention,
                keeps,
                schema,
                undo,
                state,
                below,
                digest,
            ) = row
            parent_schema, _, relname = spelled.partition(".")
            after = _parts(conn, retention)
            found.append(
                Config(
                    table=policy_name(parent_schema, relname),
                    config=config,
                    spelled=spelled,
                    by=by,
                    interval=interval,
                    every=length(*parts) if (parts := _parts(conn, interval)) else None,
                    ahead=ahead,
                    holds=None if epoch == "none" else epoch,
                    retention=retention,
                    after=span(*after) if after else None,
                    keeps=bool(keeps or schema),
                    schema=schema,
                    undo=undo,
                    maintained=state != "off",
                    below=below,
                    digest=digest,
                )
            )
    return tuple(found)


def _parts(conn: Connection[TupleRow], said: str | None) -> tuple[int, int, int] | None:
    if said is None or said.isdigit():
        return None
    return conn.execute(_PARTS, {"said": said}).fetchone()


def length(months: int, days: int, seconds: int) -> str | None:
    """Return how a policy says the length of a partition: `month`, `6 months`; None where it cannot."""
    match months, days, seconds:
        case 3, 0, 0:
            return "quarter"
        case int(), 0, 0 if months % 12 == 0:
            return _several(months // 12, "year")
        case int(), 0, 0:
            return _several(months, "month")
        case 0, int(), 0:
            return _several(days // 7, "week") if days % 7 == 0 else _several(days, "day")
        case 0, 0, int() if seconds % 3600 == 0:
            return _several(seconds // 3600, "hour")
        case _:
            return None


def _several(count: int, unit: str) -> str | None:
    return unit if count == 1 else f"{count} {unit}s" if 1 < count < 100 else None


def span(months: int, days: int, seconds: int) -> str | None:
    """Return how a policy says a time: `90 days`; None where it cannot."""
    counts = ((months // 12, "year"),) if months % 12 == 0 else ((months, "month"),)
    said = [(n, unit) for n, unit in (*counts, (days, "day"), (seconds // 3600, "hour")) if n]
    if len(said) != 1 or seconds % 3600:
        return None
    [(count, unit)] = said
    return f"{count} {unit}{'s' if count > 1 else ''}"
