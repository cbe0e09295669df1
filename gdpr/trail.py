"""Reads what is known of one request: the application's row, our note of it, the ledger's lines. Changes nothing.

By keyed reference only, and no personal value is in what is returned. `why.py` says what it comes to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import asked, notes, request_statements
from gdpr import statements_of_trail as statements
from gdpr.asked import How, Told
from gdpr.deadline import Open, of_closed
from gdpr.in_the_way import InTheWay, in_the_way
from gdpr.notes import Begun
from gdpr.reach import reach
from gdpr.survey import called
from gdpr.waiting import erasure_of, told, waiting
from lifecycle.errors import LifecycleError, NotFound
from lifecycle.outcome import Failure
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.postgres import catalog
from lifecycle.system import System

Word = Literal["pending", "processing", "completed", "cancelled", "unclear", "gone"]
"""What the application's row says, in the policy's words; `gone`: there is none."""


@dataclass(frozen=True, slots=True)
class Erased:
    """One erasure as our note has it, without the note itself. `whose` is a keyed digest of the person."""

    reference: str
    whose: str
    asked: datetime | None
    request: str
    requests: list[str]
    state: str
    claimed_at: datetime
    erased_at: datetime | None
    proven_at: datetime | None
    tables: Mapping[str, int]
    proof: Mapping[str, Any] | None

    @property
    def proven(self) -> bool:
        """Say whether its proof passed."""
        return self.state == "proven"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of evidence."""

    run: int
    at: datetime
    kind: str
    event: str
    target: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """The last finished run that could have dealt with the request, with what it says of it."""

    id: int
    finished_at: datetime
    verdict: str
    failures: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """Everything about one request. `erasure`: the one it asks for; `others`: more that had its number.

    `asked` and `due` are None where the row is gone or has no such date. `unseen`: what the last proof could not look
    at, None where no proof was made or its run has not ended. `held`: why a legal hold keeps it; `locked`: what Object
    Lock keeps; `not_asked`: why one of them could not be asked. `records`: ours of requests with this reference;
    `lost`: what became of those that are open and without a row. `nameless`: why nobody knows whose its row is.
    """

    reference: str
    word: Word
    asked: datetime | None
    due: datetime | None
    open: Open | None
    deadline: datetime | None
    erasure: Erased | None
    others: int
    lines: tuple[Line, ...]
    run: Run | None
    at_work: int | None
    unseen: tuple[Mapping[str, str], ...] | None
    held: tuple[str, ...]
    not_asked: str = ""
    locked: tuple[str, ...] = ()
    records: tuple[Told, ...] = ()
    lost: Mapping[How, Failure] = field(default_factory=dict["How", Failure])
    nameless: str = ""

    def last(self, *events: str) -> Line | None:
        """Return the newest line of one of these events."""
        return next((line for line in reversed(self.lines) if line.event in events), None)

    @property
    def unanswered(self) -> tuple[Line, ...]:
        """Return what was announced beyond the database and has no outcome on record."""
        done = [(o.event, o.target, o.at) for o in self.lines if o.kind == "outcome"]
        return tuple(
            line
            for line in self.lines
            if line.kind == "intent"
            and not any(o[:2] == (line.event, line.target) and o[2] >= line.at for o in done)
        )


@dataclass(frozen=True, slots=True)
class _Row:
    request: str
    person: str | None
    asked: datetime | None
    due: datetime | None
    word: Word


def read(system: System, wanted: str) -> Trail:
    """Return what is known of the request with this reference, or own id. Raise NotFound where that is nothing."""
    erasure, key = erasure_of(system.policy), reference_key(system.settings.reference_key)
    reference = called(system, wanted)
    with system.snapshot("gdpr why") as conn:
        row = _row(conn, system, key, reference)
        fit, others = _erasures(conn, key, reference, row)
        lines = _lines(conn, system, reference, fit, others)
        records = asked.under(conn, system, reference)
        if row is None and fit is None and not lines and not records:
            raise NotFound(
                "no request and no erasure of that reference is known",
                hint="See `lifecycle gdpr status` for the references of open requests. Another reference key makes "
                "other references.",
            )
        now = waiting(conn, system, key)
        open_ = next((r for r in now.open if r.reference == reference), None)
        run, at_work = _runs(conn, system, reference)
        keeps = in_the_way(conn, system, key, open_) if open_ else InTheWay()
        made = row.asked if row else (fit.asked if fit else None)
        longer = ((one.asked, one.extended_to) for one in records)
        return Trail(
            reference,
            row.word if row else "gone",
            made,
            row.due if row else None,
            open_,
            open_.deadline if open_ else of_closed(made, erasure.deadline, longer),
            fit,
            len(others),
            lines,
            run,
            at_work,
            _unseen(conn, reference, fit, lines),
            keeps.held,
            keeps.not_asked,
            keeps.locked,
            records,
            {
                one.how: told(one, erasure.requests.states)
                for one in now.lost
                if one.record.reference == reference
            },
            _nameless(conn, system, key, open_) if open_ and fit is None else "",
        )


