"""A person's rows go from compressed chunks, in whole batches, exactly counted; and nothing there tells of them after."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gdpr import erase
from gdpr.promise import PROMISE
from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, Clinic
from tests.house import NOW
from tests.keep import plan

OTTO = "b0000000-0000-4000-8000-00000000000b"
# Anna is alone in the first month: of four that are compressed, she has 20 rows in each, he in the last three.
BEATS = """
    set role %(owner)s;
    create table beat (person_id uuid not null references person, at timestamptz not null, note text);
    select from public.create_hypertable('beat', 'at', chunk_time_interval => interval '30 days');
    alter table beat set (timescaledb.compress, timescaledb.compress_segmentby = '%(by)s',
                          timescaledb.compress_orderby = '%(order)s');
    insert into beat select '%(anna)s', timestamptz '2026-01-07Z' + n * interval '36 hours', 'beat of anna@example.org'
      from generate_series(0, 79) n;
    insert into beat select '%(otto)s', timestamptz '2026-02-06Z' + n * interval '36 hours', 'his'
      from generate_series(0, 59) n;
    reset role;
"""
CHUNKS = "select public.%(do)s(c) from public.show_chunks('beat') c"
pytestmark = pytest.mark.parametrize("cluster", ["timescale"], indirect=True)


def made(conninfo: str, clinic: Clinic, by: str) -> Clinic:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("create extension timescaledb")
        [(owner,)] = conn.execute(
            "select tableowner from pg_tables where tablename = 'person'"
        ).fetchall()
        order = "note" if by == "at" else "at desc, note"
        said = {"owner": owner, "anna": ANNA, "otto": OTTO, "by": by, "order": order}
        conn.execute((BEATS % said).encode())
        tables = clinic.system.policy.tables
        beat = Table.model_validate({"owner": {"person": "person_id"}})
        policy = clinic.system.policy.model_copy(update={"tables": {**tables, "beat": beat}})
        install.install(conn, policy, catalog.read(conn), None)
        conn.execute(f"set role {owner}".encode())
        conn.execute((CHUNKS % {"do": "compress_chunk"}).encode())
    return replace(clinic, system=replace(clinic.system, policy=policy))


@pytest.fixture(params=["person_id"])
def clinic(
    cluster: Cluster,
    tmp_path: Path,
    outside: tuple[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[Clinic]:
    """The clinic, with a hypertable that is compressed by person, in which Anna and Otto have rows."""
    for conninfo in a_database(cluster, "template0"):
        the_clinic.make(conninfo)
        with the_clinic.opened(conninfo, tmp_path, *outside) as one:
            yield made(conninfo, one, request.param)


@contextmanager
def under_apache(cluster: Cluster) -> Generator[None]:
    """Have the server run under that licence for a while, with what was compressed before."""
    cluster.stop()
    cluster.start(settings={"timescaledb.license": "apache"})
    try:
        yield
    finally:
        cluster.stop()
        cluster.start()


def states(clinic: Clinic) -> list[int]:
    return clinic.ask(
        "select distinct status from _timescaledb_catalog.chunk where compressed_chunk_id is not null order by 1"
    )


def shown(clinic: Clinic) -> list[Any]:
    return [s for s in plan(PROMISE, clinic.system, NOW).decision.steps if s.target == "beat"]


def his(clinic: Clinic) -> Any:
    return clinic.ask(
        "select array[count(*)::text, min(at)::text, max(at)::text] from beat where person_id = %(o)s",
        o=OTTO,
    )


def inside(clinic: Clinic) -> list[Any]:
    """Return the compressed relations in which she stands, and of which the planner has samples of her."""
    found: list[Any] = []
    for name in clinic.ask(
        "select format('%I.%I', schema_name, table_name) from _timescaledb_catalog.chunk x"
        " where exists (select from _timescaledb_catalog.chunk k where k.compressed_chunk_id = x.id)"
    ):
        found += clinic.ask(
            f"select '{name}' from {name} t where strpos(t::text, '{ANNA}') + strpos(t::text, 'anna@') > 0"
        )
    return found + clinic.ask(
        "select tablename || '.' || attname from pg_stats where tablename ~ 'beat|hyper' and strpos(concat_ws(' ', most_common_vals::text,"
        " histogram_bounds::text), %(a)s) + strpos(concat_ws(' ', most_common_vals::text,"
        " histogram_bounds::text), 'anna@') > 0",
        a=ANNA,
    )


def test_whole_batches_go_and_nobody_elses_and_nothing_is_taken_apart(clinic: Clinic) -> None:
    clinic.ask("analyze")  # samples of her are drawn, of one chunk where she is alone, too
    assert len(inside(clinic)) > 4
    before = his(clinic)
    [step] = shown(clinic)
    assert (step.rows, "80 of them in 4 batches of 4 compressed chunks" in step.reason) == (
        80,
        True,
    )
    outcome = clinic.erase()
    assert outcome.failures == (), outcome.failures
    assert outcome.verdict is Verdict.UNVERIFIED
    assert clinic.ask("select count(*) from beat where person_id = %(a)s", a=ANNA) == [0]
    assert (his(clinic), states(clinic)) == (before, [1])
    assert (clinic.traces(), inside(clinic)) == ([], [])
    kept = clinic.ask(
        "select (counts ->> 'rows')::int from lifecycle.evidence where target = 'beat' and event = 'gdpr.deleted'"
    )
    assert kept == [80]


def test_rows_that_came_late_beside_the_batches_go_too(clinic: Clinic) -> None:
    clinic.ask(
        f"insert into beat values ('{ANNA}', '2026-02-10Z', 'late'), ('{OTTO}', '2026-02-10Z', 'late')"
    )
    before = his(clinic)
    assert clinic.erase().failures == ()
    assert his(clinic) == before
    assert (clinic.traces(), inside(clinic), states(clinic)) == ([], [], [1, 9])


def test_where_a_trigger_sees_each_row_only_the_persons_batches_are_taken_apart(
    clinic: Clinic,
) -> None:
    clinic.ask(
        "create function seen() returns trigger language plpgsql as 'begin return old; end';"
        "create trigger seen after delete on beat for each row execute function seen()"
    )

    tables = clinic.system.policy.tables
    with psycopg.connect(clinic.admin) as conn:
        found = catalog.read(conn).tables["beat"].triggers
    said = {one.name: {"does": "checks", "digest": one.digest} for one in found}
    beat = Table.model_validate({"owner": {"person": "person_id"}, "triggers": said})
    policy = clinic.system.policy.model_copy(update={"tables": {**tables, "beat": beat}})
    clinic = replace(clinic, system=replace(clinic.system, policy=policy))
    before = his(clinic)
    [step] = shown(clinic)
    assert "taken apart first, as a trigger sees each row" in step.reason
    outcome = clinic.erase()
    assert outcome.failures == (), outcome.failures
    assert (his(clinic), clinic.traces(), inside(clinic)) == (before, [], [])
    assert states(clinic) == [9]  # the room compresses them again


@pytest.mark.parametrize("clinic", ["", "at"], indirect=True)
def test_chunks_that_are_compressed_otherwise_are_refused_before_anything_goes(
    clinic: Clinic,
) -> None:
    before = clinic.everything()
    [failure] = clinic.erase().failures
    assert "80 rows of theirs in beat are compressed otherwise than by person_id" in failure.what
    assert clinic.everything() == before
    assert len(clinic.store.versions("papers", "scan-1")) == 2


def test_a_chunk_that_is_compressed_while_an_erasure_begins_makes_it_begin_anew(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To its snapshot the chunk looks empty, in TimescaleDB's DELETE it is not: 60 rows are counted, and 80 would go.

    Where a foreign key leads to the person PostgreSQL finds it out before; here is none.
    """
    clinic.ask("alter table beat drop constraint beat_person_id_fkey")
    clinic.ask("select public.decompress_chunk(min(c)) from public.show_chunks('beat') c")
    count, turns = erase.count, list[int]()

    def compressed_meanwhile(*said: Any, **how: Any) -> Any:
        turns.append(1)
        if len(turns) == 2:  # the rehearsal has counted before
            clinic.ask("select public.compress_chunk(min(c)) from public.show_chunks('beat') c")
        return count(*said, **how)

    monkeypatch.setattr(erase, "count", compressed_meanwhile)
    [failure] = clinic.erase().failures
    assert failure.what.startswith("beat: 60 rows found beforehand, in 3 batches")
    assert clinic.ask("select count(*) from beat where person_id = %(a)s", a=ANNA) == [80]
    assert clinic.erase().failures == ()
    assert (clinic.traces(), inside(clinic)) == ([], [])


