"""A text without the values that name a person: these alone, spelled as they are found, and nothing else of it. Pure.

Of JSON the strings are read, and written again where a value stands in them: all else of the document is left as it is
spelled. Where nobody can say what a sign belongs to, or a document would lose a key, the text is left as it is: whoever
looks again finds the value there, and nothing is done for the person.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gdpr.note import Note
from gdpr.search.needles import Needles
from gdpr.search.spell import Spelling, led

MARK = "***"
"""What stands there instead: shorter than any value that is looked for, and nothing that a text has to escape."""

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]{2,}")
_OF_A_COUNTRY = re.compile(r"(\+|00)[ ()./-]*[0-9]([ ()./-]{0,3}[0-9]){8,14}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPING = re.compile(rb"\\[bfnrtv]?\Z|%\Z")
"""Before what begins here stands what may make its first letter another one, or be a letter of it itself."""
_JSON = ("json", "jsonb")


def of_one(note: Note) -> tuple[str, ...]:
    """Return what of a note names this person and can be nothing else: what may be taken out of rows of others.

    An address, a telephone number with its country, and what an application gives by itself: a key that is a UUID, a
    customer. A name that somebody chose may be a word or another row's number.
    """
    chosen = (one for one in note.identifiers if _alone(one))
    own = (note.person,) if _alone(note.person) or _UUID.fullmatch(note.person) else ()
    return (*own, *chosen, *note.payers)


def _alone(value: str) -> bool:
    return bool(_ADDRESS.fullmatch(value) or _OF_A_COUNTRY.fullmatch(value))


def without(value: str, kind: str, needles: Needles) -> str:
    """Return the text of a column of the type `kind` without what `needles` find."""
    return _in_document(value, needles) if kind in _JSON else _in_text(value, needles)


def same(one: str, other: str, kind: str) -> bool:
    """Say whether two texts are one value of the type `kind`: in JSON whatever the order of keys."""
    if one == other or kind not in _JSON:
        return one == other
    return _read(one) == _read(other)


def _read(document: str) -> Any:
    return json.loads(document, parse_float=str, parse_int=str)


def _in_text(value: str, needles: Needles) -> str:
    text = value.encode(errors="surrogatepass")
    found = (one for one in needles.spans(text) if not _ESCAPING.search(text[: one[0]]))
    for start, end, spelling in reversed(_apart(found)):
        text = text[:start] + _instead(spelling, text[start:end]) + text[end:]
    return text.decode(errors="surrogatepass")


def _apart(
    spans: Iterable[tuple[int, int, Spelling]],
) -> Sequence[tuple[int, int, Spelling]]:
    """Return spans in their order, those that overlap as one."""
    found: list[tuple[int, int, Spelling]] = []
    for start, end, spelling in sorted(spans, key=lambda one: (one[0], -one[1])):
        if found and start < found[-1][1]:
            begins, ends, first = found[-1]
            found[-1] = (begins, max(ends, end), first)
        else:
            found.append((start, end, spelling))
    return found


def _instead(spelling: Spelling, found: bytes) -> bytes:
    """Return what stands for a value: where it is encoded with what is around it, as long as it was and as readable."""
    if spelling.kind == "hex" or spelling.text == spelling.value.hex().encode():
        return b"2a" * (len(found) // 2)
    if spelling.kind == "base64":
        stars = base64.b64encode(b"\0" * spelling.offset + b"*" * len(spelling.value))
        return stars[led(spelling.offset) :][: len(found)]
    return MARK.encode()


def _in_document(value: str, needles: Needles) -> str:
    def string(found: re.Match[str]) -> str:
        was = json.loads(found[0], strict=False)
        now = _in_text(was, needles)
        return found[0] if now == was else _written(now)

    changed = _STRING.sub(string, value)
    return changed if _keys_lost(changed) == _keys_lost(value) else value


def _written(text: str) -> str:
    alone = any("\ud800" <= sign <= "\udfff" for sign in text)
    return json.dumps(text, ensure_ascii=alone)


def _keys_lost(document: str) -> int:
    """Return how many keys of objects are there twice, of which jsonb keeps one."""
    lost = 0

    def pairs(found: list[tuple[str, Any]]) -> None:
        nonlocal lost
        lost += len(found) - len({key for key, _ in found})

    json.loads(document, object_pairs_hook=pairs, strict=False)
    return lost


def standing(texts: Iterable[str | None], needles: Needles, whose: int) -> Iterator[int]:
    """Yield which of these values of columns would be found by the proof: it reads them as COPY prints them."""
    for column, text in enumerate(texts):
        printed = b"" if text is None else needles.printed(text)
        if any(hit.whose == whose for hit in needles.rows(printed)):
            yield column
