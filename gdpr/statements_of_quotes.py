"""What this room says to rows of others that quote a person, in columns of which the policy says `redact`. Pure."""

from collections.abc import Iterator, Sequence

from psycopg import sql

from audit import keyed
from gdpr import statements_of_names as names
from gdpr.reach import Reach
from gdpr.rows import emptied, owned
from gdpr.statements_of_search import NUMBERED
from lifecycle.holds.gate import Held
from lifecycle.policy import joins, triggers
from lifecycle.policy.people import Form, Identifier, Subject
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import row_as_text

_STANDING = sql.SQL("""
    select n.nspname::text, c.relname::text, t.ctid::text, {held}, {rest}, {columns}
      from {source} as t join pg_class c on c.oid = t.tableoid join pg_namespace n on n.oid = c.relnamespace
     where {these} and {stays}
""")
_BY_ONE_KEY = sql.SQL("{key} = any({list})")
_BY_KEYS = sql.SQL("({keys}) in (select * from unnest({lists}))")
_IN_PYTHON = sql.SQL("case when {key} between '0001-01-02' and '9999-12-30' then {key} end")
_REDACTED = sql.SQL("""
    update only {leaf} as t set {changes} where t.ctid = %(number)s::tid returning {rest}, {columns}
""")
_TAKEN = sql.SQL("""
    select v.value from unnest(%(values)s::text[], %(cases)s::text[]) as v (value, written)
     where exists (select from {table} as t{found} where {same}{where} and {rows} is not true)
""")
_PARTS = sql.SQL(" cross join lateral regexp_split_to_table({here}, {between}) as s (part)")
_PART, _WRITTEN = sql.SQL("s.part"), sql.SQL("v.written")
_BETWEEN_ADDRESSES = sql.Literal(r'[][[:space:]<>(){},;:"|/\\]+')
_BETWEEN_NUMBERS = sql.Literal(r"[,;|\n]")
_SAME = sql.SQL("lower({here}) = lower(v.written)")
_IN_PART = sql.SQL("lower(s.part) = lower(v.written)").format()
_ODD = sql.SQL(
    "jsonb_typeof(q.v) in ('object', 'array') and position(lower(v.written) in lower({here})) > 0"
)


def standing(reach: Reach, table: str, source: sql.Composable, on_hold: Held) -> sql.Composed:
    """Return the query of those of the rows %(numbers)s of a leaf that stay.

    Schema and name of the leaf, number, whether it is on hold, all of it that is not to change as text, the key, and
    the columns of `redact` as texts: NULL where an erasure empties them in any case.
    """
    return _standing(reach, table, source, on_hold, NUMBERED)


def by_key(reach: Reach, table: str, on_hold: Held) -> sql.Composed:
    """Return the same of the rows whose keys are in %(key_0)s and so on."""
    keys = [sql.Identifier("t", name) for name in reach.table(table).primary_key]
    lists, comma = keyed.lists(reach.table(table)), sql.SQL(", ")
    these = (
        _BY_ONE_KEY.format(key=keys[0], list=lists[0])
        if len(keys) == 1
        else _BY_KEYS.format(keys=comma.join(keys), lists=comma.join(lists))
    )
    return _standing(reach, table, reach.relation(table), on_hold, these)


def locked(query: sql.Composed) -> sql.Composed:
    """Return the query with its rows locked."""
    return sql.SQL("{} for no key update of t").format(query)


def redacted(reach: Reach, table: str, leaf: tuple[str, str]) -> sql.Composed:
    """Return the update of the row %(number)s of a leaf to those of %(value_0)s and so on that are not NULL.

    It gives what the row has then: NULL where an erasure empties it in any case.
    """
    columns = reach.redacts(table)
    changes = [
        sql.SQL("{} = coalesce({}, {})").format(
            sql.Identifier(name), sql.Placeholder(f"value_{n}"), sql.Identifier("t", name)
        )
        for n, name in enumerate(columns)
    ]
    return _REDACTED.format(
        leaf=sql.Identifier(*leaf),
        changes=sql.SQL(", ").join(changes),
        rest=_rest(reach, table),
        columns=sql.SQL(", ").join(_texts(reach, table)),
    )


def askable(reach: Reach) -> bool:
    """Say whether all tables are there in which the policy says what people go by."""
    there = reach.policy.tables.keys() & reach.catalog.tables.keys()
    return all(
        names.place_of(subject, one)[0] in there
        for subject in reach.policy.subjects.values()
        for one in (*subject.names(), *_given(subject))
    )


