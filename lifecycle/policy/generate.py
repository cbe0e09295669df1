"""Drafts a policy for a database nobody has described: who its people are, and whose each table is.

Pure. Judges by foreign keys first and by names only where there are none. What no rule here is sure of begins with
DECIDE, which `check.py` refuses until a person has decided; nothing that destroys is drafted, only shown.
`draft_text.py` writes it down.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lifecycle.policy import draft_text, foreign_keys, guess, lookalikes, triggers, whole
from lifecycle.policy.check import DECIDE
from lifecycle.policy.model import Owner, Payer, Policy, SharedBy, Subject, Through
from lifecycle.policy.model import Table as Declared
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table

_TOOLS = re.compile(
    r"(^|\.)(alembic_version|schema_migrations|ar_internal_metadata|django_migrations|flyway_schema_history"
    r"|databasechangelog(lock)?|_?prisma_migrations|knex_migrations(_lock)?|spatial_ref_sys)$"
)
_SHARED = re.compile(r"(^|_)(account|household|famil(y|ie)|tenant|subscription|team)s?$")
_OBJECT = re.compile(
    r"(^|_)((s3|object|storage|blob|bucket|file|scan|image|photo|picture|document|attachment|video|audio|thumbnail)_key|s3_\w*key|s3_(path|uri|url))$"
)
_BY_SOMEBODY = re.compile(
    r"_by(_id)?$|^(created|updated|approved|reviewed|confirmed|assigned|invited|referred)_"
)


def draft(catalog: Catalog) -> str:
    """Return the text of a policy file. It loads and fits this database, but for what is marked DECIDE."""
    people = guess.people(catalog)
    owners = _owners(catalog, people) if people else {}
    kind = guess.kind(people) if people else "user"
    guessed = {section.name: section.guess(catalog, owners) for section in whole.sections()}
    sections = {name: said for name, said in guessed.items() if said is not None}
    tables = {
        name: _declared(catalog, name, kind, owners, people, sections)
        for name in _in_order(catalog, owners)
    }
    policy = whole.model()(
        system=_slug(catalog.database),
        database=catalog.database,
        subjects={kind: _subject(catalog, people, owners)} if people else {},
        tables=tables,
        **sections,
    )
    return draft_text.write(_with_triggers(_with_mentions(policy, catalog), catalog), catalog)


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


def _subject(catalog: Catalog, people: Table, owners: Mapping[str, Owner]) -> Subject:
    payers = [
        Payer(column=f"{name}.{column.name}")
        for name in owners
        for column in catalog.tables[name].columns
        if re.search(r"stripe_?customer|customer_stripe", column.name, re.IGNORECASE)
    ]
    return Subject(
        table=people.name,
        key=guess.key(catalog, people),
        identifiers=guess.identifiers(people),
        payer=payers[0] if payers else None,
    )


def _owners(catalog: Catalog, people: Table) -> dict[str, Owner]:
    """Return table -> how its rows lead to a person, for all tables that do."""
    key = guess.key(catalog, people)
    owners: dict[str, Owner] = {people.name: key}
    for name, table in catalog.tables.items():
        column = _by_key(catalog, people, key, name) or _by_name(catalog, people, key, table)
        if name != people.name and column:
            owners[name] = column
    for foreign in catalog.foreign_keys:
        if foreign.table == people.name and _looks_shared(catalog, foreign, owners):
            owners[foreign.referenced] = SharedBy(shared_by=f"{people.name}.{foreign.columns[0]}")
    while found := _reached(catalog, owners):
        owners |= found
    return owners


def _by_key(catalog: Catalog, people: Table, key: str, name: str) -> str | None:
    """Return the foreign key column that names the owner, when one does more than mention somebody."""
    scored: list[tuple[int, str]] = []
    for foreign in catalog.foreign_keys:
        pairs = dict(zip(foreign.referenced_columns, foreign.columns, strict=True))
        if (foreign.table, foreign.referenced) != (name, people.name) or key not in pairs:
            continue
        column = catalog.tables[name].column(pairs[key])
        likely = {word for word, _ in lookalikes.facts(guess.kind(people), people, key, ())}
        score = 5 * (pairs[key].lower() in likely) - 4 * bool(_BY_SOMEBODY.search(pairs[key]))
        if column and (column.not_null or score >= 0):
            scored.append((score + 2 * column.not_null, pairs[key]))
    return max(scored, key=lambda found: found[0])[1] if scored else None


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


def _declared(
    catalog: Catalog,
    name: str,
    kind: str,
    owners: Mapping[str, Owner],
    people: Table | None,
    sections: Mapping[str, Any],
) -> Declared:
    if name in owners:
        objects = tuple(c.name for c in catalog.tables[name].columns if _OBJECT.search(c.name))
        bucket = f"{DECIDE}: which bucket are these keys in?" if objects else None
        because = _doubt(catalog.tables[name], sections)
        return Declared(owner={kind: owners[name]}, because=because, objects=objects, bucket=bucket)
    if _TOOLS.search(name):
        return Declared(
            personal="none", because="a tool's own table: it holds versions, not people"
        )
    return Declared(personal="none", because=_question(catalog.tables[name], people, kind))


def _doubt(table: Table, sections: Mapping[str, Any]) -> str | None:
    """Return what a section has to ask before the rows of this table go with their owner."""
    asked = (s.doubt(sections.get(s.name, s.default), table) for s in whole.sections())
    return next((doubt for doubt in asked if doubt), None)


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
            if (table.because or "").startswith(DECIDE):
                more["because"] = f"{DECIDE}: it mentions people: is the rest of it nobody's data?"
            tables[key.table] = table.model_copy(update=more)
    return policy.model_copy(update={"tables": tables})
