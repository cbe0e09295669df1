"""The rooms of the house, by name. The ground never imports one: it asks each room listed here for a part of it.

A room brings what others ask of it, each part in a module of its own; a part it has nothing to say to is left out:

    jobs.py      what the daemon schedules                          -> daemon, run, schedule, demo
    cli.py       what only this room can be asked                   -> the command line
    section.py   its part of the policy                             -> load, check, draft, docs
    rights.py    what the service's logins need for it              -> init, doctor
    terms.py     what of the policy the database itself holds us to -> init
    findings.py  what can be wrong with an installation             -> doctor
    figures.py   numbers                                            -> /metrics
    chapter.py   the same for people, over a period                  -> report
    forgotten.py whom it has forgotten, and who must not come back   -> what restores rows
    fence.py     why rows may not be read out of a database at all   -> run, /readyz
    whose.py     which rows are a person's, for who must leave them alone -> holds
    sql/         tables of its own
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from lifecycle.errors import NotFound
from lifecycle.words import choices

if (
    TYPE_CHECKING
):  # the command line reads ROOMS for `--help`, and must not wait for a database driver
    from lifecycle.job import Job
    from lifecycle.policy.model import Policy

ROOMS = (
    "lifecycle.holds",
    "lifecycle.partitions",
    "lifecycle.maintenance",
    "lifecycle.timescale",
    "lifecycle.records",
    "audit",
    "backups",
    "retention",
    "gdpr",
    "runbooks",
)

WITHIN: "Mapping[str, tuple[str, ...]]" = {
    "backups": ("backups.wal_g",),
    "retention": ("retention.archive",),
}
"""Folders inside a room that bring parts of their own, by the room. Their commands are the room's."""


def folders() -> tuple[str, ...]:
    """Return every folder that brings parts: each room, and behind it what lies inside it."""
    return tuple(folder for room in ROOMS for folder in (room, *WITHIN.get(room, ())))


def load(part: str) -> Iterator[tuple[str, ModuleType]]:
    """Yield (short name, module `<folder>.<part>`) for every folder that has this part, in their order."""
    for room in folders():
        if find_spec(f"{room}.{part}") is not None:
            yield room.rpartition(".")[2], import_module(f"{room}.{part}")


def jobs(policy: "Policy") -> "tuple[Job, ...]":
    """Return every job of every room, with the policy's own schedule where it names one.

    Raise NotFound when the policy schedules a job that no room offers.
    """
    offered = {job.name: job for _, module in load("jobs") for job in module.jobs(policy)}
    unknown = sorted(set(policy.schedule) - set(offered))
    if unknown:
        raise NotFound(
            f"the policy schedules {', '.join(unknown)}, which no room offers",
            hint=choices(unknown[0], sorted(offered), "Jobs of this policy are"),
        )
    return tuple(job.at(policy.schedule.get(name, job.cron)) for name, job in offered.items())


def job(policy: "Policy", name: str) -> "Job":
    """Return the job called `name`. Raise NotFound with the names that exist."""
    offered = {job.name: job for job in jobs(policy)}
    if name not in offered:
        raise NotFound(
            f"no job is called {name!r}", hint=choices(name, sorted(offered), "Jobs are")
        )
    return offered[name]
