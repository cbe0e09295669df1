"""What a person has to decide about tables from which nothing leads to anybody: whether they are really nobody's.

Pure. A wrong line leaves a person's data behind. So a table is surely nobody's only where rows were seen, it hangs
together with others that are nobody's, no column of it could lead to a person, and no row names one.

    diagnosis_codes        sure: 40 rows, others point to it, no address in it
    rooms.cleaned_by       sure: whoever cleaned it is mentioned, and the room is nobody's
    newsletter.email       not: people stand in it by their address
    files.owner_id         not: could lead to anybody, no foreign key says where
    settings.value jsonb   not: anything can stand in it
"""

from collections.abc import Iterator

from lifecycle.policy import books, guess, habits, together, unseen, virtual
from lifecycle.policy.check import PART_OF
from lifecycle.policy.doubts import PART, SHARED, WRITTEN, Doubt
from lifecycle.policy.drafting import ENOUGH, FEW, HALF, Draft
from lifecycle.policy.evidence import JSON
from lifecycle.policy.look import TIME
from lifecycle.policy.lookalikes import facts, family
from lifecycle.policy.together import MANY
from lifecycle.postgres.catalog import ForeignKey, Table

KIND = "are these people of another kind, and whose data is it?"
ADDRESS = "do people stand in it by an address or a name alone?"
LOOSE = "does a column that no foreign key explains lead to people?"
ANYTHING = "is this nobody's data?"
ONE_EACH = "is each row the data of the one person who points to it?"

KEYS = ("smallint", "integer", "bigint", "uuid")
_ANYTHING = (*JSON, "bytea", "xml", "hstore")


def judge(draft: Draft) -> dict[str, Doubt | str]:
    """Return for each table that nobody owns what must be decided, or why it is surely nobody's."""
    free = {
        name: t
        for name, t in draft.catalog.tables.items()
        if name not in draft.owners and name not in draft.settled
    }
    found = {name: next(_doubts(draft, table), None) for name, table in free.items()}
    while more := {
        n: d for n, t in free.items() if not found[n] and (d := _hangs(draft, t, found))
    }:
        found |= more
    return {name: found[name] or _reason(draft, table) for name, table in free.items()}


def _doubts(draft: Draft, table: Table) -> Iterator[Doubt]:
    if guess.holds_people(table):
        yield Doubt(
            KIND, ", ".join(dict.fromkeys((*guess.identifiers(table)[:3], *likely(draft, table))))
        )
    members = together.members(draft, table.name)
    if members and not together.nobodys(draft, table.name, members):
        yield Doubt(SHARED, members)
    yield from _keys(draft, table.name)
    if alike := _addresses(draft, table):
        yield Doubt(ADDRESS, ", ".join(alike[:3]))
    if loose := _loose(draft, table):
        yield Doubt(LOOSE, ", ".join(loose[:3]))
    yield from _unknown(draft, table)


def _keys(draft: Draft, table: str) -> Iterator[Doubt]:
    """Yield the doubts about foreign keys to people and to what is theirs, and from there."""
    for column in draft.naming(table):
        if draft.has_a_login(table, column):
            yield Doubt(KIND, f"{column}: a login for each")
        told = not draft.blind(draft.people.name)
        if not (told and _only_wrote(draft, table, column)) and not _hung(draft, table, column):
            seen = draft.seen.of(table, column)
            yield Doubt(WRITTEN, f"{column}: {seen.distinct} people in {seen.filled} rows")
    for key in draft.leading(table):
        if key.referenced in draft.owners and key.referenced not in draft.selves:
            yield _part(draft, table, key)
    if not books.of_money(draft, table):  # of money it is kept or not, whoever points to it
        yield from (
            Doubt(ONE_EACH, key.table)
            for key in draft.catalog.foreign_keys
            if key.referenced == table != key.table
            and not virtual.loose(key)
            and _one_each(draft, key)
        )


def _part(draft: Draft, table: str, key: ForeignKey) -> Doubt:
    """Return the doubt of a row that may lead to somebody's: among books, it is decided with that one."""
    if books.found(draft, table) and books.found(draft, key.referenced):
        return Doubt(f"{PART_OF}{key.referenced}", virtual.words(key)[-1])
    return Doubt(PART, key.referenced)


