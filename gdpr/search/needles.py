"""What is looked for of many people at once, and whose it is when it is found. Keeps no text that it was shown."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gdpr.search.matcher import Matcher
from gdpr.search.spell import Spelling, copied, spellings
from gdpr.search.whole import AROUND, stands

_COMPILED = 1000
"""Bytes of a spelling that are compiled, at its end: the matcher takes 16,000, and one too long would end all of it."""


class Hit(NamedTuple):
    """Whose value stands in a row that begins at `row` of its block, in which column (from 0) of what was printed."""

    whose: int
    row: int
    column: int


class Needles:
    """The values of each person in every spelling, compiled. People are told apart by their place in the sequence.

    `overlap`: how much of a block has to stand in the next one, too, where a value may be cut in two.
    """

    def __init__(self, people: Sequence[Sequence[str]]) -> None:
        meant: dict[tuple[bytes, bool], list[tuple[Spelling, int]]] = {}
        longest = 0
        for whose, values in enumerate(people):
            for spelling in dict.fromkeys(s for value in values for s in spellings(value)):
                text = spelling.text.lower() if spelling.caseless else spelling.text
                meant.setdefault((text, spelling.caseless), []).append((spelling, whose))
                longest = max(longest, len(text))
        self.overlap = longest + 2 * AROUND
        self._meant = tuple(meant.values())
        self._matcher = Matcher([(text[-_COMPILED:], caseless) for text, caseless in meant])

    def __len__(self) -> int:
        return len(self._meant)

    def rows(self, block: bytes) -> set[Hit]:
        """Return who stands in which row of a block of whole rows, as the text form of COPY prints them."""
        found: set[Hit] = set()
        for which, start, end in self._hits(block):
            row = block.rfind(b"\n", 0, start) + 1
            after = block.find(b"\n", end, end + AROUND)
            before = block[max(row, start - AROUND) : start]
            behind = block[end : after if after >= 0 else end + AROUND]
            whose = set(self._whose(which, before, block[start:end], behind))
            if whose:
                column = block.count(b"\t", row, start)
                found |= {Hit(one, row, column) for one in whose}
        return found

    def spans(self, text: bytes) -> Iterator[tuple[int, int, Spelling]]:
        """Yield (begin, end, spelling) of what stands in one value, whoever it is of. They may overlap."""
        for which, start, end in self._hits(text):
            before, behind = text[max(0, start - AROUND) : start], text[end : end + AROUND]
            for spelling, _ in self._meant[which]:
                if stands(spelling, before, text[start:end], behind):
                    yield start, end, spelling

    @staticmethod
    def printed(text: str) -> bytes:
        """Return one value as a row of the text form of COPY, which `rows` reads."""
        return copied(text).encode(errors="surrogatepass") + b"\n"

    def anywhere(self, block: bytes, *, begun: bool, goes_on: bool) -> set[int]:
        """Return who stands in bytes that are no rows.

        `begun`: `overlap` bytes of the block before stand at its beginning; `goes_on`: as many will in the next. What
        is so near an end that not all around it is seen is left to the other block.
        """
        found: set[int] = set()
        for which, start, end in self._hits(block):
            if (begun and start < AROUND) or (goes_on and end > len(block) - AROUND):
                continue
            before, behind = block[max(0, start - AROUND) : start], block[end : end + AROUND]
            found.update(self._whose(which, before, block[start:end], behind))
        return found

    def _hits(self, block: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield (which, its begin, its end) of what stands there from its first byte on."""
        for which, end in self._matcher.find(block):
            spelling = self._meant[which][0][0]
            start = end - len(spelling.text)
            if len(spelling.text) > _COMPILED:
                found = block[max(0, start) : end]
                if (found.lower() if spelling.caseless else found) != (
                    spelling.text.lower() if spelling.caseless else spelling.text
                ):
                    continue
            yield which, start, end

    def _whose(self, which: int, before: bytes, found: bytes, after: bytes) -> Iterator[int]:
        for spelling, whose in self._meant[which]:
            if stands(spelling, before, found, after):
                yield whose
