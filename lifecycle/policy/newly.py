"""Drafts the lines for what a database has and a policy does not speak of, as `generate.py` would write them.

The people and the owners of all other tables are those of the file: somebody has settled them. Pure, but for `look`,
which counts some rows. A line that is not sure begins its reason with DECIDE, and a file that has it is refused.

    a table that is not declared                         its line
    a nobody's table that now leads to people            its line anew
    a key of somebody's table that nothing explains      `mentions`, or where it may not be NULL `ignore` with a DECIDE
    a trigger, rule or function                          all of that key, with what its name says that it does
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.config.mistake import Mistake
from lifecycle.policy import (
    asides,
    doubts,
    draft_text,
    evidence,
    foreign_keys,
    generate,
    lookalikes,
    nobodys,
    reality,
    triggers,
    virtual,
    whole,
    whose,
)
from lifecycle.policy.check import DECIDE
from lifecycle.policy.doubts import Doubt
from lifecycle.policy.drafting import Draft
from lifecycle.policy.model import Owner, Parties, Policy, Table, Through
from lifecycle.policy.seen import NOTHING, Evidence
from lifecycle.postgres.catalog import Catalog, ForeignKey

UNSEEN = "a new table: no row of it was there to be looked at"


@dataclass(frozen=True, slots=True)
class Beside:
    """A policy beside a database, with what was seen of rows for each kind of people.

    `unseen`: tables that are only planned, so that no row could be looked at.
    """

    policy: Policy
    catalog: Catalog
    seen: Mapping[str, Evidence]
    unseen: Collection[str] = ()


def look(conn: Connection[TupleRow], policy: Policy, catalog: Catalog) -> dict[str, Evidence]:
    """Count some rows for each kind of people, all within the time of one draft."""
    places = {
        (subject.table, subject.key): None
        for subject in policy.subjects.values()
        if subject.table in catalog.tables
    }
    share = evidence.BUDGET / max(1, len(places))
    counted = {
        (table, key): evidence.read(conn, catalog, catalog.tables[table], key, share)
        for table, key in places
    }
    return {
        kind: counted[subject.table, subject.key]
        for kind, subject in policy.subjects.items()
        if (subject.table, subject.key) in counted
    }


def drafted(mistakes: Collection[Mistake], beside: Beside) -> list[Mistake]:
    """Return the mistakes, each with a line to paste where the database has what the file does not speak of."""
    found = _lines(beside)
    return [replace(one, draft=found.get(one, "")) for one in mistakes]


def unspoken(mistakes: Collection[Mistake], policy: Policy, catalog: Catalog) -> bool:
    """Say whether rows have to be looked at for the lines of these mistakes."""
    return bool(policy.subjects) and any(
        m in mistakes for m in _about_tables(policy, virtual.joined(policy, catalog))
    )


def _lines(beside: Beside) -> dict[Mistake, str]:
    policy = beside.policy
    joined = virtual.joined(policy, beside.catalog)
    about = _about_tables(policy, joined)
    lines = _tables(beside, set(about.values()))
    found = {mistake: lines[name] for mistake, name in about.items()}
    return found | dict(_keys(policy, joined, lines)) | dict(_code(beside, lines))


def _about_tables(policy: Policy, joined: Catalog) -> dict[Mistake, str]:
    """Return the mistakes that are mended by the line of a whole table -> that table."""
    found = {reality.not_declared(n): n for n in joined.tables if n not in policy.tables}
    for name, column, kind in lookalikes.undeclared(policy, joined):
        found[reality.looks_like(name, column, kind)] = name
    for key, kind in foreign_keys.unexplained(policy, joined):
        mistake = foreign_keys.mistake(policy, joined, key, kind)
        if mistake and policy.tables[key.table].personal:
            found[mistake] = key.table
    return found


def _tables(beside: Beside, fresh: Collection[str]) -> dict[str, str]:
    """Return the line of each of these tables."""
    drafts = list(_drafts(beside, fresh))
    lines: dict[str, tuple[Table, str]] = {}
    for name in fresh:
        lines[name] = _of_table(beside, drafts, name)
    tables = {name: table for name, (table, _) in lines.items()}
    whole_ = beside.policy.model_copy(update={"tables": {**beside.policy.tables, **tables}})
    for _, draft in drafts:
        whole_ = asides.said(whole_, beside.catalog, draft)
    mentioned = whole_.tables
    return {
        name: draft_text.line(
            name,
            mentioned[name].model_copy(update=triggers.draft(beside.catalog.tables[name])),
            _why(beside, name, why),
        )
        for name, (_, why) in lines.items()
    }


def _why(beside: Beside, name: str, why: str) -> str:
    return "; ".join(part for part in (why, UNSEEN if name in beside.unseen else "") if part)


def _drafts(beside: Beside, fresh: Collection[str]) -> Iterator[tuple[str, Draft]]:
    """Yield (kind, the draft for these people), in which all but these tables are as the file says."""
    catalog = beside.catalog
    for kind, subject in beside.policy.subjects.items():
        people = catalog.tables.get(subject.table)
        if people is None or people.column(subject.key) is None or people.name in fresh:
            continue
        settled: dict[str, Owner | None] = {
            name: (table.owner or {}).get(kind)
            for name, table in beside.policy.tables.items()
            if name in catalog.tables and name not in fresh
        }
        seen = beside.seen.get(kind, NOTHING)
        yield kind, whose.owned(Draft(catalog, people, subject.key, {}, seen, settled=settled))


def _of_table(beside: Beside, drafts: list[tuple[str, Draft]], name: str) -> tuple[Table, str]:
    """Return what is drafted for a table, and what speaks for it."""
    theirs = [(kind, draft) for kind, draft in drafts if name in draft.owners]
    if not theirs:
        return generate.as_nobodys(name, _nobodys(drafts, name)), ""
    sections = {section.name: section.of(beside.policy) for section in whole.sections()}
    kind, draft = theirs[0]
    table = generate.as_owned(draft, kind, name, sections)
    same = [k for k, other in theirs if _alike(other, draft, name)]
    table = table.model_copy(update={"owner": dict.fromkeys(same, draft.owners[name])})
    if len(same) < len(theirs):
        others = ", ".join(f"{k} by {_columns(other.owners[name])}" for k, other in theirs)
        return _asking(table, Doubt(doubts.TWO, others)), ""
    if name in beside.policy.tables:
        return _asking(table, Doubt(doubts.STAYS, "the file says that it is nobody's")), ""
    if stays := _staying(beside.policy, draft, name):
        return _asking(table, Doubt(doubts.PART, f"{stays}, of which rows may stay")), ""
    return table, "" if table.because else doubts.reasons(draft).get(name, "")


def _nobodys(drafts: list[tuple[str, Draft]], name: str) -> Doubt | str | None:
    """Return why a table is nobody's of any kind, or the first thing to be decided about it."""
    found = [nobodys.judge(draft).get(name) for _, draft in drafts]
    return next((one for one in found if not isinstance(one, str)), found[0] if found else None)


