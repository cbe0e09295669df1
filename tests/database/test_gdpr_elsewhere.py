"""A person with rows in a foreign table: nothing of ours counts what another server changes, so nobody is erased."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.postgres import catalog
from tests.database.clinic import ANNA, Clinic

# The other server is this one by another way; its table stands where no policy looks.
THERE = "information_schema.there"


def test_nobody_is_erased_who_has_rows_on_another_server_and_nothing_of_theirs_changes(
    clinic: Clinic,
) -> None:
    """A foreign table takes no unique key and no foreign key: tables of people seldom can have one as a partition."""
    name = conninfo_to_dict(clinic.admin)
    clinic.ask(f"create table {THERE} (like diary)")
    clinic.ask(f"insert into {THERE} values (%(a)s, '2023-05-05', 'about anna')", a=ANNA)
    clinic.ask("alter table diary drop constraint diary_pkey")
    clinic.ask("alter table diary drop constraint diary_person_id_fkey")
    clinic.ask("create extension postgres_fdw")
    clinic.ask(
        f"create server other foreign data wrapper postgres_fdw options (host '{name['host']}',"
        f" port '{name['port']}', dbname '{name['dbname']}')"
    )
    clinic.ask(
        f"create user mapping for public server other options (user '{name['user']}', password_required 'false')"
    )
    clinic.ask(
        "create foreign table far partition of diary for values from ('2023-01-01') to ('2024-01-01')"
        " server other options (schema_name 'information_schema', table_name 'there')"
    )
    clinic.ask("alter foreign table far owner to clinic_owner")
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, clinic.system.policy, catalog.read(conn), None)
    before = clinic.everything()
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "1 row of diary that would go or change lies in far, on another server" in str(
        outcome.failures
    )
    assert "have it done there by hand" in str(outcome.failures)
    assert clinic.ask(f"select count(*) from {THERE}") == [1]
    assert clinic.everything() == before
    # Once it is gone there, nothing is in her way any more.
    clinic.ask(f"delete from {THERE}")
    assert clinic.erase().failures == ()
