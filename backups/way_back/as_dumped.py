"""Finds what code of the dump did to definitions while rows came back: the same dump is made again without rows.

A check, an index or a cast acts where there are rows, and may then do to a policy or a function of somebody else what
nobody compares, or what a digest of another server's spelling cannot tell. So pg_dump says what either database is made
of, on one server and in one spelling, and what it says must be the same to the letter.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256

from backups.in_parts import LIMIT, Copy
from lifecycle.outcome import Failure
from lifecycle.outside import commands

_HINT = (
    "Code of a table's owner made it so while rows came back, by a check, an index or a cast; or the restore was cut "
    "short. Read that code before you restore this dump again."
)

Told = Mapping[tuple[str, str], int]

# Before each thing stands what it is called; pg_dump writes this line of names alone, and no line feed within it.
_HEAD = re.compile(r"^-- Name: (.*); Type: (.*); Schema: (.*); Owner:(.*)$", re.MULTILINE)
# Since its minor releases of August 2025 it locks the file with a word of its own, another each time.
_LOCK = re.compile(r"^\\(un)?restrict \w+$", re.MULTILINE)


def told(copy: Copy) -> Told:
    """Return what a database is made of: each thing by what it is called, with a digest of all that makes it.

    No code of the database's runs for that. Raise CommandFailed where pg_dump ends with an error.
    """
    file = copy.file.with_name("told.sql")
    with commands.libpq(copy.inside, copy.file.parent) as (dsn, secret):
        commands.run(
            (
                str(copy.binaries.tool("pg_dump")),
                *("--schema-only", "--no-password", "--encoding=UTF8", "--lock-wait-timeout=60s"),
                f"--file={file}",
                f"--dbname={dsn}",
            ),
            env=secret | {"PGAPPNAME": "lifecycle backups.restore"},
            limit=LIMIT,
        )
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    file.unlink()
    return Counter(_things(text))


def _things(text: str) -> Iterator[tuple[str, str]]:
    """Yield them with their digests; before the first stands what pg_dump says of no single thing."""
    heads = list(_HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    first = text[: heads[0].start()] if heads else text
    yield "settings of the dump", _digest(_LOCK.sub("", first))
    for number, (head, end) in enumerate(zip(heads, ends, strict=True), start=1):
        thing = text[head.start() : end]
        # The word that unlocks it stands in the last line, and nowhere else.
        said = _LOCK.sub("", thing) if number == len(heads) else thing
        name, kind, schema, _ = head.groups()
        yield f"{kind.lower()} {'' if schema == '-' else f'{schema}.'}{name}", _digest(said)


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


def differences(wanted: Told, found: Told) -> tuple[Failure, ...]:
    """Return a failure for each thing that is not as the dump makes it by itself, or is there besides."""
    differ = {name for (name, _), _ in wanted.items() ^ found.items()}
    return tuple(
        Failure(name, "is not as the dump makes it where no row of it comes back", _HINT)
        for name in sorted(differ)
    )
