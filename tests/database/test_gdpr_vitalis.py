"""The sample system with its objects and payers: who is due is gone from everywhere, who stays is as before."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import stripe
from psycopg import sql

from audit import coverage
from gdpr import foresee
from gdpr.foresee import Foreseen
from gdpr.promise import PROMISE
from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.outside.objects import Objects
from lifecycle.policy import load
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import stripe_double
from lifecycle.system import System
from lifecycle.systems.vitalis import sample
from lifecycle.systems.vitalis.sample import Cast
from tests import build
from tests.conftest import NOW, VITALIS
from tests.keep import keep

pytestmark = pytest.mark.slow


class Customers:
    """The double, as the sample needs it."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client

    def create_customer(self, email: str, name: str) -> str:
        return self.client.v1.customers.create({"email": email, "name": name}).id

    def deleted(self, customer: str) -> bool:
        return bool(getattr(self.client.v1.customers.retrieve(customer), "deleted", False))


@dataclass(frozen=True)
class Night:
    """Vitalis before and after one night's erasures."""

    system: System
    cast: Cast
    store: Objects
    customers: Customers
    foreseen: dict[str, Foreseen]
    outcome: Outcome
    names: dict[str, tuple[str, ...]]
    """Per person what names them: key, e-mail, former e-mail, name."""
    keys: dict[str, list[str]]
    before: dict[str, list[str]]
    after: dict[str, list[str]]


@pytest.fixture(scope="module")
def night(
    cluster: Cluster, outside: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Night]:
    where = tmp_path_factory.mktemp("night")
    conninfo = cluster.dsn("gdpr_vitalis")
    with contextlib.ExitStack() as stack:
        store_at, stripe_at = outside
        admin = stack.enter_context(psycopg.connect(cluster.dsn(), autocommit=True))
        admin.execute("create database gdpr_vitalis template template0")
        stack.callback(admin.execute, "drop database gdpr_vitalis with (force)")
        policy = load.policy(VITALIS / "policy.yaml")[0]
        system = build.system(
            conninfo,
            policy,
            {"base": where},
            **build.reference_key(where),
            **build.store_at(store_at, where),
            **build.payer_at(stripe_at, where),
            buckets={"documents": "night-documents"},
        )
        customers = Customers(
            stripe.StripeClient(stripe_double.KEY, base_addresses={"api": stripe_at})
        )
        store = stack.enter_context(contextlib.closing(objects.store(system)))
        store.client.create_bucket(Bucket="night-documents")
        store.client.put_bucket_versioning(
            Bucket="night-documents", VersioningConfiguration={"Status": "Enabled"}
        )
        conn = stack.enter_context(psycopg.connect(conninfo, autocommit=True))
        conn.execute((VITALIS / "schema.sql").read_bytes())
        cast = sample.load(
            conn, store.client, {"documents": "night-documents"}, customers, seed=1, now=NOW
        )
        install.install(conn, system.policy, catalog.read(conn), None)
        names, keys = named(conn, cast), object_keys(conn, cast)
        before = everything(conn)
        # The second is foreseen as the first leaves the world: they share no row.
        ahead = {p: foresee.foresee(system, None, str(getattr(cast, p))) for p in names}
        outcome = erase(system)
        after = everything(conn)
        yield Night(system, cast, store, customers, ahead, outcome, names, keys, before, after)


def erase(system: System) -> Outcome:
    with contextlib.closing(system.connect("test")) as conn:
        claim = claims.claim_new(
            conn, "vitalis", "gdpr.erase", NOW, claims.new_holder(), asked_by="person"
        )
    return keep(PROMISE, system, claim, NOW)


def named(conn: psycopg.Connection[Any], cast: Cast) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in ("due", "due_alone"):
        person = getattr(cast, part)
        row = conn.execute(
            "select user_id::text, email, display_name from users where user_id = %s", (person,)
        ).fetchone()
        former = conn.execute(
            "select old_values ->> 'email' from audit_log where user_id = %s and old_values ? 'email'",
            (person,),
        ).fetchall()
        found[part] = (*(row or ()), *(r[0] for r in former))
    return found


def object_keys(conn: psycopg.Connection[Any], cast: Cast) -> dict[str, list[str]]:
    query = """
        select s3_key from documents where user_id = %(u)s union all
        select unnest(array[s3_key, s3_thumbnail_key]) from photos where user_id = %(u)s union all
        select s3_key from data_export_requests where user_id = %(u)s"""
    return {
        part: [
            row[0] for row in conn.execute(query, {"u": getattr(cast, part)}).fetchall() if row[0]
        ]
        for part in ("due", "due_alone", "family_member", "neighbour")
    }


def everything(conn: psycopg.Connection[Any]) -> dict[str, list[str]]:
    names = conn.execute(
        "select c.oid::regclass::text from pg_class c where relkind in ('r', 'p') and not relispartition "
        "and relnamespace in ('public'::regnamespace, 'lifecycle'::regnamespace)"
    ).fetchall()
    return {
        name: [
            row[0]
            for row in conn.execute(
                sql.SQL("select row_to_json(t)::text from {} as t order by 1").format(
                    sql.Identifier(*name.split("."))
                )
            )
        ]
        for (name,) in names
    }


