"""Judges the columns in which others may quote a person: whether texts stand there, and may lose a value. Pure."""

from lifecycle.config.mistake import Where
from lifecycle.policy import virtual
from lifecycle.policy.look import Look
from lifecycle.postgres.catalog import Column, Table

_NO_TEXTS = (
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "money"),
    *("date", "time", "timestamp", "interval", "oid", "bytea", "uuid", "inet", "cidr", "macaddr"),
)


def truth(look: Look, name: str) -> None:
    """Hold what a table says of such columns against the catalog."""
    for column, how in look.policy.tables[name].quotes.items():
        path: Where = ("tables", name, "quotes", column)
        there = look.column(path, name, column)
        if there is None:
            continue
        if _bare(there) in _NO_TEXTS:
            what = f"{column} is {there.type}, in which nobody is quoted"
            look.say(path, what, "name a column of text or JSON")
        elif how == "redact":
            for what, instead in _against(look, look.catalog.tables[name], there):
                look.say(path, what, instead)


def _bare(column: Column) -> str:
    return column.type.removesuffix("[]").partition("(")[0].partition(" with")[0]


def _against(look: Look, table: Table, column: Column) -> list[tuple[str, str]]:
    """Return why no value can be taken out of this column alone, each with what to write instead."""
    review = "write `review`, and take the value out by hand"
    said: list[tuple[str, str]] = []
    if column.generated:
        said.append((f"{column.name} is generated", "name the column that it is computed from"))
    if table.kind == "h":
        said.append((f"{table.name} is a hypertable, whose rows have no numbers", review))
    if any(part.kind == "f" for part in table.partitions):
        said.append((f"a part of {table.name} is on another server", review))
    if table.divided_by(column.name):
        said.append((f"{table.name} is partitioned by {column.name}", review))
    if unique := [one for one in table.unique if column.name in one]:
        what = (
            f"{', '.join(sorted(unique[0]))} is unique, and two rows without a value would be alike"
        )
        said.append((what, review))
    for key in look.catalog.foreign_keys:
        real = not isinstance(key, virtual.Virtual)
        if real and key.table == table.name and column.name in key.columns:
            what = f"foreign key {key.name} leads from there to {key.referenced}"
            said.append((what, "write `mentions: {...: set null}`, which empties it"))
    return said