def _unknown(draft: Draft, table: Table) -> Iterator[Doubt]:
    """Yield what keeps a table from being known well enough."""
    if quoted := draft.seen.quoting.get(table.name):
        yield Doubt(ADDRESS, f"words of {quoted} rows are some of these people's")
    if not draft.seen.rows.get(table.name):
        yield Doubt(ANYTHING, "no row was seen")
    if _handful(draft, table):
        return
    if other := unseen.pointing(draft, table.name):
        yield Doubt(ANYTHING, f"{other}, which points to it, was not seen")
    alone = not any(table.name in (k.table, k.referenced) for k in draft.catalog.foreign_keys)
    if alone and not _list(draft, table):
        yield Doubt(ANYTHING, "no key leads to it or from it")
    tells = draft.seen.of
    if odd := [
        c.name
        for c in table.columns
        if family(c.type) in _ANYTHING
        and (family(c.type) not in JSON or tells(table.name, c.name).telling)
    ]:
        yield Doubt(ANYTHING, f"anything can stand in {', '.join(odd)}")


def _handful(draft: Draft, table: Table) -> bool:
    """Say whether it is a handful of rows that name nobody where hundreds of people are: settings, or a list."""
    rows, everybody = (draft.seen.rows.get(n, 0) for n in (table.name, draft.people.name))
    return 0 < rows < ENOUGH <= FEW * everybody and draft.seen.quoting.get(table.name) == 0


def _list(draft: Draft, table: Table) -> bool:
    """Say whether rows that no key leads from or to are words and amounts alone, as of a catalogue.

    No number of anything, nothing that happened at a time, no word of these people's.
    """
    rest = [c for c in table.columns if c.name not in table.primary_key]
    named = bool(guess.identifiers(table))
    return draft.seen.quoting.get(table.name) == 0 and not any(
        draft.seen.of(table.name, c.name).telling
        or (family(c.type) in KEYS and not _of_a_kind(draft, table.name, c.name))
        or family(c.type) in ("inet", "cidr", "macaddr")
        or (TIME.match(c.type) and (named or not habits.kept(c.name)))
        for c in rest
    )


def _only_wrote(draft: Draft, table: str, column: str) -> bool:
    """Say whether those whom a column names only wrote the rows, by name or as they are few, and can be left out."""
    seen = draft.seen.of(table, column)
    few = not draft.many(table, column) and 2 * seen.distinct <= max(seen.filled, 1)
    return draft.may_name_nobody(table, column) and (
        (habits.writer(column) and few)
        or (habits.wrote(column) and 0 < seen.filled < ENOUGH)
        or draft.wrote(table, column)
        or draft.staff(table, column)
        or (draft.seldom(table, column) and 2 * seen.distinct <= seen.filled)
    )


def _hung(draft: Draft, table: str, column: str) -> bool:
    """Say whether a column names who changed a row that hangs on another one: whose it is follows from that one."""
    whole = [k for k in draft.leading(table) if k.referenced not in draft.selves]
    free = draft.may_name_nobody(table, column)
    return free and habits.changed(column) and any(map(draft.always, whole))


def _hangs(draft: Draft, table: Table, found: dict[str, Doubt | None]) -> Doubt | None:
    """Return the doubt of a table that points to one that may be somebody's: of one alone, it is decided with it."""
    open_ = {
        key.referenced: key.columns[-1]
        for key in draft.leading(table.name)
        if (before := found.get(key.referenced))
        and not habits.wrote(key.columns[-1])
        and (before.question != KIND or _mixed(draft, key.referenced))
    }
    if len(open_) == 1 and not draft.blind(draft.people.name):
        [(whole, column)] = open_.items()
        return Doubt(f"{PART_OF}{whole}", column)
    return Doubt(PART, f"{', '.join(open_)}, which are asked about too") if open_ else None


def _mixed(draft: Draft, table: str) -> bool:
    """Say whether these people of another kind may be the same: so many, or as logins are of those who have one."""
    rows, everybody = draft.seen.rows.get(table, 0), draft.seen.rows.get(draft.people.name, 0)
    behind = any(
        k.referenced == table
        and k.table in draft.selves
        and draft.share(k.table, k.columns[-1]) >= HALF
        and _one_each(draft, k)
        for k in draft.catalog.foreign_keys
    )
    return behind or rows >= FEW * everybody


