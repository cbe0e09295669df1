"""Many byte strings found in a block at once, by hyperscan. It has no types of its own: they are given here."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast


class _Database(Protocol):
    def compile(
        self,
        *,
        expressions: Sequence[bytes],
        ids: Sequence[int],
        elements: int,
        flags: Sequence[int],
        literal: bool,
    ) -> None: ...

    def scan(
        self,
        data: bytes,
        *,
        match_event_handler: Callable[[int, int, int, int, Any], None],
    ) -> None: ...


class Matcher:
    """A compiled set of (bytes, whether ASCII letters are meant in any case). Empty, it finds nothing.

    Its memory grows with the set alone: some 3 kB for each.
    """

    def __init__(self, texts: Sequence[tuple[bytes, bool]]) -> None:
        import hyperscan as untyped  # type: ignore[import-untyped] # slow to load

        library = cast("Any", untyped)
        self._ends: list[tuple[int, int]] = []
        self._database: _Database | None = None
        if texts:
            self._database = cast("_Database", library.Database(mode=library.HS_MODE_BLOCK))
            self._database.compile(
                expressions=[text for text, _ in texts],
                ids=range(len(texts)),
                elements=len(texts),
                flags=[library.HS_FLAG_CASELESS if caseless else 0 for _, caseless in texts],
                literal=True,
            )

    def find(self, block: bytes) -> list[tuple[int, int]]:
        """Return (which of the set, offset behind it) for every one that stands in a block."""
        if self._database is None:
            return []
        found: list[tuple[int, int]] = []

        def hit(which: int, _begin: int, end: int, _flags: int, _context: Any) -> None:
            found.append((which, end))

        self._database.scan(block, match_event_handler=hit)
        return found
