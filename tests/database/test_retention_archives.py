"""What a rule wants archived is archived, fetched back and proven before it is destroyed; what is not, is not destroyed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from retention import expire_archived
from retention.archive import restore
from retention.archive.manifest import Manifest
from retention.archive.shelf import Shelf
from tests.archiving import DELETE, PLAIN, Archiving, told
from tests.house import CUTOFF, NOW, OWNER, ROWS

PARTED = """
    create table log (id int, at date not null, raw jsonb default '{"a": [1, null]}', primary key (id, at))
        partition by range (at);
    create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01');
    create table log_2023 partition of log for values from ('2023-01-01') to ('2024-01-01') partition by hash (id);
    create table log_2023_0 partition of log_2023 for values with (modulus 2, remainder 0);
    create table log_2023_1 partition of log_2023 for values with (modulus 2, remainder 1);
    create table log_2026 partition of log for values from ('2024-01-01') to ('2027-01-01');
    insert into log select n, date '2022-01-01' + n from generate_series(0, 729) n;
"""
LATER = NOW + timedelta(days=20)
DROP = {"table": "log", "after": "2 years", "do": "drop", "archive": True}


@pytest.fixture
def house(ledger: str, outside: tuple[str, str], tmp_path: Path) -> Archiving:
    return Archiving(ledger, outside[0], tmp_path)


def stands_alone(house: Archiving) -> None:
    """Two partitions that were taken off, and whose grace is over."""
    house.say(OWNER + PARTED)
    house.promise(DROP)
    assert house.run().counts["taken off"] == 2
    house.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")


def test_rows_are_archived_and_proven_before_they_go(house: Archiving) -> None:
    house.say(PLAIN + ROWS)
    house.promise(DELETE)
    assert house.plan().decision.steps[0].cost.endswith("archived first, and proven")
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert (outcome.counts["deleted"], outcome.counts["overdue"]) == (1000, 0)
    assert house.number(f"select count(*) from log where at < '{CUTOFF} 00:00Z'") == 0
    [written] = house.archives()
    assert (written.description.table, written.description.content.rows) == ("log", 1000)
    assert house.evidence() >= 1000
    assert house.events()[:3] == [
        "intent retention.archived",
        "outcome retention.archived",
        "outcome retention.proven",
    ]
    assert set(house.events()[3:]) == {"effect retention.deleted"}
    assert house.ask(
        "select distinct digest from lifecycle.evidence where event = 'retention.deleted'"
    ) == [(written.sha256,)]
    assert house.run().counts["deleted"] == 0
    assert len(house.archives()) == 1


def truncated(house: Archiving, written: Manifest) -> None:
    body = house.client.get_object(Bucket=house.bucket, Key=written.key)["Body"].read()
    house.client.put_object(Bucket=house.bucket, Key=written.key, Body=body[:-9])


def swapped(house: Archiving, written: Manifest) -> None:
    house.client.put_object(Bucket=house.bucket, Key=written.key, Body=b"x" * written.size)


def gone(house: Archiving, written: Manifest) -> None:
    house.client.delete_object(Bucket=house.bucket, Key=written.key)


BAD: list[tuple[Callable[[Archiving, Manifest], None], str]] = [
    (truncated, "bytes were stored"),
    (swapped, "were stored"),
    (gone, "is not in the bucket any more"),
]


def spoiled(
    house: Archiving, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Archiving, Manifest], None]
) -> None:
    """Have somebody write to the bucket the moment after an archive was stored."""
    real = Shelf.put

    def put(on: Shelf, written: Manifest, file: Path) -> None:
        real(on, written, file)
        spoil(house, written)

    monkeypatch.setattr(Shelf, "put", put)


@pytest.mark.parametrize(("spoil", "what"), BAD, ids=["truncated", "swapped", "gone"])
def test_what_is_spoiled_in_the_bucket_destroys_no_row(
    house: Archiving,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Archiving, Manifest], None],
    what: str,
) -> None:
    """Scenario 29."""
    house.say(PLAIN + ROWS)
    house.promise(DELETE)
    spoiled(house, monkeypatch, spoil)
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert "log: stopped: it could not be archived, so nothing of log is destroyed: " in told(
        outcome
    )
    assert outcome.counts["overdue"] == 1000
    assert house.number("select count(*) from log") == 2000
    monkeypatch.undo()
    assert house.run().counts["deleted"] == 1000


@pytest.mark.parametrize(("spoil", "what"), BAD, ids=["truncated", "swapped", "gone"])
def test_what_is_spoiled_in_the_bucket_drops_no_partition(
    house: Archiving,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Archiving, Manifest], None],
    what: str,
) -> None:
    stands_alone(house)
    spoiled(house, monkeypatch, spoil)
    outcome = house.run(LATER)
    assert "log_2022: it is not dropped: it could not be archived" in told(outcome)
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.FAIL, 0)
    assert house.number("select count(*) from log_2022") == 365


def test_a_partition_is_archived_leaf_by_leaf_dropped_and_comes_back(house: Archiving) -> None:
    stands_alone(house)
    plan = house.plan(LATER)
    assert "365 rows, 0.1 MB, archived first, and proven" in plan.decision.steps[0].cost
    outcome = house.run(LATER)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert outcome.counts["dropped"] == 2
    found = {one.description.leaf: one for one in house.archives()}
    assert sorted(found) == ["log_2022", "log_2023_0", "log_2023_1"]
    assert sum(one.description.content.rows for one in found.values()) == 730
    assert {one.description.table for one in found.values()} == {"log"}
    assert (
        found["log_2022"].description.bounds == "FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')"
    )
    assert house.events()[-1] == "effect partitions.dropped"
    house.say(
        "set role house_owner; create table log_2022 partition of log for values from ('2022-01-01') to ('2023-01-01')"
    )
    wanted = restore.Wanted(found["log_2022"].sha256, "log", None)
    assert restore.plan(house.system(), wanted).decision.steps[0].rows == 365


def test_a_row_that_changed_or_came_since_it_was_archived_stays(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 28."""
    house.say(PLAIN + ROWS)
    house.promise(DELETE)
    real = expire_archived._delete  # pyright: ignore[reportPrivateUsage]

    def meanwhile(*args: Any) -> Any:
        house.say(
            "update log set value = 'new' where id = 7; insert into log values (-1, '2020-01-01')"
        )
        return real(*args)

    monkeypatch.setattr(expire_archived, "_delete", meanwhile)
    outcome = house.run()
    assert outcome.counts["deleted"] == 999
    assert outcome.counts["overdue"] == 2
    assert house.ask(f"select id from log where at < '{CUTOFF} 00:00Z' order by 1") == [(-1,), (7,)]
    monkeypatch.undo()
    assert house.run().counts["deleted"] == 2


