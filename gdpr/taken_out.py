"""A text without the values that name a person: these alone, spelled as they are found, and nothing else of it. Pure.

Of JSON the strings are read, and written again where a value stands in them: all else of the document is left as it is
spelled. Where nobody can say what a sign belongs to, or a document would lose a key, the text is left as it is: whoever
looks again finds the value there, and nothing is done for the person.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from gdpr.note import Note
from gdpr.search.needles import Needles
from gdpr.search.spell import Spelling, led
from gdpr.search.whole import AROUND, apart

MARK = "***"
"""What stands there instead: shorter than any value that is looked for, and nothing that a text has to escape."""

_ADDRESS = re.compile(
    r"(?=[^@]*[A-Za-z])[A-Za-z0-9._%+-]+@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9]{8,}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPING = re.compile(rb"\\[bfnrtv]?\Z|%\Z")
"""Before what begins here stands what may make its first letter another one, or be a letter of it itself."""
_JSON = ("json", "jsonb")


def of_one(note: Note) -> tuple[str, ...]:
    """Return what of a note names this person and can be nothing else: what may be taken out of rows of others.

    An address in plain letters, and what an application gives by itself: a key that is a UUID, a customer at Stripe. A
    name that somebody chose may be a word or another row's number, and the digits of a telephone number are one.
    """
    chosen = (one for one in note.identifiers if _ADDRESS.fullmatch(one))
    own = (note.person,) if _ADDRESS.fullmatch(note.person) or _UUID.fullmatch(note.person) else ()
    return (*own, *chosen, *filter(_CUSTOMER.fullmatch, note.payers))


def without(value: str, kind: str, needles: Needles) -> str:
    """Return the text of a column of the type `kind` without what `needles` find.

    As it is where nobody can read it: a document that is thousands of levels deep.
    """
    if kind not in _JSON:
        return _in_text(value, needles, begins=int(kind.endswith("[]")))
    try:
        return _in_document(value, needles)
    except (ValueError, RecursionError):
        return value


def same(one: str, other: str, kind: str) -> bool:
    """Say whether two texts are one value of the type `kind`: in JSON whatever the order of keys, of each sort."""
    if one == other or kind not in _JSON:
        return one == other
    try:
        return _read(one) == _read(other)
    except (ValueError, RecursionError):
        return False


def _read(document: str) -> Any:
    """Return a document in which a number is no text, and a key that is there twice is there twice."""
    return json.loads(
        document,
        parse_float=_number,
        parse_int=_number,
        object_pairs_hook=lambda pairs: ("object", sorted(pairs, key=itemgetter(0))),
        strict=False,
    )


def _number(digits: str) -> tuple[str, str]:
    return ("number", digits)


def _in_text(value: str, needles: Needles, begins: int = 0) -> str:
    """Return a text without the values. `begins`: how many signs at its beginning are none of it: a list's brace."""
    text = value.encode(errors="surrogatepass")
    found = (one for one in needles.spans(text) if _may_go(text, begins, *one))
    left, done = list[bytes](), 0
    for start, end, spelling in _joined(found):
        left += (text[done:start], _instead(spelling, text[start:end]))
        done = end
    return b"".join((*left, text[done:])).decode(errors="surrogatepass")


def _may_go(text: bytes, begins: int, start: int, end: int, spelling: Spelling) -> bool:
    """Say whether what stands there is the value, and no part of something that only has its letters."""
    before = text[max(begins, start - AROUND) : start]
    if _ESCAPING.search(before[-2:]):
        return False
    return b"@" not in spelling.value or apart(
        spelling, before, text[start:end], text[end : end + AROUND]
    )


def _joined(
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

    json.loads(document, object_pairs_hook=pairs, parse_int=str, strict=False)
    return lost


def standing(texts: Iterable[str | None], needles: Needles, whose: int) -> Iterator[int]:
    """Yield which of these values of columns would be found by the proof: it reads them as COPY prints them."""
    for column, text in enumerate(texts):
        printed = b"" if text is None else needles.printed(text)
        if any(hit.whose == whose for hit in needles.rows(printed)):
            yield column
