"""Looks again afterwards: at the chunks and settings that stand, whoever was to have made them."""

from collections.abc import Iterator
from datetime import datetime

from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.policy.model import Policy
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.timescale import survey
from lifecycle.timescale.compress import Compressed
from lifecycle.timescale.plan import Compress, Set, cutoff, due, promised, unfit, wanted
from lifecycle.timescale.section import Hypertable
from lifecycle.timescale.survey import Seen
from lifecycle.words import counted


def judge(
    task: Task, _seen: Seen, _decision: Decision[Set | Compress], done: Compressed
) -> Judgement:
    """Read everything again and return what was promised, looked at and found."""
    looks, policy = Looks(), task.system.policy
    rules = promised(policy, task.only)
    looks.found(*done.failures)
    after = survey.survey(task.system, task.now, task.only)
    counts = {"hypertables": len(rules), "set": len(done.tables), "compressed": len(done.chunks)}
    counts |= {"chunks": 0, "packed": 0, "due": 0}
    for name, rule in rules.items():
        with looks.at(Place("hypertable", name)):
            if not unfit(after, name, rule):  # a refusal has said it
                looks.found(*_wrong(policy, after, name, rule, task.now))
                cut = after.cuts[name]
                counts["chunks"] += len(cut.chunks)
                counts["packed"] += sum(chunk.packed for chunk in cut.chunks)
                counts["due"] += len([*due(rule, cut, cutoff(policy, rule, task.now))])
    summary = (
        f"{counted(len(done.chunks), 'chunk')} compressed, of {counted(len(rules), 'hypertable')}"
    )
    return Judgement(looks.cover(Place("hypertable", name) for name in rules), summary, counts)


def _wrong(
    policy: Policy, after: Seen, name: str, rule: Hypertable, now: datetime
) -> Iterator[Failure]:
    cut = after.cuts[name]
    if rule.compress is None:
        return
    if cut.settings != wanted(rule):
        what = f"it is compressed by {cut.settings or 'no settings'}, not by {wanted(rule)}"
        yield Failure(name, what, "Run it again.")
    left: dict[str, list[datetime]] = {}
    for chunk, why in due(rule, cut, cutoff(policy, rule, now)):
        left.setdefault(why, []).append(chunk.upper)
    for why, ends in left.items():
        yield Failure(
            name,
            f"{counted(len(ends), 'chunk')} past {rule.compress} {'is' if len(ends) == 1 else 'are'} {why}; "
            f"the oldest ended {min(ends):%Y-%m-%d}",
            "The next run tries again; this one says above what was in the way of each.",
        )


def status(system: System, now: datetime) -> Listing:
    """Return each promised hypertable: its chunks, how many are compressed, how many are due, since when."""
    seen = survey.survey(system, now, None)
    rows: list[tuple[object, ...]] = []
    for name, rule in promised(system.policy, None).items():
        if why := unfit(seen, name, rule):
            rows.append((name, why.what, None, None, None))
            continue
        cut = seen.cuts[name]
        left = [chunk.upper for chunk, _ in due(rule, cut, cutoff(system.policy, rule, now))]
        packed = sum(chunk.packed for chunk in cut.chunks)
        rows.append((name, len(cut.chunks), packed, len(left), min(left, default=None)))
    return Listing("hypertables", ("table", "chunks", "compressed", "due", "oldest due"), rows)
