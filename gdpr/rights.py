"""What an erasure needs: a person's rows, what names them in rows that stay, and the request it answers."""

from collections.abc import Iterator

from audit.section import SECTION as AUDIT
from gdpr.section import SECTION, Erasure
from lifecycle.policy import virtual, whole
from lifecycle.policy.model import Parties, Policy, SharedBy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog


def rights(policy: Policy, _catalog: Catalog) -> Iterator[Right]:
    """Yield nothing where the policy erases nobody."""
    erasure = SECTION.of(policy)
    if erasure is None:
        return
    stays = whole.never_ends(policy)
    for name, table in policy.tables.items():
        if table.owner is not None and not table.keep and name not in stays:
            yield Right(name, "delete", "rows of a person who asked to be forgotten")
    if erasure.requests.received:
        yield Right(
            erasure.requests.table, "insert", "who asks by letter or by telephone is put there"
        )
    for name in quoting(policy):
        yield Right(name, "analyze", "the planner remembers values of rows that are gone")
    for name in policy.tables:
        columns = tuple(dict.fromkeys(_set(policy, erasure, name)))
        if columns:
            yield Right(name, "update", "an erasure sets or locks it", columns)


def quoting(policy: Policy) -> Iterator[str]:
    """Yield the tables in which a person can stand: those of which the planner may keep samples that quote them."""
    log = AUDIT.of(policy)
    for name, table in policy.tables.items():
        said = table.owner or table.emptied or table.author or "redact" in table.quotes.values()
        if said or (log and name == log.table):
            yield name


def _set(policy: Policy, erasure: Erasure, name: str) -> Iterator[str]:
    """Yield the columns an erasure sets. Of a person's row and of a shared one it locks: that needs a column too."""
    table, requests = policy.tables[name], erasure.requests
    for word in dict.fromkeys((*table.emptied, *table.author)):
        said = table.references.get(word)
        yield from virtual.columns(word, said) if said else (word,)
    for how in (table.owner or {}).values():
        for party, half in how.party.items() if isinstance(how, Parties) else ():
            yield from (*virtual.emptied(table, party), *half)
    yield from table.keep.clear if table.keep else ()
    yield from (column for column, how in table.quotes.items() if how == "redact")
    if table.owner and any(isinstance(owner, SharedBy) for owner in table.owner.values()):
        yield from _payers(policy, name)
    yield from (subject.key for subject in policy.subjects.values() if subject.table == name)
    if requests.table == name:
        yield from (requests.status, requests.completed)
        yield from [requests.tables] if requests.tables else []


def _payers(policy: Policy, name: str) -> Iterator[str]:
    """Yield the payer's column of a shared table, if it stands there: the one an erasure may lock."""
    for subject in policy.subjects.values():
        if subject.payer and subject.payer.column.rpartition(".")[0] == name:
            yield subject.payer.column.rpartition(".")[2]
