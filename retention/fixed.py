"""Fixes which rows of a leaf a run ends: those that its survey saw overdue, as they stood then, and no others.

What was written since is left alone, whatever its date: a row that came or changed, and one that stands where another
stood. The set lies with the server, in a cursor that outlives its transaction, and is gone through in pieces.

A place in a leaf is a slot: a page has as many as the highest number that a fixed row has in its page, and one.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.holds.gate import Held
from lifecycle.ledger.code import Code
from retention import statements_of_rows as statements
from retention.rules import Bound

BLOCK = 256
"""Pages that a stretch has, as it is fixed (`statements_of_rows.fix`)."""

MOST_PAGES = 16 * BLOCK
"""Pages in one transaction: so many are looked through in some 20 ms."""

MOST_BORN = 1000
"""Transactions that wrote the rows of one: a statement names them all."""

_CURSOR = sql.Identifier(statements.CURSOR)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Fixed rows between two slots, `to` not included: how many, about, and written by which transactions.

    `page`: the slots of a page.
    """

    rows: int
    born: tuple[str, ...]
    page: int
    since: int
    to: int

    def first(self, rows: int) -> "tuple[Stretch, Stretch | None]":
        """Return the beginning of it with about so many rows, as if they were spread evenly, and the rest.

        It is cut into equal parts, up to a quarter larger: a rest of a few rows would take a transaction, too.
        """
        parts = max(1, -(-(4 * self.rows - rows) // (4 * rows)))
        step = max(1, -(-(self.to - self.since) // parts))
        at = self.since + step
        if at >= self.to:
            return self, None
        share = -(-self.rows * step // (self.to - self.since))
        return self._part(share, self.since, at), self._part(self.rows - share, at, self.to)

    def halves(self) -> "tuple[Stretch, ...]":
        """Return the two halves of it; nothing where it is a single slot."""
        at = (self.since + self.to) // 2
        if at == self.since:
            return ()
        share = self.rows // 2
        return self._part(share, self.since, at), self._part(self.rows - share, at, self.to)

    def joined(self, more: "Stretch") -> "Stretch | None":
        """Return this whole stretch and the next one as one; None where that is too much for one statement.

        Whoever wrote rows of one of them writes no more, so neither is more than was fixed of it.
        """
        page = max(self.page, more.page)
        since, between = self.since // self.page, more.since // more.page - self.to // self.page
        to = more.to // more.page
        born = tuple(dict.fromkeys((*self.born, *more.born)))
        if between > BLOCK or to - since > MOST_PAGES or len(born) > MOST_BORN:
            return None
        return Stretch(self.rows + more.rows, born, page, since * page, to * page)

    def values(self) -> dict[str, object]:
        """Return it as the statements want it."""
        return {"since": self._tid(self.since), "to": self._tid(self.to), "born": list(self.born)}

    def _part(self, rows: int, since: int, to: int) -> "Stretch":
        return Stretch(rows, self.born, self.page, since, to)

    def _tid(self, slot: int) -> str:
        return f"({slot // self.page},{slot % self.page})"


@dataclass(frozen=True, slots=True)
class Fixed:
    """What was fixed of one leaf: how many rows, in stretches."""

    conn: Connection[TupleRow]
    rows: int

    def stretches(self, wanted: Callable[[], int]) -> Iterator[Stretch]:
        """Yield them from the beginning, put together to about `wanted` rows. Raise psycopg.Error as it comes."""
        self.conn.execute(sql.SQL("move absolute 0 from {}").format(_CURSOR))
        before: Stretch | None = None
        while row := self._next():
            first, last, number, born, rows, _ = row
            page = number + 1
            one = Stretch(rows, tuple(born), page, _page(first) * page, (_page(last) + 1) * page)
            both = before.joined(one) if before and before.rows < wanted() else None
            if before and not both:
                yield before
            before = both or one
        if before:
            yield before

    def _next(self) -> TupleRow | None:
        return self.conn.execute(sql.SQL("fetch from {}").format(_CURSOR)).fetchone()


@contextmanager
def fix(
    conn: Connection[TupleRow],
    seen: Code,
    leaf: str,
    bound: Bound,
    held: Held,
    snapshot: str,
    ours: Iterable[str],
) -> Generator[Fixed]:
    """Fix the rows of a leaf that are overdue and were so in `snapshot`, as PostgreSQL spells one, for this while.

    Those on hold are left out. `ours` are transactions of this run that have written to the table since. `seen` is the
    code that may run while they are looked for: nothing is written meanwhile. Raise Refused where it was exchanged,
    psycopg.Error as it comes.
    """
    values = of(bound, snapshot, ours)
    with seen.look(conn):
        conn.execute(statements.fix(leaf, bound, held), {**values, **held.keys})
        conn.execute(sql.SQL("move forward all from {}").format(_CURSOR))  # by its end all has run
    try:
        row = conn.execute(sql.SQL("fetch first from {}").format(_CURSOR)).fetchone()
        yield Fixed(conn, row[5] if row else 0)
    finally:
        if not conn.broken:
            conn.execute(sql.SQL("close {}").format(_CURSOR))


def of(bound: Bound, snapshot: str, ours: Iterable[str]) -> dict[str, object]:
    """Return what a statement needs that asks for rows which were overdue in this snapshot."""
    _, following, under_way = snapshot.split(":")
    return {
        "before": bound.before,
        "next": int(following),
        "ours": list(ours),
        "under_way": [str(int(number) & 0xFFFFFFFF) for number in under_way.split(",") if number],
    }


def _page(tid: str) -> int:
    return int(tid[1:].partition(",")[0])
