"""What counts as a person's identifier in a text, in whichever spelling: found as a whole, and else another person's."""

import base64
import functools
import html
import json
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.anonymise import pattern
from gdpr.note import Note
from gdpr.search.needles import Needles
from gdpr.search.spell import spellings

ANNA, NAME = "anna@example.org", 'Anna "Nan" Lind'
ZOE, PHONE = "Zoë Ågren", "+49 170 1234567"
UUID = "0f1e2d3c-4b5a-4687-9788-a9b0c1d2e3f4"


def printed(value: str) -> str:
    """Return a value as COPY prints it in a row between two others."""
    value = value.replace("\\", "\\\\")
    for sign, letter in zip("\b\f\n\r\t\v", "bfnrtv", strict=True):
        value = value.replace(sign, f"\\{letter}")
    return f"(0,1)\t{value}\t\\N\n"


@functools.cache
def needles_of(value: str) -> Needles:
    return Needles([(value,)])


def found(needle: str, value: str) -> bool:
    return bool(needles_of(needle).rows(printed(value).encode()))


FOUND = [
    (ANNA, "anna@example.org"),
    (ANNA, "write to Anna@Example.org."),
    (ANNA, "mailto:anna@example.org, or call"),
    (ANNA, "<anna@example.org>"),
    (ANNA, "... anna@example.org"),
    (ANNA, json.dumps({"x": "line\nanna@example.org\n"})),
    (ANNA, "line\nanna@example.org\n"),
    (ANNA, "{anna@example.org,b}"),
    (ANNA, "https://x.org/?to=mailto%3Aanna%40example.org%26x=1"),
    (ANNA, r'{"to": "anna\u0040example.org"}'),
    (ANNA, r'{"body": "{\"to\": \"anna\\u0040example.org\"}"}'),
    (ANNA, "anna&#64;example.org and ANNA&commat;EXAMPLE.ORG"),
    (ANNA, "&lt;anna@example.org&gt;"),
    (NAME, 'Dear Anna "Nan" Lind, '),
    (NAME, json.dumps({"name": NAME})),
    (NAME, json.dumps({"body": json.dumps({"name": NAME})})),
    (NAME, '1,"Anna ""Nan"" Lind",x'),
    (NAME, html.escape(NAME)),
    (NAME, quote(NAME)),
    (NAME, quote_plus(NAME)),
    (NAME, 'Anna\xa0"Nan"  Lind'.replace("  ", "\xa0")),
    (UUID, f"users/{UUID}-scan.pdf"),
    (UUID, f"users_{UUID.upper()}_1"),
    (UUID, UUID.replace("-", "")),
    (UUID, f"\\x00{UUID.replace('-', '')}ff"),
    (ZOE, "von Zoë Ågren, heute"),
    (ZOE, "ZOË ÅGREN"),
    (ZOE, unicodedata.normalize("NFD", "von Zoë Ågren, heute")),
    (unicodedata.normalize("NFD", ZOE), "von Zoë Ågren, heute"),
    (ZOE, json.dumps("von Zoë Ågren, heute")),
    (ZOE, "Zo&euml; &Aring;gren"),
    (ZOE, "Zo%C3%AB%20%c3%85gren"),
    (PHONE, "call 00491701234567 or"),
    (PHONE, "call +491701234567 or"),
    (PHONE, "call 01701234567 or"),
    (PHONE, "call 0170/1234567 or"),
    (PHONE, "tel:+49-170-1234567"),
    ("O'Neill", "insert into x values ('O''Neill')"),
]
OTHERS = [
    (ANNA, "joanna@example.org"),
    (ANNA, "jo.anna@example.org"),
    (ANNA, "x+anna@example.org"),
    (ANNA, "anna@example.org.au"),
    (ANNA, "anna@example.organic"),
    (ANNA, "anna@example.org-archive.net"),
    (ANNA, "jo%2Eanna%40example.org"),
    (ANNA, "jo%C3%A9anna%40example.org"),
    (ANNA, r'{"to": "jo\u00e9anna\u0040example.org"}'),
    (ANNA, r'{"to": "anna\u0040example.org\u002eau"}'),
    (ANNA, "jo&eacute;anna&#64;example.org"),
    (NAME, 'Joanna "Nan" Lind'),
    (NAME, 'Anna "Nan" Linden'),
    (NAME, unicodedata.normalize("NFD", 'Anna "Nan" Lindé').replace("de", "d")),
    (UUID, f"{UUID}b"),
    (UUID, ""),
    (PHONE, "call 0170123456789"),
    (PHONE, "call 1701234567 or"),
    (PHONE, "call 09170 1234567 or"),
    ("10000000-0000-4000-8000-000000000000", "\\xff10000000000040008000000000000000"),
]


@pytest.mark.parametrize(("needle", "text"), FOUND)
def test_an_identifier_is_found_wherever_it_stands_as_a_whole(needle: str, text: str) -> None:
    assert found(needle, text)


@pytest.mark.parametrize(("needle", "text"), OTHERS)
def test_a_longer_word_or_address_is_another_persons(needle: str, text: str) -> None:
    assert not found(needle, text)


CARRIED: dict[str, Callable[[bytes], str]] = {
    "hex": lambda text: "\\x" + text.hex(),
    "HEX": lambda text: text.hex().upper(),
    "base64": lambda text: base64.b64encode(text).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text).decode().rstrip("="),
}


