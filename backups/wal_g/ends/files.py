"""Files of WAL-G's store, by their names: which belong to which base backup, and how long and old each is. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

BASES = "basebackups_005/"
LOG = "wal_005/"
SENTINEL = "_backup_stop_sentinel.json"

_FILE = re.compile(
    r"^obj\s+(?P<size>\d+)\s+(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S* (?P<zone>[+-]\d{4}).*\s/?(?P<name>\S+)$"
)
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


def stored(lines: Iterable[str]) -> dict[str, Stored]:
    """Return the files that `wal-g st ls -r` lists, by their names below the folder."""
    found = dict[str, Stored]()
    for line in lines:
        if listed := _FILE.search(line.rstrip()):
            at = datetime.strptime(f"{listed['at']} {listed['zone']}", "%Y-%m-%d %H:%M:%S %z")
            found[listed["name"]] = Stored(int(listed["size"]), at)
    return found


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
