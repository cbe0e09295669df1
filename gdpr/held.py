"""Which rows of an erasure are on legal hold: then none of it is carried out. Reads only."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import statements
from gdpr.reach import Reach
from gdpr.rows import mentioning, owned
from lifecycle.errors import Refused
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.system import System
from lifecycle.words import counted


@contextmanager
def nothing_on_hold(
    system: System,
    reach: Reach,
    about: dict[str, object],
    beside: Callable[[Connection[TupleRow], Sequence[Hold]], Iterable[str]],
) -> Generator[Callable[[], None]]:
    """Let who places a hold wait until this block has ended: in it goes what is beyond the database.

    What is yielded raises Unreachable where nobody would wait any more, as the connection was lost: ask it before each
    thing that goes. Raise Refused where something of the person is on hold already, or what `beside` says is.
    """
    with closing(system.connect("gdpr.holds")) as conn:
        holds = gate.standing_while_connected(conn)
        if holds:
            with system.snapshot("gdpr.holds") as look:
                why = (*held(look, reach, holds, about), *beside(look, holds))
            if why:
                hint = "Nothing was changed. See `lifecycle holds list`."
                raise Refused("; ".join(why), hint=hint)
        yield partial(gate.must_be_connected, conn)


def held(
    conn: Connection[TupleRow], reach: Reach, holds: Sequence[Hold], about: dict[str, object]
) -> tuple[str, ...]:
    """Return why the erasure of this person has to wait: rows that would go or change, and are on hold.

    GDPR Art. 17(3)(b) and (e): what a legal duty or claim needs is not erased. Raise psycopg.Error as it comes.
    """
    return tuple(_held(conn, reach, holds, about)) if holds else ()


def _held(
    conn: Connection[TupleRow], reach: Reach, holds: Sequence[Hold], about: dict[str, object]
) -> Iterator[str]:
    numbers = ", ".join(str(hold.number) for hold in holds)
    for table, rows in _touched(reach):
        on_hold = gate.on(holds, reach.policy, reach.catalog, table)
        if on_hold.rows is None:
            continue
        both = sql.SQL("{} and {}").format(rows, on_hold.rows)
        row = conn.execute(
            statements.count(reach, table, both), {**about, **on_hold.keys}
        ).fetchone()
        if row and row[0]:
            yield f"{counted(row[0], 'row')} of {table} on legal hold (of holds {numbers})"
    log = AUDIT.of(reach.policy)
    if log and gate.on(holds, reach.policy, reach.catalog, log.table).rows is not None:
        yield f"{log.table} is on legal hold (of holds {numbers})"


def _touched(reach: Reach) -> Iterator[tuple[str, sql.Composed]]:
    """Yield each table in which rows go or change, with which."""
    for table in (*reach.deleted, *reach.kept):
        yield table, owned(reach, table)
    for mention in reach.mentions:
        yield mention.table, mentioning(reach, mention)
