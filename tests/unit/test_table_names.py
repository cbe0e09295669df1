"""A table has one name: what policies spell leads back to the same table, and to no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from lifecycle.errors import Refused
from lifecycle.postgres.names import policy_name, sql_name

NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=63
)
SCHEMAS = NAMES.filter(lambda name: "." not in name) | st.just("public")


@pytest.mark.parametrize(
    ("schema", "relname", "name"),
    [
        ("public", "users", "users"),
        ("billing", "invoices", "billing.invoices"),
        ("public", "a.b", "public.a.b"),
        ("a", "b", "a.b"),
        ("a", "b.c", "a.b.c"),
        ("public", "Users", "Users"),
        ("public", 'say "hi"', 'say "hi"'),
        ("Größe", "Ünïcode 🙂", "Größe.Ünïcode 🙂"),
    ],
)
def test_a_table_is_named_as_people_write_it(schema: str, relname: str, name: str):
    assert policy_name(schema, relname) == name
    assert sql_name(name) == sql.Identifier(schema, relname)


@given(SCHEMAS, NAMES)
def test_a_name_leads_back_to_its_table(schema: str, relname: str):
    assert sql_name(policy_name(schema, relname)) == sql.Identifier(schema, relname)


@given(SCHEMAS, NAMES, SCHEMAS, NAMES)
def test_no_two_tables_have_one_name(schema: str, relname: str, other: str, another: str):
    same = (schema, relname) == (other, another)
    assert (policy_name(schema, relname) == policy_name(other, another)) is same


def test_a_schema_with_a_dot_is_refused():
    with pytest.raises(Refused, match="two things"):
        policy_name("odd.schema", "t")
