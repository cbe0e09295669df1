"""The policy's section `audit:`, the application's own log: where it is, and what of it may survive. Pure."""

import re
from collections.abc import Iterator, Mapping

from pydantic import Field

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import one_person
from lifecycle.policy.check import DECIDE
from lifecycle.policy.draft_text import listed, quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Owner, Policy
from lifecycle.policy.part import Column, Part, TableName
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog, Table


class Audit(Part):
    """The application's audit log. Its rows are never deleted; an erasure anonymises them."""

    table: TableName = Field(description="the table of the log")
    subject: Column = Field(description="the column with the person the row is about")
    actor: Column | None = Field(
        default=None,
        description="the column with the person who acted, where these are people of the policy",
    )
    record: Column = Field(description="the column with the changed row's id")
    named: Column = Field(description="the column with the changed table's name")
    values: tuple[Column, ...] = Field(description="JSON columns with the values before and after")
    of_actor: tuple[Column, ...] = Field(
        default=(), description="columns that describe the actor, such as the IP address"
    )
    keep: dict[TableName, tuple[Column, ...]] = Field(
        description="table -> columns whose values survive an anonymisation; all others are removed"
    )

    @property
    def actors(self) -> tuple[str, ...]:
        """Return the column of the actor, if one is named."""
        return (self.actor,) if self.actor else ()


def _tables(audit: Audit) -> Iterator[tuple[Where, str]]:
    yield ("audit", "table"), audit.table
    yield from ((("audit", "keep", name), name) for name in audit.keep)


def _sense(audit: Audit, policy: Policy) -> Iterator[Mistake]:
    table = policy.tables.get(audit.table)
    if table and table.personal == "none":
        instead = "say whose it is: `owner: {user: user_id}`; it is anonymised, not deleted"
        yield Mistake(("tables", audit.table), "the audit log holds personal data", instead)
    if audit.of_actor and audit.actor is None:
        what = f"{', '.join(audit.of_actor)} would describe an actor, and none is named"
        yield Mistake(("audit", "of_actor"), what, "add `actor:`, or take it out")
    columns = (audit.subject, audit.actor, audit.record, audit.named)
    for column in audit.values + audit.of_actor:
        if column in columns:
            yield Mistake(("audit",), f"column {column!r} has two parts to play", "name it once")


def _truth(audit: Audit, look: Look) -> None:
    _actor(audit, look)
    cleared = {"subject": audit.subject} | ({"actor": audit.actor} if audit.actor else {})
    cleared |= {f"of_actor.{name}": name for name in audit.of_actor}
    for part, name in cleared.items():
        look.clearable(("audit", *part.split(".")), audit.table, name)
    for part in ("record", "named"):
        look.column(("audit", part), audit.table, getattr(audit, part))
    for name in audit.values:
        column = look.clearable(("audit", "values"), audit.table, name)
        if column and column.type not in ("json", "jsonb"):
            look.say(("audit", "values"), f"{name} is {column.type}", "name json or jsonb columns")
    for table, columns in audit.keep.items():
        for name in columns:
            look.column(("audit", "keep", table), table, name)


def _actor(audit: Audit, look: Look) -> None:
    """Say so when the actors are people of another kind: by its value alone the 5 of a nurse is patient 5."""
    table = look.catalog.tables.get(audit.table)
    if audit.actor is None or table is None or table.column(audit.actor) is None:
        return
    if not any(
        one_person.may_name(look, kind, audit.table, audit.actor) for kind in look.policy.subjects
    ):
        what = f"{audit.actor} leads to nobody's key who can ask to be forgotten"
        look.say(
            ("audit", "actor"), what, "take `actor` and `of_actor` out: actors are left as they are"
        )


def _sentence(audit: Audit, name: str) -> Iterator[str]:
    if name == audit.table:
        yield "anonymised at erasure, never deleted"
        if audit.values:
            kept = " and ".join(audit.values)
            yield f"what ends in other tables stays in its {kept}, and each run of retention names it"


def _never_ends(audit: Audit) -> Mapping[str, str]:
    return {audit.table: "it is the audit log"}


def _cleared(audit: Audit) -> Mapping[str, tuple[str, ...]]:
    return {audit.table: (audit.subject, *audit.actors)}


def _logs(audit: Audit) -> Iterator[str]:
    yield audit.table


def _guess(catalog: Catalog, owners: Mapping[str, Owner]) -> Audit | None:
    """Return the audit log, when one table has all that an audit log has, and it is known whose keys its actors are."""
    for name, owner in owners.items():
        table = catalog.tables[name]
        if not _is_log(table):
            continue
        free = [c.name for c in table.columns if not c.not_null and not c.generated]
        values = [c.name for c in table.columns if c.type in ("json", "jsonb") and c.name in free]
        actor = _first(
            free, r"^(action|acted|changed|performed|done|created)_by(_id)?$|^actor(_id)?$"
        )
        named = _first(
            _names(table), r"^(table|relation|entity|object|resource|record)(_?(name|type))?$"
        )
        record = _first(_names(table), r"^(record|row|entity|object|resource|target)_(id|pk|key)$")
        if isinstance(owner, str) and owner in free and actor and named and record and values:
            seen = [c for c in free if re.search(r"(^|_)(ip(_address)?|user_agent|device)$", c)]
            column, led = table.column(actor), _led(catalog, name, actor)
            if led is None and column and column.type != "uuid":
                return None  # a number that no key explains may be anybody's: a person is asked
            theirs = led in (None, _led(catalog, name, owner))
            return Audit(
                table=name, subject=owner, actor=actor if theirs else None, record=record, named=named,
                values=tuple(values), of_actor=tuple(seen if theirs else ()), keep={},
            )  # fmt: skip
    return None


def _led(catalog: Catalog, table: str, column: str) -> str | None:
    """Return the table that a foreign key over this column leads to."""
    keys = (k for k in catalog.foreign_keys if k.table == table and k.columns == (column,))
    return next((key.referenced for key in keys), None)


def _is_log(table: Table) -> bool:
    """Say whether a table is called as audit logs are."""
    return bool(re.search(r"audit|change_?log|activity_?log", table.relname.lower()))


def _first(names: list[str], pattern: str) -> str | None:
    return next((name for name in names if re.search(pattern, name)), None)


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _doubt(audit: Audit | None, table: Table) -> str | None:
    if not _is_log(table) or (audit and audit.table == table.name):
        return None
    return f"{DECIDE}: its rows go with the person; an audit log is kept and anonymised by `audit:`"


def _draft(policy: Policy, _catalog: Catalog) -> Iterator[str]:
    audit = SECTION.of(policy)
    if audit is None:
        return
    yield "# It looks like the application's audit log. Its rows are never deleted; an erasure takes the person out of"
    yield "# them. `keep` lists, per table, the columns whose logged values may survive that: none until you name them."
    yield "audit:"
    for part in ("table", "subject", "actor", "record", "named"):
        if said := getattr(audit, part):
            yield f"  {part}: {quote(said)}"
    yield f"  values: {listed(audit.values)}"
    if audit.of_actor:
        yield f"  of_actor: {listed(audit.of_actor)}"
    yield "  keep: {}"


SECTION = Section[Audit, None](
    "audit",
    Audit,
    default=None,
    about="the application's own audit log",
    tables=_tables,
    sense=_sense,
    truth=_truth,
    sentence=_sentence,
    never_ends=_never_ends,
    cleared=_cleared,
    logs=_logs,
    guess=_guess,
    doubt=_doubt,
    draft=_draft,
)