def test_both_who_are_due_are_erased_and_proven(night: Night) -> None:
    assert night.outcome.verdict is Verdict.UNVERIFIED, night.outcome
    assert (night.outcome.counts["due"], night.outcome.counts["answered"]) == (2, 2)
    assert "no bucket `erasure-ledger`" in night.outcome.summary


def test_what_was_foreseen_of_both_is_what_was_done_in_every_table(night: Night) -> None:
    said: dict[tuple[str, str], int] = {}
    for found in night.foreseen.values():
        assert found.refusals == ()
        assert found.found is not None
        rows = found.found.rows
        for event, parts in (
            ("gdpr.deleted", rows.deleted),
            ("gdpr.cleared", rows.kept),
            ("gdpr.mention_cleared", rows.mentions),
        ):
            for target, number in parts.items():
                said[event, target] = said.get((event, target), 0) + number
    with contextlib.closing(night.system.connect("test")) as conn:
        done = conn.execute(
            "select event, target, sum((counts ->> 'rows')::bigint)::bigint from lifecycle.evidence "
            "where event in ('gdpr.deleted', 'gdpr.cleared', 'gdpr.mention_cleared') group by 1, 2"
        ).fetchall()
    assert {(event, target): rows for event, target, rows in done} == {
        where: rows for where, rows in said.items() if rows
    }
    assert len(done) > 20


def test_nothing_that_names_them_is_left_in_any_row(night: Night) -> None:
    needles = [name.lower() for part in night.names.values() for name in part]
    assert len(needles) >= 6
    needles.append(night.cast.due_alone_customer.lower())
    for table, rows in night.after.items():
        for row in rows:
            assert not any(needle in row.lower() for needle in needles), table


def test_the_sample_had_them_in_every_table_that_holds_people(night: Night) -> None:
    owned = [n for n, t in night.system.policy.tables.items() if t.owner]
    due = night.names["due"][0]
    direct = {n for n in owned if any(due in row for row in night.before[n])}
    assert set(owned) - direct <= {"accounts", "doctor_visit_panels"}


def test_every_version_of_their_objects_is_gone_and_a_neighbours_key_is_not(night: Night) -> None:
    for part in ("due", "due_alone"):
        assert night.keys[part]
        for key in night.keys[part]:
            assert night.store.versions("documents", key) == ()
    assert night.store.versions("documents", night.cast.neighbour_key)
    for part in ("family_member", "neighbour"):
        assert all(night.store.versions("documents", key) for key in night.keys[part][:5])


def test_the_shared_payer_stays_and_the_lone_one_goes(night: Night) -> None:
    assert not night.customers.deleted(night.cast.due_customer)
    assert night.customers.deleted(night.cast.due_alone_customer)
    accounts = " ".join(night.after["accounts"])
    assert str(night.cast.due_account) in accounts
    assert str(night.cast.due_alone_account) not in accounts


def test_rows_of_others_are_as_before_but_for_what_pointed_to_them(night: Night) -> None:
    gone = {str(night.cast.due), str(night.cast.due_alone)}
    pointers = re.compile(r'"(confirmed_by|document_id|linked_scan_id)":("[^"]*"|null)')
    untouched = {"audit_log", "deletion_requests", "accounts"}
    for table in night.system.policy.tables:
        if table in untouched or table == "doctor_visit_panels":
            continue
        mine = [r for r in night.before[table] if not any(f'"user_id":"{g}"' in r for g in gone)]
        before = sorted(pointers.sub("", row) for row in mine)
        assert sorted(pointers.sub("", row) for row in night.after[table]) == before, table


def test_exactly_three_pointers_of_the_family_member_are_cleared(night: Night) -> None:
    changed = {
        table: len(set(night.after[table]) - set(night.before[table]))
        for table in ("documents", "blood_panels", "photos", "dexa_scans", "epigenetic_tests")
    }
    assert changed["blood_panels"] == changed["photos"] == 1
    assert changed["documents"] >= 1
    assert changed["dexa_scans"] == changed["epigenetic_tests"] == 0


def test_no_row_of_the_audit_log_is_lost(night: Night) -> None:
    assert len(night.after["audit_log"]) > len(night.before["audit_log"])


def test_requests_are_answered_with_the_tables_and_the_others_wait(night: Night) -> None:
    rows: dict[str, str] = {
        json.loads(row)["request_id"]: row for row in night.after["deletion_requests"]
    }
    done = rows[str(night.cast.due_request)]
    assert '"status":"completed"' in done
    assert '"wearable_daily"' in done
    assert '"user_id":null' in done
    assert '"status":"pending"' in rows[str(night.cast.not_yet_request)]
    assert '"status":"canceled"' in rows[str(night.cast.cancelled_request)]


def test_every_table_with_a_persons_data_but_the_job_queue_is_captured(night: Night) -> None:
    with contextlib.closing(night.system.connect("test")) as conn:
        found = coverage.coverage(conn, night.system.policy)
    assert found == (("ingestion_jobs", "ingestion_jobs"),)
