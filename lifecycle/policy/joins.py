"""By which condition a row leads to another, as SQL: of a foreign key, and of each form a reference can have. Pure."""

from typing import LiteralString

from psycopg import sql

from lifecycle.policy.people import Form
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.catalog import ForeignKey

# Nine digits are enough to tell numbers apart, and fewer than any country's number has without its prefixes.
_FORMS: dict[Form, LiteralString] = {
    "text": "{value}::text",
    "email": "nullif(lower(btrim({value}::text)), '')",
    "phone": "nullif(right(regexp_replace({value}::text, '[^0-9]', '', 'g'), 9), '')",
    "digits": "nullif(regexp_replace({value}::text, '[^0-9]', '', 'g'), '')",
}
_NUMBER = sql.SQL("ltrim(regexp_replace({value}::text, '[^0-9]', '', 'g'), '0')")
_ENDS = sql.SQL(
    "(right({one}, length({other})) = {other} or right({other}, length({one})) = {one})"
)
# A list under a path stands for each value in it: PostgreSQL takes one that is no list as a list of one.
_PATH = sql.SQL(
    "exists (select from jsonb_path_query({here}::jsonb, {path}::jsonpath, silent => true) as p (v)"
    " cross join lateral jsonb_path_query(p.v, '$[*]') as q (v) where {same})"
)


def on(key: ForeignKey, here: str, there: str) -> sql.Composed:
    """Return the condition under which the row with alias `here` leads by `key` to the one with alias `there`."""
    if not isinstance(key, Virtual):
        return same(key, here, there)
    said = key.said
    if said.path is not None:
        there_ = sql.Identifier(there, key.referenced_columns[0])
        return typed(key, here, in_json(key, here, alike(said.form, FOUND, there_)))
    return typed(key, here, same(key, here, there))


FOUND = sql.SQL("(q.v #>> '{}')")
"""What stands in a row under the path of a reference, as text."""


def in_json(key: Virtual, here: str, same: sql.Composable) -> sql.Composed:
    """Return the condition that what stands under the key's path in a row (`FOUND`) is the `same`."""
    column, path = sql.Identifier(here, key.columns[0]), sql.Literal(key.said.path)
    return _PATH.format(here=column, path=path, same=same)


def no_value(key: Virtual, here: str) -> sql.Composed:
    """Return the condition that an object or a list of lists stands under the key's path, which is nobody's value."""
    odd = sql.SQL("jsonb_typeof(q.v) in ('object', 'array')")
    return typed(key, here, in_json(key, here, odd))


def typed(key: ForeignKey, here: str, leads: sql.Composed) -> sql.Composed:
    """Return the condition `leads`, in rows alone whose type says that they lead there by this key."""
    if not isinstance(key, Virtual) or key.said.type is None or key.of_type is None:
        return leads
    column = sql.Identifier(here, key.said.type)
    return sql.SQL("({}::text = {} and {})").format(column, sql.Literal(key.of_type), leads)


def same(key: ForeignKey, here: str, there: str) -> sql.Composed:
    """Return the condition that the columns of the key have the same values, whatever else must hold."""
    form = key.said.form if isinstance(key, Virtual) else "text"
    pairs = [
        (sql.Identifier(here, own), sql.Identifier(there, theirs))
        for own, theirs in zip(key.columns, key.referenced_columns, strict=True)
    ]
    # As they stand, so that an index serves, where nothing is said of how they are written.
    equal = [
        sql.SQL("{} = {}").format(*pair) if form == "text" else alike(form, *pair) for pair in pairs
    ]
    return sql.SQL("({})").format(sql.SQL(" and ").join(equal))


def alike(form: Form, one: sql.Composable, other: sql.Composable) -> sql.Composed:
    """Return the condition that two values are one in this form."""
    written = sql.SQL(_FORMS[form])
    same = sql.SQL("({} = {})").format(written.format(value=one), written.format(value=other))
    if form != "phone":
        return same
    # 212 555 0123 and 312 555 0123 end alike: but for a country's number, which stands before, all digits are the same.
    names = {"one": _NUMBER.format(value=one), "other": _NUMBER.format(value=other)}
    return sql.SQL("({same} and {ends})").format(same=same, ends=_ENDS.format(**names))
