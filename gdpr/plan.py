"""Decides: what an erasure would do, in words and counts, and whether it may be done at all. Pure.

A plan names tables, buckets and counts, never a person, a key or a file. Everything that would make the
erasure wrong is refused here, before the first write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from audit.section import SECTION as AUDIT
from gdpr.reach import Reach
from gdpr.survey import Survey
from lifecycle.errors import Refused
from lifecycle.plan import Plan, Step


@dataclass(frozen=True, slots=True)
class ErasureStep(Step):
    """One thing that happens for one request. `request` is its reference."""

    request: str


@dataclass(frozen=True, slots=True)
class Case:
    """One request with what was found about its person. `versions`: bucket -> versions, when they were counted."""

    reference: str
    survey: Survey
    versions: Mapping[str, int]


def refuse(reach: Reach, survey: Survey, cap: int | None) -> None:
    """Raise Refused, with every reason, when this erasure would do harm or stay incomplete.

    `cap` is the most rows that may go without a person having looked; None when one has.
    """
    reasons = list(_reasons(reach, survey, cap))
    if reasons:
        raise Refused(
            "; ".join(reasons),
            hint="Nothing was touched. Correct the data or the policy; `lifecycle gdpr plan` shows the same.",
        )


def _reasons(reach: Reach, survey: Survey, cap: int | None) -> Iterator[str]:
    for where, rows in survey.rows.hanging.items():
        if rows:
            yield f"{rows} rows of others hang on rows that would go: {where}"
    guarded = [t for t in (*reach.deleted, *reach.kept) if reach.table(t).rls]
    if guarded and not survey.sees_all:
        yield f"row-level security hides rows of {len(guarded)} tables from this role: it lacks BYPASSRLS"
    going = sum(survey.rows.deleted.values())
    if cap is not None and going > cap:
        yield f"{going} rows would go, more than {cap} without a person having seen the plan"


def plan(
    reach: Reach, system: str, policy_digest: str, cases: tuple[Case, ...]
) -> Plan[ErasureStep]:
    """Return what would be done for these requests, children before parents."""
    return Plan(
        room="gdpr",
        system=system,
        database=reach.catalog.database,
        policy_digest=policy_digest,
        steps=tuple(
            replace(step, reason=f"request {step.request[:8]}: {step.reason}")
            for case in cases
            for step in _steps(reach, case)
        ),
        notes=tuple(note for case in cases for note in _notes(case)),
        facts={"schema": reach.catalog.digest[:16], "requests": str(len(cases))},
    )


def _steps(reach: Reach, case: Case) -> Iterator[ErasureStep]:
    found, ref = case.survey, case.reference
    for bucket, keys in found.note.objects.items():
        counted = f", {case.versions[bucket]} versions" if bucket in case.versions else ""
        reason = "all versions of the person's objects"
        yield ErasureStep("delete objects", bucket, reason, f"{len(keys)} keys{counted}", ref)
    if found.note.payers:
        reason = "nobody else shares the payer"
        yield ErasureStep("delete customer", "stripe", reason, f"{len(found.note.payers)}", ref)
    for verb, target, reason, rows in _in_tables(reach, found):
        if rows:
            yield ErasureStep(verb, target, reason, f"{rows} rows", ref)
    log = AUDIT.of(reach.policy)
    if log:
        reason = "what names the person goes, the row stays"
        cost = f"{found.audit_rows} rows, and those the erasure itself writes"
        yield ErasureStep("anonymise", log.table, reason, cost, ref)


def _in_tables(reach: Reach, found: Survey) -> Iterator[tuple[str, str, str, int]]:
    lose = "rows of others lose a pointer to the person or to what is theirs"
    for where, rows in found.rows.mentions.items():
        yield "set null", where, lose, rows
    for table in reach.deleted:
        yield "delete", table, "the person's own rows", found.rows.deleted[table]
    for table in reach.kept:
        keep = reach.policy.tables[table].keep
        if keep:
            yield f"clear {', '.join(keep.clear)}", table, keep.because, found.rows.kept[table]


def _notes(case: Case) -> Iterator[str]:
    found = case.survey
    if found.payers_kept:
        yield f"{case.reference}: the Stripe customer stays, others share it"
    if found.objects_kept:
        yield f"{case.reference}: {found.objects_kept} objects stay, rows of others name them too"
    if found.ambiguous:
        yield f"{case.reference}: {found.ambiguous} identifiers are another person's too and prove nothing"
