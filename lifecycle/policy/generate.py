"""Drafts a policy for a database nobody has described: who its people are, and whose each table is.

Pure. Judges by foreign keys first and by names only where there are none; what was seen of the rows is handed in
(`evidence.py`). What `doubts.py` is not sure of begins with DECIDE, which `check.py` refuses until a person has
decided; nothing that destroys is drafted, only shown. `draft_text.py` writes it down.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from lifecycle.errors import InputError
from lifecycle.policy import doubts, draft_text, foreign_keys, guess, lookalikes, triggers, whole
from lifecycle.policy.check import DECIDE
from lifecycle.policy.doubts import Draft
from lifecycle.policy.evidence import NOTHING, Evidence
from lifecycle.policy.guess import Candidate
from lifecycle.policy.model import Owner, Policy, SharedBy, Through
from lifecycle.policy.model import Table as Declared
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Payer, Subject
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table
from lifecycle.words import did_you_mean

_TOOLS = re.compile(
    r"(^|\.)(alembic_version|schema_migrations|ar_internal_metadata|django_migrations|flyway_schema_history"
    r"|databasechangelog(lock)?|_?prisma_migrations|knex_migrations(_lock)?|spatial_ref_sys)$"
)
_SHARED = re.compile(r"(^|_)(account|household|famil(y|ie)|tenant|subscription|team)s?$")
_OBJECT = re.compile(
    r"(^|_)((s3|object|storage|blob|bucket|file|scan|image|photo|picture|document|attachment|video|audio|thumbnail)_key|s3_\w*key|s3_(path|uri|url))$"
)


def subject(catalog: Catalog, named: str | None) -> Candidate | None:
    """Return who the people are: the table `named` like `patients.id`, else the only one that looks like people.

    None where no table does. Raise InputError when several do, as nothing can be drafted before that is settled, and
    when there is no such table or column.
    """
    if named is not None:
        table, key = split_column(named)
        if table not in catalog.tables:
            raise InputError(
                f"there is no table {table!r}" if table else f"{named!r} names no column",
                hint=did_you_mean(table, catalog.tables, "Write it like `patients.id`."),
            )
        names = [c.name for c in catalog.tables[table].columns]
        if key not in names:
            raise InputError(
                f"{table} has no column {key!r}",
                hint=did_you_mean(
                    key, names, "Name the column by which others point to the person."
                ),
            )
        return guess.candidate(catalog, catalog.tables[table], key)
    found = guess.candidates(catalog)
    if len(found) > 1:
        shown = "".join(f"\n  {c.table.name}.{c.key}: {c.evidence}" for c in found)
        raise InputError(
            f"several tables look like people, and everything else follows from who they are:{shown}",
            hint=f"Say who may ask to be forgotten: `--subject {found[0].table.name}.{found[0].key}`.",
        )
    return found[0] if found else None


def draft(catalog: Catalog, who: Candidate | None, seen: Evidence = NOTHING) -> str:
    """Return the text of a policy file. It loads and fits this database, but for what is marked DECIDE.

    `who` is as `subject` returns it; `seen` what its rows say.
    """
    people = who.table if who else None
    looked = Draft(catalog, who.table, who.key, {}, seen) if who else None
    if looked:
        looked = replace(looked, owners=_owners(looked))
    owners: Mapping[str, Owner] = looked.owners if looked else {}
    kind = guess.kind(people) if people else "user"
    guessed = {section.name: section.guess(catalog, owners) for section in whole.sections()}
    sections = {name: said for name, said in guessed.items() if said is not None}
    tables = {
        name: _owned(looked, kind, name, sections)
        if looked and name in owners
        else _nobodys(catalog, name, kind, people, seen)
        for name in _in_order(catalog, owners)
    }
    policy = whole.model()(
        system=_slug(catalog.database),
        database=catalog.database,
        subjects={kind: _subject(who, catalog, owners)} if who else {},
        tables=tables,
        **sections,
    )
    policy = _with_triggers(_with_mentions(policy, catalog), catalog)
    return draft_text.write(policy, catalog, doubts.reasons(looked) if looked else {}, who)


def _with_triggers(policy: Policy, catalog: Catalog) -> Policy:
    """Add what runs when rows of a table are changed."""
    tables = {
        name: table.model_copy(update=triggers.draft(catalog.tables[name]))
        for name, table in policy.tables.items()
    }
    return policy.model_copy(update={"tables": tables})


def _slug(database: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", database.lower()).strip("-")
    return (slug if slug[:1].isalpha() else f"system-{slug}")[:40].rstrip("-")


def _in_order(catalog: Catalog, owners: Mapping[str, Owner]) -> list[str]:
    """Return the people first, then what is theirs, then the rest, each by name."""
    first = next(iter(owners), "")
    return sorted(catalog.tables, key=lambda name: (name != first, name not in owners, name))


def _subject(who: Candidate, catalog: Catalog, owners: Mapping[str, Owner]) -> Subject:
    payers = [
        Payer(column=f"{name}.{column.name}")
        for name in owners
        for column in catalog.tables[name].columns
        if re.search(r"stripe_?customer|customer_stripe", column.name, re.IGNORECASE)
    ]
    return Subject(
        table=who.table.name,
        key=who.key,
        identifiers=guess.identifiers(who.table),
        payer=payers[0] if payers else None,
    )


def _owners(looked: Draft) -> dict[str, Owner]:
    """Return table -> how its rows lead to a person, for all tables that do."""
    catalog, people, key = looked.catalog, looked.people, looked.key
    owners: dict[str, Owner] = {people.name: key}
    for name, table in catalog.tables.items():
        column = _by_key(looked, name) or _by_name(catalog, people, key, table)
        if name != people.name and column:
            owners[name] = column
    for foreign in catalog.foreign_keys:
        if foreign.table == people.name and _looks_shared(catalog, foreign, owners):
            owners[foreign.referenced] = SharedBy(shared_by=f"{people.name}.{foreign.columns[0]}")
    while found := _reached(catalog, owners):
        owners |= found
    return owners


def _by_key(looked: Draft, name: str) -> str | None:
    """Return the foreign key column that names the owner, when one does more than mention somebody."""
    scored: list[tuple[int, int, str]] = []
    people, key, catalog = looked.people, looked.key, looked.catalog
    likely = {word for word, _ in lookalikes.facts(guess.kind(people), people, key, ())}
    for foreign in catalog.foreign_keys:
        pairs = dict(zip(foreign.referenced_columns, foreign.columns, strict=True))
        if (foreign.table, foreign.referenced) != (name, people.name) or key not in pairs:
            continue
        column = catalog.tables[name].column(pairs[key])
        score = 5 * (pairs[key].lower() in likely) - 4 * doubts.author(pairs[key])
        if column and (column.not_null or score >= 0):
            different = looked.seen.of(name, column.name).distinct
            scored.append((score + 2 * column.not_null, different, column.name))
    return max(scored, key=lambda found: found[:2])[2] if scored else None


def _by_name(catalog: Catalog, people: Table, key: str, table: Table) -> str | None:
    """Return a column that is named and typed like the person's key and is no foreign key."""
    keyed = {c for k in catalog.foreign_keys if k.table == table.name for c in k.columns}
    facts = set(lookalikes.facts(guess.kind(people), people, key, ()))
    return next(
        (
            c.name
            for c in table.columns
            if c.name not in keyed and (c.name.lower(), lookalikes.family(c.type)) in facts
        ),
        None,
    )


