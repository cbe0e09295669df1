"""What the files of the releases gave the ledger's schema: functions, triggers, rights to write and to call. Pure.

The files are read, and not asked of a database: so whatever is there can be held against them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_MADE = re.compile(
    r"create (?:or replace )?function lifecycle\.(\w+)\((.*?)\bas \$\$(.*?)\$\$", re.DOTALL
)
_TRIGGER = re.compile(r"^(?:create|drop) trigger .*?;", re.DOTALL | re.MULTILINE)
_DROPPED = re.compile(r"drop trigger (\S+) on lifecycle\.(\S+);")
_SAID = re.compile(
    r"^(grant|revoke) ([^;]*?) on (lifecycle\.[^;]*?) (?:to|from) ([^;]*);", re.MULTILINE
)
_CALL = re.compile(
    r"^(grant|revoke) (?:execute|all) on function ([^;]*?) (?:to|from) ([^;]*);", re.MULTILINE
)
_PRIVILEGE = re.compile(r"(\w+)(?:\s*\(([^)]*)\))?")
_DEFINED = re.compile(
    r"create trigger (\S+) (before|after) (.+?) on lifecycle\.(\S+) (for each .+?);?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger in full: `rest` has for what it fires, its condition, function and arguments."""

    name: str
    table: str
    timing: str
    events: frozenset[str]
    rest: str

    def on(self, table: str) -> "Trigger":
        """Return the same trigger on another table: on a month."""
        return Trigger(self.name, table, self.timing, self.events, self.rest)

    def statement(self) -> str:
        """Return what makes it."""
        events = " or ".join(sorted(self.events))
        return f"create trigger {self.name} {self.timing} {events} on lifecycle.{self.table} {self.rest};"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What somebody may do with a table, or with one column of it; `column` is empty for the whole."""

    who: str
    privilege: str
    table: str
    column: str = ""

    def __str__(self) -> str:
        """Say it as a grant does: `update (state)`."""
        return self.privilege.lower() + (f" ({self.column})" if self.column else "")


def functions(texts: Iterable[str]) -> dict[str, tuple[str, bool, bool]]:
    """Return (body, whether with its owner's rights, whether by a path of its own) of each function of these files."""
    return {
        name: (body, "security definer" in head, "set search_path = pg_catalog, pg_temp" in head)
        for text in texts
        for name, head, body in _MADE.findall(text)
    }


def triggers(texts: Iterable[str]) -> frozenset[Trigger]:
    """Return the triggers that these files leave, in their order; those of a month are those of its parent."""
    there: dict[tuple[str, str], Trigger] = {}
    for text in texts:
        for said in _TRIGGER.findall(text):
            if dropped := _DROPPED.fullmatch(said):
                del there[dropped[1], dropped[2]]
            else:
                made = trigger(said)
                there[made.name, made.table] = made
    return frozenset(there.values())


def trigger(definition: str) -> Trigger:
    """Return the trigger that a statement makes, as a file or PostgreSQL itself spells it."""
    found = _DEFINED.fullmatch(" ".join(definition.lower().split()))
    if (
        found is None
    ):  # a constraint trigger, say: nothing that a release makes, and like none of it
        return Trigger(definition, "", "", frozenset(), "")
    name, timing, events, table, rest = found.groups()
    return Trigger(name, table, timing, frozenset(events.split(" or ")), rest)


def rights(texts: Iterable[str]) -> frozenset[Right]:
    """Return who may write what, once these files were applied in their order. Anybody may be let read."""
    may: set[Right] = set()
    for text in texts:
        for verb, privileges, tables, roles in _SAID.findall(text):
            said = {
                Right(who, privilege.upper(), table.strip().removeprefix("lifecycle."), column)
                for who in re.findall(r"\w+", roles)
                for table in tables.split(",")
                for privilege, columns in _PRIVILEGE.findall(privileges)
                for column in re.findall(r"\w+", columns) or [""]
            }
            if verb == "grant":
                may |= said
            else:  # from the whole table, and with it from each column
                gone = {(r.who, r.privilege, r.table) for r in said}
                may = {r for r in may if (r.who, r.privilege, r.table) not in gone}
    return frozenset(r for r in may if r.privilege != "SELECT")


def calls(texts: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return (who, function) of whom these files, applied in their order, let call a function by name."""
    may: set[tuple[str, str]] = set()
    for text in texts:
        for verb, named, roles in _CALL.findall(text):
            who = re.findall(r"\w+", roles)
            said = {(one, f) for f in re.findall(r"lifecycle\.(\w+)", named) for one in who}
            may = may | said if verb == "grant" else may - said
    return frozenset(may)
