"""What counts as a person's identifier in a text: decided twice, in SQL's words and in Python's, and alike."""

import json

import pytest

from audit.anonymise import pattern
from gdpr.needles import spellings, stands_in
from gdpr.notes import Note

ANNA, NAME = "anna@example.org", 'Anna "Nan" Lind'
FOUND = [
    (ANNA, "anna@example.org"),
    (ANNA, "write to Anna@Example.org."),
    (ANNA, "mailto:anna@example.org, or call"),
    (ANNA, "<anna@example.org>"),
    (ANNA, "... anna@example.org"),
    (ANNA, json.dumps({"x": "line\nanna@example.org\n"})),
    (ANNA, "{anna@example.org,b}"),
    (NAME, 'Dear Anna "Nan" Lind, '),
    (NAME, json.dumps({"name": NAME})),
    ("0f1e2d3c-aaaa", "users/0f1e2d3c-aaaa-scan.pdf"),
    ("0f1e2d3c-aaaa", "users_0F1E2D3C-AAAA_1"),
    ("Zoë Ågren", "von Zoë Ågren, heute"),
]
OTHERS = [
    (ANNA, "joanna@example.org"),
    (ANNA, "jo.anna@example.org"),
    (ANNA, "x+anna@example.org"),
    (ANNA, "anna@example.org.au"),
    (ANNA, "anna@example.organic"),
    (ANNA, "anna@example.org-archive.net"),
    (NAME, 'Joanna "Nan" Lind'),
    (NAME, 'Anna "Nan" Linden'),
    ("0f1e2d3c-aaaa", "0f1e2d3c-aaaab"),
    ("0f1e2d3c-aaaa", ""),
]


def note(needle: str) -> Note:
    return Note(needle, (), (), {})


@pytest.mark.parametrize(("needle", "text"), FOUND)
def test_an_identifier_is_found_wherever_it_stands_as_a_whole(needle: str, text: str) -> None:
    assert any(stands_in(text, one) for one in spellings(note(needle)))


@pytest.mark.parametrize(("needle", "text"), OTHERS)
def test_a_longer_word_or_address_is_another_persons(needle: str, text: str) -> None:
    assert not any(stands_in(text, one) for one in spellings(note(needle)))


def test_what_is_too_short_to_mean_anybody_is_not_searched_for() -> None:
    assert spellings(note("4711")) == []
    assert pattern(("4711",)) == "(?=a)b"


def test_a_note_shows_nothing_of_the_person() -> None:
    shown = repr(Note(ANNA, (NAME,), ("cus_1234567",), {"papers": ("anna.pdf",)}))
    assert not any(value in shown for value in (ANNA, NAME, "cus_", "anna.pdf"))
