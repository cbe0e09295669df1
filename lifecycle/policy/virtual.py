"""The references that a policy declares, put beside the foreign keys that the database has. Pure.

Everything that asks where a row leads asks the catalog that `joined` returns: a reference is then one more key in it.
What a table says about a key it says by the key's columns, and about a reference by its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lifecycle.policy.model import Policy
from lifecycle.policy.reference import Reference, Target
from lifecycle.postgres.catalog import Catalog, Column, ForeignKey

WHOLE = ("smallint", "integer", "bigint")
"""Types of whole numbers, which PostgreSQL compares with one another."""


@dataclass(frozen=True, slots=True)
class Virtual(ForeignKey):
    """A reference of the policy. `of_type` is the value of the type column in the rows that lead there by it."""

    said: Reference
    of_type: str | None


def joined(policy: Policy, catalog: Catalog) -> Catalog:
    """Return the catalog with the policy's references among its keys, but for those that cannot lead anywhere."""
    real = tuple(key for key in catalog.foreign_keys if not isinstance(key, Virtual))
    return replace(catalog, foreign_keys=(*real, *_declared(policy, catalog)))


def names(key: ForeignKey) -> frozenset[str]:
    """Return the words by which a table speaks of this key."""
    return frozenset({key.name} if isinstance(key, Virtual) else key.columns)


def spelled(key: ForeignKey) -> str:
    """Return how people are told of this key."""
    what = "reference" if isinstance(key, Virtual) else "foreign key"
    return f"{what} {key.name} ({', '.join(key.columns)})"


def alike(one: Column, other: Column) -> bool:
    """Say whether PostgreSQL compares the two as they stand, and by an index."""
    return one.type == other.type or {one.type, other.type} <= set(WHOLE)


def columns(name: str, said: Reference) -> tuple[str, ...]:
    """Return the columns by which a reference refers."""
    return said.columns or (name,)


def _declared(policy: Policy, catalog: Catalog) -> Iterator[Virtual]:
    for table, entry in policy.tables.items():
        for name, said in entry.references.items():
            for of_type, target in said.targets():
                here = columns(name, said)
                pairs = len(here) == len(target.columns)
                if pairs and _there(catalog, table, here) and _there(catalog, *target):
                    yield _key(table, name, said, of_type, target)


def _there(catalog: Catalog, table: str, wanted: tuple[str, ...]) -> bool:
    found = catalog.tables.get(table)
    return found is not None and all(found.column(name) for name in wanted)


def _key(table: str, name: str, said: Reference, of_type: str | None, to: Target) -> Virtual:
    return Virtual(
        name=name,
        table=table,
        columns=columns(name, said),
        referenced=to.table,
        referenced_columns=to.columns,
        on_delete="a",
        validated=False,
        said=said,
        of_type=of_type,
    )
