"""Which segments of the log are missing since the newest base backup: no moment after the first can be come back to.

Pure, in the order of the log, over the promotions that led to where the server is. What the server has still to archive
is no hole: WAL-G stores several at once. A hole from before the newest base backup ends the window alone, which the
drill holds against what is promised.
"""

from collections.abc import Collection, Iterator, Sequence

from backups.wal_g.listing import Backup
from backups.wal_g.log import Line, Segment, segment
from backups.wal_g.watch.survey import Said
from lifecycle.coverage import Reason
from lifecycle.outcome import Failure
from lifecycle.words import counted

PROMOTED = Reason(
    "this server was promoted, and no history in the store says where its timeline comes from",
    "Store the server's own: `wal-g wal-push pg_wal/0000000N.history`, on its host.",
)


def holes(
    said: Said, stored: Collection[Segment], backups: Sequence[Backup], line: Line | None
) -> Iterator[Failure | Reason]:
    """Yield what is missing since the newest of `backups`, which are this server's, or why nobody can tell.

    `line` leads to where the server is; None where nobody knows it.
    """
    if not backups:
        what = "there is no base backup of this server, so there is nothing that its log could lead on from"
        yield Failure("base backup", what, "Take one: `wal-g backup-push`.")
        return
    newest, size, now = backups[-1], said.server.segment_size, said.server.open
    first = segment(newest.wal_file_name, size)
    if line is None:
        yield PROMOTED
        return
    if not line.has(first, size):
        what = (
            "the newest base backup lies on a timeline from which none leads to where the server is"
        )
        yield Failure(newest.backup_name, what, "Take one now: `wal-g backup-push`.")
        return
    kept = said.files or {}
    waiting = {one.number for one, file in kept.items() if not file.archived}
    # The last closed one may have no file yet, and what is newer than all that is stored is late, or not.
    last = max((one.number for one in stored if line.has(one, size)), default=first.number)
    lost = [
        n
        for n in range(first.number, min(now.number - 1, last))
        if line.needs(n, size) not in stored and n not in waiting
    ]
    lost = [n for n in lost if not any(gap.covers(line.needs(n, size), size) for gap in said.known)]
    if lost:
        name = line.needs(lost[0], size).name(size)
        yield Failure(
            name,
            f"{counted(len(lost), 'segment')} of the log since {newest.backup_name} not in the store, the first "
            f"is {name}: no moment after it can be come back to",
            "Where pg_wal still has it: `wal-g wal-push`. Otherwise take a base backup now, from which one can.",
        )