def _alike(one: Draft, other: Draft, name: str) -> bool:
    """Say whether two kinds of people in one table own a table in the same way."""
    return (one.people, one.owners[name]) == (other.people, other.owners[name])


def _columns(how: Owner) -> str:
    return ", ".join(how.through) if isinstance(how, Through) else str(how)


def _staying(policy: Policy, draft: Draft, name: str) -> str:
    """Return the table through which rows would go with somebody, though its own rows may stay."""
    how = draft.owners[name]
    if not isinstance(how, Through):
        return ""
    for key in draft.leading(name):
        parent = policy.tables.get(key.referenced)
        if parent and set(key.columns) <= set(how.through):
            halves = any(isinstance(owner, Parties) for owner in (parent.owner or {}).values())
            if parent.keep or halves:
                return key.referenced
    return ""


def _asking(table: Table, doubt: Doubt) -> Table:
    asked = (table.because or "").startswith(DECIDE)
    return table if asked else table.model_copy(update={"because": generate.ask(doubt)})


def _keys(
    policy: Policy, joined: Catalog, lines: Mapping[str, str]
) -> Iterator[tuple[Mistake, str]]:
    """Yield (mistake, line) for foreign keys of somebody's tables that nothing explains."""
    found: dict[Mistake, ForeignKey] = {}
    for key, kind in foreign_keys.unexplained(policy, joined):
        mistake = foreign_keys.mistake(policy, joined, key, kind)
        table = policy.tables[key.table]
        kept = table.keep or isinstance(key, virtual.Virtual)
        if mistake and key.table not in lines and not kept:
            found[mistake] = key
    for mistake, key in found.items():
        beside = [k for k in found.values() if k.table == key.table]
        yield mistake, _sentence(policy.tables[key.table], joined, key, beside)


def _sentence(table: Table, joined: Catalog, key: ForeignKey, beside: list[ForeignKey]) -> str:
    if foreign_keys.may_be_null(joined, key):
        free = (foreign_keys.may_be_null(joined, one) for one in beside)
        names = (*table.mentions, *(name for name in free if name))
        said = {draft_text.quote(name): "set null" for name in names}
        return f"    mentions: {draft_text.mapped(said)}"
    asked = generate.ask(Doubt(doubts.WRITTEN, key.referenced))
    bound = (k.columns[-1] for k in beside if not foreign_keys.may_be_null(joined, k))
    reasons = {**table.ignore, **dict.fromkeys(bound, asked)}
    said = {draft_text.quote(name): draft_text.quote(why) for name, why in reasons.items()}
    return f"    ignore: {draft_text.mapped(said)}"


def _code(beside: Beside, lines: Mapping[str, str]) -> Iterator[tuple[Mistake, str]]:
    """Yield (mistake, line) for triggers, rules and functions of tables that are declared."""
    for name, said in beside.policy.tables.items():
        table = beside.catalog.tables.get(name)
        if table is None:
            continue
        drafts = triggers.draft(table)
        there = {"triggers": table.triggers, "rules": table.rules, "functions": table.functions}
        for section, declared in triggers.code(said):
            whole_ = {**drafts[section], **declared}
            line = lines.get(name, f"    {section}: {draft_text.code(whole_)}")
            for one in there[section]:
                yield triggers.not_declared(name, section, one, beside=bool(declared)), line
