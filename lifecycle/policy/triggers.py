"""Holds the triggers, rules and functions a policy declares against those there are.

A trigger on a table we write runs with our rights, and may do anything those allow. So it is declared, with what it
does and a digest of its code, on every table a room writes, a foreign key's ON DELETE reaches, or a declared trigger
writes to; one that is not declared, or is not what it was, is a mistake, and nothing is started. A function of a check,
an index or a type is declared on every table, as it may run when a table is only read. What such code calls in its
turn is nobody's declaration: a person who reads it looks there too. Pure.
"""

import re
from collections.abc import Iterator, Mapping

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import rights, whole
from lifecycle.policy.look import Look
from lifecycle.policy.model import Declared, Policy
from lifecycle.policy.model import Table as DeclaredTable
from lifecycle.postgres.catalog import Catalog, Table, Trigger

DOES = re.compile(r"^(audits|refuses|checks|computes|notifies|sets \w+(, \w+)*|archives to \S+)$")
"""What a trigger may be said to do. Who changes other rows than these is refused when its changes are counted."""

SETS_MORE = (
    "Nothing was changed. A trigger of the table sets columns that its declaration does not name: write "
    "`does: sets COLUMN` where that is as it should be."
)
"""What to do where more of a row would have changed than was said to it."""

WORDS = (
    "`audits`",
    "`sets COLUMN`",
    "`archives to TABLE`",
    "`refuses`",
    "`checks`",
    "`computes`",
    "`notifies`",
)

_AUDITS = re.compile(r"(^|[^a-z])audit")
_STAMPS = re.compile(r"(set|touch|update|bump|stamp|trg|trigger)_*(updated|modified)")

_CHANGES = "cnd"
"""Foreign keys whose ON DELETE changes rows: cascade, set null, set default."""


def sense(policy: Policy) -> Iterator[Mistake]:
    """Yield what is wrong with the declarations in themselves."""
    for name, table in policy.tables.items():
        for section, declared in code(table):
            for trigger, said in declared.items():
                path: Where = ("tables", name, section, trigger, "does")
                if target := _archive(said):
                    if target not in policy.tables:
                        yield Mistake(path, f"table {target} is not declared", "add it to `tables`")
                elif not DOES.match(said.does) and not said.does.startswith("DECIDE"):
                    yield Mistake(
                        path,
                        f"{said.does!r} is none of the words for what a trigger does",
                        f"write one of {', '.join(WORDS)}",
                    )


def code(table: DeclaredTable) -> tuple[tuple[str, Mapping[str, Declared]], ...]:
    """Return all code that is declared on a table, by the key it stands under."""
    return (
        ("triggers", table.triggers),
        ("rules", table.rules),
        ("functions", table.functions),
    )


def truth(look: Look) -> None:
    """Write down what is declared and not so, and what is not declared where we write."""
    written = reached(look.policy, look.catalog)
    for name, table in look.catalog.tables.items():
        said = look.policy.tables.get(name)
        if said is not None:
            _judge(look, name, "triggers", said.triggers, table.triggers, needed=name in written)
            _judge(look, name, "rules", said.rules, table.rules, needed=name in written)
            _judge(look, name, "functions", said.functions, table.functions, needed=True)
    unpinned = sorted(
        f"{key(name, trigger)} on {name}"
        for name in written
        for trigger in look.catalog.tables[name].triggers
        if not trigger.pinned and trigger.enabled != "D"
    )
    if unpinned:
        look.notes.append(
            f"the functions of {', '.join(unpinned)} pin no search_path: in our sessions they find PostgreSQL's own "
            "names alone. Where they name others, `alter function ... set search_path = ...`"
        )


def reached(policy: Policy, catalog: Catalog) -> frozenset[str]:
    """Return the tables in which something may change when our runs write: theirs, and what hangs on them."""
    needed = rights.of(policy, catalog)
    tables = {right.table for right in needed if right.kind in ("delete", "insert", "update")}
    going = set(rights.deletable(needed))
    while True:
        more = {
            (k.table, k.on_delete == "c")
            for k in catalog.foreign_keys
            if k.referenced in going and k.on_delete in _CHANGES
        }
        archives = {
            target for name in tables | going for target in written_to(policy, name) if target
        }
        further = {name for name, _ in more} | (archives & set(catalog.tables))
        gone = {name for name, cascades in more if cascades}
        if further <= tables and gone <= going:
            return frozenset(tables | going)
        tables |= further
        going |= gone


