"""The log by the names of its files: segments, timelines, and which of them lead to where a server is. Pure.

A promotion begins a timeline and leaves the one before it at a place; the history of a timeline, a file beside the
segments, says each of these (PostgreSQL's `access/timeline.h`). Recovery reads each segment from the newest timeline
of its line that has begun by then.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

_FORK = re.compile(r"(\d+)\s+([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})(\s.*)?")


class Segment(NamedTuple):
    """A segment of the log: its timeline, and its number from the beginning of the log."""

    timeline: int
    number: int

    def name(self, size: int) -> str:
        """Return the name of its file, where segments have `size` bytes."""
        each = 2**32 // size
        return f"{self.timeline:08X}{self.number // each:08X}{self.number % each:08X}"


def segment(name: str, size: int) -> Segment:
    """Return the segment of this name, of 24 digits and what follows them."""
    return Segment(int(name[:8], 16), int(name[8:16], 16) * (2**32 // size) + int(name[16:24], 16))


def place(lsn: int) -> str:
    """Return a place in the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


class Fork(NamedTuple):
    """A promotion: which timeline was left, and where in the log."""

    left: int
    at: int


@dataclass(frozen=True, slots=True)
class Line:
    """A timeline and those it came from, the oldest fork first."""

    timeline: int
    forks: tuple[Fork, ...] = ()

    @property
    def members(self) -> tuple[int, ...]:
        """Return the timelines that lead here, this one last."""
        return (*(fork.left for fork in self.forks), self.timeline)

    def needs(self, number: int, size: int) -> Segment:
        """Return which file recovery reads for the segment of this number."""
        begun = [fork for fork in self.forks if number >= fork.at // size]
        return Segment(self.members[len(begun)], number)

    def has(self, one: Segment, size: int) -> bool:
        """Say whether this segment is of the line: not of a timeline that it left before."""
        if one.timeline == self.timeline:
            return True
        return any(fork.left == one.timeline and one.number <= fork.at // size for fork in self.forks)  # fmt: skip


def line(timeline: int, text: str) -> Line:
    """Return what the history of a timeline says. Raise ValueError where it is none of this timeline's."""
    said = [one.strip() for one in text.splitlines()]
    forks = list[Fork]()
    for one in said:
        if not one or one.startswith("#"):
            continue
        found = _FORK.fullmatch(one)
        if found is None:
            raise ValueError(one)
        forks.append(Fork(int(found[1]), int(found[2], 16) << 32 | int(found[3], 16)))
    made = Line(timeline, tuple(forks))
    places = [fork.at for fork in forks]
    if not forks or places != sorted(places) or list(made.members) != sorted(set(made.members)):
        raise ValueError(text)
    return made
