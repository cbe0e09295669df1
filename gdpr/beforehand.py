"""The first of a night's two looks: who is quoted in rows that would stay, while every request is still pending.

Everything that a dump would print of the declared tables is read once, for everybody; which rows of one person are
explained by a sentence of the policy is then asked of those rows alone, by their numbers. So an erasure has nothing to
search for while it holds locks: what is written after this look, the proof finds. Reads only, and keeps no value.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from audit import anonymise, keyed
from audit.keyed import Keyed
from audit.section import SECTION as AUDIT
from gdpr import quoted, survey
from gdpr import statements_of_search as statements
from gdpr.note import Note
from gdpr.person import Survey, as_person
from gdpr.quoted import About, Quoted
from gdpr.reach import Reach
from gdpr.redactions import Redaction, Taking, Whom
from gdpr.search import database, numbered, relations, stream
from gdpr.search.needles import Needles
from gdpr.search.relations import Relation
from gdpr.survey import Case, Seen
from lifecycle import progress
from lifecycle.postgres import connect
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Before:
    """What the look found of one person. `sought`: what it was looked for.

    `quoted`: what would still stand. `logged`: the rows of the audit log in whose values the person stands; None where
    such rows have no keys, so that they are looked for when it is time. `redactions`: rows of others that lose a value
    of theirs, by `whom`. `on_hold`: why that has to wait, in words.
    """

    sought: frozenset[str] = field(repr=False)
    quoted: tuple[Quoted, ...] = ()
    logged: Keyed | None = None
    redactions: tuple[Redaction, ...] = ()
    whom: Whom | None = field(default=None, repr=False)
    on_hold: tuple[str, ...] = ()

    def covers(self, known: Note) -> bool:
        """Say whether everything was looked for that the person goes by now."""
        return self.sought.issuperset(known.needles())

    def applied(self, found: Survey) -> Survey:
        """Return what was found of the person, with rows that a look at values alone finds: of others, of the log."""
        found = replace(
            found,
            on_hold=(*found.on_hold, *self.on_hold),
            redacted={one.name: one.rows for one in self.redactions},
            redacted_keys={one.name: one.which for one in self.redactions},
        )
        if self.logged is None or not len(self.logged):
            return found
        rows = sorted(map(str, zip(*self.logged.columns, strict=True)))
        which = hashlib.sha256("\0".join(rows).encode()).hexdigest()
        return replace(
            found,
            audit_rows=found.audit_rows + len(rows) - self.logged.beside,
            audit_keys=f"{found.audit_keys} {which}",
        )


def of_everybody(system: System, now: datetime, only: str | None) -> Seen:
    """Survey the night as `survey.survey`, and look for everybody of it at once. Raise as that does."""
    seen = survey.survey(system, now, only)
    return replace(seen, cases=of_cases(system, seen.reach, seen.cases))


def of_cases(system: System, reach: Reach, cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases with what stands of their people. Raise LifecycleError where nobody could look."""
    known = [case.found.known for case in cases if case.found is not None]
    seen = iter(look(system, reach, known))
    return tuple(
        case
        if case.found is None
        else survey.looked(system, case, before := next(seen), before.applied(case.found))
        for case in cases
    )


def look(system: System, reach: Reach, people: Sequence[Note]) -> tuple[Before, ...]:
    """Look for these people in one snapshot, each by what nobody else goes by. Raise LifecycleError."""
    if not people:
        return ()
    try:
        with system.snapshot("gdpr looks beforehand") as conn:
            conn.execute(statements.NO_HURRY)
            return _look(conn, reach, people)
    except psycopg.Error as error:
        raise connect.explain(error) from None


def _look(conn: Connection[TupleRow], reach: Reach, people: Sequence[Note]) -> tuple[Before, ...]:
    needles = Needles([note.needles() for note in people])
    found: list[list[Quoted]] = [[] for _ in people]
    taking = Taking(conn, reach, people, needles)
    logged = [Keyed() for _ in people]
    for relation in relations.there(conn, reach.catalog):
        declared = relation.sort == "table" and relation.table in reach.catalog.tables
        if relation.why_not is not None or not declared or not relation.columns:
            continue  # the proof says so of it
        progress.phase(f"searching {relation.table}, before anything is touched")
        try:
            with conn.transaction(force_rollback=True):
                for whose, numbers in _standing(conn, relation, needles):
                    note = people[whose]
                    beside = taking.take(relation, whose, numbers)
                    one = About(note, whose, numbers, beside)
                    found[whose] += quoted.left(conn, reach, relation, needles, one)
                    mine = _logged(conn, reach, relation, note, numbers)
                    logged[whose] = logged[whose].joined(mine)
        except psycopg.Error as error:
            database.lasting(conn, error)
    keys = _has_keys(reach)
    return tuple(
        Before(
            frozenset(note.needles()),
            quoted.together((*mine, *more.stuck)),
            theirs if keys else None,
            more.redactions,
            more.whom,
            tuple(more.held()),
        )
        for note, mine, theirs, more in zip(people, found, logged, taking.each(), strict=True)
    )


def _standing(
    conn: Connection[TupleRow], relation: Relation, needles: Needles
) -> Iterator[tuple[int, Sequence[int] | None]]:
    """Yield who stands there, in which rows; None where they have no numbers, so that all are read again."""
    if relation.numbered:
        yield from numbered.standing(conn, relation, needles).items()
        return
    there = {
        hit.whose for block in stream.blocks(conn, relation.query()) for hit in needles.rows(block)
    }
    yield from ((whose, None) for whose in sorted(there))


def _has_keys(reach: Reach) -> bool:
    log = AUDIT.of(reach.policy)
    return log is not None and keyed.has_keys(reach.table(log.table))


def _logged(
    conn: Connection[TupleRow],
    reach: Reach,
    relation: Relation,
    note: Note,
    numbers: Sequence[int] | None,
) -> Keyed:
    """Return the rows of the audit log among these in whose values the person stands, of others than about them."""
    log = AUDIT.of(reach.policy)
    if log is None or log.table != relation.table or numbers is None or not _has_keys(reach):
        return Keyed()
    found = Keyed()
    for start in range(0, len(numbers), numbered.TOGETHER):
        some = numbered.written(numbers[start : start + numbered.TOGETHER])
        person = as_person(reach, note)
        more = anonymise.keyed(conn, reach.policy, reach.catalog, person, relation.source, some)
        found = found.joined(more)
    return found
