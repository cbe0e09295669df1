"""What `wal-g backup-list --detail --json` says, whichever its version: base backups, and what each of them builds on.

Pure. WAL-G orders by when an object was last changed, and its `LATEST` is the last of these: a copied bucket, or two
backups taken at once, have another order (its issues 694 and 1770). Here the order is that of the log.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from backups.order import SKEW
from lifecycle.errors import NotFound, Unproven
from lifecycle.outside.commands import Finished

_DELTA = "_D_"
_EMPTY = "no backups found"


class Backup(BaseModel):
    """One base backup, as the list has it. Keys that newer versions add are let be; places in the log are numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    backup_name: str
    wal_file_name: Annotated[str, Field(pattern=r"^[0-9A-F]{24}$")]
    modified: AwareDatetime = Field(validation_alias=AliasChoices("modification_time", "time"))
    start_time: AwareDatetime
    finish_time: AwareDatetime
    pg_version: int
    start_lsn: int
    finish_lsn: int
    is_permanent: bool = False
    system_identifier: int | None = None
    uncompressed_size: int = 0
    compressed_size: int = 0

    @property
    def timeline(self) -> int:
        """Return the timeline it was taken on."""
        return int(self.wal_file_name[:8], 16)

    @property
    def major(self) -> int:
        """Return the major version of its server."""
        return self.pg_version // 10000

    @property
    def is_delta(self) -> bool:
        """Say whether it holds only what changed since another one."""
        return _DELTA in self.backup_name


@dataclass(frozen=True, slots=True)
class Chosen:
    """A base backup with all that it builds on, itself last."""

    backup: Backup
    chain: tuple[Backup, ...]

    @property
    def size(self) -> int:
        """Return how many bytes its chain unpacks to."""
        return sum(one.uncompressed_size for one in self.chain)


def parse(ended: Finished) -> tuple[Backup, ...]:
    """Return the finished backups, by their place in the log.

    Raise NotFound when what was printed is no list that anybody knows: nothing is known then of any backup.
    """
    text = ended.stdout.strip()
    if ended.exit_code != 0 or not text:
        if ended.exit_code == 0 or _EMPTY in ended.stderr_tail.lower():
            return ()
        raise _unknown(f"ended with exit code {ended.exit_code}")
    try:
        listed: Any = json.loads(text)
        found = [Backup.model_validate(one) for one in listed or ()]
    except (ValueError, TypeError, ValidationError):
        raise _unknown("printed something that is no list of backups") from None
    return tuple(sorted(found, key=lambda one: (one.finish_lsn, one.finish_time)))


def _unknown(what: str) -> NotFound:
    return NotFound(
        f"`wal-g backup-list --detail --json` {what}",
        hint="Run it by hand; a sentinel that is no JSON, or another program of that name, does this.",
    )


def latest(backups: Sequence[Backup]) -> Backup | None:
    """Return what WAL-G itself would take for `LATEST`."""
    return max(backups, key=lambda one: one.modified, default=None)


def of_server(backups: Sequence[Backup], identifier: int) -> tuple[Backup, ...]:
    """Return those that are this server's, as far as the list says whose they are."""
    return tuple(one for one in backups if one.system_identifier in (None, identifier))


def newest_before(backups: Sequence[Backup], lsn: int, identifier: int) -> Chosen:
    """Return the newest backup from which the log leads to `lsn`, with what it builds on.

    Raise Unproven where there is none, or where one that it builds on is not in the list.
    """
    ours = of_server(backups, identifier)
    if backups and not ours:
        raise Unproven(
            f"each of the {len(backups)} base backups is of another server than this one",
            hint="Two servers write into one store, or its settings name another's: see `WALG_*_PREFIX`.",
        )
    before = [one for one in ours if one.finish_lsn <= lsn]
    if not before:
        raise Unproven(
            "there is no base backup from before the point to be come back to",
            hint="Look why `wal-g backup-push` leaves none: one that was killed has no sentinel and is not listed.",
        )
    return Chosen(before[-1], tuple(chain(before[-1], backups)))


def chain(backup: Backup, backups: Sequence[Backup]) -> list[Backup]:
    """Return it with all that it builds on, the full one first. Raise Unproven where one of these is not there."""
    links = [backup]
    while links[0].is_delta:
        parent = "base_" + links[0].backup_name.rpartition(_DELTA)[2]
        # A parent that is a delta itself is named by its first part alone.
        found = [one for one in backups if one.backup_name.split(_DELTA)[0] == parent]
        if not found or found[0] in links:
            raise Unproven(
                f"{links[0].backup_name} builds on {parent}, which is not in the store",
                hint="It cannot be restored without it: take a full backup (`wal-g backup-push --full`).",
            )
        links.insert(0, found[0])
    return links


def to_come(backup: Backup, now: datetime) -> bool:
    """Say whether it will be finished only later, by what it says: it would be the newest until then."""
    return backup.finish_time > now + SKEW


def age_hours(backup: Backup, now: datetime) -> int:
    """Return how many hours ago it was finished."""
    return round((now - backup.finish_time).total_seconds() / 3600)
