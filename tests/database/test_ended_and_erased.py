"""An erasure in the grace of a partition changes rows of it: that is ours, and keeps it from nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from retention.promise import PROMISE as RETENTION
from tests.database import office
from tests.database.office import NOW, Office
from tests.database.test_gdpr_tombstone import promised
from tests.keep import keep

# Two levels, as what hangs below what was taken off is looked through, too. Anna is 1, and nursed Berta and Carl.
SCHEMA = """
    create table visits (visit_id bigint, person_id bigint not null references people, held_on date not null,
                         nurse_id bigint not null references people, second_id bigint references people, note text)
        partition by range (held_on);
    create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01')
        partition by list (person_id);
    create table visits_2025_2 partition of visits_2025 for values in (2);
    create table visits_2025_rest partition of visits_2025 default;
    create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
    insert into visits values (1, 2, '2025-02-01', 1, null, 'by Anna'), (2, 3, '2025-03-01', 2, 1, 'Anna was there'),
                              (3, 1, '2025-04-01', 3, null, 'of Anna'), (4, 3, '2025-05-01', 2, 3, 'of Carl');
    reset role;
"""
VISITS: dict[str, Any] = {
    "owner": {"person": "person_id"},
    "author": {"nurse_id": "tombstone"},
    "mentions": {"second_id": "set null"},
}
RULE = {
    "table": "visits",
    "after": "3 months",
    "do": "drop",
    "because": "a visit is looked at for a while",
}


def end(house: Office, now: Any = NOW) -> Outcome:
    house.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    house.slot += 1
    at = NOW.replace(microsecond=house.slot)
    with house.system().connect("test") as conn:
        claim = claims.claim_new(
            conn, "office", RETENTION.job, at, claims.new_holder(), asked_by="person"
        )
    return keep(RETENTION, house.system(), claim, now)


def later(house: Office) -> Outcome:
    house.ask("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    return end(house, NOW + timedelta(days=20))


def opened(database: str, directory: Path) -> Office:
    """An office of which visits of 2025 stand alone, and in which Anna was forgotten since."""
    house = office.opened(
        database, directory, SCHEMA, {"visits": VISITS}, retention=[RULE], **promised()
    )
    assert end(house).counts["taken off"] == 1
    house.asks(1)
    outcome = house.erase()
    assert (outcome.failures, outcome.verdict) == ((), Verdict.UNVERIFIED)
    assert house.ask("select visit_id, nurse_id, second_id from visits_2025 order by 1") == [
        (1, 0, None),
        (2, 2, None),
        (4, 2, 3),
    ]
    return house


def test_where_an_erasure_changed_rows_and_set_the_tombstone_the_partition_is_dropped(
    database: str, tmp_path: Path
) -> None:
    outcome = later(opened(database, tmp_path))
    assert (outcome.counts["dropped"], outcome.failures) == (1, ())


def test_a_row_that_somebody_changed_after_the_erasure_keeps_it(
    database: str, tmp_path: Path
) -> None:
    """Also one that the erasure had changed before: what counts is who wrote it last."""
    house = opened(database, tmp_path)
    house.ask("update visits_2025 set note = 'wanted' where visit_id = 1")
    outcome = later(house)
    assert outcome.counts["dropped"] == 0
    assert "somebody has put rows into it, or changed some" in str(outcome.failures)
