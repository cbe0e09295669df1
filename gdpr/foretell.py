"""Says what `foresee.py` saw, for people: in sentences of 80 columns that can be read aloud.

Pure. Names tables, columns, buckets and counts, never a person, a key or a value.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from audit.section import SECTION as AUDIT
from gdpr.foresee import Foreseen
from gdpr.foretold import halves, pointers
from gdpr.person import Survey
from gdpr.plan import redacts_too_much
from gdpr.section import SECTION
from lifecycle.coverage import Kind, Place
from lifecycle.words import counted

WIDTH, NAMED = 80, 6
"""Columns of a line; how many places that are not searched are named for one reason. The document has them all."""

_QUOTES = {
    "redact": "by the policy the value alone is taken out, which cannot be done there",
    "review": "by the policy it is shown to a person",
    "refuse": "by the policy nobody is erased who is quoted here",
    None: "no word of the policy says what becomes of it",
}


def lines(seen: Foreseen) -> Iterator[str]:
    """Yield what would go, stay, be cleared and be lost by others, and how an erasure would end."""
    yield from _wrapped(
        f"What an erasure would do to one person of {seen.system} (kind: {seen.kind}). Counted at one moment, read "
        "only: nothing was written, and there is nothing here to apply."
    )
    parts = [
        _quoted(seen),
        *([_review(seen)] if seen.review else []),
        ("Where nobody looks, here or after an erasure:", _unseen(seen, "limit")),
    ]
    if trouble := _unseen(seen, "trouble"):
        parts.append(("Could not be looked at now, and an erasure may stop there:", trouble))
    parts.append(_end(seen))
    if seen.found is not None:
        parts = [*_counts(seen, seen.found), *parts]
    for heading, entries in (*([_beyond(seen)] if seen.beyond else []), *parts):
        yield ""
        yield from _wrapped(heading)
        yield from entries


Part = tuple[str, Iterable[str]]


def _beyond(seen: Foreseen) -> Part:
    said = (line for place in seen.beyond for line in _wrapped(place, "  "))
    heading = (
        f"What an erasure cannot carry out yet ({counted(len(seen.beyond), 'place')} of the policy), "
        "so that nothing is counted here:"
    )
    return heading, said


def _counts(seen: Foreseen, found: Survey) -> Iterator[Part]:
    gone = found.rows.erased()
    yield _part("Would go", gone, "table")
    yield _stays(seen, found)
    if seen.ignored:
        yield _ignored(seen)
    lost, wrote = pointers(seen, found)
    if wrote:
        yield _part("Rows that the person wrote about others would name the tombstone", wrote)
    heading = "Rows of others would lose a pointer to the person, or to what is theirs"
    yield _part(heading, lost)
    if staying := halves(seen, found):
        heading = "Rows would stay for their other parties, without the half of who goes"
        yield _part(heading, staying)
    if found.redacted:
        yield _part("Rows of others would lose what names the person, by itself", found.redacted)
    yield _part("Shared with others, and would stay while they are there", seen.shared)
    hanging = {where: rows for where, rows in found.rows.hanging.items() if rows}
    yield _part("Rows of others hang on rows that would go", hanging)
    yield "Outside the database:", list(_outside(seen, found)) or ["  nothing"]


def _stays(seen: Foreseen, found: Survey) -> Part:
    policy, said = seen.reach.policy, list[str]()
    kept = {table: rows for table, rows in found.rows.kept.items() if rows}
    log = AUDIT.of(policy)
    for table, rows in kept.items():
        keep = policy.tables[table].keep
        assert keep is not None  # that is what makes it kept
        said += _entry(table, rows)
        said += _wrapped(
            f"cleared: {', '.join(seen.reach.cleared(table))}; because: {keep.because}", "    "
        )
        if keep.until:
            said += _wrapped(f"until: {keep.until}; ground: {keep.ground}", "    ")
    if log and found.audit_rows:
        said += _entry(log.table, found.audit_rows)
        what = "the audit log: what names the person is taken out, also of rows that the erasure itself writes"
        said += _wrapped(what, "    ")
    erasure = SECTION.of(policy)
    if erasure and erasure.subject == seen.kind and erasure.requests.table not in kept:
        said += _wrapped(f"{erasure.requests.table}: the request, once they have asked", "  ")
    total = sum(kept.values()) + found.audit_rows
    heading = "Would stay, without what names the person"
    return (f"{heading}: {counted(total, 'row')}", said) if said else (f"{heading}: no row", ())


def _ignored(seen: Foreseen) -> Part:
    said: list[str] = []
    for name, rows in seen.ignored.items():
        table, _, reference = name.rpartition(".")
        said += _entry(name, rows)
        why = seen.reach.policy.tables[table].ignore[reference]
        said += _wrapped(f"because: {why}", "    ")
    return "Would be left as they are, and go on naming the person:", said


def _outside(seen: Foreseen, found: Survey) -> Iterator[str]:
    for bucket, keys in found.note.objects.items():
        versions = seen.versions.get(bucket)
        much = "versions not counted" if versions is None else counted(versions, "version")
        yield from _wrapped(
            f"bucket {bucket}: {counted(len(keys), 'object')} would go ({much})", "  "
        )
    if found.objects_kept:
        what = (
            f"{counted(found.objects_kept, 'object')} would stay, as rows of others name the same"
        )
        yield from _wrapped(what, "  ")
    if found.note.payers:
        states = ", ".join(f"{number} {state}" for state, number in seen.customers.items())
        what = f"Stripe: {counted(len(found.note.payers), 'customer')} would go"
        yield from _wrapped(what + (f" (now at Stripe: {states})" if states else ""), "  ")
    if found.payers_kept:
        what = f"Stripe: {counted(found.payers_kept, 'customer')} would stay, as others share it"
        yield from _wrapped(what, "  ")


def _quoted(seen: Foreseen) -> Part:
    said: list[str] = []
    for one in seen.quoted:
        table = seen.reach.policy.tables[one.table]
        for column, rows in one.columns.items():
            said += _entry(f"{one.table}.{column}", rows)
            whose = "a table that is nobody's; " if table.owner is None else ""
            said += _wrapped(whose + _QUOTES[table.quotes.get(column)], "    ")
    for view, rows in seen.views.items():
        said += _entry(view, rows)
        said += _wrapped(
            "a materialized view: refresh it after the erasure, else no proof holds", "    "
        )
    where = "rows that may be theirs or others'" if seen.beyond else "rows that would stay"
    if not said:
        return f"Quoted in {where}: nowhere that was searched", ()
    return f"Quoted in {where}, by what names the person:", said


def _review(seen: Foreseen) -> Part:
    said = [
        line
        for one in seen.review
        for column, rows in one.columns.items()
        for line in _entry(f"{one.table}.{column}", rows)
    ]
    heading = (
        "Rows that would stay and have a name that others may have, too; nothing is done with them:"
    )
    return heading, said


def _unseen(seen: Foreseen, kind: Kind) -> list[str]:
    by_reason: dict[str, list[Place]] = {}
    for place, reason in seen.unseen.items():
        if reason.kind == kind:
            by_reason.setdefault(reason.why, []).append(place)
    said: list[str] = []
    for why, places in by_reason.items():
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        said += _wrapped(f"{', '.join(map(str, places[:NAMED]))}{more}: {why}", "  ", "    ")
    return said


def _end(seen: Foreseen) -> Part:
    if seen.refusals:
        said = [line for why in seen.refusals for line in _wrapped(f"- {why}", "  ", "    ")]
        return "In the end: an erasure would stop before it touches anything:", said
    found, policy = seen.found, seen.reach.policy
    cap = policy.limits.rows_per_run
    once = " once what could not be looked at can be" if _unseen(seen, "trouble") else ""
    said = _wrapped(
        f"As far as reading shows, it would be carried out{once}, searched for again by other eyes, and end with "
        "`could not verify` for as long as there are places where nobody looks. Rights to delete, and what triggers "
        "do, are tried when a request is due.",
        "  ",
    )
    if found and found.changed() > cap:
        what = f"More than {cap:,} rows would go or change: the night leaves that to a person, who applies the plan"
        said += _wrapped(f"{what} of the request.", "  ")
    if found:
        said += [line for why in redacts_too_much(policy, found) for line in _wrapped(why, "  ")]
    return "In the end:", said


def _part(heading: str, rows: Mapping[str, int], where: str = "place") -> Part:
    if not rows:
        return f"{heading}: no row", ()
    places = f" in {counted(len(rows), where)}" if len(rows) > 1 else ""
    total = f"{heading}: {counted(sum(rows.values()), 'row')}{places}"
    return total, [line for name, number in rows.items() for line in _entry(name, number)]


def _entry(name: str, rows: int) -> list[str]:
    """Return a name and its rows on one line, or on two where the name is long."""
    said = f"{rows:>12,} {'row' if rows == 1 else 'rows'}"
    return [f"  {name:<48}{said}"] if len(name) < 49 else [f"  {name}", f"{'':50}{said}"]


def _wrapped(said: str, first: str = "", then: str | None = None) -> list[str]:
    return textwrap.wrap(
        said,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if then is None else then,
        break_long_words=False,
        break_on_hyphens=False,
    )