def taken(reach: Reach) -> sql.Composed:
    """Return the query of those %(values)s by which somebody else goes, of any kind and wherever the policy says so.

    As a key, a customer or an identifier, a weak one too, alone or among others in one value. %(cases)s: beside each
    value one way to write it.
    """
    return sql.SQL(" union ").join(
        query for subject in reach.policy.subjects.values() for query in _taken(reach, subject)
    )


def _taken(reach: Reach, subject: Subject) -> Iterator[sql.Composed]:
    for one in _given(subject):
        yield _goes_by(reach, subject, one, _SAME)
    for one in subject.names():
        form: Form = "digits" if one.form == "digits" else "phone"
        number = sql.SQL("{}{}").format(joins.alike(form, _PART, _WRITTEN), names.DIALLED)
        yield _goes_by(reach, subject, one, _SAME)
        yield _goes_by(reach, subject, one, _IN_PART, _BETWEEN_ADDRESSES)
        yield _goes_by(reach, subject, one, number, _BETWEEN_NUMBERS)
        if one.path is not None:
            yield _goes_by(reach, subject, one, _ODD)


def _given(subject: Subject) -> Iterator[Identifier]:
    """Yield what an application gives people of this kind: their key, their customer."""
    yield Identifier(column=subject.key)
    if subject.payer:
        yield Identifier(column=subject.payer.column)


def _goes_by(
    reach: Reach,
    subject: Subject,
    one: Identifier,
    same: sql.SQL | sql.Composed,
    between: sql.Literal | None = None,
) -> sql.Composed:
    """Return the query of those that are the `same` as somebody's, as a part of it where something stands `between`."""
    table, column = names.place_of(subject, one)
    value, under = sql.Identifier("t", column), sql.SQL("")
    here: sql.Composable = sql.SQL("{}::text").format(value)
    if one.path is not None:
        here = joins.FOUND
        under = names.UNDER_PATH.format(value=value, path=sql.Literal(one.path))
    parts = _PARTS.format(here=here, between=between) if between else sql.SQL("")
    return _TAKEN.format(
        table=sql_name(table),
        found=under + parts,
        same=same.format(here=here) if isinstance(same, sql.SQL) else same,
        where=names.only(one.where),
        rows=owned(reach, table),
    )


def _standing(
    reach: Reach, table: str, source: sql.Composable, on_hold: Held, these: sql.Composable
) -> sql.Composed:
    gone = owned(reach, table) if table in reach.deleted else sql.SQL("false")
    keys = [_key(reach, table, name) for name in keys_of(reach, table)]
    return _STANDING.format(
        held=on_hold.rows or sql.SQL("false"),
        rest=_rest(reach, table),
        columns=sql.SQL(", ").join([*keys, *_texts(reach, table)]),
        source=source,
        these=these,
        stays=sql.SQL("({}) is not true").format(gone),
    )


def keys_of(reach: Reach, table: str) -> tuple[str, ...]:
    """Return the columns by which a row is known again: none where only its number tells it."""
    there = reach.table(table)
    return tuple(there.primary_key) if keyed.has_keys(there) else ()


def _key(reach: Reach, table: str, name: str) -> sql.Composable:
    """Return one column of a key: NULL where it is a time of which Python has none, as `infinity`."""
    column = sql.Identifier("t", name)
    timed = reach.column(table, name).type.startswith(("date", "timestamp"))
    return _IN_PYTHON.format(key=column) if timed else column


def _texts(reach: Reach, table: str) -> Sequence[sql.Composed]:
    unless = emptied(reach, table)
    return [
        sql.SQL("case when {} then null else {}::text end").format(
            unless.get(name, sql.SQL("false")), sql.Identifier("t", name)
        )
        for name in reach.looked_at(table)
    ]


def _rest(reach: Reach, table: str) -> sql.Composable:
    return rest(reach, table, reach.redacts(table))


def rest(reach: Reach, table: str, columns: Sequence[str]) -> sql.Composable:
    """Return all of a row that nobody is said to change, beside these columns, as text."""
    sets = triggers.set_by(reach.policy, table)
    beside = [
        c.name
        for c in reach.table(table).columns
        if sets is not None and c.name not in (*columns, *sets) and not c.generated
    ]
    return row_as_text("t", beside) if beside else sql.SQL("''")
