"""Looks up in the catalog what a policy names, and writes down what is not as the policy has it. Pure."""

import re
from dataclasses import dataclass

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, Column
from lifecycle.words import did_you_mean

TIME = re.compile(r"^(date|timestamp(\(\d\))? with(out)? time zone)$")
"""Types from which a span of time can be counted."""


@dataclass(slots=True)
class Look:
    """A policy beside a catalog, and what was found so far."""

    policy: Policy
    catalog: Catalog
    mistakes: list[Mistake]
    notes: list[str]

    def say(self, path: Where, what: str, instead: str) -> None:
        """Add a mistake."""
        self.mistakes.append(Mistake(path, what, instead))

    def column(self, path: Where, table: str, name: str) -> Column | None:
        """Return the column; say so when a table that exists does not have it."""
        found = self.catalog.tables.get(table)
        column = found.column(name) if found else None
        if found and column is None:
            names = [c.name for c in found.columns]
            otherwise = (
                f"its columns are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
            )
            self.say(path, f"{table} has no column {name!r}", did_you_mean(name, names, otherwise))
        return column

    def clearable(self, path: Where, table: str, name: str) -> Column | None:
        """Return the column if there; say so when it cannot be set to NULL."""
        column = self.column(path, table, name)
        if column and column.not_null:
            instead = f"`alter table {table} alter column {name} drop not null`, or leave it out"
            if name in self.catalog.tables[table].primary_key:
                instead = "leave it out: it is part of the primary key, which is never NULL"
            self.say(path, f"{table}.{name} is NOT NULL, so it cannot be cleared", instead)
        elif column and column.generated:
            self.say(
                path,
                f"{table}.{name} is generated, so it cannot be cleared",
                "clear what it is made from",
            )
        elif column and self.catalog.tables[table].divided_by(name):
            what = f"{table} is partitioned by {name}: a row without it would move to another part"
            self.say(path, what, "own the rows by it, or partition the table by another column")
        return column

    def timed(self, path: Where, table: str, name: str) -> None:
        """Say so when the column is missing or is no date or timestamp."""
        column = self.column(path, table, name)
        if column and not TIME.match(column.type):
            self.say(path, f"{table}.{name} is {column.type}", "name a date or timestamp column")
