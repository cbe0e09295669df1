"""What `wal-g st ls` prints, whichever its version: a file a line, by its name, with its bytes and when it was stored.

Pure. Version 3 lists every version of an object where a bucket keeps them, the newest first, with its id and `LATEST`
behind the name, or with nothing there when it lists below a folder: of each name the first line counts.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

_WORDS = 7
"""obj, bytes, day, time, zone twice, name."""


class File(NamedTuple):
    """A file of the store: its name below the folder that was listed, and as the line has them its bytes and time."""

    name: str
    size: int
    day: str
    time: str
    zone: str

    @property
    def at(self) -> datetime:
        """Return when it was stored, by the store's clock, to the second."""
        return datetime.fromisoformat(f"{self.day} {self.time[:8]}{self.zone}")


def files(printed: str) -> Iterator[File]:
    """Yield each file once, as it is now. What is no line of a file, such as a folder's, is let be."""
    before = ""  # lines of one name stand side by side
    for line in re.finditer(r"[^\n]+", printed):  # one after another: a store has ten thousands
        words = line[0].split()
        if len(words) < _WORDS or words[0] != "obj" or not words[1].isdigit():
            continue
        name = words[6].lstrip("/")
        if name != before:
            before = name
            yield File(name, int(words[1]), words[2], words[3], words[4])