def test_a_partition_that_changed_since_it_was_archived_is_not_dropped(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_alone(house)
    real = expire_archived.whole

    def then(*args: Any) -> Any:
        archived = real(*args)
        house.say("delete from log_2022 where id = 7")
        return archived

    monkeypatch.setattr(expire_archived, "whole", then)
    outcome = house.run(LATER)
    assert (
        "log_2022: it is not dropped: log_2022 has 364 rows, and they are not those that were archived"
        in told(outcome)
    )
    assert outcome.counts["dropped"] == 1
    monkeypatch.undo()
    assert house.run(LATER).counts["dropped"] == 1


def test_a_hold_that_comes_while_rows_are_archived_keeps_them(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 32: placed during the export."""
    house.say(PLAIN + ROWS)
    house.promise(DELETE)
    real = expire_archived._delete  # pyright: ignore[reportPrivateUsage]

    def meanwhile(*args: Any) -> Any:
        with house.system().connect("test") as conn:
            what = What("value", column="id", key="7")
            place.place(conn, what, because="a suit", placed_by="case 7", until=None)
        return real(*args)

    monkeypatch.setattr(expire_archived, "_delete", meanwhile)
    outcome = house.run()
    assert (outcome.counts["deleted"], outcome.counts["on hold"]) == (999, 1)
    assert house.ask("select id from log where id < 10 order by 1") == [(7,)]


def test_a_row_that_is_referenced_or_locked_stays_and_all_others_go(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(
        PLAIN + ROWS + "create table note (log int references log); insert into note values (3);"
    )
    house.promise(DELETE)
    monkeypatch.setattr(expire_archived, "PAUSE", 0)
    with psycopg.connect(house.admin) as other:
        other.execute("select from log where id = 5 for update")
        outcome = house.run()
    assert "somebody holds locks on rows of log that were archived" in told(outcome)
    assert house.run().counts["overdue"] == 1
    assert house.ask(f"select id from log where at < '{CUTOFF} 00:00Z'") == [(3,)]


def test_a_run_killed_after_the_archive_was_stored_loses_nothing_and_stores_nothing_twice(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(PLAIN + ROWS)
    house.promise(DELETE)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(expire_archived, "_delete", dies)
    with pytest.raises(KeyboardInterrupt):
        house.run()
    monkeypatch.undo()
    assert house.number("select count(*) from log") == 2000
    assert house.run().counts["deleted"] == 1000
    assert len(house.archives()) == 1


def test_a_bucket_that_is_not_there_keeps_its_rules_rows_and_stops_no_other_rule(
    house: Archiving,
) -> None:
    house.say(PLAIN + ROWS + "create table plain (id int primary key, at date);")
    house.say("insert into plain values (1, '2020-01-01')")
    house.promise(DELETE, {"table": "plain", "after": "90 days", "by": "at"})
    house.client.delete_bucket(Bucket=house.bucket)
    outcome = house.run()
    assert "log: stopped: it could not be archived, so nothing of log is destroyed: bucket" in told(
        outcome
    )
    assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.FAIL, 1)
    assert house.number("select count(*) from log") == 2000
