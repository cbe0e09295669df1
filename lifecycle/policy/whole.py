"""Puts the policy together: the ground's part and a section of each room. Names no room."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import Field, create_model

from lifecycle import rooms
from lifecycle.config.mistake import Where
from lifecycle.policy.model import Policy, Table
from lifecycle.policy.names import split_column
from lifecycle.policy.section import Section


def sections() -> tuple[Section[Any, Any], ...]:
    """Return the section of every room that brings one, in the order of the rooms."""
    return _sections(rooms.folders())


def model() -> type[Policy]:
    """Return the shape of a whole policy file. Raise ValueError when two sections have one name."""
    return _model(rooms.folders())


def present(policy: Policy) -> Iterator[tuple[Section[Any, Any], Any]]:
    """Yield (section, what the policy says there) for every section that says something."""
    for section in sections():
        said = section.of(policy)
        if said is not None:
            yield section, said


def tables_named(policy: Policy) -> Iterator[tuple[Where, str]]:
    """Yield every place at which a table is named, with the name."""
    for name in policy.tables:
        yield ("tables", name), name
    for name, table in policy.tables.items():
        yield from _led_to(name, table)
    for kind, subject in policy.subjects.items():
        yield ("subjects", kind, "table"), subject.table
        for index, one in enumerate(subject.names()):
            if elsewhere := split_column(one.column)[0]:
                yield ("subjects", kind, "identifiers", index), elsewhere
        if subject.payer:
            yield ("subjects", kind, "payer", "column"), split_column(subject.payer.column)[0]
    for section, said in present(policy):
        yield from section.tables(said)


def _led_to(name: str, table: Table) -> Iterator[tuple[Where, str]]:
    for reference, said in table.references.items():
        for _, target in said.targets():
            yield ("tables", name, "references", reference), target.table
    for index, other in enumerate(table.copy_of):
        yield ("tables", name, "copy_of", index), other


def never_ends(policy: Policy) -> Mapping[str, str]:
    """Return table -> why none of its rows is ever deleted."""
    found: dict[str, str] = {}
    for section, said in present(policy):
        found |= section.never_ends(said)
    return found


def cleared(policy: Policy, table: str) -> frozenset[str]:
    """Return the columns of `table` that an erasure empties because a section says so."""
    return frozenset(
        column
        for section, said in present(policy)
        for column in section.cleared(said).get(table, ())
    )


def logs(policy: Policy) -> frozenset[str]:
    """Return the tables into which triggers that audit write rows."""
    return frozenset(table for section, said in present(policy) for table in section.logs(said))


def erased(policy: Policy) -> frozenset[str]:
    """Return the kinds of people who are erased when they ask."""
    return frozenset(kind for section, said in present(policy) for kind in section.erases(said))


# By the rooms there are, and not once for all: a test may bring a room of its own.
@cache
def _sections(_rooms: tuple[str, ...]) -> tuple[Section[Any, Any], ...]:
    return tuple(module.SECTION for _, module in rooms.load("section"))


@cache
def _model(_rooms: tuple[str, ...]) -> type[Policy]:
    fields: dict[str, Any] = {}
    for section in sections():
        if (
            section.name in fields
            or hasattr(Policy, section.name)
            or section.name in Policy.model_fields
        ):
            raise ValueError(f"a policy has a key {section.name!r} already")
        shape = section.shape if section.default is not None else section.shape | None
        fields[section.name] = (shape, Field(default=section.default, description=section.about))
    return create_model(
        "Policy", __base__=Policy, __doc__="All promises about one database.", **fields
    )
