"""A per cent sign in a name or a value is just a letter, wherever a statement has parameters."""

from contextlib import closing
from dataclasses import replace

import psycopg
from psycopg import sql

from lifecycle.admin import install
from lifecycle.errors import Unreachable
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog, connect
from tests.database.clinic import ANNA, Clinic


def test_a_person_is_erased_where_columns_are_called_by_per_cent(clinic: Clinic) -> None:
    clinic.ask('create table "rates %s" ("discount (% p.a.)" text, "vat%%" text)')
    clinic.ask('create table "of 100%" (person uuid references person, "100%discount" text)')
    for name in ("rates %s", "of 100%"):
        clinic.ask(f'alter table "{name}" owner to clinic_owner')
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        conn.execute("insert into \"of 100%%\" values (%s, '5 %%')", [ANNA])
    tables = {
        **clinic.system.policy.tables,
        "rates %s": Table(personal="none", because="rates"),
        "of 100%": Table(owner={"person": "person"}),
    }
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    erased = replace(clinic, system=replace(clinic.system, policy=policy)).erase()
    assert (erased.verdict, erased.failures) == (Verdict.UNVERIFIED, ())
    with psycopg.connect(clinic.admin) as conn:
        assert conn.execute('select * from "of 100%"').fetchall() == []


def test_names_and_values_are_letters_and_parameters_are_parameters(database: str) -> None:
    with closing(connect.connect(database, "test", write=False)) as conn:
        asked = sql.SQL("select {value} as {name}, %(own)s, '%%s', {inner}").format(
            value=sql.Literal("100% %(own)s"),
            name=sql.Identifier("a%s"),
            inner=sql.SQL("{}").format(sql.Literal("%%")),
        )
        assert conn.execute(asked, {"own": 7}).fetchone() == ("100% %(own)s", 7, "%s", "%%")
        assert conn.execute(sql.SQL("select {}").format(sql.Literal("5%"))).fetchone() == ("5%",)


def test_a_statement_that_cannot_be_put_together_is_no_lost_connection() -> None:
    assert not isinstance(
        connect.explain(psycopg.ProgrammingError("only '%s' are allowed")), Unreachable
    )
    assert isinstance(connect.explain(psycopg.OperationalError("gone")), Unreachable)
