"""`pg_dump | grep`: who was erased is in no dump, no bucket and no restored dump of any system that comes with the product.

The dump is pg_dump's own, the search is grep's; how a value may be written is said here, apart from the product.
"""

import base64
import contextlib
import html
import os
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import stripe
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import promise
from gdpr.person import about, noted
from gdpr.reach import Reach, reach
from gdpr.replay.promise import PROMISE as REPLAY
from gdpr.rows import owned
from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.outside.objects import Objects
from lifecycle.policy import load
from lifecycle.postgres import catalog
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.server import Cluster
from lifecycle.promise import Promise
from lifecycle.sandbox import stripe_double
from lifecycle.system import System
from lifecycle.systems import shipped
from tests import build
from tests.conftest import NOW, a_database
from tests.keep import keep

pytestmark = pytest.mark.slow

ENOUGH = 6
"""Signs of a value that means somebody: a number of one digit is in every dump."""
TEXTS = ("text", "character varying", "json", "jsonb", "bytea")


def written(value: str) -> Iterator[tuple[str, str]]:
    """Yield (how it is written into a row, what of that is looked for) for every way in which a value travels."""
    for form in ("NFC", "NFD"):
        plain = unicodedata.normalize(form, value)
        yield from ((one, one) for one in (plain, plain.upper()))
    for one in (quote(value, safe=""), html.escape(value), value.encode().hex()):
        yield one, one
    escaped = "".join(c if c.isalnum() and c.isascii() else f"\\u{ord(c):04x}" for c in value)
    yield escaped, escaped
    if len(value) == 36 and value.count("-") == 4:
        yield value.replace("-", ""), value.replace("-", "")
    for before in (b"", b" ", b"x "):
        raw = value.encode()
        text = base64.b64encode(before + raw + b" ").decode()
        begin, end = -(-len(before) * 8 // 6), (len(before) + len(raw)) * 8 // 6
        yield text, text[begin:end]


@dataclass(frozen=True)
class Put:
    """A system whose person is due, written into every row of theirs in every way. `needles`: what grep looks for."""

    admin: str
    system: System
    store: Objects
    cluster: Cluster
    needles: Path
    planted: int
    dumped: Path

    def dump(self, name: str) -> Path:
        """Return what pg_dump says of the database now."""
        database = str(conninfo_to_dict(self.admin)["dbname"])
        file = self.cluster.directory / f"{database}.{name}"
        self.cluster.run("pg_dump", "-f", str(file), "-d", self.cluster.dsn(database))
        return file

    def found(self, file: Path) -> int:
        """Return in how many lines grep finds the person."""
        done = subprocess.run(
            ["grep", "-a", "-i", "-c", "-F", "-f", str(self.needles), str(file)],
            capture_output=True,
            check=False,
            text=True,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
        )
        assert done.returncode in (0, 1), done.stderr
        return int(done.stdout)

    def keep(self, promised: Promise[Any, Any, Any], job: str, later: int) -> Outcome:
        with contextlib.closing(self.system.connect("test")) as conn:
            at = NOW + timedelta(hours=later)
            claim = claims.claim_new(
                conn, self.system.name, job, at, claims.new_holder(), asked_by="person"
            )
        return keep(promised, self.system, claim, at)


def plant(conn: Connection[TupleRow], found: Reach, person: str, values: list[str]) -> int:
    """Write the person into every column of text of every row of theirs that takes it, and about them into the log."""
    number, log = 0, AUDIT.of(found.policy)
    whole = " ; ".join(one for value in values for one, _ in written(value))
    for table in found.deleted:
        for column in found.table(table).columns:
            kind = column.type.partition("(")[0]
            if kind not in TEXTS or column.name == found.subject.key or column.generated:
                continue
            own = found.subject.own_identifiers if table == found.subject.table else ()
            if column.name in (*own, *found.policy.tables[table].objects):
                continue  # what says who they are, and which objects are theirs
            text = {
                "bytea": "convert_to({}, 'UTF8')",
                "json": "to_json({}::text)",
                "jsonb": "to_jsonb({}::text)",
            }
            value = sql.SQL(text.get(kind, "{}::text")).format(sql.Placeholder("whole"))  # pyright: ignore[reportArgumentType]
            update = sql.SQL("update {} as t set {} = {} where {}").format(
                sql_name(table), sql.Identifier(column.name), value, owned(found, table)
            )
            with contextlib.suppress(psycopg.Error), conn.transaction():
                number += conn.execute(update, about(person) | {"whole": whole}).rowcount > 0
    if log is not None:
        for column in log.values:
            update = sql.SQL(
                "update {} as t set {} = jsonb_build_object('planted', %(whole)s::text) where {}::text = %(subject)s"
            )
            said = update.format(
                sql_name(log.table), sql.Identifier(column), sql.Identifier(log.subject)
            )
            with contextlib.suppress(psycopg.Error), conn.transaction():
                number += conn.execute(said, about(person) | {"whole": whole}).rowcount > 0
    return number


class Payer:
    """The double, as a sample needs it."""

    def __init__(self, url: str) -> None:
        self.client = stripe.StripeClient(stripe_double.KEY, base_addresses={"api": url})

    def create_customer(self, email: str, name: str) -> str:
        return self.client.v1.customers.create({"email": email, "name": name}).id


@pytest.fixture(scope="module", params=shipped.NAMES)
def put(
    cluster: Cluster,
    outside: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Put]:
    which, where = shipped.named(request.param), tmp_path_factory.mktemp("dump")
    buckets = {name: f"dumped-{which.name}-{name}" for name in (*which.papers, "erasure-ledger")}
    for conninfo in a_database(cluster, "template0"):
        system = build.system(
            conninfo,
            load.policy(which.policy)[0],
            {"base": where},
            **build.reference_key(where),
            **build.store_at(outside[0], where),
            **build.payer_at(outside[1], where),
            buckets=buckets,
        )
        with (
            contextlib.closing(objects.store(system)) as store,
            psycopg.connect(conninfo, autocommit=True) as conn,
        ):
            for bucket in buckets.values():
                store.client.create_bucket(Bucket=bucket)
                store.client.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
                )
            conn.execute(which.schema)
            cast = which.load(conn, store.client, buckets, Payer(outside[1]), seed=1, now=NOW)
            install.install(conn, system.policy, catalog.read(conn), None)
            kind = next(iter(system.policy.subjects))
            found = reach(system.policy, catalog.read(conn), kind)
            known = noted(conn, found, str(cast.due))
            assert known is not None
            values = [value for value in known.note.needles() if len(value) >= ENOUGH]
            planted = plant(conn, found, str(cast.due), values)
        needles = where / "needles"
        sought = {needle for value in values for _, needle in written(value)}
        needles.write_text("\n".join(sorted(one for one in sought if len(one) >= ENOUGH)))
        made = Put(conninfo, system, store, cluster, needles, planted, where / "before.sql")
        yield replace(made, dumped=made.dump("before.sql"))


