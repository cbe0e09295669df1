"""Decides how each hypertable is to be compressed, and which chunks are due. Pure.

A chunk is due when its end lies as far back as the policy says and it is not compressed; when rows have come into it
since (`partial`); and when it was compressed in another way than the policy's. Which jobs of the extension have run
is nothing to this: only what the chunks are. How long a chunk is, is compared and no more: the function that sets it
takes a value of any type, and in a schema where others may make functions a better fitting one would run as the owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lifecycle.config.span import Span
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres.waits import LIMIT, Need
from lifecycle.timescale.section import EXTENSION, SECTION, Hypertable, wrong
from lifecycle.timescale.survey import Chunk, Cut, Job, Seen, Settings
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Say how chunks of a table are compressed from now on, as its owner."""

    table: str
    schema: str
    owner: str
    wanted: Settings
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Compress(Step):
    """Compress a chunk, as the owner of its table; one that is compressed, `again`. It binds its name and bounds."""

    table: str
    schema: str
    owner: str
    wanted: Settings
    again: bool
    place: str
    needs: tuple[Need, ...]


def promised(policy: Policy, only: str | None) -> dict[str, Hypertable]:
    """Return the hypertables to look after."""
    return {n: rule for n, rule in SECTION.of(policy).items() if only in (None, n)}


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[Set | Compress]:
    """Return what is to be set and which chunks are due, table by table, the oldest first."""
    steps: list[Set | Compress] = []
    refusals: list[Failure] = []
    notes: list[str] = []
    for name, rule in promised(policy, seen.only).items():
        if why := unfit(seen, name, rule):
            refusals.append(why)
            continue
        cut = seen.cuts[name]
        refusals += _beside(name, rule, cut)
        notes += _notes(name, rule, cut)
        steps += _steps(seen, name, rule, cutoff(policy, rule, now))
    return Decision(tuple(steps), tuple(refusals), tuple(notes))


def cutoff(policy: Policy, rule: Hypertable, now: datetime) -> datetime | None:
    """Return the moment before which a chunk must have ended to be compressed; None where none is."""
    return (
        rule.compress.before(now.astimezone(ZoneInfo(policy.timezone))) if rule.compress else None
    )


def unfit(seen: Seen, name: str, rule: Hypertable) -> Failure | None:
    """Return why nothing can be kept of what the policy says of this table."""
    table = seen.catalog.tables.get(name)
    if seen.engine is None:
        return Failure(
            name,
            "TimescaleDB is not in this database",
            f"Take it out of `timescale`, or install it: `create extension {EXTENSION}`.",
        )
    if table is None:
        return Failure(name, "the table does not exist", "Run `lifecycle policy check`.")
    if rule.compress and seen.engine.licence != "timescale":
        return Failure(
            name,
            f"nothing is compressed: this TimescaleDB runs under its licence {seen.engine.licence!r}, which cannot",
            "Take `compress` out of the policy, or set `timescaledb.license` to 'timescale' if you may.",
        )
    if seen.engine.place is None or (name not in seen.cuts and table.kind == "h"):
        version = seen.catalog.extensions[EXTENSION]
        return Failure(
            name,
            f"TimescaleDB {version} keeps its notes or its function compress_chunk otherwise than known here",
            "Nothing was changed. Known are 2.22 to 2.28: update one of the two.",
        )
    found = [f"{what}: {instead}" for _, what, instead in wrong(rule, seen.catalog, table)]
    if found:
        return Failure(name, "; ".join(found), "Correct `timescale` in the policy, or the table.")
    return None


def wanted(rule: Hypertable) -> Settings:
    """Return the settings that the policy wants. NULL comes first where a column falls, as PostgreSQL has it."""
    return Settings(rule.segment_by, tuple((name, falls, falls) for name, falls in rule.ordered))


