"""Finds where people stand inside JSON, `payload -> 'actor' ->> 'id'`, and believes it where the values are their keys.

What a value proves depends on the key, as outside of JSON: a UUID stands nowhere by chance, while 17 is a key of
everything and is believed only under a name that leads to these people. Paths and counts come home, and no value.
"""

from collections.abc import Iterator, Mapping

from lifecycle.policy import guess, habits
from lifecycle.policy.asking import Ask
from lifecycle.policy.leads import Known
from lifecycle.policy.lookalikes import facts, family
from lifecycle.policy.reference import Reference
from lifecycle.policy.statements import QUOTING
from lifecycle.policy.statements_of_json import people_in
from lifecycle.policy.unkeyed import SOME
from lifecycle.policy.virtual import WHOLE
from lifecycle.postgres.catalog import Table

_SHARE = 0.5
"""A path that fewer rows have than this is a detail of some, and not whose the rows are."""


def looked(
    ask: Ask, known: Known, table: Table, columns: list[str], rows: int
) -> Mapping[str, Reference]:
    """Return name -> reference of every path in these JSON columns under which people stand."""
    found: dict[str, Reference] = {}
    mail = known.who.mails.get(known.people.name)
    for column in columns:
        query = people_in(table, column, known.people, known.key, mail, SOME)
        for path, having, values, keys, mails in ask(query):
            said = None
            if having >= _SHARE * min(rows, QUOTING):
                said = _believed(known, column, path, (values, keys, mails), mail)
            if said:
                found[_name(table, column, path, found)] = said
    return dict(_first(found))


def _believed(
    known: Known, column: str, path: str, counts: tuple[int, int, int], mail: str | None
) -> Reference | None:
    values, keys, mails = counts
    people = known.people.name
    if keys == values and _proves(known, path):
        return Reference(columns=(column,), path=path, to=f"{people}({known.key})")
    if mail and 2 * mails >= values:
        return Reference(columns=(column,), path=path, to=f"{people}({mail})", form="email")
    return None


def _proves(known: Known, path: str) -> bool:
    """Say whether values under this path are people's by no chance: no numbers, or under a name that leads to them."""
    key = known.people.column(known.key)
    if key is None or family(key.type) not in WHOLE:
        return key is not None
    steps = _steps(path)
    kind = guess.kind(known.people)
    called = {name for name, _ in facts(kind, known.people, known.key, ())}
    return bool(steps) and (
        steps[-1] in called or (steps[-2:] in ([kind, "id"], [kind, known.key]))
    )


def _name(table: Table, column: str, path: str, taken: Mapping[str, Reference]) -> str:
    names = {c.name for c in table.columns} | taken.keys()
    name = "_".join((column, *_steps(path)))[:60]
    return name if name not in names else f"{name[:56]}_{len(taken) + 1}"


def _steps(path: str) -> list[str]:
    return [
        habits.words(step) for step in path.replace("[*]", "").split(".") if step not in ("$", "")
    ]


def _first(found: Mapping[str, Reference]) -> Iterator[tuple[str, Reference]]:
    """Yield the references to the key, and those by an address only where none is: they name the same people."""
    keys = [(n, said) for n, said in found.items() if said.form == "text"]
    yield from keys or found.items()
