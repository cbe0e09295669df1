"""Asks whether a policy makes sense in itself, without a database: names that belong together, schedules.

Pure. Each section has a sense of its own, which is asked here too.
`reality.py` asks whether it fits the live database; `load.py` puts the lines to what is found here.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from lifecycle import cron
from lifecycle.config.mistake import Mistake, Where
from lifecycle.errors import InputError
from lifecycle.policy import edges, subjects, triggers, whole
from lifecycle.policy.model import Policy, SharedBy
from lifecycle.policy.names import split_column
from lifecycle.words import did_you_mean

DECIDE = "DECIDE"
"""How a draft begins a text that a person must replace: a policy with one is refused."""

PART_OF = "a part of "
SAME = "the same as "
"""How a draft says after DECIDE that what is decided of another table holds for this one, too."""

NAMED_BY = "; named by "
"""How a draft says behind a question by which columns besides the row names the person: where it stays, these go."""


def check(policy: Policy) -> tuple[Mistake, ...]:
    """Return every mistake that can be seen without a database."""
    return (
        *open_places((), policy.model_dump(mode="json")),
        *_names(policy),
        *_schedule(policy),
        *_declared(policy),
        *subjects.sense(policy),
        *edges.sense(policy),
        *_owners(policy),
        *_floor(policy),
        *(m for section, said in whole.present(policy) for m in section.sense(said, policy)),
        *triggers.sense(policy),
    )


def open_places(path: Where, value: Any) -> Iterator[Mistake]:
    """Find what a draft left open for a person, wherever it stands."""
    if isinstance(value, dict):
        for key, below in cast("dict[str, Any]", value).items():
            yield from open_places((*path, key), below)
    elif isinstance(value, list):
        for index, below in enumerate(cast("list[Any]", value)):
            yield from open_places((*path, index), below)
    elif isinstance(value, str) and value.startswith(DECIDE):
        question = value.removeprefix(DECIDE).removeprefix(":").strip().partition(" (")[0]
        what = f"a draft left this open for a person: {question}"
        yield Mistake(path, what, "`lifecycle policy decide` asks, or write the answer")


def _names(policy: Policy) -> Iterator[Mistake]:
    for path, name in whole.tables_named(policy):
        if '"' in name:
            yield Mistake(path, "quotes in a name", "write names bare, in the case the table has")
        elif name.startswith("public.") and "." not in name.removeprefix("public."):
            yield Mistake(
                path, "schema public is not written", f"write {name.removeprefix('public.')}"
            )


def _schedule(policy: Policy) -> Iterator[Mistake]:
    try:
        cron.zone(policy.timezone)
    except InputError as error:
        yield Mistake(("timezone",), error.what, _instead(error.hint))
        return
    for job, expression in policy.schedule.items():
        try:
            cron.check(expression, policy.timezone)
        except InputError as error:
            yield Mistake(("schedule", job), error.what, _instead(error.hint))


def _instead(hint: str) -> str:
    return hint[:1].lower() + hint[1:].removesuffix(".")


def _declared(policy: Policy) -> Iterator[Mistake]:
    for path, name in whole.tables_named(policy):
        if not name:
            yield Mistake(path, "no table is named", "write `table.column`")
        elif name not in policy.tables:
            otherwise = f"declare it: add `{name}:` with `owner:` or `personal: none`"
            instead = did_you_mean(name, policy.tables, otherwise)
            yield Mistake(path, f"table {name!r} is not declared under `tables`", instead)


def _owners(policy: Policy) -> Iterator[Mistake]:
    for name, table in policy.tables.items():
        path: Where = ("tables", name, "owner")
        if table.owner is not None and not table.owner:
            yield Mistake(
                path, "nobody is named", "write `owner: {user: user_id}` or `personal: none`"
            )
        for kind, how in (table.owner or {}).items():
            subject = policy.subjects.get(kind)
            if subject is None:
                known = ", ".join(policy.subjects) or "none; add one under `subjects`"
                instead = did_you_mean(kind, policy.subjects, f"subjects are: {known}")
                yield Mistake((*path, kind), f"no subject is called {kind!r}", instead)
            elif isinstance(how, SharedBy) and split_column(how.shared_by)[0] != subject.table:
                yield Mistake(
                    (*path, kind, "shared_by"),
                    f"not a column of {subject.table!r}, the table of subject {kind!r}",
                    f"write `{subject.table}.column`, the column that points to {name!r}",
                )


def _floor(policy: Policy) -> Iterator[Mistake]:
    floor = policy.limits.floor
    if floor.at_least() < timedelta(days=1):
        yield Mistake(
            ("limits", "floor"), f"{floor} is shorter than a day", "write `1 day` or more"
        )
    for name, of in policy.limits.floors.items():
        path: Where = ("limits", "floors", name)
        for place, table in enumerate(of.tables):
            if table not in policy.tables:
                instead = did_you_mean(table, policy.tables, "declare it under `tables`")
                yield Mistake((*path, "tables", place), f"no table is called {table!r}", instead)
        if of.least.can_be_shorter_than(floor):
            what = f"{of.least} is below the floor of all tables, {floor}"
            yield Mistake((*path, "least"), what, f"write {floor} or more")
