"""Carries an erasure out in the database: one transaction, counted, with a look at somebody who stays.

Everything is compared before it is committed: what went against what was counted, what changed against what was planned
(a cascade or a trigger would show), and one other person's rows before and after. Nothing is searched for here, as
others would wait for its locks: who is quoted was looked for before, and is again by the proof. Nothing outside.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import Connection, errors
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import (
    aside,
    batches,
    held,
    notes,
    redact,
    redactions,
    request_statements,
    residue,
    statements,
    tombstone,
    written,
)
from gdpr.beforehand import Before
from gdpr.note import Note
from gdpr.person import Rows, about, answered, count, noted
from gdpr.reach import Reach
from gdpr.section import SECTION
from lifecycle.errors import Conflict, Refused, Unproven
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.ledger import changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import Change, effect
from lifecycle.policy import triggers
from lifecycle.postgres import connect
from lifecycle.postgres.session import settle
from lifecycle.system import System
from lifecycle.words import counted

TRIES = 5
_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.ForeignKeyViolation,  # a row came in between our snapshot and our lock
    errors.LockNotAvailable,
    errors.UndefinedTable,  # a chunk was compressed anew since, and has other batches
)


class NotNoted(Conflict):
    """An object, a customer or an identifier is not in the note: it is noted and goes first, then the rows."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """One erasure in the hands of one run. `whose`: a keyed digest of the person. `agreed`: the rows shown to one.

    `known`: the note with what nobody else goes by. `before`: what was found of it in rows of others and of the log.
    """

    conn: Connection[TupleRow]
    claim: Claim
    code: Code
    reach: Reach
    reference: str
    whose: str
    note: Note
    known: Note
    before: Before
    system: System
    agreed: Rows | None = None


def rehearse(work: Erasing) -> None:
    """Do all of it in a transaction that is rolled back, so that nothing outside goes in vain.

    Raise as `erase`, and Unproven where a row would lead to the person, or one quote them that a trigger wrote now.
    """

    def attempt() -> None:
        with effect(work.conn, work.claim, work.code, rehearsal=True) as change:
            added = residue.stood(work.conn, work.reach)
            _let_go(change, work)
            residue.no_pointer(work.conn, work.reach, work.note)
            residue.no_identifier(work.conn, work.reach, work.known, added)

    _again_while_passing(work, attempt)


def erase(work: Erasing) -> None:
    """Erase the person's rows in one transaction with its evidence.

    Raise Refused or Unproven when it would be wrong or incomplete, NotNoted when more is theirs
    than the note says. Nothing is changed then.
    """

    def attempt() -> None:
        with effect(work.conn, work.claim, work.code) as change:
            gone = _let_go(change, work)
            _nothing_since(work, gone)
            _write_down(change, work, gone)
            gone_from = gone.rows.erased()
            notes.mark_erased(work.conn, work.reference, work.whose, gone.requests, gone_from)

    _again_while_passing(work, attempt)


@dataclass(frozen=True, slots=True)
class _Gone:
    """What one transaction did. `requests`: the person's. `holds` and `chunks` were so when it began."""

    rows: Rows
    audited: Mapping[str, int]
    requests: tuple[str, ...]
    holds: tuple[Hold, ...]
    chunks: Mapping[int, str]


def _let_go(change: Change, work: Erasing) -> _Gone:
    conn, reach, person = work.conn, work.reach, about(work.note.person)
    if work.before.redactions:  # before anything is locked, as people are read for it
        redact.must_be_theirs(conn, reach, work.before.whom)
    holds, chunks = gate.standing(conn), batches.noted(conn, reach)
    if why := held.held(conn, reach, holds, person):
        raise Refused("; ".join(why), hint="No row was changed. See `lifecycle holds list`.")
    # Only now, as many holds take a while to compare; whoever changed the person since makes this one begin anew.
    conn.execute(statements.lock_person(reach), person)
    _must_be_noted(work)
    expected = count(conn, reach, work.note.person, keys=work.agreed is not None)
    _as_agreed(work, expected)
    authored = sum(expected.mentions[m.name] for m in reach.mentions if m.stone is not None)
    if wrong := tuple(tombstone.against(conn, reach, person, authored)):
        raise Refused("; ".join(wrong), hint="No row was changed.")
    if any(expected.hanging.values()):
        raise Refused(
            f"rows of others hang on rows that would go: {', '.join(w for w, n in expected.hanging.items() if n)}",
            hint="They came after the plan was made. Look at `lifecycle gdpr plan`.",
        )
    requests, log = _requests(work), written.begin(conn, reach)
    if any(m.stone is not None for m in reach.mentions):
        tombstone.lock(conn, reach)
    redact.redact(conn, reach, work.before.redactions, work.before.whom, holds)
    for mention in reach.mentions:
        aside.clear(conn, reach, mention, person, expected.mentions[mention.name], work.known)
    witness = _witness(work)
    before = witness()
    _rows(work, expected)
    settle(conn)
    audited = written.anonymise(conn, reach, work.known, work.before.logged, log)
    _nothing_else_changed(change, work, expected, audited)
    if witness() != before:
        raise Unproven(
            "the rows of another person would have changed too",
            hint="Nothing was changed. A trigger on the tables of the plan does it; see `lifecycle gdpr plan`.",
        )
    return _Gone(expected, audited, requests, holds, chunks)


