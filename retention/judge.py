"""Counts again afterwards what is overdue: that, and never how the run went, says whether the promise is kept.

Promised are, per rule, the leaves that can hold overdue rows, the rows without a date, and a search for the copies this
database makes of them (copies.py): the audit log's images, materialised views, archives, the planner's samples. Each
copy is named.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from lifecycle import words
from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from retention import copies, judge_parts, places, plan_parts, rules, survey
from retention.archive import end
from retention.archive.section import SECTION as ARCHIVES
from retention.count import Counted
from retention.expire import Ended
from retention.plan import Expire
from retention.section import SECTION
from retention.survey import Seen

_UNDATED = Reason(
    "no rule can tell how old a row is that has no date, so these rows stay, however old they are",
    "See that they get a date, or end them by hand: the run's `without a date` counts them.",
    "limit",
)


def judge(task: Task, seen: Seen, decision: Decision[Step], ended: Ended) -> Judgement:
    """Count every rule again and return what was promised, looked at and found."""
    looks, policy = Looks(), task.system.policy
    with task.system.snapshot("retention judge") as conn:
        after = survey.read(conn, policy, task.now, task.only, looks)
        for counted in after.counted:
            if counted.bound.rule.do == "move":
                continue
            held = copies.find(conn, policy, after.catalog, counted, ended.drawn, looks)
            for place, reason in held.items():
                looks.not_at(place, reason)
    planned = {step.rule for step in decision.steps if isinstance(step, Expire)}
    # Refused as it would pass the cap: whoever refused it says so.
    capped = {c.bound.place for c in seen.counted if c.rows} - planned
    stopped = {failure.target for failure in ended.failures}
    looks.found(*ended.failures)
    for counted in after.counted:
        _unreached(looks, counted)
        place, rule = counted.bound.place, counted.bound.rule.label
        rows = counted.ours and not counted.bound.drops
        if rows and place not in capped and rule not in stopped:
            looks.found(_still(counted))
    known = frozenset(f.target for f in (*decision.refusals, *ended.failures))
    judge_parts.judge(looks, after, task.now, known)
    looks.found(*(f for f in after.failures if f.target not in known))
    promised = places.promised(
        *rules.bind(policy, after.catalog, task.now, task.only, after.weighed)
    )
    for failure in after.failures:
        for place in promised[failure.target]:
            looks.not_at(place, Reason(failure.what, failure.hint))
    every = {place for of_rule in promised.values() for place in of_rule}
    every |= _archives(task, after, looks, known)
    every |= {places.alone(one.name) for one in after.alone}
    return Judgement(looks.cover(every), *_words(after, ended))


def _archives(task: Task, after: Seen, looks: Looks, known: frozenset[str]) -> set[Place]:
    """Look again for archives whose time is over; return the place of it, if any archive ever ends."""
    policy = task.system.policy
    if not end.kept(SECTION.of(policy), task.only):
        return set()
    place = Place("archives", f"in {ARCHIVES.of(policy).bucket}")
    old, failures = end.old(task.system, after.catalog, SECTION.of(policy), task.now, task.only)
    if failures:
        looks.not_at(place, Reason(failures[0].what, failures[0].hint))
    else:
        with looks.at(place):
            looks.found(*(f for f in end.left(old) if f.target not in known))
    return {place}


def _unreached(looks: Looks, counted: Counted) -> None:
    """Name what counting cannot reach: leaves that cannot be read, rows without a date."""
    bound = counted.bound
    for leaf, reason in counted.unread.items():
        looks.not_at(places.leaf(bound, leaf), reason)
    if counted.undated:
        looks.not_at(places.undated(bound), _UNDATED)
    match counted.beyond:
        case 0:
            pass
        case int() as rows:
            what = f"{words.counted(rows, 'overdue row')} in partitions that were not counted"
            hint = "What was in the way of counting is told beside it."
            looks.not_at(places.through(bound), Reason(what, hint))
        case reason:
            looks.not_at(places.through(bound), reason)


def _still(counted: Counted) -> Failure:
    """Return that rows are overdue, and what holds them where that is known."""
    name, what = (
        counted.bound.rule.label,
        f"{words.counted(sum(leaf.rows for leaf in counted.ours), 'row')} still overdue",
    )
    if held := counted.referenced:
        keys = ", ".join(f"{rows} from {key}" for key, rows in held.items())
        hint = "Give the referencing rows a rule that ends them first, or this rule a longer time."
        return Failure(name, f"{what}; still referenced: {keys}", hint)
    return Failure(
        name,
        what,
        "Somebody holds locks on them, or they changed or came while the run was on; the next run tries again.",
    )


def _words(after: Seen, ended: Ended) -> tuple[str, dict[str, int]]:
    counts = (
        ended.counts
        | judge_parts.counts(after)
        | {
            "overdue": sum(counted.rows for counted in after.counted),
            "without a date": sum(counted.undated for counted in after.counted),
        }
    )
    held = sum(one.rows for one in after.alone if one.on_hold)
    if on_hold := held + sum(counted.on_hold for counted in after.counted):
        counts["on hold"] = on_hold
    summary = (
        f"{words.counted(counts['deleted'], 'row')} deleted, {words.counted(counts['cleared'], 'value')} cleared by "
        f"{words.counted(len(after.counted), 'rule')}; {counts['overdue']:,} still overdue"
    )
    if moved := counts.get("moved"):
        summary += f"; {words.counted(moved, 'row')} moved into archives"
    if taken_off := counts.get("taken off"):
        summary += f"; {words.counted(taken_off, 'partition')} taken off"
    if archives := counts.get("archives ended"):
        summary += f"; {words.counted(archives, 'archive')} ended"
    if dropped := counts.get("dropped"):
        summary += f"; {words.counted(dropped, 'partition')} dropped"
    if on_hold:
        summary += f"; {words.counted(on_hold, 'row')} on legal hold"
    if counts["without a date"]:
        summary += (
            f"; {words.counted(counts['without a date'], 'row')} without a date yet, and kept"
        )
    return summary, counts


def _in_the_way(counted: Counted) -> Iterator[str]:
    yield from (f"{leaf}: {reason.why}" for leaf, reason in counted.unread.items())
    for leaf, rows in counted.elsewhere.items():
        yield f"{words.counted(rows, 'row')} of {leaf} stay on another server"
    for part in counted.held:
        yield f"{part.name}: on legal hold"
    for part, rows in counted.kept_back.items():
        yield f"{part.name}: {plan_parts.unless(counted.bound.rule, rows)}"
    if counted.bound.rule.told_by in ("newest", "size") and counted.too_many:
        yield f"{words.counted(len(counted.too_many), 'partition')} too many"
    for part in counted.waiting:
        rows = words.counted(counted.in_part(part).rows, "overdue row")
        yield f"{rows} of {part.name} end with it on {part.ends}"


def _copied(system: System, seen: Seen) -> dict[int, tuple[str, ...]]:
    """Return, by the place of each rule, which copies of what it ends nobody clears, or that they were not found."""
    found: dict[int, tuple[str, ...]] = {}
    with system.snapshot("retention status") as conn:
        for counted in seen.counted:
            bound, asked = counted.bound, counted.bound.rule.do != "move"
            there: Mapping[Place, Reason] = {}
            if asked:
                there = copies.find(
                    conn, system.policy, seen.catalog, counted, frozenset(), Looks()
                )
            found[bound.place] = tuple(f"{place}: not cleared by it" for place in there)
    return found


def status(system: System, now: datetime) -> Listing:
    """Return, per rule, how many rows are overdue and from which day the oldest is, and how many have no date."""
    seen = survey.survey(system, now, None)
    oldest, copied = survey.oldest(system, seen), _copied(system, seen)
    rows: list[tuple[object, ...]] = [
        (
            counted.bound.rule.label,
            counted.bound.rule.do,
            counted.bound.rule.ends,
            "" if counted.bound.nothing else counted.bound.before,
            counted.rows,
            oldest.get(counted.bound.place),
            counted.on_hold,
            counted.undated,
            "; ".join((*_in_the_way(counted), *copied[counted.bound.place])),
        )
        for counted in seen.counted
    ]
    rows += judge_parts.status(seen)
    rows += [(f.target, "", "", "", 0, None, 0, 0, f.what) for f in seen.failures]
    of_rows = ("overdue", "oldest", "on hold", "without a date")
    columns = ("rule", "do", "ends", "before", *of_rows, "in the way")
    return Listing("retention", columns, rows)