def _nameless(conn: Connection[TupleRow], system: System, key: ReferenceKey, request: Open) -> str:
    """Return why nobody knows whose an open request is of which no erasure was begun, else nothing."""
    if request.person is not None:
        return ""
    found = reach(system.policy, catalog.read(conn), erasure_of(system.policy).subject)
    try:
        who = asked.whom(conn, found, system, key, asked.row(request), None)
    except LifecycleError as error:
        return error.what
    return "it names nobody, and no record of ours says whose it is" if who is None else ""


def _row(
    conn: Connection[TupleRow], system: System, key: ReferenceKey, reference: str
) -> _Row | None:
    """Find the application's row: a reference cannot be turned back, so that of each row is made."""
    requests = erasure_of(system.policy).requests
    query = request_statements.all_requests(requests)
    for request, person, at, due, answered, withdrawn, begun in conn.execute(
        query, requests.states.model_dump()
    ).fetchall():
        if key.reference("request", request) == reference:
            known = {"completed": answered, "cancelled": withdrawn, "processing": begun}
            word: Any = next((word for word, so in known.items() if so), None)
            return _Row(request, person, at, due, word or _pending(conn, system, request))
    return None


def _pending(conn: Connection[TupleRow], system: System, request: str) -> Word:
    requests = erasure_of(system.policy).requests
    rows = conn.execute(
        request_statements.open_requests(requests), requests.states.model_dump()
    ).fetchall()
    said = {row[0]: row[2] for row in rows}.get(request)
    return "pending" if said == requests.states.pending else "unclear"


def _erasures(
    conn: Connection[TupleRow], key: ReferenceKey, reference: str, row: _Row | None
) -> tuple[Erased | None, list[Erased]]:
    """Return the erasure that the request asks for or was answered by, and those of others under its number."""
    values = {"reference": reference, "request": row.request if row else None}
    every = [Erased(*of) for of in conn.execute(statements.ERASURES, values).fetchall()]
    fit = [one for one in every if row is None or _is_of(key, reference, row, one)]
    if row is not None and row.person is not None and row.word in ("pending", "processing"):
        fit = [
            one for one in fit if not one.proven
        ]  # what was proven is over: they are erased anew
    chosen = fit[0] if fit else None
    return chosen, [one for one in every if one is not chosen and one.reference == reference]


def _is_of(key: ReferenceKey, reference: str, row: _Row, one: Erased) -> bool:
    if (
        one.reference != reference
    ):  # the erasure of another request of the same person answered this one
        theirs = row.person is not None and one.whose == notes.whose(key, row.person)
        return theirs or row.word == "completed"
    if not one.whose:  # from before whose an erasure is was noted
        return True
    return Begun(one.reference, one.whose, one.asked).is_of(key, reference, row.person, row.asked)


def _lines(
    conn: Connection[TupleRow],
    system: System,
    reference: str,
    fit: Erased | None,
    others: Iterable[Erased],
) -> tuple[Line, ...]:
    """Return the lines of this erasure: not those of one before it that had the same number."""
    references = list({reference, fit.reference} if fit else {reference})
    values = {"system": system.name, "references": references}
    lines = [Line(*row) for row in conn.execute(statements.EVIDENCE, values).fetchall()]
    ended = [
        one.proven_at
        for one in others
        if one.proven_at and (fit is None or one.proven_at < fit.claimed_at)
    ]
    after = max(ended, default=None)
    # The line of a proof is written after its moment, in the same transaction.
    return tuple(
        line for line in lines if after is None or (line.at > after and not _ends(line, after))
    )


def _ends(line: Line, after: datetime) -> bool:
    return line.event == "gdpr.proven" and (line.at - after).total_seconds() < 1


def _runs(
    conn: Connection[TupleRow], system: System, reference: str
) -> tuple[Run | None, int | None]:
    values = {"system": system.name, "target": f"request {reference}"}
    row = conn.execute(statements.LAST_RUN, values).fetchone()
    at_work = conn.execute(statements.AT_WORK, values).fetchone()
    run = Run(row[0], row[1], row[2], tuple(row[3])) if row else None
    return run, at_work[0] if at_work else None


def _unseen(
    conn: Connection[TupleRow], reference: str, fit: Erased | None, lines: Iterable[Line]
) -> tuple[Mapping[str, str], ...] | None:
    """Return what the last proof could not look at: by its own word, which is kept where it passed.

    Else by its run's, which is of everybody of the night, but for what it says of other requests.
    """
    if fit is not None and fit.proof is not None:
        return tuple(fit.proof["coverage"]["unseen"])
    proofs = [line.run for line in lines if line.event in ("gdpr.proven", "gdpr.not_proven")]
    if not proofs:
        return None
    row = conn.execute(statements.UNSEEN, {"run": proofs[-1]}).fetchone()
    if row is None or row[0] is None:
        return None
    return tuple(
        one
        for one in row[0]
        if not one["place"].startswith("request ") or one["place"] == f"request {reference}"
    )
