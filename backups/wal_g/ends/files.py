"""Files of WAL-G's store, by their names: which belong to which base backup, and how long and old each is. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from backups.wal_g.lines import File

BASES = "basebackups_005/"
LOG = "wal_005/"
SENTINEL = "_backup_stop_sentinel.json"

BASE = re.compile(r"base_([0-9A-F]{24})(_D_[0-9A-F]{24})?")


class Stored(NamedTuple):
    """A file of the store: how many bytes it has, and when it was stored by the store's clock."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Parts:
    """What is stored of a base backup: whether WAL-G lists it, its files, and when the last of them was stored."""

    listed: bool
    files: tuple[str, ...]
    packed: int
    newest: datetime


def stored(listed: Iterable[File]) -> dict[str, Stored]:
    """Return the files of the list, by their names below the folder."""
    return {one.name: Stored(one.size, one.at) for one in listed}


def parts(files: Mapping[str, Stored]) -> dict[str, Parts]:
    """Return what is there of each base backup, finished or not. A name that is none of theirs is let be."""
    of = dict[str, list[str]]()
    for name in files:
        owner = name.partition("/")[0].removesuffix(SENTINEL)
        if BASE.fullmatch(owner):
            of.setdefault(owner, []).append(name)
    return {
        owner: Parts(
            f"{owner}{SENTINEL}" in names,
            tuple(sorted(names)),
            sum(files[name].size for name in names if "/tar_partitions/" in name),
            max(files[name].at for name in names),
        )
        for owner, names in of.items()
    }