def due(rule: Hypertable, cut: Cut, before: datetime | None) -> Iterator[tuple[Chunk, str]]:
    """Yield each chunk that is not as it should be, and why."""
    for chunk in cut.chunks:
        if before is None or chunk.upper > before:
            continue
        if not chunk.packed:
            yield chunk, "not compressed"
        elif chunk.settings != wanted(rule):
            yield chunk, "compressed otherwise"
        elif chunk.partial:
            yield chunk, "compressed in part"


def _steps(
    seen: Seen, name: str, rule: Hypertable, before: datetime | None
) -> Iterator[Set | Compress]:
    table, cut = seen.catalog.tables[name], seen.cuts[name]
    if rule.compress is None or seen.engine is None or seen.engine.place is None:
        return
    if cut.settings != wanted(rule):
        yield Set(
            verb="set compression",
            target=name,
            reason=f"{cut.settings or 'nothing'} -> {wanted(rule)}",
            cost=f"{name} with nobody, for an instant",
            table=name,
            schema=table.schema,
            owner=table.owner,
            wanted=wanted(rule),
            needs=(Need(name, "AccessExclusiveLock"),),
        )
    for chunk, why in due(rule, cut, before):
        yield Compress(
            verb="compress chunk",
            target=chunk.name,
            reason=f"{why}, and it ended {chunk.upper:%Y-%m-%d}, {rule.compress} ago or more",
            cost="who writes there waits while it is compressed, who reads at its end, for an instant; "
            f"no lock is waited for longer than {LIMIT}",
            binds=f"{chunk.name} {chunk.lower} {chunk.upper}",
            table=name,
            schema=table.schema,
            owner=table.owner,
            wanted=wanted(rule),
            again=chunk.packed,
            place=seen.engine.place,
            needs=(Need(chunk.name, "AccessExclusiveLock"),),
        )


def _beside(name: str, rule: Hypertable, cut: Cut) -> Iterator[Failure]:
    """Yield what is not as the policy says and nobody here mends."""
    if rule.width is not None and cut.width != rule.width:
        yield Failure(
            name,
            f"its next chunk is {_days(cut)} long, not {rule.chunks}",
            f"Its owner runs: select set_chunk_time_interval('{name}', interval '{rule.chunks}');",
        )
    for job in cut.jobs:
        if rule.compress and _sooner(job, rule.compress):
            yield Failure(
                name,
                f"job {job.number} of TimescaleDB's compresses its chunks after {job.said}, sooner than the policy",
                f"Its owner runs: select remove_compression_policy('{name}');",
            )


def _sooner(job: Job, ours: Span) -> bool:
    """Say whether a job may compress a chunk before we would; one that counts from a chunk's making may."""
    return job.after is None or job.after < ours.at_least()


def _days(cut: Cut) -> str:
    if cut.width is None:
        return "nobody knows how"
    return counted(cut.width.days, "day") if cut.width.seconds == 0 else str(cut.width)


def _notes(name: str, rule: Hypertable, cut: Cut) -> Iterator[str]:
    """Yield what a person should know."""
    if rule.chunks is not None:
        others = [one for one in cut.chunks if not _fits(rule, one)]
        if others:
            yield f"{name}: {counted(len(others), 'chunk')} of {len(cut.chunks)} {_is(others)} not {rule.chunks} long"
    for job in cut.jobs:
        if rule.compress and not _sooner(job, rule.compress):
            said = f"job {job.number} of TimescaleDB's compresses it, too, after {job.said}"
            yield f"{name}: {said}; nobody here relies on it"


def _is(some: list[Chunk]) -> str:
    return "is" if len(some) == 1 else "are"


def _fits(rule: Hypertable, chunk: Chunk) -> bool:
    """Say whether a chunk is as long as the policy says, in TimescaleDB's months or the calendar's."""
    return rule.chunks is None or chunk.upper in (
        chunk.lower + (rule.width or chunk.upper - chunk.lower),
        rule.chunks.after(chunk.lower),
    )
