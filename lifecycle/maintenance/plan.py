"""Decides which materialized views are made anew, and in which order. Pure.

A view that reads another comes after it, or it would show what that one was an hour ago. One with a unique index is
refreshed beside its readers (CONCURRENTLY). Any other shuts its readers out while it is made, so that may take an
instant and no longer; a view that was never filled has no readers to shut out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter

from lifecycle.maintenance.section import SECTION
from lifecycle.maintenance.survey import Seen, View
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres.waits import Need

INSTANT = 200
"""Milliseconds for which readers of a view may be shut out."""

INDEX = (
    "Give it a unique index on plain columns (`create unique index on {} (...)`): then it is made anew beside its "
    "readers, however long that takes."
)


@dataclass(frozen=True, slots=True)
class Refresh(Step):
    """Make a view anew, as its owner. `within` is how long that may take, in milliseconds; 0 is without a limit."""

    owner: str
    beside: bool
    within: int
    needs: tuple[Need, ...]


def promised(policy: Policy, only: str | None) -> tuple[str, ...]:
    """Return the views to look after."""
    return tuple(view for view in SECTION.of(policy).views if only in (None, view))


def decide(policy: Policy, seen: Seen, _now: datetime) -> Decision[Refresh]:
    """Return one step for each view, what is read before what reads it."""
    wanted = promised(policy, seen.only)
    there = [seen.views[name] for name in wanted if name in seen.views]
    return Decision(
        tuple(_step(seen, view) for view in _in_order(there)),
        tuple(_missing(name) for name in wanted if name not in seen.views),
        tuple(
            f"{v.name} shuts its readers out while it is made anew, {INSTANT} ms at most: it has no unique index"
            for v in there
            if v.populated and not v.beside
        ),
    )


def _in_order(views: list[View]) -> Iterator[View]:
    by_name = {view.name: view for view in views}
    graph = {view.name: sorted(view.reads & by_name.keys()) for view in views}
    for name in TopologicalSorter(graph).static_order():
        yield by_name[name]


def _step(seen: Seen, view: View) -> Refresh:
    beside = view.beside and view.populated
    last = seen.refreshed.get(view.name)
    since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "since nobody here knows when"
    return Refresh(
        verb="refresh materialized view",
        target=view.name,
        reason=f"it shows what was {since}" if view.populated else "it was never filled",
        cost="beside its readers"
        if beside
        else f"its readers wait, {INSTANT} ms at most"
        if view.populated
        else "nobody can read it yet",
        owner=view.owner,
        beside=beside,
        within=INSTANT if view.populated and not beside else 0,
        needs=(Need(view.name, "ExclusiveLock" if beside else "AccessExclusiveLock"),),
    )


def _missing(view: str) -> Failure:
    return Failure(
        view,
        "no materialized view is called that",
        "Take it out of `maintenance.views`, or make it.",
    )
