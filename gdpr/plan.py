"""Decides: what the erasures of the night would do, in words and counts, and which may not be done at all. Pure.

A plan names tables, buckets and counts, never a person, a key or a file. Everything that would make an erasure wrong
is refused here, before its request is claimed: it stays pending, and nothing of it is touched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.section import SECTION as AUDIT
from gdpr import locks
from gdpr.person import Survey
from gdpr.quoted import Quoted
from gdpr.reach import Reach
from gdpr.survey import Case, Seen
from lifecycle.errors import Conflict, Refused
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres.reasons import GIVES_BYPASSRLS
from lifecycle.words import counted

_HINT = "Nothing was touched. Correct the data or the policy; `lifecycle gdpr plan` shows the same."


@dataclass(frozen=True, slots=True)
class ErasureStep(Step):
    """One thing that happens for one request, whose steps are a group. `request` is its reference."""

    request: str


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[ErasureStep]:  # noqa: ARG001 - asked alike
    """Return what would be done for everybody of the night, children before parents, and what is refused."""
    steps: list[ErasureStep] = []
    refusals: list[Failure] = [*seen.odd, *seen.unread]
    notes: list[str] = list(seen.slow)
    for case in seen.cases:
        if refused := refusal(seen.reach, case):
            refusals.append(refused)
            continue
        steps += steps_of(seen.reach, case)
        notes += _notes(case)
    facts = {"schema": seen.reach.catalog.digest[:16], "requests": str(len(seen.cases))}
    return Decision(tuple(steps), tuple(refusals), tuple(notes), facts)


def refusal(reach: Reach, case: Case) -> Failure | None:
    """Return why this case may not be carried out, None where nothing speaks against it."""
    against = [] if case.found is None else list(reasons(reach, case.found, None))
    if (
        case.before is not None and case.state == "new"
    ):  # what was begun goes on, and says so itself
        against += still_standing(reach.policy, case.before.quoted)
    keeps = list(locks.said(case.locked))
    if not against and not keeps:
        return None
    hint = _HINT if against else locks.hint(case.request.reference)
    return Failure(case.name, "; ".join([*against, *keeps]), hint)


def still_standing(policy: Policy, places: Sequence[Quoted]) -> Iterator[str]:
    """Yield, once, in which rows that would stay the person is quoted: no sentence says what becomes of them.

    Of what the policy has under `review` the proof says so, when the person's own rows are gone.
    """
    if places := [one for one in places if not _to_review(policy, one)]:
        where = ", ".join(f"{one.table} ({counted(one.rows, 'row')})" for one in places)
        yield f"an identifier of the person would still stand in {where}"
    for one in places:
        if stuck := [c for c in one.columns if policy.tables[one.table].quotes.get(c) == "redact"]:
            yield (
                f"of {one.table}.{', '.join(stuck)} not all that names the person can be taken out: it may be "
                "somebody else's, a word or any number, or stands where nothing can be taken out by itself (in JSON a "
                "number); take it out by hand"
            )


def _to_review(policy: Policy, one: Quoted) -> bool:
    said = policy.tables[one.table].quotes
    return all(said.get(column) == "review" for column in one.columns)


def refuse(reach: Reach, found: Survey, cap: int, *, shown: bool) -> None:
    """Raise Refused, with every reason, when this erasure would do harm, be incomplete, or touch more than `cap` rows.

    Asked once more immediately before the first write: the world may have changed since the plan, which was `shown` to
    a person or not.
    """
    against = list(reasons(reach, found, cap))
    if not shown:
        against += redacts_too_much(reach.policy, found)
    if against:
        raise Refused("; ".join(against), hint=_HINT)


def redacts_too_much(policy: Policy, found: Survey) -> Iterator[str]:
    """Yield why nobody takes values out of so many rows of others unseen."""
    rows, most = sum(found.redacted.values()), policy.limits.redacted_rows
    if rows > most:
        yield (
            f"values would be taken out of {counted(rows, 'row')} of others, more than the {most:,} of "
            "`limits.redacted_rows`: look at `lifecycle gdpr plan`, and apply that one"
        )


def must_be(shown: Sequence[ErasureStep], reach: Reach, case: Case) -> None:
    """Raise Conflict unless what would be done for this request now is what a person was shown.

    Asked when its turn comes: those before it took their time, and the world went on.
    """
    now = tuple(steps_of(reach, case))
    if tuple(shown) == now:
        return
    before, after = ({(s.verb, s.target): s for s in steps} for steps in (shown, now))
    others = sorted(
        f"{verb} {target}"
        for verb, target in before.keys() | after.keys()
        if before.get((verb, target)) != after.get((verb, target))
    )
    raise Conflict(
        f"since the plan was shown something else would be done: {', '.join(others)}",
        hint="Nothing was done for this request. Look at `lifecycle gdpr plan` again, and apply that one.",
    )


def reasons(reach: Reach, found: Survey, cap: int | None) -> Iterator[str]:
    """Yield why this erasure would do harm, be incomplete, or touch more than `cap` rows."""
    for where, rows in found.rows.hanging.items():
        if rows:
            yield (
                f"rows of others hang on rows that would go ({counted(rows, 'row')}): {where}; "
                "say in the policy that they go with these (`through`), or what they lose (`mentions`)"
            )
    yield from (*found.no_stone, *found.doubtful, *found.far)
    yield from found.on_hold
    for table in reach.tables():
        for part in table.detaching:
            yield f"rows of {table.name} cannot be reached: the detach of {part} was begun and not ended, finish it"
    yield from _in_batches(reach, found)
    touched = dict.fromkeys((*reach.deleted, *reach.kept, *reach.redacting))
    guarded = [t for t in touched if reach.table(t).rls]
    if guarded and not found.sees_all:
        hidden = counted(len(guarded), "table")
        yield f"row security hides rows of {hidden} from this role: it lacks BYPASSRLS; {GIVES_BYPASSRLS}"
    if cap is not None and found.changed() > cap:
        much = counted(found.changed(), "row")
        yield f"{much} would go or change, more than the {cap:,} that were looked at or allowed"


def _in_batches(reach: Reach, found: Survey) -> Iterator[str]:
    """Yield why rows of compressed chunks cannot go: TimescaleDB would take batches of others apart for them."""
    for name, there in found.rows.packed.items():
        if otherwise := found.rows.deleted[name] - there.rows:
            yield (
                f"{counted(otherwise, 'row')} of theirs in {name} {'is' if otherwise == 1 else 'are'} compressed "
                f"otherwise than by {reach.owner(name)}: `lifecycle timescale apply` compresses them by `segment_by`"
            )
    for name in (*reach.deleted, *reach.kept):
        through = {key.referenced for key in reach.ways(name)}
        for other in sorted(through):
            if reach.table(other).compressed and reach.owner(name) is not None:
                yield f"rows of {name} are reached through {other}, which TimescaleDB compresses: those go first"
    changing = {**found.rows.kept, **{m.name: found.rows.mentions[m.name] for m in reach.mentions}}
    for where, rows in changing.items():
        name = where if where in reach.kept else where.rpartition(".")[0]
        if rows and reach.table(name).compressed:
            yield (
                f"{counted(rows, 'row')} of {name} would change, and TimescaleDB compresses it: take `compress` out of "
                "`timescale`, and decompress its chunks"
            )


def steps_of(reach: Reach, case: Case) -> Iterator[ErasureStep]:
    """Yield what would be done for one request."""
    for verb, target, reason, cost, rows in _parts(reach, case):
        yield ErasureStep(
            verb,
            target,
            f"request {case.request.reference[:8]}: {reason}",
            cost,
            case.request.reference,
            rows=rows,
            binds=case.binds.get(target, ""),
            group=case.name,
        )


def _parts(reach: Reach, case: Case) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield (verb, target, reason, cost, rows deleted or changed)."""
    found = case.found
    if found is None:
        what = (
            "proven before, and asked again" if case.state == "proven" else "nobody knows who it is"
        )
        yield "answer", "the request", what, "1 request", 0
        return
    if case.state != "new":
        begun = f"{case.state}, and not proven yet"
        yield "prove", "everywhere", begun, "a search of the whole database", 0
    for bucket, keys in found.note.objects.items():
        cost = f"{len(keys)} keys, {case.versions.get(bucket, 0)} versions"
        yield "delete objects", bucket, "all versions of the person's objects", cost, 0
    if found.note.payers:
        yield (
            "delete customer",
            "stripe",
            "nobody else shares the payer",
            f"{len(found.note.payers)}",
            0,
        )
    for verb, target, reason, rows in _in_tables(reach, found):
        if rows:
            yield verb, target, reason, counted(rows, "row"), rows
    log = AUDIT.of(reach.policy)
    if log:
        cost = f"{counted(found.audit_rows, 'row')}, and those the erasure itself writes"
        yield (
            "anonymise",
            log.table,
            "what names the person goes, the row stays",
            cost,
            found.audit_rows,
        )


