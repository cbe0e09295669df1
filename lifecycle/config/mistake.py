"""A mistake in a policy or settings file, and the line it stands on.

Pure. `check.py` and `reality.py` find mistakes by the path of keys that leads to them; `load.py` reads the lines.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """`path` is the keys and list positions that lead to it; `what` is wrong, and what to write `instead`.

    `draft` is a line to paste, as it would stand in the file.
    """

    path: Where
    what: str
    instead: str
    draft: str = ""

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.what}" + (f"; {self.instead}" if self.instead else "")


@dataclass(frozen=True, slots=True)
class Lines:
    """The line on which each key and list item of one file stands, counted from 1.

    `found` are the mistakes met while reading, such as a key that is there twice.
    """

    file: str
    numbers: Mapping[Where, int]
    found: tuple[Mistake, ...] = ()

    def of(self, path: Where) -> int:
        """Return the line of `path`, or of the nearest thing around it that is written."""
        while path and path not in self.numbers:
            path = path[:-1]
        return self.numbers.get(path, 1)

    def tell(self, mistakes: Iterable[Mistake]) -> list[str]:
        """Return `file:line: what; instead` for each mistake, once, in the order of the file, above its draft."""
        told = {
            (self.of(m.path), f"{self.file}:{self.of(m.path)}: {m}" + (m.draft and f"\n{m.draft}"))
            for m in mistakes
        }
        return [text for _, text in sorted(told)]


def dotted(path: Where) -> str:
    """Return a path as people read it: `retention[0].after`; the file itself is `file`."""
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part if part.isprintable() else repr(part)}"
        for part in path
        if part != ""
    )
    return text.removeprefix(".") or "file"
