"""An archive ends when its own time is over, whole, and not while a row of it is on hold."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gdpr import horizon
from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.outside.objects import Objects
from lifecycle.policy.model import Floor
from retention import expire_archived
from retention.archive import check
from retention.archive.manifest import Manifest
from tests.archiving import DELETE, PLAIN, Archiving, told
from tests.database.test_retention_archives import DROP, LATER, stands_alone
from tests.house import NOW, ROWS
from tests.keep import work


@pytest.fixture
def house(ledger: str, outside: tuple[str, str], tmp_path: Path) -> Archiving:
    return Archiving(ledger, outside[0], tmp_path)


KEPT = DELETE | {"keep": "10 years"}
AFTER = NOW.replace(year=2036, month=12, day=1)
"""Ten years after the archive was stored, by the clock of the store, too."""


def archived(house: Archiving, **said: Any) -> Manifest:
    """One archive of the overdue rows; then the table's young rows are taken away, so that nothing else ends."""
    house.say(PLAIN + ROWS)
    house.promise(KEPT | said)
    assert house.run().counts["deleted"] == 1000
    house.say("delete from log")
    [written] = house.archives()
    return written


def everything(house: Archiving) -> list[str]:
    found = house.client.list_object_versions(Bucket=house.bucket)
    return [one["Key"] for part in ("Versions", "DeleteMarkers") for one in found.get(part, ())]


