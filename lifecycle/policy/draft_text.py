"""Writes a drafted policy as YAML that a person can read, with what they must know beside each line.

Pure. Only drafts are written: a policy that somebody has edited is never touched.
"""

import json
import re
from collections.abc import Iterator, Mapping

from lifecycle.policy import foreign_keys, guess
from lifecycle.policy.check import DECIDE
from lifecycle.policy.model import Policy, SharedBy, Table, Through
from lifecycle.postgres.catalog import Catalog

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def write(policy: Policy, catalog: Catalog) -> str:
    """Return the text of the file."""
    parts = (
        _head(policy),
        _partitions(policy, catalog),
        _retention(policy, catalog),
        _subjects(policy),
        _tables(policy, catalog),
        _audit(policy),
        _erasure(policy, catalog),
    )
    return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)


def quote(text: str) -> str:
    """Return `text` as a YAML scalar that is read back as the same text, also inside [ ] and { }."""
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _head(policy: Policy) -> Iterator[str]:
    places = sum(
        (text or "").startswith(DECIDE)
        for t in policy.tables.values()
        for text in (t.because, t.bucket)
    )
    yield f"# A draft of what {policy.system} promises about its data, made from the database itself."
    yield f"# {places} places need a decision of yours: they begin with {DECIDE}, and are refused until you made it."
    yield "# `lifecycle policy check` compares this file with the database."
    yield ""
    yield f"system: {quote(policy.system)}"
    yield f"database: {quote(policy.database)}"
    yield "timezone: UTC  # the zone in which your days begin, such as Europe/Berlin"


def _partitions(policy: Policy, catalog: Catalog) -> Iterator[str]:
    untold = [
        (name, table.partition_key)
        for name, table in catalog.tables.items()
        if table.strategy == "range" and table.partition_key and name not in policy.partitions
    ]
    if policy.partitions:
        yield "# Read off the partitions that exist; `ahead` is how many must exist beyond the current one."
        yield "partitions:"
    elif untold:
        yield "# partitions:"
    for name, rule in policy.partitions.items():
        yield f"  {quote(name)}: {{by: {quote(rule.by)}, every: {rule.every}, ahead: {rule.ahead}}}"
    for name, key in untold:
        rule = f"{{by: {quote(key)}, every: month, ahead: 3}}"
        yield f"#  {quote(name)}: {rule}  # its partitions do not tell how long one is"


def _retention(policy: Policy, catalog: Catalog) -> Iterator[str]:
    examples = [
        (name, column.name)
        for name in policy.tables
        for column in catalog.tables[name].columns
        if re.search(r"(finished|completed|ended|sent|logged)_at$", column.name)
    ]
    table, by = (*examples, ("finished_jobs", "finished_at"))[0]
    yield "# Nothing is ever deleted for its age without a rule like this one:"
    yield "# retention:"
    yield f"#   - {{table: {quote(table)}, by: {quote(by)}, after: 2 years, do: delete, because: why it may go}}"


def _subjects(policy: Policy) -> Iterator[str]:
    if not policy.subjects:
        yield "# No table looks like people. If one holds them, name it here:"
        yield "# subjects:"
        yield "#   user: {table: users, key: user_id, identifiers: [email]}"
        return
    yield "subjects:"
    for kind, subject in policy.subjects.items():
        yield f"  {quote(kind)}:"
        yield f"    table: {quote(subject.table)}"
        yield f"    key: {quote(subject.key)}"
        if subject.identifiers:
            yield f"    identifiers: {_list(subject.identifiers)}  # the proof of an erasure searches for their values"
        if subject.payer:
            yield f"    payer: {{column: {quote(subject.payer.column)}}}"


def _tables(policy: Policy, catalog: Catalog) -> Iterator[str]:
    yield "tables:" if policy.tables else "tables: {}"
    blocked = {
        key.table: f"{', '.join(key.columns)} may not be NULL and names another row of somebody's"
        for key, kind in foreign_keys.unexplained(policy, catalog)
        if policy.subjects[kind].table == key.referenced
        and not foreign_keys.may_be_null(catalog, key)
    }
    keyed = {(k.table, column) for k in catalog.foreign_keys for column in k.columns}
    for name, table in policy.tables.items():
        comment = f"  # {DECIDE}: {blocked[name]}" if name in blocked else ""
        for how in (table.owner or {}).values():
            people = any(s.table == name for s in policy.subjects.values())
            if isinstance(how, str) and not people and (name, how) not in keyed:
                comment += "  # no foreign key: judged by the column's name"
        yield f"  {quote(name)}: {_table(table)}{comment}"


def _table(table: Table) -> str:
    parts = {
        "owner": _map({k: _owner(how) for k, how in table.owner.items()}) if table.owner else "",
        "personal": table.personal or "",
        "because": quote(table.because or "") if table.because else "",
        "mentions": _map({quote(name): "set null" for name in table.mentions}),
        "objects": _list(table.objects) if table.objects else "",
        "bucket": quote(table.bucket or "") if table.bucket else "",
    }
    return _map({name: text for name, text in parts.items() if text})


def _owner(how: str | Through | SharedBy) -> str:
    if isinstance(how, Through):
        return f"{{through: {_list(how.through)}}}"
    return f"{{shared_by: {quote(how.shared_by)}}}" if isinstance(how, SharedBy) else quote(how)


def _audit(policy: Policy) -> Iterator[str]:
    audit = policy.audit
    if audit is None:
        return
    yield "# It looks like the application's audit log. Its rows are never deleted; an erasure takes the person out of"
    yield "# them. `keep` lists, per table, the columns whose logged values may survive that: none until you name them."
    yield "audit:"
    for part in ("table", "subject", "actor", "record", "named"):
        yield f"  {part}: {quote(getattr(audit, part))}"
    yield f"  values: {_list(audit.values)}"
    yield f"  of_actor: {_list(audit.of_actor)}"
    yield "  keep: {}"


def _erasure(policy: Policy, catalog: Catalog) -> Iterator[str]:
    owned = [name for name, table in policy.tables.items() if table.owner]
    found = guess.requests(catalog, owned)
    kind = next(iter(policy.subjects), "user")
    names = [c.name for c in found.columns] if found else []

    def column(pattern: str, otherwise: str) -> str:
        return quote(next((n for n in names if re.search(pattern, n)), otherwise))

    table = quote(found.name if found else "deletion_requests")
    owner = policy.tables[found.name].owner if found else None
    key = policy.subjects[kind].key if policy.subjects else "user_id"
    own = (owner or {}).get(kind, key)
    subject = quote(own if isinstance(own, str) else key)
    yield "# How people are forgotten. Before you take the # away, check every word, and keep the requests themselves:"
    yield f"# under `tables`, `{table}` needs `keep: {{clear: [{subject}], because: proof that it was honoured}}`."
    yield "# erasure:"
    yield f"#   subject: {quote(kind)}"
    yield "#   grace: 30 days"
    yield "#   deadline: 1 month"
    yield "#   requests:"
    yield f"#     table: {table}"
    yield f"#     key: {quote(found.primary_key[0]) if found and found.primary_key else 'request_id'}"
    yield f"#     subject: {subject}"
    yield f"#     requested: {column('request.*_at|created_at', 'requested_at')}"
    yield f"#     due: {column('due|grace|execute|scheduled', 'due_at')}"
    yield f"#     status: {column('status|state', 'status')}"
    yield f"#     completed: {column('complet|finish|done', 'completed_at')}"


def _map(parts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {text}" for name, text in parts.items()) + "}" if parts else ""


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(quote(name) for name in names) + "]"
