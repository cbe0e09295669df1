"""Numbers that a room tells the monitors: their names are declared, their values read from the database.

A room's `figures.py` has

    FIGURES                    the figures it tells, each with what it means
    read(system, conn, now)    yields their values; says nothing it did not declare

The ground puts `lifecycle_` before the name and the label `system` before the others, reads every few seconds in
a turn of each system's own, and keeps the values for whoever asks. Never anything of a person: counts and instants.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name with its unit last, what it means, and its labels beside `system`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a declared figure, now. An instant counts in seconds since 1970."""

    name: str
    value: float | datetime
    labels: tuple[str, ...] = ()
