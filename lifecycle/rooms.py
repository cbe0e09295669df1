"""The rooms of the house, by name. The ground never imports one: it loads what is listed here.

Each room offers `jobs.py` (`jobs(policy) -> tuple[Job, ...]`), `cli.py` (`app`, a typer group under the
room's name) and, where it has tables of its own, `sql/NNNN_*.sql`.
"""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from lifecycle.errors import NotFound

if (
    TYPE_CHECKING
):  # the command line reads ROOMS for `--help`, and must not wait for a database driver
    from lifecycle.job import Job
    from lifecycle.policy.model import Policy

ROOMS = ("lifecycle.partitions", "audit", "backups", "retention", "gdpr", "runbooks")


def load(part: str) -> Iterator[tuple[str, ModuleType]]:
    """Yield (short room name, module `<room>.<part>`) for every room."""
    for room in ROOMS:
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
            hint=f"Jobs of this policy are: {', '.join(sorted(offered))}.",
        )
    return tuple(job.at(policy.schedule.get(name, job.cron)) for name, job in offered.items())


def job(policy: "Policy", name: str) -> "Job":
    """Return the job called `name`. Raise NotFound with the names that exist."""
    offered = {job.name: job for job in jobs(policy)}
    if name not in offered:
        raise NotFound(
            f"no job is called {name!r}", hint=f"Jobs are: {', '.join(sorted(offered))}."
        )
    return offered[name]
