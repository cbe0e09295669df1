"""Writes a drafted policy as YAML that a person can read, with what they must know beside each line.

Pure. Only drafts are written: a policy that somebody has edited is never touched.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from lifecycle.policy import barred, triggers, whole
from lifecycle.policy.check import DECIDE, PART_OF, SAME
from lifecycle.policy.guess import Candidate
from lifecycle.policy.model import Declared, Owner, Parties, Policy, SharedBy, Table, Through
from lifecycle.policy.people import Subject
from lifecycle.policy.reference import Reference
from lifecycle.postgres.catalog import Catalog
from lifecycle.words import counted

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")

_CODE = "what does this trigger, rule or function do?"
_SHOWN = 4
"""How many tables are named after a question; the file shows all."""


def write(
    policy: Policy,
    catalog: Catalog,
    why: Mapping[str, str],
    who: Candidate | None,
) -> str:
    """Return the text of the file. `why`: what speaks for the line of a table of which nothing is asked."""
    parts = (
        barred.lines(policy.system, catalog),
        _head(policy, catalog),
        _subjects(policy, who),
        _tables(policy, why),
        *(section.draft(policy, catalog) for section in whole.sections()),
    )
    return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)


def quote(text: str) -> str:
    """Return `text` as a YAML scalar that is read back as the same text, also inside [ ] and { }."""
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _head(policy: Policy, catalog: Catalog) -> Iterator[str]:
    asked = _questions(policy, catalog)
    places = sum(len(tables) for tables in asked.values())
    follow = [n for text, names in asked.items() if text.startswith((PART_OF, SAME)) for n in names]
    asked = {text: names for text, names in asked.items() if not text.startswith((PART_OF, SAME))}
    yield f"# A draft of what {policy.system} promises about its data, made from the database itself."
    yield f"# {counted(places, 'place')} for you to decide: what begins with {DECIDE} is refused until you made it."
    if asked:
        yield f"# They are {counted(len(asked), 'question')}; first those of which most rows may be deleted:"
    for question, tables in asked.items():
        shown = ", ".join(tables[:_SHOWN]) + (", ..." if len(tables) > _SHOWN else "")
        yield f"#   {len(tables)} x {question} {shown}"
    if follow:
        yield f"# {len(follow)} of the places are decided with another one, which they name."
    yield "# `lifecycle policy check` compares this file with the database."
    yield ""
    yield f"system: {quote(policy.system)}"
    yield f"database: {quote(policy.database)}"
    yield "timezone: UTC  # the zone in which your days begin, such as Europe/Berlin"


def _questions(policy: Policy, catalog: Catalog) -> dict[str, list[str]]:
    """Return question -> the tables it is asked of, in order of the rows that a wrong answer would delete."""
    asked: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    for name, table in policy.tables.items():
        coded = [d.does for _, declared in triggers.code(table) for d in declared.values()]
        for text in (table.because or "", table.bucket or "", *coded):
            if text.startswith(DECIDE):
                question = (
                    _CODE if text in coded else text.removeprefix(f"{DECIDE}: ").partition(" (")[0]
                )
                asked.setdefault(question, []).append(name)
                gone = catalog.tables[name].estimated_rows + 1 if table.owner else 0
                rows[question] = rows.get(question, 0) + gone
    return dict(sorted(asked.items(), key=lambda found: -rows[found[0]]))


def _subjects(policy: Policy, who: Candidate | None) -> Iterator[str]:
    if not policy.subjects:
        yield "# No table looks like people. If one holds them, name it here:"
        yield "# subjects:"
        yield "#   user: {table: users, key: user_id, identifiers: [email]}"
        return
    yield "subjects:" + (f"  # {who.table.name}: {who.evidence}" if who else "")
    for kind, subject in policy.subjects.items():
        yield f"  {quote(kind)}:"
        yield f"    table: {quote(subject.table)}"
        yield f"    key: {quote(subject.key)}"
        yield from _identifiers(subject)
        if subject.tombstone:
            values = {quote(n): _value(v) for n, v in subject.tombstone.items()}
            yield f"    tombstone: {mapped(values)}  # it stands for authors who are gone, where none may be missing"
        if subject.payer:
            yield f"    payer: {{column: {quote(subject.payer.column)}}}"


def _identifiers(subject: Subject) -> Iterator[str]:
    """Yield the lines of what names a person: on one line, unless some of it stands elsewhere."""
    told = "the proof of an erasure searches for their values"
    if len(own := subject.own_identifiers) == len(subject.identifiers):
        yield from [f"    identifiers: {listed(own)}  # {told}"] if own else []
        return
    yield f"    identifiers:  # {told}; `lifecycle doctor` says of which it cannot yet"
    for one in subject.names():
        said = one.model_dump(exclude_defaults=True)
        said["where"] = mapped({quote(n): _value(v) for n, v in one.where.items()})
        parts = {
            word: value if word == "where" else _value(value)
            for word, value in said.items()
            if value
        }
        yield f"      - {quote(one.column) if len(said) == 2 and not one.where else mapped(parts)}"


def _value(value: str | int | bool) -> str:
    return quote(value) if isinstance(value, str) else json.dumps(value)


def _tables(policy: Policy, why: Mapping[str, str]) -> Iterator[str]:
    yield "tables:" if policy.tables else "tables: {}"
    for name, table in policy.tables.items():
        asked = (table.because or "").startswith(DECIDE)
        yield line(name, table, why.get(name, "") if asked or not table.because else "")


def line(name: str, table: Table, why: str) -> str:
    """Return the line of a table under `tables`, with what speaks for it."""
    said = f"  # {' '.join(why.split())}" if why else ""
    return f"  {quote(name)}: {_table(table)}{said}"


def code(declared: Mapping[str, Declared]) -> str:
    """Return declarations of triggers, rules or functions as a YAML map on one line."""
    return mapped(
        {
            quote(name): mapped({"does": quote(said.does), "digest": quote(said.digest)})
            for name, said in declared.items()
        }
    )


def _table(table: Table) -> str:
    parts = {
        "references": mapped({quote(n): _reference(said) for n, said in table.references.items()}),
        "owner": mapped({k: _owner(how) for k, how in table.owner.items()}) if table.owner else "",
        "personal": table.personal or "",
        "because": quote(table.because or "") if table.because else "",
        "author": mapped({quote(name): said for name, said in table.author.items()}),
        "mentions": mapped({quote(name): "set null" for name in table.mentions}),
        "objects": listed(table.objects) if table.objects else "",
        "bucket": quote(table.bucket or "") if table.bucket else "",
        "triggers": code(table.triggers),
        "rules": code(table.rules),
        "functions": code(table.functions),
    }
    return mapped({name: text for name, text in parts.items() if text})


def _reference(said: Reference) -> str:
    to = {quote(value): quote(to) for value, to in (said.of or {}).items()}
    parts = {
        "columns": listed(said.columns) if said.columns else "",
        "path": quote(said.path) if said.path else "",
        "to": quote(said.to or "") if said.to else "",
        "type": quote(said.type or "") if said.type else "",
        "of": mapped(to),
        "form": said.form if said.form != "text" else "",
    }
    return mapped({name: text for name, text in parts.items() if text})


def _owner(how: Owner) -> str:
    if isinstance(how, Through):
        return f"{{through: {listed(how.through)}}}"
    if isinstance(how, Parties):
        halves = {quote(name): listed(columns) for name, columns in how.party.items()}
        return f"{{party: {mapped(halves)}}}"
    return f"{{shared_by: {quote(how.shared_by)}}}" if isinstance(how, SharedBy) else quote(how)


def mapped(parts: Mapping[str, str]) -> str:
    """Return a YAML map on one line; nothing where it is empty."""
    return "{" + ", ".join(f"{name}: {text}" for name, text in parts.items()) + "}" if parts else ""


def listed(names: Sequence[str]) -> str:
    """Return names as a YAML list on one line."""
    return "[" + ", ".join(quote(name) for name in names) + "]"
