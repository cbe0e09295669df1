"""Looks at what an erasure would do to one person, whether they have asked for it or not. Changes nothing.

One moment, read only, and by the code of the erasure itself: `person.py` counts, `plan.py` knows what is refused,
`quoted.py` searches as the proof will. Nothing of it is remembered, and nothing can be applied. The person's key stays
where it was given: it is in no message. Needs no request, no installation, and no right but to read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import anonymise
from gdpr import (
    asked,
    goes_by,
    locks,
    notes,
    person,
    places,
    places_of_names,
    plan,
    quoted,
    redactions,
    statements,
    survey,
    who,
    words,
)
from gdpr.beforehand import Before
from gdpr.note import Note, together
from gdpr.payer import payer
from gdpr.person import Survey
from gdpr.quoted import Quoted
from gdpr.reach import Reach, columns_only, reach
from gdpr.rows import hanging, shared
from gdpr.search import database, numbered, relations
from gdpr.search.needles import Needles
from gdpr.section import SECTION
from lifecycle import progress
from lifecycle.coverage import Looks, Place, Reason
from lifecycle.errors import LifecycleError
from lifecycle.holds import gate
from lifecycle.outside.keys import reference_key
from lifecycle.policy import virtual
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an erasure would do to one person, in counts.

    `review`: where a name stands that others may have, too. `beyond`: what the policy says and no erasure carries
    out yet; then `found` is None, and rows that may be theirs count as quoting them. `shared`: table -> rows that
    stay as others share them. `ignored`: reference -> rows left as they are. `views`: materialized views that quote
    the person. `versions`: bucket -> versions of their objects; `customers`: state at Stripe -> how many.
    `refusals`: why an erasure would stop before it touches anything.
    """

    system: str
    kind: str
    reach: Reach
    beyond: tuple[str, ...]
    found: Survey | None
    shared: Mapping[str, int]
    ignored: Mapping[str, int]
    quoted: tuple[Quoted, ...]
    views: Mapping[str, int]
    versions: Mapping[str, int] = field(default_factory=dict[str, int])
    customers: Mapping[str, int] = field(default_factory=dict[str, int])
    review: tuple[Quoted, ...] = ()
    unseen: Mapping[Place, Reason] = field(default_factory=dict[Place, Reason])
    refusals: tuple[str, ...] = ()


def foresee(system: System, kind: str | None, typed: str) -> Foreseen:
    """Return what an erasure of the person with this key would do.

    Raise InputError when it is not said which kind of people is meant, NotFound when there is no such person, Refused
    when the policy does not fit the database.
    """
    policy, looks = system.policy, Looks()
    kind = who.kind_of(policy, kind)
    with system.snapshot("gdpr foresee", reader=True) as conn:
        seen = look(system, conn, looks, kind, typed)
    (versions, locked), customers = (
        _objects(system, looks, seen.found),
        _customers(system, looks, seen.found),
    )
    return replace(
        seen,
        versions=versions,
        customers=customers,
        unseen=looks.cover(()).unseen(),
        refusals=(*_refusals(policy, seen, customers), *locked),
    )


def look(
    system: System, conn: Connection[TupleRow], looks: Looks, kind: str, typed: str
) -> Foreseen:
    """Read all of it. Locks are those of any SELECT: on all tables while counting, on one while searching it."""
    policy, beyond = system.policy, words.beyond(system.policy)
    with conn.transaction(force_rollback=True):
        picture = catalog.read(conn)
        reached = (columns_only if beyond else reach)(policy, picture, kind)
        note, found = _of_person(system, conn, looks, reached, typed, count=not beyond)
        known = person.searched(conn, reached, note)
        began = database.began(conn)
    needles = Needles([known.needles()])
    taken = _taken_out(conn, reached, known, needles)
    if found is not None:
        found = Before(frozenset(), (), None, taken.redactions, None, tuple(taken.held())).applied(
            found
        )
    beside = {name: reached.looked_at(name) for name in reached.redacting}
    seen = Foreseen(
        system.name,
        kind,
        reached,
        beyond,
        found,
        dict(_rows(conn, reached, note.person, _sharing(reached))),
        dict(_rows(conn, reached, note.person, _ignoring(reached))),
        quoted.together((*quoted.quoted(conn, reached, known, needles, beside), *taken.stuck)),
        dict(_elsewhere(conn, looks, reached, needles)),
        review=quoted.quoted(conn, reached, known, Needles([known.weak])) if known.weak else (),
    )
    for place, reason in places_of_names.unsought(reached).items():
        looks.not_at(place, reason)
    places_of_names.ambiguous(looks, len(note.identifiers) - len(known.identifiers))
    places_of_names.short(looks, known)
    with conn.transaction(force_rollback=True):
        places.unreached(looks, conn, picture, places.stored(conn), began)
    return seen


def _taken_out(
    conn: Connection[TupleRow], reach: Reach, known: Note, needles: Needles
) -> redactions.Found:
    """Return which rows of others would lose a value of the person's, and which quote them and would not."""
    with conn.transaction(force_rollback=True):
        there = relations.there(conn, reach.catalog) if reach.redacting else ()
        holds = gate.readable(conn) if reach.redacting else ()
    taking = redactions.Taking(conn, reach, [known], needles, holds)
    for relation in there:
        if relation.table in reach.redacting and relation.numbered and relation.why_not is None:
            progress.phase(f"searching {relation.table}")
            with conn.transaction(force_rollback=True):
                for whose, numbers in numbered.standing(conn, relation, needles).items():
                    taking.take(relation, whose, numbers)
    return next(taking.each())


