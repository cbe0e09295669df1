"""Writes down every request that is open, before anything else of a night: whose it is, and what they go by.

In the grace an application may scrub an address, or a person change it, and it goes on standing somewhere. So what was
found on any night since the request appeared is kept, sealed, until it has ended: `asked.py` reads it, and the erasure
and its proof look for all of it. Each request is noted in a transaction of its own: trouble with one hinders no other.
"""

from collections.abc import Container, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import asked, notes, person
from gdpr.asked import Asked, Lost, Row
from gdpr.desk import Desk
from gdpr.note import Note, together
from gdpr.waiting import waiting
from lifecycle.errors import Fenced, Interrupted, LifecycleError, Refused
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.postgres import connect

_OPEN: LiteralString = """
    insert into lifecycle.asked (system, kind, reference, person, asked, sealed)
    values (%(system)s, %(kind)s, %(reference)s, %(whose)s, %(asked)s, %(sealed)s)
"""
_JOIN: LiteralString = """
    update lifecycle.asked set sealed = %(sealed)s, asked = %(asked)s, joined_at = clock_timestamp()
     where asked_id = %(id)s and ended_at is null
"""
_END: LiteralString = """
    update lifecycle.asked set sealed = null, ended_at = clock_timestamp(), how = %(how)s
     where asked_id = %(id)s and ended_at is null
"""
_PROVEN: LiteralString = """
    update lifecycle.asked set sealed = null, ended_at = clock_timestamp(), how = 'proven'
     where person = %(whose)s and ended_at is null
"""
_ENDS = {"withdrawn": ("withdrawn", "gdpr.withdrawn"), "again": ("asked again", "gdpr.asked_again")}


@dataclass(frozen=True, slots=True)
class _Write:
    """One thing to be written about one request, and what the ledger says of it."""

    reference: str
    statement: LiteralString
    values: Mapping[str, Any] = field(repr=False)
    event: str
    counts: Mapping[str, int]


def note(desk: Desk, only: str | None) -> dict[str, LifecycleError | psycopg.Error]:
    """Note every request that is open, or the one with the reference `only`, and end the records of what is over.

    Return by reference what went wrong. Raise Fenced when another process holds the run, psycopg.Error when nothing can
    be read at all.
    """
    wrong: dict[str, LifecycleError | psycopg.Error] = {}
    for one in _look(desk, only, wrong):
        try:
            with (
                closing(desk.system.connect("gdpr.erase")) as conn,
                effect(conn, desk.claim, None) as change,
            ):
                conn.execute(one.statement, one.values)
                change.record(
                    "effect",
                    one.event,
                    "lifecycle.asked",
                    counts=one.counts,
                    reference=one.reference,
                )
        except (Fenced, Interrupted):
            raise
        except (LifecycleError, psycopg.Error) as error:
            wrong[one.reference] = error
    return wrong


def failure(
    reference: str, error: LifecycleError | psycopg.Error
) -> tuple[LifecycleError, Failure]:
    """Return what a request could not be noted for, and how that is told of it."""
    target = f"request {reference}"
    if isinstance(error, Refused):
        return error, Failure(target, error.what, error.hint)
    said = connect.explain(error) if isinstance(error, psycopg.Error) else error
    what = "it could not be noted: what its person goes by now is not kept until it is due"
    return said, Failure(target, what, f"{said.what}. {said.hint}")


def prove(conn: Connection[TupleRow], whose: str) -> None:
    """Empty every record of the person, in the transaction that answers: nothing of them was found."""
    conn.execute(_PROVEN, {"whose": whose})


def _look(
    desk: Desk, only: str | None, wrong: dict[str, LifecycleError | psycopg.Error]
) -> list[_Write]:
    """Return what is to be written, all seen in one moment."""
    writes: list[_Write] = []
    with desk.system.snapshot("gdpr.erase") as conn:
        found, book = waiting(conn, desk.system, desk.key), _Book(conn, desk)
        due = {request.reference for request in found.requests if request.ready(desk.now)}
        left = {lost.record for lost in found.lost}
        steps = [
            (row.reference, partial(book.noted, row, due=row.reference in due))
            for row in found.rows
        ]
        steps += [(lost.record.reference, partial(book.ended, lost, left)) for lost in found.lost]
        for reference, step in steps:
            if only not in (None, reference):
                continue
            try:
                with conn.transaction(force_rollback=True):
                    writes += step()
            except (LifecycleError, psycopg.Error) as error:
                if conn.broken:
                    raise
                wrong[reference] = error
    return writes


class _Book:
    """The records as they stand at one moment."""

    def __init__(self, conn: Connection[TupleRow], desk: Desk) -> None:
        self.conn, self.desk = conn, desk
        records = asked.every(conn, desk.system)
        self.records = {(one.reference, one.whose): one for one in records}
        self.sealed = asked.sealed(conn, records)

    def noted(self, row: Row, *, due: bool) -> Iterator[_Write]:
        """Yield what is new of one request, if anything is.

        Raise Refused where it names nobody, and nobody knows whose it is: of one that is due the erasure says so.
        """
        desk = self.desk
        entry = notes.find(self.conn, desk.key, row.reference, row.person, row.asked)
        who = asked.whom(self.conn, desk.reach, desk.system, desk.key, row, entry)
        if who is None and entry is None and not due:
            raise Refused(
                "it names nobody, and no record of ours says whose it is",
                hint="Put the person back into the request before its grace has ended, or set it to the word for "
                "`cancelled`: nobody else can say whom to erase and to search for.",
            )
        if who is None or entry is not None:  # what was begun has a note of its own
            return
        earlier = asked.of_person(self.conn, desk.key, who)
        now = person.named(self.conn, desk.reach, who, earlier)
        whole = together((earlier, now.note if now else Note(who, (), (), {})))
        assert whole is not None
        yield from self._write(row, notes.whose(desk.key, who), whole)

    def _write(self, row: Row, whose: str, whole: Note) -> Iterator[_Write]:
        key, record = self.desk.key, self.records.get((row.reference, whose))
        values = {"asked": row.asked, "sealed": whole.seal(key, row.request)}
        if record is None:
            values |= {"system": self.desk.system.name, "kind": self.desk.reach.kind}
            values |= {"reference": row.reference, "whose": whose}
            yield _Write(row.reference, _OPEN, values, "gdpr.noted", whole.counts())
        elif record.asked != row.asked or (note := self._note(record)).joined(whole) != note:
            values |= {"id": record.id}
            yield _Write(row.reference, _JOIN, values, "gdpr.noted", whole.counts())

    def ended(self, lost: Lost, left: Container[Asked]) -> Iterator[_Write]:
        """Yield the end of a record whose request was taken back, or made again and noted there with all of it.

        `left` are the records without a row.
        """
        if lost.how == "withdrawn" or (lost.how == "again" and self._taken_over(lost.record, left)):
            how, event = _ENDS[lost.how]
            values = {"id": lost.record.id, "how": how}
            yield _Write(lost.record.reference, _END, values, event, {"records": 1})

    def _taken_over(self, record: Asked, left: Container[Asked]) -> bool:
        mine = self._note(record)
        others = (one for one in self.records.values() if one.whose == record.whose)
        return any(one not in left and self._note(one).covers(mine) for one in others)

    def _note(self, record: Asked) -> Note:
        return asked.opened(self.sealed[record.id], self.desk.key, record.whose)
