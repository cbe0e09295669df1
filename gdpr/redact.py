"""Takes a person's values out of rows of others, which stay: these alone, and nothing else of the row.

Goes to the rows that the look beforehand has found, and to no others. Each is compared: it says what it said, without
the values, and all else of it that no declared trigger sets is as it was. Raises before anything is committed.
"""

from collections.abc import Sequence

from psycopg import Connection, errors
from psycopg.rows import TupleRow

from gdpr import alone, redactions, taken_out
from gdpr import statements_of_quotes as statements
from gdpr.person import about
from gdpr.reach import Reach
from gdpr.redactions import Redaction, Standing, Whom
from lifecycle.errors import Conflict, Refused, Unproven
from lifecycle.holds.hold import Hold
from lifecycle.policy import triggers
from lifecycle.postgres.session import settle
from lifecycle.words import counted


class Moved(Conflict):
    """Rows that quote the person are others than were found beforehand: it is looked again."""


def redact(
    conn: Connection[TupleRow],
    reach: Reach,
    found: Sequence[Redaction],
    whom: Whom | None,
    holds: Sequence[Hold],
) -> None:
    """Take the values out of all these rows, in a transaction of the caller's, before anything else of it writes there.

    Raise Moved where they are not those that were found, Refused where the table does not take what would be left, or
    a row is on hold, Unproven where a row would say something else; psycopg.Error as it comes.
    """
    for redaction in found:
        assert whom is not None  # it was found for somebody
        _redact(conn, reach, redaction, whom, holds)


def must_be_theirs(conn: Connection[TupleRow], reach: Reach, whom: Whom | None) -> None:
    """Raise Moved where somebody else goes by now by what would be taken out. Reads the people."""
    if whom is not None and not set(whom.alone) <= {*alone.of(conn, reach, whom.note)}:
        raise Moved(
            "what names the person in rows of others names somebody else as well since it was looked for",
            hint="Nothing was changed. The next run looks again.",
        )


def _redact(
    conn: Connection[TupleRow], reach: Reach, redaction: Redaction, one: Whom, holds: Sequence[Hold]
) -> None:
    rows = [
        row
        for row in redactions.again(conn, reach, redaction, one, holds, lock=True)
        if not row.stuck
    ]
    if len(rows) != redaction.rows:
        raise Moved(
            f"{redaction.name}: {counted(redaction.rows, 'row')} found beforehand to quote the person, and "
            f"{len(rows):,} now",
            hint="Nothing was changed. The next run looks again.",
        )
    if held := sum(row.held for row in rows):
        raise Refused(
            f"{counted(held, 'row')} of {redaction.table} on legal hold quote the person",
            hint="No row was changed. See `lifecycle holds list`.",
        )
    own = len(redaction.columns)
    for row, (rest, *values) in zip(rows, _update(conn, reach, redaction, one, rows), strict=True):
        _must_be_so(reach, redaction, row, rest, values[:own])
        _must_say_nothing(reach, redaction, one, values[own:])
    settle(conn)  # code of the application's may have set what the next statement means


def _update(
    conn: Connection[TupleRow],
    reach: Reach,
    redaction: Redaction,
    one: Whom,
    rows: Sequence[Standing],
) -> list[TupleRow]:
    """Return of each row what it has then. Raise Unproven where one would stay as it was."""
    table, gone, person = redaction.table, list[TupleRow](), about(one.note.person)
    queries = {leaf: statements.redacted(reach, table, leaf) for leaf in {row.leaf for row in rows}}
    try:
        with conn.pipeline():  # one answer is not waited for before the next is asked
            asked = [conn.execute(queries[row.leaf], person | _values(row)) for row in rows]
            gone = [row for answer in asked for row in answer.fetchall()]
    except (errors.IntegrityError, errors.DataError, errors.GeneratedAlways) as error:
        if isinstance(error, errors.ForeignKeyViolation):
            raise
        what = error.diag.constraint_name
        why = f"constraint {what} does" if what else "its type or a rule of the table does"
        raise Refused(
            f"{redaction.name}: {why} not take a text with `{taken_out.MARK}` in the place of what names the person",
            hint="Nothing was changed. Change that, or write `quotes: review` and take the value out by hand.",
        ) from None
    if len(gone) != len(rows):
        raise Unproven(
            f"{redaction.name}: {counted(len(rows), 'row')} found beforehand, and {len(gone):,} would have changed",
            hint="Nothing was changed. A trigger or rule on the table keeps or replaces rows.",
        )
    return gone


def _values(row: Standing) -> dict[str, object]:
    """Return what is set: nothing where a column stays as it is, or is emptied in any case."""
    both = enumerate(zip(row.values, row.changed, strict=True))
    changed = {f"value_{n}": None if a == b else b for n, (a, b) in both}
    return {"number": row.number, **changed}


def _must_say_nothing(
    reach: Reach, redaction: Redaction, one: Whom, values: Sequence[str | None]
) -> None:
    """Raise Refused where what is computed from a row still quotes the person when the row does not."""
    computed = reach.computed(redaction.table)
    if left := [computed[n] for n in taken_out.standing(values, one.needles, one.whose)]:
        raise Refused(
            f"{redaction.table}.{', '.join(left)} would still quote the person when {', '.join(redaction.columns)} "
            "no longer does",
            hint="Nothing was changed. Take the value out by hand, or see what computes the column.",
        )


def _must_be_so(
    reach: Reach,
    redaction: Redaction,
    row: Standing,
    rest: str,
    values: Sequence[str | None],
) -> None:
    kinds = [reach.column(redaction.table, name).type for name in redaction.columns]
    for kind, now, then in zip(kinds, values, row.changed, strict=True):
        if now != then and (now is None or then is None or not taken_out.same(now, then, kind)):
            raise Unproven(
                f"{redaction.name}: a row would say something else than before without the person",
                hint="Nothing was changed. A trigger of the table puts back what was there, or writes something else.",
            )
    if rest != row.rest:
        raise Unproven(
            f"{redaction.table}: more than {', '.join(redaction.columns)} would have changed in rows of others",
            hint=triggers.SETS_MORE,
        )