@pytest.mark.parametrize("how", CARRIED)
@pytest.mark.parametrize("before", ["", "x,", "xy,", "xyz,", "xyz: ", '{"to": "'])
@pytest.mark.parametrize("after", ["", ",", " y", '", "z": "ÿ"}'])
def test_bytes_are_looked_into_wherever_the_value_begins(how: str, before: str, after: str) -> None:
    carry = CARRIED[how]
    for needle in (ANNA, NAME, ZOE, PHONE):
        text = f"{before}{needle}{after}"
        assert found(needle, carry(text.encode())), text
        longer = f"{before}jo{needle}{after}", f"{before}{needle}en{after}"
        for other in longer:
            assert needle == PHONE or not found(needle, carry(other.encode())), other
    assert found(ANNA, carry(f"{before}{ANNA}{after}".lower().encode()))


@pytest.mark.parametrize(
    "around",
    ["/confirm/{}", "/unsubscribe/{}", "token/{}/profile", "?t={}/edit", "x-confirm_{}-2026", "?t\\u003d{}", "a\n{}"],
)  # fmt: skip
def test_base64_is_found_between_signs_that_it_has_itself(around: str) -> None:
    for lead in ("", "x ", "xy "):
        text = base64.urlsafe_b64encode(f"{lead}{ANNA}".encode()).decode().rstrip("=")
        assert found(ANNA, around.format(text)), lead
        text = base64.urlsafe_b64encode(f"{lead}jo{ANNA}".encode()).decode().rstrip("=")
        assert not found(ANNA, around.format(text)), lead


def test_a_value_longer_than_what_the_matcher_takes_is_found_as_a_whole() -> None:
    """It ended the proof of everybody in that night."""
    long = 'of "Main" street ' * 1500 + "9"
    assert found(long, f"a {long.upper()}, b")
    assert found(long, long.encode().hex())
    assert not found(long, long[1:])
    assert not found(long, f"x{long[1:]}")
    assert needles_of(long).anywhere(long.encode(), begun=False, goes_on=False) == {0}


def test_a_uuid_of_sixteen_bytes_is_found_in_bytes_and_in_base64() -> None:
    raw = bytes.fromhex(UUID.replace("-", ""))
    for carry in CARRIED.values():
        for before in (b"", b"\0", b"\1\2", b"\3\4\5"):
            assert found(UUID, carry(before + raw + b"\xff"))


def test_each_hit_is_told_by_whose_it_is_in_which_row_and_column() -> None:
    needles = Needles([(ANNA,), ("otto@example.org", ANNA), (NAME,)])
    block = f"1\t{ANNA}\t2\n1\tx\t<otto%40example.org>\n".encode()
    row = block.index(b"\n") + 1
    assert needles.rows(block) == {(0, 0, 1), (1, 0, 1), (1, row, 2)}


def naively(needle: str, text: str) -> bool:
    """Say whether a value stands in a text as a whole: letter by letter, by the words of docs/policy.md."""
    text, needle = text.lower(), needle.lower()
    for start in range(len(text) - len(needle) + 1):
        before, after = text[:start], text[start + len(needle) :]
        if (
            text[start : start + len(needle)] != needle
            or before[-1:].isalnum()
            or after[:1].isalnum()
        ):
            continue
        if "@" in needle and before[-1:] in tuple("._%+-") and before[-2:-1].isalnum():
            continue
        if "@" in needle and after[:1] in (".", "-") and after[1:2].isalnum():
            continue
        return True
    return False


LETTERS = st.text("aA1@.- \né", min_size=6, max_size=9).filter(
    lambda text: text.strip() == text and "  " not in text
)


@settings(max_examples=30)
@given(
    people=st.lists(st.lists(LETTERS, min_size=1, max_size=3), min_size=1, max_size=4),
    pieces=st.lists(st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["", " ", "a", ".", "-", "é", "\n", ".a", "a."]))), max_size=6),
)  # fmt: skip
def test_rows_and_needles_at_random_are_told_as_one_tells_them_letter_by_letter(
    people: list[list[str]], pieces: list[list[tuple[int, str]]]
) -> None:
    values = [value for person in people for value in person]
    texts = ["".join(values[n % len(values)] + between for n, between in row) for row in pieces]
    block = "".join(printed(text) for text in texts).encode()
    starts = [len("".join(printed(t) for t in texts[:n]).encode()) for n in range(len(texts))]
    expected = {
        (whose, start)
        for whose, person in enumerate(people)
        for text, start in zip(texts, starts, strict=True)
        if any(naively(value, text) for value in person)
    }
    assert {(hit.whose, hit.row) for hit in Needles(people).rows(block)} == expected


def test_what_is_cut_in_two_is_found_once_and_never_taken_for_a_whole_at_a_cut() -> None:
    needles = Needles([(ANNA,)])
    text = b"." * 900 + b" anna@example.org " + b"-" * 900 + b" joanna@example.org.au " + b"," * 900
    whole = text.replace(b"joanna", b"ooanna")
    for size in (500, 701, 913, 917, 925):
        tail, seen = b"", list[int]()
        for offset in range(0, len(whole), size):
            block, more = tail + whole[offset : offset + size], offset + size < len(whole)
            seen += needles.anywhere(block, begun=offset > 0, goes_on=more)
            tail = block[-needles.overlap :]
        assert set(seen) == {0}
        assert not needles.anywhere(whole[920:], begun=False, goes_on=False)


def test_what_is_too_short_to_mean_anybody_is_not_searched_for() -> None:
    assert spellings("4711") == ()
    assert pattern(("4711",)) == "(?=a)b"
    assert Needles([("4711",)]).rows(b"4711\n") == set()


def test_a_note_shows_nothing_of_the_person() -> None:
    shown = repr(Note(ANNA, (NAME,), ("cus_1234567",), {"papers": ("anna.pdf",)}))
    assert not any(value in shown for value in (ANNA, NAME, "cus_", "anna.pdf"))
