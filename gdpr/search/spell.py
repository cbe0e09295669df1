"""How a value that names a person is written where it travels: as it is, escaped, encoded, in other case. Pure.

A spelling is what PostgreSQL prints in the text form of COPY, which doubles a backslash, and also what stands in bytes
that are read as they are. Case is folded by the matcher, for ASCII letters alone: what has others is spelled in each
case, composed and decomposed (Unicode NFC and NFD). What is hidden from it is any other way of writing a value:
compressed, encrypted, in another character set, with an alias, with escapes of several kinds in turn.
"""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from html.entities import codepoint2name
from typing import Literal, NamedTuple
from urllib.parse import quote, quote_plus

from audit.anonymise import SHORTEST, cases

Kind = Literal["plain", "hex", "base64"]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PHONE = re.compile(r"(\+|00)?[ ()./-]*[0-9]([ ()./-]{0,3}[0-9]){6,14}")
_TWO_DIGITS = frozenset(
    map(
        str,
        (
            *(20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59)),
            *(*range(60, 67), 81, 82, 84, 86, *range(90, 96), 98),
        ),
    )
)
"""Country codes of two digits (ITU-T E.164); 1 and 7 have one, all others three."""
_FOR_URLS = bytes.maketrans(b"+/", b"-_")
_BETWEEN = ("", " ", "-", ".", "/")
_NOTHING_TO_ESCAPE = re.compile(r"[A-Za-z0-9._-]*")
_VARIED = 8
"""Of how many different digits a UUID has to be, so that in a longer run of hex it is no coincidence."""


class Spelling(NamedTuple):
    """One way of writing a value. `text`: the bytes to find; `value`: those that they stand for, once decoded.

    `offset`: where in a group of three bytes the value begins, in base64. `caseless`: ASCII letters in any case.
    `bounded`: what is a part of something longer is something else.
    """

    text: bytes
    kind: Kind
    value: bytes
    caseless: bool = True
    offset: int = 0
    bounded: bool = True


def spellings(value: str) -> tuple[Spelling, ...]:
    """Return every way in which a value is looked for: none of one too short to mean somebody."""
    if len(value) < SHORTEST:
        return ()
    forms = tuple(dict.fromkeys(_forms(value)))
    phone = bool(_PHONE.fullmatch(value))
    found = (
        *(() if phone else _plain(forms)),
        *_as_is((*_spaced(forms), *(_phones(value) if phone else ()))),
        *_uuid(value),
        *_encoded(value, forms),
    )
    return tuple(dict.fromkeys(found))


def _plain(forms: Iterable[str]) -> Iterator[Spelling]:
    for form in forms:
        escapes = (form,) if _NOTHING_TO_ESCAPE.fullmatch(form) else _escaped(form)
        for escaped in dict.fromkeys(escapes):
            for carried in dict.fromkeys(_carried(escaped)):
                for printed in (carried, copied(carried)):
                    yield Spelling(printed.encode(), "plain", form.encode())


def _carried(text: str) -> Iterator[str]:
    """Yield how a text stands in another one: in JSON, in JSON within JSON, in an array, a composite, markup."""
    yield from (text, _json(text), _json(_json(text)))
    yield from (_in_array(text), _in_composite(text), html.escape(text))


def _as_is(forms: Iterable[str]) -> Iterator[Spelling]:
    for form in dict.fromkeys(forms):
        yield Spelling(form.encode(), "plain", form.encode())


def _uuid(value: str) -> Iterator[Spelling]:
    """Yield a UUID without dashes, which is also how bytea prints one of 16 bytes, among others."""
    if _UUID.fullmatch(value):
        raw = bytes.fromhex(value.replace("-", ""))
        digits = raw.hex()
        alone = len(set(digits)) < _VARIED
        yield Spelling(digits.encode(), "plain", raw, bounded=alone)
        yield from _base64(raw, bounded=alone)


