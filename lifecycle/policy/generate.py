"""Drafts a policy for a database nobody has described: who its people are, and whose each table is.

Pure. Judges by foreign keys first and by names only where there are none; what was seen of the rows is handed in
(`evidence.py`). What `doubts.py` is not sure of begins with DECIDE, which `check.py` refuses until a person has
decided; nothing that destroys is drafted, only shown. `draft_text.py` writes it down.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lifecycle.errors import InputError
from lifecycle.policy import (
    asides,
    doubts,
    draft_text,
    elsewhere,
    guess,
    nobodys,
    references,
    triggers,
    virtual,
    whole,
    whose,
)
from lifecycle.policy.check import DECIDE, NAMED_BY, PART_OF, SAME
from lifecycle.policy.doubts import Doubt
from lifecycle.policy.drafting import Draft
from lifecycle.policy.guess import Candidate
from lifecycle.policy.model import Owner, Policy
from lifecycle.policy.model import Table as Declared
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Payer, Subject
from lifecycle.policy.seen import NOTHING, Evidence
from lifecycle.postgres.catalog import Catalog
from lifecycle.words import did_you_mean

_TOOLS = re.compile(
    r"(^|\.)(alembic_version|schema_migrations|ar_internal_metadata|django_migrations|flyway_schema_history"
    r"|databasechangelog(lock)?|_?prisma_migrations|__drizzle_migrations|_sqlx_migrations|goose_db_version|knex_migrations(_lock)?|spatial_ref_sys)$"
)
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
    catalog = virtual.led(catalog, seen.references)
    looked = whose.owned(Draft(catalog, who.table, who.key, {}, seen)) if who else None
    owners: Mapping[str, Owner] = looked.owners if looked else {}
    kind = guess.kind(people) if people else "user"
    guessed = {section.name: section.guess(catalog, owners) for section in whole.sections()}
    sections = {name: said for name, said in guessed.items() if said is not None}
    free = nobodys.judge(looked) if looked else {}
    tables = {
        name: as_owned(looked, kind, name, sections)
        if looked and name in owners
        else as_nobodys(name, free.get(name))
        for name in _in_order(catalog, owners)
    }
    policy = whole.model()(
        system=_slug(catalog.database),
        database=catalog.database,
        subjects={kind: _subject(who, catalog, looked, _logs(sections))} if who and looked else {},
        tables=tables,
        **sections,
    )
    policy = references.chosen(policy, catalog, seen.references)
    policy = _with_triggers(asides.said(policy, virtual.joined(policy, catalog), looked), catalog)
    said = doubts.reasons(looked) if looked else {}
    why = {name: told for name, told in said.items() if name not in _logs(sections)}
    return draft_text.write(policy, catalog, why, who)


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


def _subject(who: Candidate, catalog: Catalog, looked: Draft, logs: Collection[str]) -> Subject:
    payers = [
        Payer(column=f"{name}.{column.name}")
        for name in looked.owners
        for column in catalog.tables[name].columns
        if re.search(r"stripe_?customer|customer_stripe", column.name, re.IGNORECASE)
    ]
    written = [n for table, n in looked.seen.forms if table == who.table.name and n != who.key]
    own = dict.fromkeys((*guess.identifiers(who.table), *written))
    return Subject(
        table=who.table.name,
        key=who.key,
        identifiers=(*own, *elsewhere.identifiers(looked, logs)),
        payer=payers[0] if payers else None,
    )


def as_owned(looked: Draft, kind: str, name: str, sections: Mapping[str, Any]) -> Declared:
    """Return what a draft says of a table whose rows go with one of `kind`; `sections`: what it says elsewhere."""
    table = looked.catalog.tables[name]
    objects = tuple(c.name for c in table.columns if _OBJECT.search(c.name))
    bucket = f"{DECIDE}: which bucket are these keys in?" if objects else None
    asked = (s.doubt(sections.get(s.name, s.default), table) for s in whole.sections())
    because = next((doubt for doubt in asked if doubt), None)
    if because is None and name not in _logs(sections) and (open_ := doubts.doubt(looked, name)):
        stays = open_.question == doubts.BOOKS or open_.question.startswith((PART_OF, SAME))
        because = ask(open_, guess.naming(looked.catalog.tables[name]) if stays else ())
    owner = {kind: looked.owners[name]}
    return Declared(owner=owner, because=because, objects=objects, bucket=bucket)


def _logs(sections: Mapping[str, Any]) -> frozenset[str]:
    """Return the logs that these sections keep: an erasure takes the person out of them, and no row goes."""
    said = ((one, sections.get(one.name)) for one in whole.sections())
    return frozenset(log for one, found in said if found is not None for log in one.logs(found))


def as_nobodys(name: str, found: Doubt | str | None) -> Declared:
    """Return what a draft says of a table that nobody owns, as `nobodys.judge` found it."""
    if _TOOLS.search(name):
        because = "a tool's own table: it holds versions, not people"
    elif isinstance(found, str):
        because = found
    else:
        because = ask(found) if found else f"{DECIDE}: {nobodys.ANYTHING}"
    return Declared(personal="none", because=because)


def ask(doubt: Doubt, naming: Sequence[str] = ()) -> str:
    """Return a question as a draft leaves it open. `naming`: what would go on naming the person where the row stays."""
    also = f"{NAMED_BY}{', '.join(naming)}" if naming else ""
    return f"{DECIDE}: {doubt.question} ({doubt.here}{also})"