def test_where_the_licence_of_today_reads_no_compressed_row_nobody_is_erased(
    clinic: Clinic, cluster: Cluster
) -> None:
    """Not even a count can be had: TimescaleDB refuses every question to such a chunk, and its drop alone works."""
    before = clinic.everything()
    with under_apache(cluster):
        [failure] = clinic.erase().failures
        assert failure.what.startswith("rows of beat are compressed, and nobody can read them")
        assert clinic.everything() == before
        assert len(clinic.store.versions("papers", "scan-1")) == 2
    assert clinic.erase().failures == ()
    assert (clinic.traces(), inside(clinic)) == ([], [])


def test_a_continuous_aggregate_that_shows_the_person_keeps_the_request_open_until_it_is_refreshed(
    clinic: Clinic,
) -> None:
    """Scenario 43: whole batches that go are noted for its next refresh, which finds none of their rows."""
    clinic.ask(
        "create materialized view daily with (timescaledb.continuous) as select"
        " public.time_bucket('1 day', at) as day, person_id, count(*) from beat group by 1, 2 with no data"
    )
    clinic.ask("call public.refresh_continuous_aggregate('daily', null, null)")
    clinic.ask("grant select on daily to lifecycle")
    [failure] = clinic.erase().failures
    assert "80 rows of a continuous aggregate" in failure.what
    [call] = [part for part in failure.hint.split("`") if part.startswith("call ")]
    clinic.ask(call.replace("call ", "call public."))
    assert clinic.ask("select count(*) from daily") == [60]
    assert clinic.erase().failures == ()
    assert (clinic.traces(), inside(clinic)) == ([], [])


def test_row_security_and_compression_exclude_each_other_still(clinic: Clinic) -> None:
    """What keeps Longevity Coach from following its owners' document; see docs/timescale.md."""
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        clinic.ask("alter table beat enable row level security")
    clinic.ask("create table other (at timestamptz not null)")
    clinic.ask("select from public.create_hypertable('other', 'at')")
    clinic.ask("alter table other enable row level security")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        clinic.ask("alter table other set (timescaledb.compress)")
