"""Finds books: rows of money, agreements or proof, of which a law may ask that they stay although a person goes.

Pure. No row says what a law asks for, so a person does, once for all ledgers of a database: an order, its lines, the
payment and the refund are one decision.

    orders.total, invoices.net            ledgers: asked about one of them, the others are the same
    invoice_lines.amount -> invoices      a part of invoices
    offers.amount                         asked about by itself: money, and called like no ledger
    payment_methods.iban                  not books: what somebody pays with, and no money in it
"""

import re
from collections.abc import Iterator

from lifecycle.policy import guess, habits, virtual
from lifecycle.policy.drafting import Draft
from lifecycle.policy.look import TIME
from lifecycle.policy.model import SharedBy, Through
from lifecycle.postgres.catalog import Table

_CENTS = re.compile(r"money|numeric\((9|[12][0-9]),2\)")

_NO_SUM = ("boolean", "date", "uuid")


def found(draft: Draft, table: str) -> str:
    """Return what makes a table books; nothing where neither it nor what its rows are read with is any."""
    return next(filter(None, (_books(draft, name) for name in _family(draft, table))), "")


def whole(draft: Draft, table: str) -> str:
    """Return the books of which a row is a part, as an invoice of its lines; nothing where it is none."""
    how = draft.owners.get(table)
    keys = draft.ways(table, how) if isinstance(how, Through) else ()
    ends = {key.referenced for key in keys} - draft.selves
    if len(ends) != 1 or any(virtual.loose(key) for key in keys):
        return ""
    [end] = ends
    return end if end not in draft.settled and found(draft, end) else ""


def head(draft: Draft, table: str) -> str:
    """Return the ledger that is asked about for this one, too: most others lead to it; nothing where it is itself."""
    if not _ledger(draft, table):
        return ""
    ledgers = [n for n in draft.owners if _ledger(draft, n) and not whole(draft, n)]
    pointed = [k.referenced for k in draft.catalog.foreign_keys if found(draft, k.table)]
    first = max(ledgers, key=lambda name: (pointed.count(name), name))
    return first if first != table else ""


def cleared(draft: Draft, table: str) -> tuple[str, ...]:
    """Return the columns that would name the person in a book that stays: their key, and names and addresses in it."""
    found, how, seen = draft.catalog.tables[table], draft.owners[table], draft.seen.of
    own = draft.person(table) or ""
    named = guess.identifiers(found, bare=False)
    said = [
        c.name
        for c in found.columns
        if (c.name in named and not habits.of_something(c.name))
        or seen(table, c.name).alike
        or seen(table, c.name).named
    ]
    ways = how.through if isinstance(how, Through) and not own else (own,)
    return tuple(dict.fromkeys(name for name in (*ways, *said) if name))


def begins(draft: Draft, table: str) -> str:
    """Return the column from which on the years are counted that a book is kept; nothing where no date is there."""
    dates = [c.name for c in draft.catalog.tables[table].columns if TIME.match(c.type)]
    return next((n for n in dates if not habits.kept(n)), dates[0] if dates else "")


def of_money(draft: Draft, table: str) -> bool:
    """Say whether a table is books for its money, or a part of such: a law may want it without what hangs on it."""
    name = _name(draft, table)
    return (
        habits.ledger(name)
        or _money(draft, table)
        or bool((end := whole(draft, table)) and of_money(draft, end))
    )


def _ledger(draft: Draft, table: str) -> bool:
    asked = table in draft.owners and table not in draft.settled
    by_people = asked and not isinstance(draft.owners[table], SharedBy)
    names = (_name(draft, n) for n in _family(draft, table))
    return by_people and _money(draft, table) and any(map(habits.moved, names))


def _money(draft: Draft, table: str) -> bool:
    tables = (draft.catalog.tables[name] for name in _family(draft, table))
    return any(habits.money(_sums(one)) or _to_the_cent(one) for one in tables)


def _books(draft: Draft, table: str) -> str:
    found = draft.catalog.tables[table]
    return habits.books(_name(draft, table), _sums(found)) or ", ".join(_to_the_cent(found)[:3])


def _to_the_cent(table: Table) -> list[str]:
    """Return the columns whose type is that of sums: `money`, or many digits and two behind the point.

    But for tables in which something is measured: a unit or a body is beside it.
    """
    if any(habits.measured(c.name) for c in table.columns):
        return []
    return [c.name for c in table.columns if _CENTS.fullmatch(c.type)]


def _sums(table: Table) -> tuple[str, ...]:
    """Return the columns in which a sum can stand: whether a fee was waived is none."""
    return tuple(c.name for c in table.columns if c.type not in _NO_SUM)


def _name(draft: Draft, table: str) -> str:
    """Return a table's name without its application's, with which others begin too: payments_voucher is no payment.

    But payment_lines and payment_notes are of payments, where that is a table.
    """
    name = draft.catalog.tables[table].relname
    first, _, rest = name.partition("_")
    if not rest or not habits.books(name, ()):
        return name
    others = [t.relname for t in draft.catalog.tables.values()]
    alike = sum(other.startswith(f"{first}_") for other in others)
    whole_ = any(guess.singular(other) == guess.singular(first) for other in others)
    return rest if alike >= 3 and not whole_ else name


def _family(draft: Draft, table: str) -> Iterator[str]:
    """Yield a table, what inherits from it or with it, and what it inherits from: their rows are read together."""
    tables = draft.catalog.tables
    yield table
    if not draft.inherits:
        return
    for parent in tables.values():
        first = [c.name for c in parent.columns]
        heirs = [
            n
            for n, t in tables.items()
            if t.inherits
            and n != parent.name
            and [c.name for c in t.columns][: len(first)] == first
        ]
        if table in (*heirs, parent.name):
            yield from (n for n in (parent.name, *heirs) if heirs and n != table)
