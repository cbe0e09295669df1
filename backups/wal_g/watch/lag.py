"""How far the store is behind the server, and where the three that tell of the archive do not say the same. Pure.

The place in the log counts, and no clock: a bucket that was copied has other times. A server that is quiet closes no
segment, so only closed ones can be late; how long a segment may be open is `archive_timeout`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.wal_g.log import Segment, segment
from backups.wal_g.watch.survey import Said, Server
from backups.wal_g.words import WalG, unkept
from lifecycle.coverage import Reason
from lifecycle.outcome import Failure
from lifecycle.words import counted, moment, span

GRANT = "As a superuser: `grant execute on function pg_ls_archive_statusdir() to lifecycle`."
MAY_NOT = Reason("the service may not list the server's archive_status", GRANT)


@dataclass(frozen=True, slots=True)
class Lag:
    """What the store lacks at the end: bytes of the log, closed segments, and for how long the first of these waits.

    `exact` is false where nobody knows when it was closed: then `waited` is the longest that it can be.
    """

    newest: Segment | None
    bytes: int
    segments: int
    waited: timedelta
    exact: bool


def lag(said: Said, stored: Mapping[Segment, datetime]) -> Lag:
    """Measure it. What lies in the store of a later timeline than the server's is not of its log."""
    server, now = said.server, said.server.open
    ours = [one for one in stored if one.timeline <= now.timeline]
    newest = max(ours, key=lambda one: (one.number, one.timeline), default=None)
    first = newest.number + 1 if newest else 0
    missing = max(0, now.number - first)
    behind = max(0, server.lsn - first * server.segment_size)
    since = stored[newest] if newest else server.last_archived_time
    exact = said.files is not None
    if missing == 0:
        return Lag(newest, behind, 0, timedelta(), exact=True)
    if said.files is not None:
        kept = said.files.get(Segment(now.timeline, first))
        # One that was closed just now has no file yet.
        since = kept.closed if kept else server.at if missing == 1 else since
    waited = max(server.at - since, timedelta()) if since else timedelta()
    return Lag(newest, behind, missing, waited, exact)


def stopped(server: Server) -> Iterator[Failure]:
    """Yield that the last try of the server to archive something failed, by its own word."""
    failed, archived = server.last_failed_time, server.last_archived_time
    if failed is None or server.archive_timeout is None or (archived and archived >= failed):
        return
    since = f"since {moment(archived)}" if archived else "ever"
    yield Failure(
        "archive_command",
        f"it failed on {server.last_failed_wal} at {moment(failed)}, "
        f"{counted(server.failed_count, 'time')} in all, and nothing was archived {since}",
        "Look into the server's log. What is not archived stays in pg_wal until the disk is full.",
    )


def untrue(said: Said, stored: Collection[Segment]) -> Iterator[Failure]:
    """Yield what the server says is archived, and the store does not have.

    Of what lies still in pg_wal, all that is younger than the oldest stored: what is older was kept and has ended.
    """
    size, last = said.server.segment_size, said.server.last_archived_wal
    claimed = {one for one, kept in (said.files or {}).items() if kept.archived}
    oldest = min((one.number for one in stored), default=0)
    lacking = {one for one in claimed if one.number > oldest and one not in stored}
    if last is not None and len(last) == 24:  # neither a history nor the label of a backup
        lacking |= {segment(last, size)} - set(stored)
    lacking = {one for one in lacking if not any(gap.covers(one, size) for gap in said.known)}
    if lacking:
        first, *others = sorted(lacking, key=lambda one: (one.number, one.timeline))
        more = f" (and {counted(len(others), 'more', 'more')})" if others else ""
        yield Failure(
            first.name(size),
            f"the server says that it is archived, and the store does not have it{more}",
            "Correct `archive_command`: it says so without storing anything, or stores elsewhere. What lies still in "
            "pg_wal, `wal-g wal-push` can store by hand; otherwise take a base backup now.",
        )


def late(promised: WalG, server: Server, behind: Lag) -> Iterator[Failure | Reason]:
    """Yield what is lost beyond the rpo if the server is lost now, or why nobody can tell."""
    if broken := unkept(promised, server.archive_timeout):
        yield Failure("rpo", broken, "Change the server's setting, or the promise in the policy.")
        return
    could_be = behind.waited + timedelta(seconds=server.archive_timeout or 0)
    if behind.segments == 0 or could_be <= promised.rpo.at_least():
        return
    if not behind.exact:
        yield MAY_NOT
        return
    yield Failure(
        "rpo",
        f"{counted(behind.segments, 'closed segment')} of the log not in the store, the first for "
        f"{span(behind.waited)} and open before for up to {server.archive_timeout} s; {promised.rpo} is promised",
        "Look what holds `archive_command` up: `select * from pg_stat_archiver`, and the server's log.",
    )