def test_an_erased_person_is_in_no_dump_no_bucket_and_no_dump_that_is_loaded_again(
    put: Put,
) -> None:
    assert put.planted >= 5
    assert put.found(put.dumped) > put.planted
    outcome = put.keep(promise.PROMISE, "gdpr.erase", 0)
    assert outcome.verdict is Verdict.UNVERIFIED, outcome.failures
    assert not outcome.failures
    assert put.found(put.dump("after.sql")) == 0
    assert in_buckets(put) == 0
    load_again(put)
    assert put.found(put.dump("restored.sql")) > put.planted
    outcome = put.keep(REPLAY, "gdpr.replay", 1)
    assert outcome.verdict is Verdict.UNVERIFIED, outcome.failures
    assert not outcome.failures
    assert put.found(put.dump("replayed.sql")) == 0


def in_buckets(put: Put) -> int:
    """Return in how many lines of all versions of all objects, and of their keys, grep finds the person."""
    file, number = put.needles.parent / "objects", 0
    with file.open("wb") as all_of_it, contextlib.closing(objects.store(put.system)) as store:
        for bucket in put.system.settings.buckets.values():
            listed = store.client.list_object_versions(Bucket=bucket)
            for one in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
                all_of_it.write(f"\n{one.get('Key', '')}\n".encode())
            for one in listed.get("Versions", []):
                key, version = one.get("Key", ""), one.get("VersionId", "")
                all_of_it.write(
                    store.client.get_object(Bucket=bucket, Key=key, VersionId=version)[
                        "Body"
                    ].read()
                )
                number += 1
    assert number > 0  # the ledger of erasures at least
    return put.found(file)


def load_again(put: Put) -> None:
    """Put the dump of before into an empty database of the same name, as psql does."""
    name = str(conninfo_to_dict(put.admin)["dbname"])
    with psycopg.connect(put.cluster.dsn(), autocommit=True) as conn:
        for text in (
            sql.SQL("drop database {} with (force)"),
            sql.SQL("create database {} template template0"),
        ):
            conn.execute(text.format(sql.Identifier(name)))
    put.cluster.run("psql", "-q", "-X", "-f", str(put.dumped), "-d", put.cluster.dsn(name))
