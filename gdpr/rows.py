"""Whose a row is, as SQL: the predicates that every statement of this room is made of.

`t` is the row in question. %(subject)s is the person's key, %(subject_text)s the same where a column has
another type; of somebody else the names say who.
"""

from collections.abc import Iterable

from psycopg import sql

from audit.section import SECTION as AUDIT
from gdpr.hanging import released
from gdpr.reach import Mention, Reach
from lifecycle.policy import joins, virtual
from lifecycle.policy.model import Parties, SharedBy, Through
from lifecycle.policy.people import Value
from lifecycle.postgres.catalog import ForeignKey
from lifecycle.postgres.names import sql_name

_IN = sql.SQL("(({columns}) in (select {theirs} from {table} as {r} where {rows}))")
_EXISTS = sql.SQL("exists (select from {table} as {r} where {on} and {rows})")
_SHARES = sql.SQL(
    "({a}.{to} = (select {own}.{by} from {people} as {own} where {own}.{key} = {whose}))"
)
_NOBODY_ELSE = sql.SQL("""({shares} and not exists
    (select from {people} as {other}
      where {other}.{by} = {a}.{to} and {other}.{key} <> {whose}){kinds})""")
_NOBODY_OF_A_KIND = sql.SQL(
    " and not exists (select from {people} as {other} where {other}.{by} = {a}.{to})"
)


def owned(
    reach: Reach,
    table: str,
    alias: str = "t",
    *,
    shared_too: bool = False,
    whose: str = "subject",
) -> sql.Composed:
    """Return the predicate: this row of `table` is the person's, and goes with them.

    A shared row is theirs when nobody else shares it; with `shared_too` also while others do. `whose`: the parameter
    that names the person.
    """
    match reach.owner(table):
        case str(column):
            return is_person(reach, table, column, alias, whose)
        case Through():
            ways = [
                leads_to(reach, k, alias, shared_too=shared_too, whose=whose)
                for k in reach.ways(table)
            ]
            return sql.SQL("({})").format(sql.SQL(" or ").join(ways))
        case SharedBy() as shared:
            by, to = reach.shared_key(table, shared)
            names = {
                "people": sql_name(reach.subject.table),
                "key": sql.Identifier(reach.subject.key),
                "whose": sql.Placeholder(whose),
                "by": sql.Identifier(by),
                "to": sql.Identifier(to),
                "a": sql.Identifier(alias),
                # Names of their own: inside a subquery an equal one would hide the row in question.
                "own": sql.Identifier(f"{alias}s"),
                "other": sql.Identifier(f"{alias}o"),
            }
            shares = _SHARES.format(**names)
            kinds = [
                _nobody(reach, table, alias, other) for other in reach.others_sharing(table, shared)
            ]
            return (
                shares
                if shared_too
                else _NOBODY_ELSE.format(shares=shares, kinds=sql.SQL("").join(kinds), **names)
            )
        case Parties() as how:
            return _party(reach, table, how, alias, shared_too=shared_too, whose=whose)
        case None:
            return sql.SQL("(false)").format()


def of_one(reach: Reach, table: str) -> bool:
    """Say whether no row of `table` is two people's: it names whose it is, or leads by one key to a row that does."""
    match reach.owner(table):
        case str(column):
            return virtual.alike(reach.column(table, column), reach.key())
        case Through() if len(ways := reach.ways(table)) == 1:
            return not isinstance(ways[0], virtual.Virtual) and of_one(reach, ways[0].referenced)
        case _:
            return False


def _party(
    reach: Reach, table: str, how: Parties, alias: str, *, shared_too: bool, whose: str
) -> sql.Composed:
    """Return the predicate: the person is a party of this row and, unless `shared_too`, no other party stays.

    Of a party who is gone nothing is left there, or the tombstone: the row goes with the last of them, of other kinds
    as well.
    """
    sides = {
        name: sql.SQL("({})").format(
            sql.SQL(" or ").join(
                leads_to(reach, key, alias, whose=whose) for key in reach.side(table, name)
            )
        )
        for name in how.party
    }
    mine = sql.SQL("({})").format(sql.SQL(" or ").join(sides.values()))
    if shared_too:
        return mine
    nobody_else = [
        sql.SQL("({gone} or {mine} is true)").format(
            gone=_gone(reach, table, name, alias), mine=sides.get(name, sql.SQL("false"))
        )
        for name in reach.parties(table)
    ]
    return sql.SQL("({mine} and {rest})").format(mine=mine, rest=sql.SQL(" and ").join(nobody_else))


def _gone(reach: Reach, table: str, name: str, alias: str) -> sql.Composed:
    """Return the condition that a row has no such party any more, of any kind of people.

    A column that may be NULL may name the tombstone all the same: the application, or a rule of earlier days, put it.
    """
    is_null = [
        sql.SQL("{} is null").format(sql.Identifier(alias, column))
        for column in virtual.emptied(reach.policy.tables[table], name)
    ]
    named = [
        joins.typed(key, alias, _names(key, alias, stone))
        for _, key, stone in reach.stones(table, name)
    ]
    empty = sql.SQL("({})").format(sql.SQL(" and ").join(is_null))
    return sql.SQL("({})").format(sql.SQL(" or ").join([empty, *named]))


def _names(key: ForeignKey, alias: str, stone: Value) -> sql.Composed:
    column = sql.Identifier(alias, key.columns[0])
    if isinstance(key, virtual.Virtual) and key.said.form != "text":  # it may have another type
        return sql.SQL("({}::text = {})").format(column, sql.Literal(str(stone)))
    return sql.SQL("({} = {})").format(column, sql.Literal(stone))


