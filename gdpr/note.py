"""What an erasure must know about one person, whose rows may be gone when it is asked for, and how it is sealed. Pure.

Unreadable without the reference key, which is not in the database. `notes.py` keeps those of erasures that were begun,
`asked.py` those of requests that wait.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lifecycle.errors import Unproven
from lifecycle.outside.keys import ReferenceKey

Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Note:
    """Who is erased: key, identifiers, customers that go with them, keys of objects by bucket. Never printed.

    `led`: where a reference leads -> what it may hold of rows of theirs. `weak`: names that others may have, too: they
    are looked for to be shown to a person, and decide nothing. `known_to`: recipient -> their id there.
    """

    person: str = field(repr=False)
    identifiers: tuple[str, ...] = field(repr=False)
    payers: tuple[str, ...] = field(repr=False)
    objects: Lists = field(repr=False)
    led: Lists = field(default_factory=dict[str, tuple[str, ...]], repr=False)
    weak: tuple[str, ...] = field(default=(), repr=False)
    known_to: Lists = field(default_factory=dict[str, tuple[str, ...]], repr=False)

    def needles(self) -> tuple[str, ...]:
        """Return the values that must be found nowhere afterwards."""
        return (self.person, *self.identifiers, *self.payers)

    def without(self, shared: Iterable[str]) -> "Note":
        """Return the note without these identifiers."""
        gone = frozenset(shared)
        return replace(self, identifiers=tuple(i for i in self.identifiers if i not in gone))

    def joined(self, other: "Note") -> "Note":
        """Return what both say together of one person."""
        identifiers = tuple(dict.fromkeys((*self.identifiers, *other.identifiers)))
        return Note(
            self.person,
            identifiers,
            tuple(dict.fromkeys((*self.payers, *other.payers))),
            _joined(self.objects, other.objects),
            _joined(self.led, other.led),
            tuple(dict.fromkeys((*self.weak, *other.weak))),
            _joined(self.known_to, other.known_to),
        )

    def covers(self, other: "Note") -> bool:
        """Say whether nothing stands in `other` that does not stand here."""
        lists = (
            (self.objects, other.objects),
            (self.led, other.led),
            (self.known_to, other.known_to),
        )
        return (
            set(other.identifiers) <= set(self.identifiers)
            and set(other.payers) <= set(self.payers)
            and all(
                set(values) <= set(mine.get(name, ()))
                for mine, theirs in lists
                for name, values in theirs.items()
            )
        )

    def counts(self) -> dict[str, int]:
        """Return how much stands in it beside the person."""
        return {
            "identifiers": len(self.identifiers),
            "objects": sum(map(len, self.objects.values())),
            "customers": len(self.payers),
        }

    def seal(self, key: ReferenceKey, request: str | None = None) -> bytes:
        """Return the note encrypted, with the application's own id of a request where one is given."""
        plain = {
            "person": [self.person],
            "identifiers": list(self.identifiers),
            "payers": list(self.payers),
            "weak": list(self.weak),
        }
        plain |= {f"objects {b}": list(keys) for b, keys in self.objects.items()}
        plain |= {f"known_to {to}": list(ids) for to, ids in self.known_to.items()}
        plain |= {f"led {end}": list(values) for end, values in self.led.items()}
        return key.seal(plain if request is None else plain | {"request": [request]})


def _joined(
    one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys((*one, *other))
    return {n: tuple(dict.fromkeys((*one.get(n, ()), *other.get(n, ())))) for n in names}


def unseal(sealed: bytes, key: ReferenceKey) -> Note:
    """Return the note. Raise Unproven when it does not open with this key."""
    plain = key.unseal(sealed)

    def by_name(word: str) -> dict[str, tuple[str, ...]]:
        return {
            name.removeprefix(word): tuple(values)
            for name, values in plain.items()
            if name.startswith(word)
        }

    identifiers, payers = tuple(plain["identifiers"]), tuple(plain["payers"])
    weak = tuple(plain.get("weak", ()))  # notes of earlier releases have none
    led, known_to = by_name("led "), by_name("known_to ")
    person = plain["person"][0]
    return Note(person, identifiers, payers, by_name("objects "), led, weak, known_to)


def request_of(sealed: bytes, key: ReferenceKey) -> str:
    """Return the application's own id of the request that was sealed with a note. Raise Unproven as `unseal`."""
    asked = key.unseal(sealed).get("request")
    if not asked:
        raise Unproven(
            "a sealed note is not of a request", hint="Somebody exchanged it: see who wrote there."
        )
    return asked[0]


def together(notes: Iterable[Note | None]) -> Note | None:
    """Return what several notes of one person say together, None where there is none."""
    known = [note for note in notes if note is not None]
    return functools.reduce(Note.joined, known) if known else None