def _rows(work: Erasing, expected: Rows) -> None:
    """Let the rows go, first those in batches: nothing points to them."""
    conn, reach, person = work.conn, work.reach, about(work.note.person)
    batches.let_go(conn, reach, person, expected.packed)
    counted = conn.execute(statements.let_go(reach), person).fetchone() or ()
    plain = {t: n for t, n in expected.deleted.items() if t not in expected.packed}
    for (table, rows), gone in zip({**plain, **expected.kept}.items(), counted, strict=True):
        _must_be(table, gone, rows)


def _nothing_since(work: Erasing, gone: _Gone) -> None:
    """Raise Conflict where holds or chunks are others than this transaction saw: what it reads is of its beginning.

    A hold that is placed from here on is answered when this transaction has ended: who placed it hears that she is
    gone. A chunk of these rows nobody compresses from here on.
    """
    another = work.code.eyes
    if gate.known(another) != gone.holds:
        what = "a legal hold was placed or ended while the erasure began"
    elif batches.written_anew(gone.chunks, batches.noted(another, work.reach)):
        what = (
            "chunks were compressed while the erasure began, and it saw them as if they were empty"
        )
    else:
        return
    raise Conflict(what, hint="No row was changed. The next run looks again.")


def _as_agreed(work: Erasing, expected: Rows) -> None:
    """Raise Conflict when others are to go than a person was shown. The request itself was changed by its claim."""
    if work.agreed is None:
        return
    erasure = SECTION.of(work.reach.policy)
    own = erasure.requests.table if erasure else ""
    now, then = expected.keys, work.agreed.keys
    others = [where for where in now if where != own and now[where] != then[where]]
    if others:
        raise Conflict(
            f"since the plan was shown other rows would go or change: {', '.join(others)}",
            hint="No row was changed. Look at `lifecycle gdpr plan` again, and apply that one.",
        )


def _requests(work: Erasing) -> tuple[str, ...]:
    erasure = SECTION.of(work.reach.policy)
    assert erasure is not None  # without it there is no request to be here for
    states = erasure.requests.states.model_dump()
    rows = work.conn.execute(
        request_statements.requests_of_person(erasure.requests), states | about(work.note.person)
    ).fetchall()
    return tuple(row[0] for row in rows)


def _must_be_noted(work: Erasing) -> None:
    now = noted(work.conn, work.reach, work.note.person, work.note)
    if now is not None and not work.note.covers(now.note):
        raise NotNoted(
            "an object, a customer or an identifier became the person's while theirs were being deleted",
            hint="The run is tried again.",
        )


def _must_be(where: str, gone: int, expected: int) -> None:
    if gone != expected:
        raise Unproven(
            f"{where}: {counted(expected, 'row')} found beforehand, and {gone:,} would have gone",
            hint="Nothing was changed. A trigger or rule on the table keeps or replaces rows.",
        )


def _nothing_else_changed(
    change: Change, work: Erasing, expected: Rows, audited: Mapping[str, int]
) -> None:
    """Raise Unproven when more changed than was counted; declared triggers may add to the log and to archives."""
    policy, before, packed = work.reach.policy, change.before, dict[str, int]()
    if expected.packed:
        before, packed = batches.settled(before, changed.so_far(work.conn), expected.packed)
    ended = {**redactions.beside(work.before.redactions, expected.by_table()), **packed}
    adding = frozenset(to for table in ended for to in triggers.written_to(policy, table))
    if log := AUDIT.of(policy):
        ended[log.table] = ended.get(log.table, 0) + sum(audited.values())
    change.must_be(ended, adding, before)


def _witness(work: Erasing) -> Callable[[], list[TupleRow]]:
    """Return what tells which rows of one other person's stand now; of nobody where nobody else is there."""
    reach, values = work.reach, about(work.note.person)
    [(other,)] = work.conn.execute(statements.control_person(reach), values).fetchall()
    tables = {*reach.deleted, *reach.kept} - {*reach.compressed}  # all counted there
    query = statements.versions(reach, sorted(tables))
    values |= {"witness": other, "witness_text": other}
    return lambda: answered(work.conn, query, values) if other is not None else []


def _write_down(change: Change, work: Erasing, gone: _Gone) -> None:
    ref, rows = work.reference, gone.rows

    def say(event: str, counts: Mapping[str, int]) -> None:
        each = {target: {"rows": number} for target, number in counts.items() if number}
        if each:
            change.record_each("effect", event, each, reference=ref)

    stones = {m.name for m in work.reach.mentions if m.stone is not None}
    log = AUDIT.of(work.reach.policy)
    say("gdpr.mention_cleared", {n: r for n, r in rows.mentions.items() if n not in stones})
    say("gdpr.tombstone_set", {n: rows.mentions[n] for n in stones})
    say("gdpr.redacted", {one.name: one.rows for one in work.before.redactions})
    say("gdpr.deleted", rows.deleted)
    say("gdpr.cleared", rows.kept)
    if log and any(gone.audited.values()):
        change.record("effect", "gdpr.anonymised", log.table, counts=gone.audited, reference=ref)
    every = redactions.beside(work.before.redactions, rows.by_table())
    change.record("effect", "gdpr.erased", "database", counts=every, reference=ref)


def _again_while_passing(work: Erasing, attempt: Callable[[], None]) -> None:
    """Run `attempt`, again where another session was in the way. Raise what `connect.explain` says at last."""
    for number in range(1, TRIES + 1):
        try:
            attempt()
        except _PASSING as error:
            if number == TRIES:
                raise connect.explain(error, work.reach.catalog.tables) from None
            time.sleep(0.1 * 2**number)
        except psycopg.Error as error:
            raise connect.explain(error, work.reach.catalog.tables) from None
        else:
            return
