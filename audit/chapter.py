"""Which tables with people's data the application's audit log hears of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from audit.coverage import coverage
from audit.section import SECTION
from lifecycle.chapter import Chapter, Column, Facts, Table
from lifecycle.postgres import catalog
from lifecycle.system import System
from lifecycle.words import counted

_NO_LOG = "The policy names no audit log."
_COLUMNS = (Column("table", "Not captured", "name"),)


def gather(
    conn: Connection[TupleRow], system: System, _since: datetime, _to: datetime
) -> dict[str, Any]:
    """Return how many tables hold people's data, and which of them no row trigger stands on."""
    policy, log = system.policy, SECTION.of(system.policy)
    return {
        "configured": log is not None,
        "tables_of_people": sum(
            table.owner is not None and (log is None or name != log.table)
            for name, table in policy.tables.items()
        ),
        "not_captured": coverage(policy, catalog.read(conn)),
    }


def chapter(_facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Return how many of the tables are captured, and which are not."""
    title = "What the audit log captures"
    if not own.get("configured"):
        return Chapter("capture", title, _NO_LOG)
    people, missing = own["tables_of_people"], tuple(own["not_captured"])
    captured = people - len(missing)
    tables = counted(people, "table")
    left = f"; {counted(len(missing), 'is', 'are')} not" if missing else ""
    return Chapter(
        "capture",
        title,
        f"{captured} of {tables} with people's data have an enabled row trigger{left}.",
        (
            Table(
                "capture",
                "",
                (
                    Column("tables_of_people", "tables with people's data", "count"),
                    Column("captured", "captured", "count"),
                ),
                ({"tables_of_people": people, "captured": captured},),
            ),
            Table(
                "not_captured",
                "",
                _COLUMNS,
                tuple({"table": t} for t in missing),
                "Every one of them is captured.",
            ),
        ),
        "warn" if missing else None,
        (
            (
                "That an application wrote true values into its audit log, or that every change in it was captured: a "
                "table counts as captured when an enabled row trigger stands on it."
            ),
        ),
    )