def _of_person(
    system: System,
    conn: Connection[TupleRow],
    looks: Looks,
    reach: Reach,
    typed: str,
    *,
    count: bool,
) -> tuple[Note, Survey | None]:
    """Return what the person goes by, and with `count` what there is of them. Raise NotFound."""
    key = who.person_of(conn, reach, typed)
    progress.phase("counting")
    if count:
        found = person.survey(
            conn, reach, key, _earlier(system, conn, looks, key), gate.readable(conn)
        )
        assert found is not None  # the row is there, in this same moment
        logged = anonymise.left(
            conn, reach.policy, reach.catalog, person.as_person(reach, found.known)
        )
        return found.note, replace(found, audit_rows=logged)
    called = goes_by.names(conn, reach, key)
    return Note(key, called.strong, (), {}, weak=called.weak), None


def _earlier(system: System, conn: Connection[TupleRow], looks: Looks, who: str) -> Note | None:
    """Return what is known of the person since they asked, or since their erasure was begun."""
    begun, waits = notes.readable(conn), asked.readable(conn)
    if False in (begun, waits):
        why = Reason("this login may not read them", "Run as the service, or grant it to read.")
        looks.not_at(Place("notes", "of erasures that were begun"), why)
    begun, waits = begun and notes.begun(conn), waits and asked.every(conn, system)
    if not begun and not waits:
        return None
    key = reference_key(system.settings.reference_key)
    return together(
        (
            notes.of_person(conn, key, who) if begun else None,
            asked.of_person(conn, key, who) if waits else None,
        )
    )


def _sharing(reach: Reach) -> Iterator[tuple[str, str, sql.Composable]]:
    for table in (*reach.deleted, *reach.kept):
        rows = shared(reach, table)
        if rows is not None:
            yield table, table, rows


def _ignoring(reach: Reach) -> Iterator[tuple[str, str, sql.Composable]]:
    for key in reach.catalog.foreign_keys:
        entry = reach.policy.tables.get(key.table)
        said = isinstance(key, virtual.Virtual) and entry and key.name in entry.ignore
        if said and key.referenced in reach.deleted:
            yield f"{key.table}.{key.name}", key.table, hanging(reach, key)


def _rows(
    conn: Connection[TupleRow],
    reach: Reach,
    who: str,
    wanted: Iterator[tuple[str, str, sql.Composable]],
) -> Iterator[tuple[str, int]]:
    """Yield (name, how many rows there are), where there are any."""
    for name, table, rows in wanted:
        with conn.transaction(force_rollback=True):
            query = statements.count(reach, table, rows)
            number, _ = conn.execute(query, person.about(who)).fetchone() or (0, "")
        if number:
            yield name, number


def _elsewhere(
    conn: Connection[TupleRow], looks: Looks, reach: Reach, needles: Needles
) -> Iterator[tuple[str, int]]:
    """Yield (materialized view, or table that is not declared; rows of it that quote the person), where any do."""
    with conn.transaction(force_rollback=True):
        there = relations.there(conn, reach.catalog)
        declared = reach.catalog.tables
        others = [
            o for o in there if o.sort == "view" or (o.sort == "table" and o.table not in declared)
        ]
        found, _ = database.through(conn, others, needles, looks)
    yield from ((one.table, rows) for (_, one), rows in found.items())


def _objects(
    system: System, looks: Looks, found: Survey | None
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Return (bucket -> versions, what Object Lock keeps of them in words), as far as the store can be asked."""
    if found is None or not found.note.objects:
        return {}, ()
    progress.phase("asking the object store")
    try:
        kept = tuple(locks.said(locks.locked(system, found.note.objects)))
        return survey.versions(system, found), kept
    except LifecycleError as error:
        for bucket in found.note.objects:
            looks.not_at(Place("bucket", bucket), Reason(error.what, error.hint))
        return {}, ()


def _customers(system: System, looks: Looks, found: Survey | None) -> Mapping[str, int]:
    """Return state at Stripe -> how many customers that would go with the person, as far as it can be asked."""
    if found is None or not found.note.payers:
        return {}
    progress.phase("asking Stripe")
    states: dict[str, int] = {}
    try:
        account = payer(system)
        for customer in found.note.payers:
            state = account.state(customer)
            states[state] = states.get(state, 0) + 1
    except LifecycleError as error:
        looks.not_at(places.PAYER, Reason(error.what, error.hint))
        return {}
    return states


def _refusals(policy: Policy, seen: Foreseen, customers: Mapping[str, int]) -> Iterator[str]:
    """Yield why an erasure would stop before it touches anything."""
    erasure = SECTION.of(policy)
    if seen.beyond:
        yield "the policy says what an erasure cannot carry out yet"
    if erasure is None:
        yield "the policy has no `erasure:`, so nobody can ask for it"
    elif erasure.subject != seen.kind:
        yield f"requests are about people of kind {erasure.subject} (`erasure.subject`), not {seen.kind}"
    if seen.found:
        yield from plan.reasons(seen.reach, seen.found, None)
    if not seen.beyond:
        yield from plan.still_standing(policy, seen.quoted)
    if customers.get("unknown"):
        yield "Stripe does not know a customer of theirs, and it remembers those it has deleted"