def _in_tables(reach: Reach, found: Survey) -> Iterator[tuple[str, str, str, int]]:
    lose = "rows of others lose a pointer to the person or to what is theirs"
    half = "rows stay for the others who are a party of them, without the person's half"
    wrote = "rows that they wrote about others name the tombstone from now on"
    for mention in reach.mentions:
        rows = found.rows.mentions[mention.name]
        if mention.half:
            yield "set null" if mention.stone is None else "set tombstone", mention.name, half, rows
        elif mention.stone is None:
            yield "set null", mention.name, lose, rows
        else:
            yield "set tombstone", mention.name, wrote, rows
    for table in reach.deleted:
        yield (
            "delete",
            table,
            f"the person's own rows{_packed(reach, found, table)}",
            found.rows.deleted[table],
        )
    for table in reach.kept:
        keep = reach.policy.tables[table].keep
        if keep:
            yield (
                f"clear {', '.join(reach.cleared(table))}",
                table,
                keep.because,
                found.rows.kept[table],
            )
    quote = "rows of others quote the person: what names them is taken out, by itself"
    for name, rows in found.redacted.items():
        yield "redact", name, quote, rows


def _packed(reach: Reach, found: Survey, table: str) -> str:
    """Return what stands of these rows in compressed chunks, and what becomes of it."""
    there = found.rows.packed.get(table)
    if there is None or not there.batches:
        return ""
    watched = any(
        trigger.row and trigger.enabled in "OA" for trigger in reach.table(table).triggers
    )
    how = "taken apart first, as a trigger sees each row" if watched else "deleted whole"
    return (
        f", {there.packed:,} of them in {counted(there.batches, 'batch', 'batches')} of "
        f"{counted(there.chunks, 'compressed chunk')}: {how}"
    )


def _notes(case: Case) -> Iterator[str]:
    found, reference = case.found, case.request.reference
    if found is None:
        return
    if found.payers_kept:
        yield f"{reference}: the Stripe customer stays, others share it"
    if found.objects_kept:
        yield f"{reference}: {counted(found.objects_kept, 'object')} kept, as rows of others name the same"
    if found.ambiguous:
        yield f"{reference}: {found.ambiguous} identifiers are another person's too and prove nothing"