def _encoded(value: str, forms: Iterable[str]) -> Iterator[Spelling]:
    """Within hex and base64 case is that of the encoding, so each case of an address is spelled for itself."""
    folded = (value.lower(), value.upper()) if "@" in value or not value.isascii() else ()
    dialled = (f"+{digits}" for digits in _international(value))
    texts = dict.fromkeys((*forms, *folded, json.dumps(value)[1:-1], *dialled))
    for text in texts:
        yield Spelling(text.encode().hex().encode(), "hex", text.encode())
        yield from _base64(text.encode())


def _forms(value: str) -> Iterator[str]:
    for case in cases(value):
        for form in ("NFC", "NFD"):
            yield unicodedata.normalize(form, case)


def _spaced(forms: Iterable[str]) -> Iterator[str]:
    for form in forms:
        yield from (form.replace(" ", blank) for blank in ("\xa0", "  ", "&nbsp;"))


def _international(value: str) -> Iterator[str]:
    """Yield the digits of a telephone number that says its country, from the country's code on."""
    if _PHONE.fullmatch(value) and value.startswith(("+", "00")):
        yield "".join(re.findall(r"[0-9]+", value)).removeprefix("00")


def _phones(value: str) -> Iterator[str]:
    """Yield a telephone number as it is dialled: with or without the country's code, and with other marks between.

    A `+` before it, in whatever escapes, is none of its digits.
    """
    groups = re.findall(r"[0-9]+", value.removeprefix("00"))
    yield value
    yield from (sign.join(groups) for sign in _BETWEEN)
    for digits in _international(value):
        code = digits[: 1 if digits[0] in "17" else 2 if digits[:2] in _TWO_DIGITS else 3]
        home = digits[len(code) :]
        near = groups[1:] if groups[0] == code else [home]
        yield from (f"00{digits}", *(f"0{sign.join(near)}" for sign in _BETWEEN))
        yield from (f"{code}{sign}{home}" for sign in _BETWEEN)


def _escaped(form: str) -> Iterator[str]:
    yield form
    yield from (quote(form, safe=""), quote(form, safe="@:/+,;=$&!*'()"), quote_plus(form))
    yield from (form.replace('"', '""'), form.replace("'", "''"))
    yield from _html(form)
    yield from _json_spelled(form)


def _html(form: str) -> Iterator[str]:
    safe = html.escape(form)
    yield safe
    yield safe.replace("&#x27;", "&#39;")
    yield safe.replace("&#x27;", "&apos;")
    yield safe.encode("ascii", "xmlcharrefreplace").decode()
    yield "".join(
        f"&{codepoint2name.get(ord(c), '')};" if ord(c) in codepoint2name else c for c in form
    )
    yield from (form.replace("@", sign) for sign in ("&#64;", "&#x40;", "&commat;"))


def _json_spelled(form: str) -> Iterator[str]:
    plain = _json(form)
    yield from (plain, plain.replace("/", "\\/"))
    for signs in ("", "@", "<>&'\"+"):
        yield "".join(_u(c) if c in signs else json.dumps(c)[1:-1] for c in form)
        yield "".join(_u(c) if c in signs else _json(c) for c in form)


def _u(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_array(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _in_composite(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '""')


def copied(text: str) -> str:
    """Return a value as COPY prints it."""
    text = text.replace("\\", "\\\\")
    for sign, letter in zip("\b\f\n\r\t\v", "bfnrtv", strict=True):
        text = text.replace(sign, f"\\{letter}")
    return text


def _base64(value: bytes, *, bounded: bool = True) -> Iterator[Spelling]:
    """Yield the characters that stand for it alone, wherever in a group of three bytes it begins."""
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + value)
        text = whole[led(offset) : (offset + len(value)) * 8 // 6]
        for found in dict.fromkeys((text, text.translate(_FOR_URLS))):
            yield Spelling(found, "base64", value, caseless=False, offset=offset, bounded=bounded)


def led(offset: int) -> int:
    """Return how many characters of a group of base64 say something of the bytes before a value, too."""
    return -(-offset * 8 // 6)
