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
_PATH = sql.SQL(
    "exists (select from jsonb_path_query({here}::jsonb, {path}::jsonpath, silent => true) as q (v) where {same})"
)


def on(key: ForeignKey, here: str, there: str) -> sql.Composed:
    """Return the condition under which the row with alias `here` leads by `key` to the one with alias `there`."""
    if not isinstance(key, Virtual):
        return same(key, here, there)
    said = key.said
    if said.path is not None:
        return _PATH.format(
            here=sql.Identifier(here, key.columns[0]),
            path=sql.Literal(said.path),
            same=alike(
                said.form,
                sql.SQL("(q.v #>> '{}')"),
                sql.Identifier(there, key.referenced_columns[0]),
            ),
        )
    if said.type is None:
        return same(key, here, there)
    kind = sql.SQL("({}::text = {})").format(
        sql.Identifier(here, said.type), sql.Literal(key.of_type)
    )
    return sql.SQL("({} and {})").format(kind, same(key, here, there))


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
    return sql.SQL("({} = {})").format(written.format(value=one), written.format(value=other))