def test_an_archive_ends_when_its_own_time_is_over_and_no_version_of_it_is_left(
    house: Archiving,
) -> None:
    house.client.put_bucket_versioning(
        Bucket=house.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    written = archived(house)
    before = AFTER - timedelta(days=90)
    assert house.plan(before).decision.steps == ()
    [step] = house.plan(AFTER).decision.steps
    assert (step.verb, step.target) == ("end archive", written.key)
    assert step.cost.startswith("1,000 rows, 0.0 MB")
    outcome = house.run(AFTER)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert outcome.counts["archives ended"] == 1
    assert everything(house) == []
    assert house.events()[-2:] == [
        "intent retention.archive_ended",
        "outcome retention.archive_ended",
    ]
    assert "archives ended" not in house.run(AFTER).counts
    looked = work(check.carry_out, house.system(), house.claim(), AFTER)
    assert (looked.verdict, told(looked)) == (Verdict.PASS, "")


def test_the_day_on_which_the_last_archive_of_a_person_ends_is_what_the_shelf_and_the_rule_say(
    house: Archiving,
) -> None:
    written, hour = archived(house), timedelta(hours=1)
    system, after = house.system(), written.written_at + hour
    assert horizon.copies(system, ("other",), after) == ()
    [one] = horizon.copies(system, ("log", "other"), after)
    stored = house.client.head_object(Bucket=house.bucket, Key=written.key)["LastModified"]
    kept = max(written.written_at, stored)
    assert (one.what, one.there, one.endless) == ("archives of log", 1, False)
    assert one.until == kept.replace(year=kept.year + 10)
    [none] = horizon.copies(system, ("log",), written.written_at - hour)
    assert (none.there, none.until, none.endless) == (0, None, False)
    # What no rule archives any more, no rule ends.
    bare = replace(system, policy=system.policy.model_copy(update={"retention": ()}))
    [left] = horizon.copies(bare, ("log",), after)
    assert (left.there, left.until, left.endless) == (1, None, True)


def test_an_archive_with_a_row_on_hold_stays_until_it_is_released(house: Archiving) -> None:
    written = archived(house)
    with house.system().connect("test") as conn:
        of_others = What("value", column="id", key="1999")  # a row that the archive has not
        place.place(conn, of_others, because="a suit", placed_by="case 7", until=None)
        what = What("value", column="id", key="7")
        number = place.place(conn, what, because="a suit", placed_by="case 8", until=None)
    assert house.plan(AFTER).decision.steps == ()
    [note] = [note for note in house.plan(AFTER).decision.notes if written.key in note]
    assert "1 of 1,000 rows on legal hold, so the archive stays" in note
    outcome = house.run(AFTER)
    assert outcome.verdict is Verdict.PASS
    assert len(house.archives()) == 1
    with house.system().connect("test") as conn:
        place.release(conn, number, because="over", released_by="case 8")
    assert house.run(AFTER).counts["archives ended"] == 1


def test_a_hold_that_comes_after_the_look_keeps_the_archive(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = archived(house)
    real = expire_archived.end.carry_out

    def meanwhile(*args: Any) -> Any:
        with house.system().connect("test") as conn:
            what = What("table", table="log")
            place.place(conn, what, because="a suit", placed_by="case 7", until=None)
        return real(*args)

    monkeypatch.setattr(expire_archived.end, "carry_out", meanwhile)
    outcome = house.run(AFTER)
    assert f"{written.key}: it is not ended: 1,000 of 1,000 rows on legal hold" in told(outcome)
    assert len(house.archives()) == 1


def test_who_writes_to_the_bucket_makes_no_archive_older(house: Archiving) -> None:
    written = archived(house)
    old = written.model_copy(update={"written_at": NOW.replace(year=1990)})
    house.client.put_object(
        Bucket=house.bucket, Key=written.key.replace(".parquet", ".json"), Body=old.to_json()
    )
    assert house.plan(NOW + timedelta(days=30)).decision.steps == ()


def test_a_shorter_time_for_archives_ends_none_before_a_person_has_seen_it(
    house: Archiving,
) -> None:
    written = archived(house)
    house.run()
    house.promise(DELETE | {"keep": "1 month"})
    later = NOW + timedelta(days=60)
    outcome = house.run(later)
    assert f"{written.key}: it is not ended: of the rule about log, it does something else" in told(
        outcome
    )
    assert house.run(later).verdict is Verdict.FAIL
    assert house.run(later, shown=house.plan(later)).counts["archives ended"] == 1


def test_a_run_killed_between_the_two_objects_of_an_archive_is_gone_on_with(
    house: Archiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = archived(house)
    real = Objects.delete_versions

    def dies(on: Objects, bucket: str, key: str, versions: Any) -> int:
        if key.endswith(".json"):
            raise KeyboardInterrupt
        return real(on, bucket, key, versions)

    monkeypatch.setattr(Objects, "delete_versions", dies)
    with pytest.raises(KeyboardInterrupt):
        house.run(AFTER)
    monkeypatch.undo()
    assert everything(house) == [written.key.replace(".parquet", ".json")]
    assert house.run(AFTER).counts["archives ended"] == 1
    assert everything(house) == []


BOOKS = {
    "books": Floor.model_validate({"tables": ("log",), "least": "10 years", "because": "AO 147"})
}


def books(house: Archiving, **said: Any) -> None:
    """Have a rule that says this, and a class of data that stays for ten years."""
    house.promise(DELETE | said)
    limits = house.policy.limits.model_copy(update={"floors": BOOKS})
    house.policy = house.policy.model_copy(update={"limits": limits})


def test_an_archive_that_is_there_stays_as_long_as_its_class_asks_for_whatever_its_rule_says(
    house: Archiving,
) -> None:
    """It was made of rows of 90 days; then the rule was told to keep rows for ten years, and archives for a day."""
    written = archived(house, keep=None)
    books(house, after="10 years", keep="1 day")
    later = NOW + timedelta(days=60)
    plan = house.plan(later)
    assert plan.decision.steps == ()
    [note] = [note for note in plan.decision.notes if written.key in note]
    assert "its time is over, and it stays until 2036-0" in note
    assert note.endswith(": 10 years for books (AO 147)")
    outcome = house.run(later, shown=plan)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert len(house.archives()) == 1
    soon = house.plan(NOW.replace(year=2036, month=8, day=1))
    assert soon.decision.steps == ()
    [step] = house.plan(NOW.replace(year=2036, month=9, day=15)).decision.steps  # 90 days earlier
    assert step.target == written.key


def test_rows_that_were_old_enough_in_their_table_need_no_more_time_in_an_archive(
    house: Archiving,
) -> None:
    house.say(PLAIN + "insert into log select n, '2010-01-01' from generate_series(1, 9) n")
    books(house, after="10 years", keep="1 day")
    assert house.run().counts["deleted"] == 9
    [written] = house.archives()
    later = NOW + timedelta(days=60)
    assert [step.target for step in house.plan(later).decision.steps] == [written.key]
    assert house.run(later).counts["archives ended"] == 1


@pytest.mark.parametrize("forgotten", ["how old they were", "all of it"])
def test_of_which_nobody_knows_how_old_its_rows_were_an_archive_is_as_old_as_itself(
    house: Archiving, forgotten: str
) -> None:
    """One from before this was written down, and one whose month has left the ledger."""
    archived(house, keep=None)
    end = "set counts = counts - 'days'" if forgotten == "how old they were" else "set target = 'x'"
    house.say(f"""
        set session_replication_role = replica;
        update lifecycle.evidence {end} where event = 'retention.archived'
    """)
    books(house, after="10 years", keep="1 day")
    assert house.plan(NOW.replace(year=2036, month=11, day=1)).decision.steps == ()
    assert len(house.plan(NOW.replace(year=2036, month=12, day=15)).decision.steps) == 1


def test_the_archive_of_a_partition_stays_as_long_as_its_class_asks_for(house: Archiving) -> None:
    stands_alone(house)
    assert house.run(LATER).counts["dropped"] == 2
    assert len(house.archives()) == 3
    books(house, **DROP | {"by": None, "after": "12 years", "keep": "1 day"})
    assert house.plan(NOW.replace(year=2034, month=10, day=1)).decision.steps == ()
    assert len(house.plan(NOW.replace(year=2034, month=12, day=31)).decision.steps) == 3
