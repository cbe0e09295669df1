"""The policy's section `lockers:`, a toy: how often a locker is emptied."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy.look import Look
from lifecycle.policy.model import Owner, Policy
from lifecycle.policy.part import Column, Part, TableName
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog


class Lockers(Part):
    """Lockers that are emptied now and then."""

    table: TableName = Field(description="the table of lockers")
    emptied: Column = Field(description="when a locker was last emptied")
    every: Literal["week", "month"] = Field(default="week", description="how often")


def _tables(lockers: Lockers) -> Iterator[tuple[Where, str]]:
    yield ("lockers", "table"), lockers.table


def _sense(lockers: Lockers, policy: Policy) -> Iterator[Mistake]:
    table = policy.tables.get(lockers.table)
    if table and table.personal == "none":
        yield Mistake(("lockers", "table"), "a locker is somebody's", "say whose with `owner:`")


def _truth(lockers: Lockers, look: Look) -> None:
    look.timed(("lockers", "emptied"), lockers.table, lockers.emptied)
    look.notes.append("somebody should look for lost keys")


def _sentence(lockers: Lockers, name: str) -> Iterator[str]:
    if name == lockers.table:
        yield f"emptied every {lockers.every}"


def _guess(catalog: Catalog, owners: Mapping[str, Owner]) -> Lockers | None:
    found = [n for n in owners if n == "lockers" and catalog.tables[n].column("emptied_at")]
    return Lockers(table=found[0], emptied="emptied_at") if found else None


def _draft(policy: Policy, _catalog: Catalog) -> Iterator[str]:
    lockers = SECTION.of(policy)
    if lockers:
        yield f"lockers: {{table: {lockers.table}, emptied: {lockers.emptied}}}"


def _never_ends(lockers: Lockers) -> Mapping[str, str]:
    return {lockers.table: "a locker is emptied and never thrown away"}


def _cleared(lockers: Lockers) -> Mapping[str, tuple[str, ...]]:
    return {lockers.table: ("holder",)}


def _logs(lockers: Lockers) -> Iterator[str]:
    yield lockers.table


def _erases(_lockers: Lockers) -> Iterator[str]:
    yield "user"


SECTION = Section[Lockers, None](
    "lockers",
    Lockers,
    default=None,
    about="what is emptied, and how often",
    tables=_tables,
    sense=_sense,
    truth=_truth,
    sentence=_sentence,
    guess=_guess,
    draft=_draft,
    never_ends=_never_ends,
    cleared=_cleared,
    logs=_logs,
    erases=_erases,
)
