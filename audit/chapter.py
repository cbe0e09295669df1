"""Which tables with people's data the application's audit log hears of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from audit.coverage import coverage, of_people
from audit.section import SECTION
from lifecycle.chapter import Chapter, Column, Facts, Table
from lifecycle.system import System
from lifecycle.words import counted

_NO_LOG = "The policy names no audit log."
_COLUMNS = (Column("table", "Not captured", "name"),)


def gather(
    conn: Connection[TupleRow], system: System, _since: datetime, _to: datetime
) -> dict[str, Any]:
    """Return how many tables hold people's data, and of which of them, or of which leaves, the log does not hear."""
    unheard = coverage(conn, system.policy)
    return {
        "configured": SECTION.of(system.policy) is not None,
        "tables_of_people": len(of_people(system.policy)),
        "tables_unheard": len({one.table for one in unheard}),
        "not_captured": [one.relation for one in unheard],
    }


def chapter(_facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Return how many of the tables are captured, and which are not."""
    title = "What the audit log captures"
    if not own.get("configured"):
        return Chapter("capture", title, _NO_LOG)
    people, missing = own["tables_of_people"], tuple(own["not_captured"])
    captured = people - own["tables_unheard"]
    tables = counted(people, "table")
    left = f"; of {counted(len(missing), 'relation')} it does not hear" if missing else ""
    return Chapter(
        "capture",
        title,
        f"{captured} of {tables} with people's data are captured by the audit log{left}.",
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
                "table counts as captured when triggers that the policy says `audits` of are enabled for every insert, "
                "update and delete on each of its leaves."
            ),
        ),
    )
