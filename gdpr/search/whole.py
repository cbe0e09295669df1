r"""Whether what was found stands there as a whole, and not as a part of a longer word, number or address. Pure.

`anna@example.org` is not in `joanna@example.org`, `jo.anna@example.org` or `anna@example.org.au`. What stands before
and behind is read as it was meant: `%40`, `\u0040`, `&#64;` are one sign each, and hex and base64 are decoded.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from gdpr.search.spell import Spelling, led

AROUND = 96
"""Bytes before and behind a hit that are looked at."""

_ESCAPES = re.compile(
    r"(?P<json>\\+u[0-9a-f]{4})|(?P<blank>\\+[bfnrtv])|(?P<url>(?:%[0-9a-f]{2})+)|(?P<html>&#?[0-9a-z]{2,8};)",
    re.IGNORECASE,
)
_HEX = re.compile(rb"[0-9a-fA-F]*")
_HEX_BEFORE = re.compile(rb"[0-9a-fA-F]*\Z")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*")
_BASE64_BEFORE = re.compile(rb"[A-Za-z0-9+/_-]*\Z")
_CUT = re.compile(rb"[/+_-]|\\+u[0-9a-fA-F]{4}|\\+[bfnrtv]|%[0-9a-fA-F]{2}")
"""What a run of base64 may begin behind or end before: signs that it has, too, and escapes that end in such."""
_LEADING = frozenset('"(<>[,;:\u201e\u201c\u00ab')
"""What may stand directly before an address and is no sign of one (RFC 5322 `atext`, RFC 6531), beside blanks."""
_GOES_ON = re.compile(r"[\w@-]|[.:/]\w")
"""What stands directly behind an address and makes it another one, or a place: `git@host.example:x`."""
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def stands(spelling: Spelling, before: bytes, found: bytes, after: bytes) -> bool:
    """Say whether a hit is the value: `before` and `after` are up to AROUND bytes of the same row."""
    address = b"@" in spelling.value
    around = _around(spelling, before, found, after)
    return any(not spelling.bounded or _bounded(*one, address=address) for one in around)


def apart(spelling: Spelling, before: bytes, found: bytes, after: bytes) -> bool:
    """Say whether a hit that stands there is an address by itself, however what is around it is read.

    An address may have many a sign before what looks like one: `o'anna@example.org` is another than `anna@example.org`.
    """
    around = [(_read(a), _read(b)) for a, b in _around(spelling, before, found, after)]
    return bool(around) and all(_leads(a[-1:]) and not _GOES_ON.match(b) for a, b in around)


def _leads(sign: str) -> bool:
    return not sign or sign.isspace() or sign in _LEADING


def _around(
    spelling: Spelling, before: bytes, found: bytes, after: bytes
) -> Iterable[tuple[bytes, bytes]]:
    """Return what stands before and behind, decoded as the hit is, in each way in which it may be."""
    if spelling.kind == "hex":
        return (_out_of_hex(before, after),)
    if spelling.kind == "base64":
        return _out_of_base64(spelling, before, found, after)
    return ((before, after),)


def _bounded(before: bytes, after: bytes, *, address: bool) -> bool:
    return _begins(_read(before)[-2:], address=address) and _ends(_read(after)[:2], address=address)


def _begins(before: str, *, address: bool) -> bool:
    if _of_a_word(before[-1:]):
        return False
    return not (address and before[-1:] in tuple("._%+-") and _of_a_word(before[-2:-1]))


def _ends(after: str, *, address: bool) -> bool:
    if _of_a_word(after[:1]):
        return False
    return not (address and after[:1] in (".", "-") and _of_a_word(after[1:2]))


def _of_a_word(sign: str) -> bool:
    return sign.isalnum() or bool(sign and unicodedata.combining(sign))


def _read(text: bytes) -> str:
    return _ESCAPES.sub(_meant, text.decode("utf-8", "ignore"))


def _meant(found: re.Match[str]) -> str:
    text = found[0]
    match found.lastgroup:
        case "json":
            return chr(int(text[-4:], 16))
        case "url":
            return unquote(text, errors="replace")
        case "html":
            return html.unescape(text)
        case _:
            return " "


def _out_of_hex(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return the bytes that stand before and behind, where what was found is hex."""
    led_by, followed_by = _HEX_BEFORE.search(before), _HEX.match(after)
    head, tail = led_by[0] if led_by else b"", followed_by[0] if followed_by else b""
    return (
        bytes.fromhex(head[len(head) % 2 :].decode()),
        bytes.fromhex(tail[: len(tail) // 2 * 2].decode()),
    )


def _out_of_base64(
    spelling: Spelling, before: bytes, found: bytes, after: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the bytes before and behind the value, wherever the base64 that it stands in may begin and end.

    A `/` may be a sign of it, or of the path of a URL that it stands in: none where what is decoded is not the value.
    """
    led_by, followed_by = _BASE64_BEFORE.search(before), _BASE64.match(after)
    head, tail = led_by[0] if led_by else b"", followed_by[0] if followed_by else b""
    begins = len(before) - len(head)
    heads = (head, *(before[m.end() :] for m in _CUT.finditer(before) if m.end() >= begins))
    tails = (tail, *(tail[: m.start()] for m in _CUT.finditer(tail)))
    inside = led(spelling.offset)
    for one in dict.fromkeys(heads):
        groups = (len(one) - inside) // 4
        if groups < 0 or (one != head and (len(one) - inside) % 4):
            continue
        for other in dict.fromkeys(tails):
            decoded = _decoded(one[len(one) - inside - groups * 4 :] + found + other)
            begin = groups * 3 + spelling.offset
            end = begin + len(spelling.value)
            if decoded[begin:end] == spelling.value:
                yield decoded[:begin], decoded[end:]


def _decoded(text: bytes) -> bytes:
    text = text[: len(text) - (len(text) % 4 == 1)].translate(_URL_SAFE)
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""