def _nobody(reach: Reach, table: str, alias: str, other: SharedBy) -> sql.Composed:
    """Return the condition that nobody of another kind shares this row."""
    by, to = reach.shared_key(table, other)
    return _NOBODY_OF_A_KIND.format(
        people=sql_name(other.shared_by.rpartition(".")[0]),
        other=sql.Identifier(f"{alias}k"),
        by=sql.Identifier(by),
        a=sql.Identifier(alias),
        to=sql.Identifier(to),
    )


def shared(reach: Reach, table: str) -> sql.Composed | None:
    """Return the predicate: this row is the person's and stays, as others share it. None where no row can be shared."""
    theirs, goes = owned(reach, table, shared_too=True), owned(reach, table)
    if theirs == goes:
        return None
    return sql.SQL("({} and {} is not true)").format(theirs, goes)


def is_person(
    reach: Reach, table: str, column: str, alias: str = "t", whose: str = "subject"
) -> sql.Composed:
    """Return the predicate: this column holds the person's key."""
    name, here, key = sql.Identifier(alias, column), reach.column(table, column), reach.key()
    if here.type == key.type:
        return sql.SQL("({} = {})").format(name, sql.Placeholder(whose))
    if virtual.alike(here, key):  # as the wider one: a key may be beyond what this column holds
        return sql.SQL("({} = {}::bigint)").format(name, sql.Placeholder(whose))
    return sql.SQL("({}::text = {})").format(name, sql.Placeholder(f"{whose}_text"))


def leads_to(
    reach: Reach,
    key: ForeignKey,
    alias: str = "t",
    *,
    shared_too: bool = False,
    whose: str = "subject",
) -> sql.Composed:
    """Return the predicate: the row that this foreign key or reference points to is the person's."""
    if isinstance(key, virtual.Virtual) and names_person(reach, key):
        # By the value itself: no foreign key keeps such a row from naming somebody whose own row is gone.
        return joins.typed(
            key, alias, is_person(reach, key.table, key.columns[0], alias, whose=whose)
        )
    inner = f"{alias}i"  # t, ti, tii: no name is used twice along one way
    rows = owned(reach, key.referenced, inner, shared_too=shared_too, whose=whose)
    # A foreign key leads to no row of a table that inherits from it; a reference may.
    loose = isinstance(key, virtual.Virtual)
    names = {
        "table": sql_name(key.referenced) if loose else reach.relation(key.referenced),
        "r": sql.Identifier(inner),
        "rows": rows,
    }
    if isinstance(key, virtual.Virtual) and not by_value(key):
        return _EXISTS.format(on=joins.on(key, alias, inner), **names)
    leads = _IN.format(
        columns=columns(alias, key.columns), theirs=columns(inner, key.referenced_columns), **names
    )
    return joins.typed(key, alias, leads)


def by_value(key: virtual.Virtual) -> bool:
    """Say whether both sides have the same values, so that an index can find them."""
    return key.said.path is None and key.said.form == "text"


def names_person(reach: Reach, key: virtual.Virtual) -> bool:
    """Say whether a reference holds the key of the person itself."""
    subject = reach.subject
    there = (key.referenced, key.referenced_columns) == (subject.table, (subject.key,))
    return there and by_value(key) and reach.owner(subject.table) == subject.key


def mentioning(reach: Reach, mention: Mention) -> sql.Composed:
    """Return the predicate: this column of a row that stays points to the person or to what goes with them."""
    ways = [leads_to(reach, key) for key in mention.keys]
    rows = sql.SQL("({})").format(sql.SQL(" or ").join(ways))
    others = mention.half or mention.table in reach.deleted
    return _staying(reach, mention.table, rows) if others else rows


def hanging(reach: Reach, key: ForeignKey) -> sql.Composed:
    """Return the predicate: a row that stays hangs by this foreign key on a row that goes."""
    rows = leads_to(reach, key)
    goes = key.table in reach.deleted or released(reach, key)
    return _staying(reach, key.table, rows) if goes else rows


def _staying(reach: Reach, table: str, rows: sql.Composed) -> sql.Composed:
    return sql.SQL("({} and {} is not true)").format(rows, owned(reach, table))


def columns(alias: str, names: Iterable[str]) -> sql.Composed:
    """Return the columns of one row, with commas between them."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def emptied(reach: Reach, table: str) -> dict[str, sql.Composable]:
    """Return column -> the rows in which an erasure takes its value away."""
    found: dict[str, sql.Composable] = {}
    for mention in reach.mentions:
        if mention.table == table:
            # What else of a document may name the person is looked at when values are taken out of it.
            inside = {column for key in mention.keys for column in key.columns}
            found |= dict.fromkeys(mention.columns or inside, mentioning(reach, mention))
    for column in reach.cleared(table):
        mine = owned(reach, table)
        also = found.get(column)
        found[column] = sql.SQL("({} or {})").format(also, mine) if also else mine
    log = AUDIT.of(reach.policy)
    if log is not None and log.table == table and log.actor:
        by, of = is_person(reach, table, log.actor), is_person(reach, table, log.subject)
        nobody = sql.Identifier("t", log.actor)
        acted = sql.SQL("({} or ({} is null and {}))").format(by, nobody, of)
        found |= dict.fromkeys(log.of_actor, acted)
    return found
