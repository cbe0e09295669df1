"""Reads which lines of the ledger outside this database does not remember, and whom of those in it they mean.

A line has a digest of the person, made with the reference key: so that of everybody here is made and compared. Reads
only; nobody is named in what is returned but in a request that is never printed.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import asked, beforehand, ledger, notes, people, person
from gdpr import survey as of_requests
from gdpr.deadline import Open
from gdpr.ledger import Line
from gdpr.reach import Reach, reach
from gdpr.survey import Case
from gdpr.waiting import erasure_of
from lifecycle.errors import InputError, NotFound
from lifecycle.holds import gate
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.postgres import catalog
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Seen:
    """What the ledger has that this database does not: `lines` of it, `cases` of people who are here.

    `nobody`: lines that mean nobody who is here, of `compared` people. `others`: by reference, lines whose person goes
    by nothing of what the erased one went by. `strange` lines are not as our key wrote them. `chosen`: a person has
    named this one line. `last`: the highest number up to which every line is known or was looked at.
    """

    reach: Reach
    lines: tuple[Line, ...]
    cases: tuple[Case, ...]
    nobody: tuple[Line, ...]
    others: frozenset[str]
    strange: tuple[Line, ...]
    compared: int
    chosen: bool
    first: int


def survey(system: System, _now: datetime, only: str | None) -> Seen:
    """Look at all lines this database does not remember, or at the ones of the reference `only`.

    Raise Refused when the policy does not fit the database, NotFound where `only` is none of them, and as `objects`.
    """
    erasure, key = erasure_of(system.policy), reference_key(system.settings.reference_key)
    if not ledger.kept(system):
        raise InputError(
            f"no ledger of erasures lies outside the database: no bucket `{ledger.LEDGER}`",
            hint=f"Name one under `buckets:` as `{ledger.LEDGER}`.",
        )
    with system.snapshot("gdpr replay") as conn:
        found = reach(system.policy, catalog.read(conn), erasure.subject)
        first = ledger.seen(conn) or 0
        lines = tuple(
            line for line in ledger.unknown(system, conn) if only in (None, line.reference)
        )
        if only is not None and not lines:
            raise NotFound(
                "no line of that reference is missing here",
                hint="See `lifecycle gdpr replay plan` for those that are.",
            )
        ours = tuple(line for line in lines if line.ours and line.kind == erasure.subject)
        wanted = frozenset(line.whose for line in ours)
        there, compared = people.by_digest(conn, found, key, wanted) if wanted else ({}, 0)
        newest = {line.whose: line for line in ours}
        cases = tuple(
            _case(system, conn, found, key, line, there[whose])
            for whose, line in newest.items()
            if whose in there
        )
        others = frozenset(
            case.request.reference for case in cases if _is_another(key, newest, case)
        )
    cases = beforehand.of_cases(system, found, cases)
    nobody = tuple(line for line in ours if line.whose not in there)
    strange = tuple(line for line in lines if line not in ours)
    return Seen(found, lines, cases, nobody, others, strange, compared, only is not None, first)


def _case(
    system: System,
    conn: Connection[TupleRow],
    found: Reach,
    key: ReferenceKey,
    line: Line,
    who: str,
) -> Case:
    """Return what there is of the person, as a request that was begun: whom a line means, nobody asks any more."""
    erasure = erasure_of(system.policy)
    times = (line.asked, line.asked, erasure.grace, erasure.deadline)
    request = Open(line.request, line.reference, who, True, *times, True)
    entry = notes.find(conn, key, line.reference, who, line.asked)
    earlier = asked.known(conn, key, who)
    surveyed = person.survey(conn, found, who, earlier, gate.known(conn))
    state = entry.state if entry else "new"
    return of_requests.case_of(system, key, request, state, surveyed)


def _is_another(key: ReferenceKey, newest: dict[str, Line], case: Case) -> bool:
    """Say whether whoever has the key now goes by other names than the erased one: a key may have been given anew."""
    who = case.request.person
    if case.found is None or who is None:
        return False
    went_by = newest[notes.whose(key, who)].marks
    goes_by = ledger.marks(key, case.found.note.identifiers)
    return bool(went_by and goes_by) and not went_by & goes_by
