"""Columns that are called like what our statements call a row: each still means the whole row, or the column."""

from dataclasses import replace

import psycopg
import pytest

from gdpr.promise import PROMISE
from lifecycle.admin import install
from lifecycle.errors import Conflict
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from tests.database.clinic import ANNA, NOW, OTTO, Clinic
from tests.keep import plan


def test_a_materialized_view_with_a_column_t_is_searched_as_a_whole(clinic: Clinic) -> None:
    clinic.ask(
        "create materialized view calls as select board_id as t, 'call anna@example.org' as words from board"
    )
    clinic.ask("grant select on calls to lifecycle")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "an identifier stands in a materialized view" in outcome.failures[0].what


def test_another_row_of_a_table_with_a_column_t_and_without_a_key_is_another_plan(
    clinic: Clinic,
) -> None:
    clinic.ask("create table notes (t integer, person_id uuid references person, words text)")
    clinic.ask("alter table notes owner to clinic_owner")
    clinic.ask("insert into notes values (1, %(a)s, 'harmless')", a=ANNA)
    tables = {**clinic.system.policy.tables, "notes": Table(owner={"person": "person_id"})}
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    wider = replace(clinic, system=replace(clinic.system, policy=policy))
    shown = plan(PROMISE, wider.system, NOW)
    clinic.ask("update notes set words = 'evidence in a trial'")
    with pytest.raises(Conflict, match="delete notes: as many rows"):
        wider.erase(shown=shown)


def test_another_row_of_a_log_with_a_column_a_is_another_plan(clinic: Clinic) -> None:
    clinic.ask(
        "alter table history drop constraint history_pkey"
    )  # rows without a key are told apart by all they have
    clinic.ask("alter table history add column a integer not null default 1")
    shown = plan(PROMISE, clinic.system, NOW)
    clinic.ask(
        "update history set agent = 'another' where ctid = (select min(ctid) from history where about = %(p)s)",
        p=ANNA,
    )
    with pytest.raises(Conflict, match="anonymise history: as many rows"):
        clinic.erase(shown=shown)


def test_people_and_papers_may_have_columns_called_v_and_k(clinic: Clinic) -> None:
    """An address that Otto goes by too is shared, whatever stands in his column v."""
    clinic.ask("alter table person drop constraint person_email_key")
    clinic.ask("alter table person add column v text default 'nothing'")
    clinic.ask("alter table paper add column k text default 'nothing'")
    clinic.ask("update person set email = 'anna@example.org' where person_id = %(o)s", o=OTTO)
    [case] = PROMISE.survey(clinic.system, NOW, None).cases
    assert case.found is not None
    assert case.found.ambiguous == 1
    assert clinic.erase().verdict is Verdict.UNVERIFIED
