"""Which words of the policy's language an erasure cannot carry out yet. Pure.

Such a policy is whole and can be checked, shown and explained; an erasure under it is refused before anything is
touched, and `lifecycle doctor` says so.
"""

from collections.abc import Iterator

from lifecycle.config.mistake import Where, dotted
from lifecycle.policy import json_path
from lifecycle.policy.model import Parties, Policy, Table


def beyond(policy: Policy) -> tuple[str, ...]:
    """Return the places of the policy that say what an erasure cannot do, such as `tables.letters.quotes.words`."""
    tables = policy.tables.items()
    return tuple(dotted(path) for name, table in tables for path in _of_table(name, table))


def _of_table(name: str, table: Table) -> Iterator[Where]:
    path: Where = ("tables", name)
    yield from (
        (*path, "references", name) for name in table.references if not _carried(table, name)
    )
    for kind, how in (table.owner or {}).items():
        if isinstance(how, Parties) and not all(_whole(table, n) for n in how.party):
            yield (*path, "owner", kind, "party")


def _carried(table: Table, name: str) -> bool:
    """Say whether an erasure follows this reference: a value inside JSON is taken out where the path says its place."""
    if _whole(table, name) or name not in {*table.emptied, *table.author}:
        return True
    plain = json_path.steps(table.references[name].path) is not None
    return plain and table.author.get(name) != "tombstone"


def _whole(table: Table, name: str) -> bool:
    """Say whether what names somebody there fills its column, and is no value inside JSON."""
    said = table.references.get(name)
    return said is None or said.path is None
