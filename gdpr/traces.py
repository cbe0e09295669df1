"""Says where the search of a database found a person: leaves of one table together, with what to do. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from gdpr import aggregates
from gdpr.search.database import Searched
from gdpr.search.relations import Relation, Sort
from lifecycle.outcome import Failure
from lifecycle.words import counted

HINT = (
    "The request stays open. Take the value out (refresh a materialized view), or say in the policy whose it is; "
    "then `lifecycle run gdpr.erase` proves it."
)


def told(searched: Searched, whose: int, hints: Mapping[str, str]) -> Iterator[Failure]:
    """Yield every trace. `hints`: by table what makes the planner forget samples that quote anybody."""
    first: dict[tuple[Sort, str], Relation] = {}
    together = Counter[tuple[Sort, str]]()
    for relation, rows in searched.of(whose):
        key = relation.sort, relation.table
        together[key] += rows
        first.setdefault(key, relation)
    for key, rows in sorted(together.items()):
        yield Failure(key[1], *_what(first[key], rows))
    if whose in searched.large:
        yield Failure("large objects", "an identifier stands in a large object", HINT)
    for table in (table for who, table in searched.samples if who == whose):
        yield Failure(
            f"statistics of {table}", "the planner's samples quote the person", hints[table]
        )


def by_table(searched: Searched, whose: int) -> dict[str, int]:
    """Return in how many rows of which table somebody stands."""
    found = Counter[str]()
    for relation, rows in searched.of(whose):
        found[relation.table] += rows
    return dict(sorted(found.items()))


def _what(relation: Relation, rows: int) -> tuple[str, str]:
    """Return what was found in a relation, and what to do."""
    match relation.sort:
        case "view":
            return "an identifier stands in a materialized view: refresh it", HINT
        case "batches":
            return f"an identifier stands in {counted(rows, 'batch', 'batches')}", HINT
        case "aggregate":
            again = aggregates.AGAIN.format(view=relation.table, stored=relation.name)
            return (
                f"an identifier stands in {counted(rows, 'row')} of a continuous aggregate",
                again,
            )
        case "table":
            return f"an identifier stands in {counted(rows, 'row')}", HINT