def _looks_shared(catalog: Catalog, key: ForeignKey, owners: Mapping[str, Owner]) -> bool:
    """Say whether people belong to this row together, as the members of a family to its account."""
    table = catalog.tables[key.referenced]
    pays = any("stripe" in column.name.lower() for column in table.columns)
    named = bool(_SHARED.search(table.relname.lower()))
    return len(key.columns) == 1 and key.referenced not in owners and (named or pays)


def _reached(catalog: Catalog, owners: Mapping[str, Owner]) -> dict[str, Owner]:
    """Return the tables one step further: every row points, always or by cascade, to a row of somebody's."""
    found: dict[str, Owner] = {}
    for name, table in catalog.tables.items():
        if name in owners:
            continue
        keys = [k for k in _sure(catalog, table) if k.referenced in owners]
        single = [k for k in keys if not _is_shared(owners, k.referenced)]
        columns = {column: None for key in single or keys for column in key.columns}
        if columns:
            found[name] = Through(through=tuple(columns))
    return found


def _is_shared(owners: Mapping[str, Owner], name: str) -> bool:
    return isinstance(owners[name], SharedBy)


def _sure(catalog: Catalog, table: Table) -> Iterator[ForeignKey]:
    for key in catalog.foreign_keys:
        if key.table != table.name or key.referenced == table.name:
            continue
        always = all((c := table.column(name)) is not None and c.not_null for name in key.columns)
        if always or key.on_delete == "c":
            yield key


def _owned(looked: Draft, kind: str, name: str, sections: Mapping[str, Any]) -> Declared:
    table = looked.catalog.tables[name]
    objects = tuple(c.name for c in table.columns if _OBJECT.search(c.name))
    bucket = f"{DECIDE}: which bucket are these keys in?" if objects else None
    asked = (s.doubt(sections.get(s.name, s.default), table) for s in whole.sections())
    because = next((doubt for doubt in asked if doubt), None)
    if because is None and (open_ := doubts.doubt(looked, name)):
        because = f"{DECIDE}: {open_}"
    owner = {kind: looked.owners[name]}
    return Declared(owner=owner, because=because, objects=objects, bucket=bucket)


def _nobodys(
    catalog: Catalog, name: str, kind: str, people: Table | None, seen: Evidence
) -> Declared:
    table = catalog.tables[name]
    if _TOOLS.search(name):
        because = "a tool's own table: it holds versions, not people"
    else:
        because = doubts.reference(catalog, seen, table) or _question(table, people, kind)
    return Declared(personal="none", because=because)


def _question(table: Table, people: Table | None, kind: str) -> str:
    """Return what a person must decide about a table from which no key leads to anybody."""
    if people is None:
        return f"{DECIDE}: is this nobody's data?"
    facts = set(lookalikes.facts(kind, people, "", guess.identifiers(people)))
    alike = [c.name for c in table.columns if (c.name.lower(), lookalikes.family(c.type)) in facts]
    seen = f" ({', '.join(alike)})" if alike else ""
    if guess.is_people(table):
        return f"{DECIDE}: it looks like people of another kind than {people.name}{seen}: whose data is it?"
    if alike:
        return f"{DECIDE}: it looks like people{seen}: whose data is it?"
    return f"{DECIDE}: is this nobody's data? nothing in it leads to {people.name}"


def _with_mentions(policy: Policy, catalog: Catalog) -> Policy:
    """Add `mentions` for every foreign key to somebody's row that ownership does not explain and may be NULL."""
    tables = dict(policy.tables)
    for key, _ in foreign_keys.unexplained(policy, catalog):
        column = foreign_keys.may_be_null(catalog, key)
        if column:
            table = tables[key.table]
            mentions = {**table.mentions, column: "set null"}
            more: dict[str, object] = {"mentions": mentions}
            if table.personal and (table.because or "").startswith(DECIDE):
                more["because"] = f"{DECIDE}: it mentions people: is the rest of it nobody's data?"
            tables[key.table] = table.model_copy(update=more)
    return policy.model_copy(update={"tables": tables})