def _addresses(draft: Draft, table: Table) -> list[str]:
    """Return the columns with addresses or names that may be those of the people.

    But for those that lead to whoever wrote the row. Not of a table that others point to, as to a company or a site,
    when nobody of these people stands in it.
    """
    pointed = any(k.referenced == table.name for k in draft.catalog.foreign_keys)
    apart = guess.has_mail(table) and draft.seen.quoting.get(table.name) == 0
    if pointed and (apart or _handful(draft, table)):
        return []
    named = guess.identifiers(table, bare=False)
    of = draft.seen.of
    wrote = {k.columns[0] for k in draft.leading(table.name) if habits.writer(k.name)}
    return [
        c.name
        for c in table.columns
        if c.name not in wrote
        and (
            (seen := of(table.name, c.name)).alike
            or (c.name in named and (seen.named or not habits.of_something(c.name)))
        )
    ]


def likely(draft: Draft, table: Table) -> list[str]:
    """Return the columns that `policy check` takes for one of these people, unless the reason names them."""
    found = set(
        facts(guess.kind(draft.people), draft.people, draft.key, guess.identifiers(draft.people))
    )
    return [c.name for c in table.columns if (c.name.lower(), family(c.type)) in found]


def _loose(draft: Draft, table: Table) -> list[str]:
    keyed = {c for k in draft.leading(table.name) for c in k.columns}
    keyed |= {c for k in draft.catalog.foreign_keys if k.table == table.name for c in k.columns}
    own = set(table.primary_key) if len(table.primary_key) == 1 else set[str]()
    found = [
        c
        for c in table.columns
        if c.name not in keyed | own
        and family(c.type) in ("smallint", "integer", "bigint", "numeric", "uuid", "text")
        and (habits.leads(c.name) or family(c.type) == "uuid")
    ]
    quoted = draft.seen.quoting.get(table.name) != 0
    return [
        c.name
        for c in found
        if not (_of_a_kind(draft, table.name, c.name) or draft.seen.of(table.name, c.name).apart)
        and (quoted or family(c.type) != "text" or habits.an_id(c.name))
    ]


def _of_a_kind(draft: Draft, table: str, column: str) -> bool:
    """Say whether few values stand in many rows, as those of a kind do and those of people do not."""
    seen = draft.seen.of(table, column)
    return seen.filled >= ENOUGH and seen.distinct <= 10


def _one_each(draft: Draft, key: ForeignKey) -> bool:
    """Say whether so few rows of people's point to each row of a table that it may be theirs.

    Not where rows of many people point to each by another key; nor where none does to most of them, and it belongs to
    something else. An address belongs to nothing.
    """
    elsewhere = any(draft.always(k) for k in draft.leading(key.referenced))
    seen = draft.seen.of(key.table, key.columns[-1])
    each = 8 if key.table in draft.selves else 3 if draft.person(key.table) else 2
    return (
        key.table in draft.owners
        and not set(key.columns) < set(draft.catalog.tables[key.table].primary_key)
        and seen.distinct >= ENOUGH
        and (not elsewhere or 2 * seen.distinct >= draft.seen.rows.get(key.referenced, 0))
        and not any(_many_each(draft, k) for k in _pointing(draft, key.referenced))
        and seen.filled <= each * seen.distinct
    )


def _pointing(draft: Draft, table: str) -> list[ForeignKey]:
    """Return the keys of somebody's rows to this table."""
    keys = draft.catalog.foreign_keys
    return [k for k in keys if k.referenced == table and k.table in draft.owners]


def _many_each(draft: Draft, key: ForeignKey) -> bool:
    seen = draft.seen.of(key.table, key.columns[-1])
    return seen.distinct >= ENOUGH and seen.filled >= MANY * seen.distinct


def _reason(draft: Draft, table: Table) -> str:
    rows, pointed = (
        draft.seen.rows.get(table.name, 0),
        sum(k.referenced == table.name for k in draft.catalog.foreign_keys),
    )
    return f"nobody's: {rows} rows looked at name nobody, {pointed} foreign keys lead to it and none to people"