def written_to(policy: Policy, name: str) -> frozenset[str]:
    """Return the tables into which the declared triggers and rules of a table write rows."""
    table = policy.tables.get(name)
    if table is None:
        return frozenset()
    said = (*table.triggers.values(), *table.rules.values())
    found = {archive for declared in said if (archive := _archive(declared))}
    if any(declared.does == "audits" for declared in said):
        found |= whole.logs(policy)
    return frozenset(found)


def set_by(policy: Policy, name: str) -> frozenset[str] | None:
    """Return the columns that a table's declared triggers set in a row that is changed; None where they compute any."""
    said = [one.does for one in policy.tables[name].triggers.values()]
    if "computes" in said:
        return None
    return frozenset(
        re.findall(r"\w+", " ".join(one[5:] for one in said if one.startswith("sets ")))
    )


def _archive(declared: Declared) -> str:
    """Return the table that it archives to, or nothing."""
    before, _, table = declared.does.partition("archives to ")
    return "" if before else table


def key(table: str, trigger: Trigger) -> str:
    """Return the name by which a policy declares it: a partition's own has the partition's name before it."""
    return trigger.name if trigger.relation == table else f"{trigger.relation}.{trigger.name}"


def draft(table: Table) -> dict[str, dict[str, Declared]]:
    """Return the declarations a draft begins with: what no name tells is left to a person."""
    return {
        section: {
            key(table.name, one): Declared(does=_guess(table, section, one), digest=one.digest)
            for one in found
        }
        for section, found in (
            ("triggers", table.triggers),
            ("rules", table.rules),
            ("functions", table.functions),
        )
    }


def _guess(table: Table, section: str, trigger: Trigger) -> str:
    """Return what a trigger's names say beyond doubt. They may lie: a person reads the function."""
    if section == "functions":
        return f"DECIDE: what does {trigger.name} do? `checks` or `computes`"
    words = f"{trigger.name} {trigger.function}".lower()
    stamped = next((c.name for c in table.columns if c.name in ("updated_at", "modified_at")), None)
    if trigger.row and _AUDITS.search(words):
        return "audits"
    if stamped and _STAMPS.search(words):
        return f"sets {stamped}"
    return f"DECIDE: what does {trigger.function or 'it'} do? {', '.join(WORDS)}"


def not_declared(table: str, section: str, trigger: Trigger, *, beside: bool) -> Mistake:
    """Return the mistake that code is not in the file, which has others of the section `beside` it or not."""
    name, word = key(table, trigger), section.removesuffix("s")
    line = f"{{{name}: {{does: WHAT, digest: {trigger.digest}}}}}"
    return Mistake(
        ("tables", table, section) if beside else ("tables", table),
        f"{word} {name} of {table} is not declared, and a run of ours would set it off",
        f"read it, then write `{section}: {line}`, WHAT being one of {', '.join(WORDS)}",
    )


def _judge(
    look: Look,
    table: str,
    section: str,
    declared: Mapping[str, Declared],
    there: tuple[Trigger, ...],
    *,
    needed: bool,
) -> None:
    word = section.removesuffix("s")
    found = {key(table, one): one for one in there}
    for name, trigger in found.items():
        said, path = declared.get(name), ("tables", table, section)
        if said is None and needed:
            look.mistakes.append(not_declared(table, section, trigger, beside=bool(declared)))
        elif said is not None and said.digest != trigger.digest:
            look.say(
                (*path, name, "digest"),
                f"{word} {name} of {table} is not what it was when it was declared",
                f"read it again; if it still {said.does}, write `digest: {trigger.digest}`",
            )
    for name in sorted(set(declared) - set(found)):
        what = f"{table} has no {word} {name}"
        if archive := _archive(declared[name]):
            look.notes.append(
                f"{what}: keep its declaration until {archive} holds none of its rows"
            )
            continue
        look.say(("tables", table, section, name), what, "take it out, or create it")
