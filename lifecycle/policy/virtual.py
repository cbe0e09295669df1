"""The references that a policy declares, put beside the foreign keys that the database has. Pure.

Everything that asks where a row leads asks the catalog that `joined` returns: a reference is then one more key in it.
What a table says about a key it says by the key's columns, and about a reference by its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lifecycle.policy.model import Policy, Table
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
    said = {name: entry.references for name, entry in policy.tables.items()}
    return led(catalog, said)


def led(catalog: Catalog, said: Mapping[str, Mapping[str, Reference]]) -> Catalog:
    """Return the catalog with these references among its keys: table -> name -> what is said of it."""
    real = tuple(key for key in catalog.foreign_keys if not isinstance(key, Virtual))
    return replace(catalog, foreign_keys=(*real, *_declared(said, catalog)))


def names(key: ForeignKey) -> frozenset[str]:
    """Return the words by which a table speaks of this key."""
    return frozenset(words(key))


def words(key: ForeignKey) -> tuple[str, ...]:
    """Return them in the key's order, as `through` lists them."""
    return (key.name,) if isinstance(key, Virtual) else key.columns


def spelled(key: ForeignKey) -> str:
    """Return how people are told of this key."""
    what = "reference" if isinstance(key, Virtual) else "foreign key"
    return f"{what} {key.name} ({', '.join(key.columns)})"


def typed(key: ForeignKey) -> bool:
    """Say whether it leads there from some rows only: those whose type says so."""
    return isinstance(key, Virtual) and key.of_type is not None


def path(key: ForeignKey) -> bool:
    """Say whether it leads there by values inside JSON."""
    return isinstance(key, Virtual) and key.said.path is not None


def loose(key: ForeignKey) -> bool:
    """Say whether it is no more than a reference by type, or by a value in any spelling."""
    return isinstance(key, Virtual) and not key.said.plain


def alike(one: Column, other: Column) -> bool:
    """Say whether PostgreSQL compares the two as they stand, by an index, and finds the same values equal."""
    same = one.type == other.type or {one.type, other.type} <= set(WHOLE)
    return same and one.loose == other.loose


def typed_as(column: Column) -> str:
    """Return a column's type for people, with the collation by which values that are written differently are equal."""
    return f"{column.type} collate {column.loose}" if column.loose else column.type


def columns(name: str, said: Reference) -> tuple[str, ...]:
    """Return the columns by which a reference refers."""
    return said.columns or (name,)


def _declared(
    references: Mapping[str, Mapping[str, Reference]], catalog: Catalog
) -> Iterator[Virtual]:
    for table, entry in references.items():
        for name, said in entry.items():
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


def emptied(table: Table, name: str) -> tuple[str, ...]:
    """Return the columns that are emptied for a column or reference: inside a JSON column, the value alone is."""
    said = table.references.get(name)
    if said is None:
        return (name,)
    return () if said.path else columns(name, said)
