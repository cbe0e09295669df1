"""What a person asks of it: from when to when one can come back, and that a gap is known."""

from datetime import datetime

from backups.section import SECTION
from backups.wal_g import program
from backups.wal_g.intervals import Gap, Hole, Interval, Reach
from backups.wal_g.watch import known, looked, survey
from backups.wal_g.watch.known import Known
from backups.wal_g.watch.survey import Said
from lifecycle.errors import InputError, NotFound, Unproven
from lifecycle.job import Job
from lifecycle.promise import Listing
from lifecycle.system import System
from lifecycle.words import counted

COLUMNS = ("from", "to", "come back", "by", "known")


def intervals(system: System) -> Listing:
    """Return the times that one can come back to and the holes between them, in their order. Raise as `_reach`."""
    said, reach = _reach(system)
    size = said.server.segment_size
    both = sorted((*reach.intervals, *reach.holes), key=lambda one: one.since)
    return Listing(
        "times one can come back to with WAL-G", COLUMNS, [_row(one, said, size) for one in both]
    )


def _row(one: Interval | Hole, said: Said, size: int) -> tuple[object, ...]:
    if isinstance(one, Interval):
        last = one.backups[-1]
        more = f" and {len(one.backups) - 1} older" if len(one.backups) > 1 else ""
        return (one.since, one.until, "any time", f"{last}{more}", None)
    many = sum(gap.many for gap in one.gaps)
    first, last = one.gaps[0].first.name(size), one.gaps[-1].last.name(size)
    what = f"{counted(many, 'segment')} missing, {first} to {last}"
    return (one.since, one.until, "none", what, _known(one.gaps[0], said.known, size))


def _known(gap: Gap, those: tuple[Known, ...], size: int) -> str | None:
    said = [one for one in those if one.covers(gap.first, size) and one.covers(gap.last, size)]
    return (
        f"{said[-1].said_by}, until {said[-1].until:%Y-%m-%d}: {said[-1].because}" if said else None
    )


def acknowledged(system: System, name: str, because: str, said_by: str, until: datetime) -> Job:
    """Return the job that writes down that somebody knows of the gap with this segment.

    Raise NotFound where no such segment is missing, and as `_reach`.
    """
    said, reach = _reach(system)
    size = said.server.segment_size
    for gap in reach.gaps:
        if gap.first.name(size) <= name <= gap.last.name(size):
            return known.saying(gap, size, because, said_by, until)
    first = ", ".join(gap.first.name(size) for gap in reach.gaps[:3])
    raise NotFound(
        f"no segment {name} is missing since the oldest base backup",
        hint=f"Gaps begin with {first}." if reach.gaps else "There is no gap at all.",
    )


def _reach(system: System) -> tuple[Said, Reach]:
    """Return it. Raise InputError where the policy has no WAL-G, Unproven where nobody can tell; as `looked.look`."""
    if SECTION.of(system.policy).wal_g is None:
        raise InputError(
            "the policy promises nothing of WAL-G", hint="Write `backups: {wal_g: ...}`."
        )
    said = survey.asked(system)
    if said.server.standby:
        raise Unproven("the server is a standby", hint="Let the settings name the primary.")
    there = looked.look(system, program.find(system), said)
    if there.reach is None:
        raise Unproven(
            "no history in the store says where the server's timeline comes from",
            hint="Store the server's own: `wal-g wal-push pg_wal/0000000N.history`, on its host.",
        )
    return said, there.reach
