"""References that no foreign key holds, where an erasure goes by them: what may be wrong before, what is left after.

PostgreSQL keeps no row from naming somebody by a type and a number, an address or a value in JSON. So it is asked
before the first write whether rows name the person by a type that the policy does not know, or somebody else as well;
what led there is noted; and afterwards rows are looked for that still do, as they were written meanwhile. Reads only.
"""

import json
from collections.abc import Iterator, Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_references as statements
from gdpr.reach import Reach
from gdpr.rows import by_value
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.names import sql_name
from lifecycle.words import counted


def used(reach: Reach) -> tuple[Virtual, ...]:
    """Return the references by which rows are the person's, or lose a pointer to what is theirs."""
    tables = (*reach.deleted, *reach.kept)
    keys = [key for table in tables for key in reach.ways(table)]
    keys += [key for mention in reach.mentions for key in mention.keys]
    found: list[Virtual] = []
    for key in keys:
        if isinstance(key, Virtual) and key not in found:
            found.append(key)
    return tuple(found)


def name(key: Virtual) -> str:
    """Return what a reference is called: `table.name`, and of several types which."""
    return f"{key.table}.{key.name}" + (f" ({key.of_type})" if key.of_type else "")


def doubtful(
    conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]
) -> tuple[str, ...]:
    """Return why nobody can say whose rows these are, in words. Raise psycopg.Error as it comes."""
    return tuple(_doubtful(conn, reach, about))


def _doubtful(
    conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]
) -> Iterator[str]:
    typed: dict[tuple[str, str], list[Virtual]] = {}
    inside = [key for mention in reach.mentions if not mention.columns for key in mention.keys]
    for key in used(reach):
        if key.said.path is not None and (rows := _number(conn, statements.unread(reach, key), {})):
            yield (
                f"{counted(rows, 'row')} of {key.table} have an object or a list of lists under the path of "
                f"{key.name}: nobody can say whom they name; let `path` lead to the value itself, or take them out"
            )
        if key.said.type is not None:
            typed.setdefault((key.table, key.name), []).append(key)
        alone = (
            by_value(key) or key in inside
        )  # out of a document the person's value goes by itself
        rows = 0 if alone else _number(conn, statements.doubles(reach, key), about)
        if rows:
            yield (
                f"{counted(rows, 'row')} of {key.table} lead by {key.name} to the person and to somebody else as well: "
                "nobody can say whose they are; take one of the two out of them by hand"
            )
    for (table, word), keys in typed.items():
        if rows := _number(conn, statements.strays(reach, keys), about):
            yield (
                f"{counted(rows, 'row')} of {table} would lead to the person by {word}, and {keys[0].said.type} has a "
                "type there that the policy does not name, or none: add each under `of`, spelled as rows have it, also "
                "one of rows that are nobody's"
            )


def noted(
    conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return where references lead, `table (columns)` -> the values there that are the person's, as JSON."""
    found: dict[str, tuple[str, ...]] = {}
    for key in used(reach):
        if key.referenced in reach.deleted and _end(key) not in found:
            rows = conn.execute(statements.values(reach, key), about).fetchall()
            found[_end(key)] = tuple(value for (value,) in rows)
    return found


def left(
    conn: Connection[TupleRow], reach: Reach, led: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, int]]:
    """Yield each reference, and how many rows lead by it to what was noted and is not there any more."""
    for key in used(reach):
        if key.referenced in reach.deleted:
            rows = [json.loads(value) for value in led.get(_end(key), ())]
            lists = {f"value_{n}": [row[n] for row in rows] for n in range(len(key.columns))}
            yield name(key), _number(conn, statements.left(reach, key), lists) if rows else 0


def unindexed(conn: Connection[TupleRow], reach: Reach) -> Iterator[str]:
    """Yield, in words, by which references a whole table is read while the rows of the person are locked."""
    for key in used(reach):
        typed = [key.said.type] if key.said.type else []
        named = {"table": sql_name(key.table).as_string(), "columns": [*key.columns, *typed]}
        if not by_value(key):
            why = "no index serves a path into JSON or a value in any spelling"
        elif conn.execute(statements.INDEXED, named).fetchone() == (False,):
            columns = ", ".join((*typed, *key.columns))
            why = f"it has no index: `create index concurrently on {key.table} ({columns})`"
        else:
            continue
        yield f"{name(key)}: all of {key.table} is read while the person's row is locked, as {why}"


def _end(key: Virtual) -> str:
    return f"{key.referenced} ({', '.join(key.referenced_columns)})"


def _number(
    conn: Connection[TupleRow], query: statements.Query, values: Mapping[str, object]
) -> int:
    row = conn.execute(query, values).fetchone()
    return row[0] if row else 0
