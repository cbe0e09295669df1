"""What is looked for of a person in a text, and when it stands there: as a whole, not as a part of another. Pure."""

import re

from audit import anonymise
from gdpr.notes import Note


def spellings(note: Note) -> list[str]:
    """Return what to search for: every spelling of every identifier long enough to mean somebody."""
    long = [needle for needle in note.needles() if len(needle) >= anonymise.SHORTEST]
    return list(dict.fromkeys(one for needle in long for one in anonymise.spellings(needle)))


def stands_in(text: str, needle: str) -> bool:
    """Say whether `needle` stands in `text` as a whole, and not as a part of a longer word or address."""
    text, needle = text.casefold(), needle.casefold()
    start = text.find(needle)
    while start >= 0:
        before, after = text[:start], text[start + len(needle) :]
        if _begins(before, "@" in needle) and _ends(after, "@" in needle):
            return True
        start = text.find(needle, start + 1)
    return False


def _begins(before: str, address: bool) -> bool:
    if re.search(r"\\[bfnrt]$|\\u[0-9a-f]{4}$", before[-6:]):
        return True  # JSON spells a line feed so, and it is no letter
    if before[-1:].isalnum():
        return False
    return not (address and before[-1:] in tuple("._%+-") and before[-2:-1].isalnum())


def _ends(after: str, address: bool) -> bool:
    if after[:1].isalnum():
        return False
    return not (address and after[:1] in (".", "-") and after[1:2].isalnum())
