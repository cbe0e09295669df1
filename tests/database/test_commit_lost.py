"""The connection is lost at a COMMIT: nobody hears whether it was done. Looking tells, and nothing is done twice."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.running import run
from lifecycle.system import System
from retention.promise import PROMISE
from tests import build
from tests.cutting import Way, cutting
from tests.house import LOG, NOW, PLAIN, House

JOB = Job(PROMISE.job, "a test", "0 0 1 1 *", PROMISE)
ROWS = """
    delete from log; insert into log select n, '2020-01-01' from generate_series(1, 30) n;
    insert into log values (31, '2099-01-01');
"""


@pytest.fixture
def house(ledger: str, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(run, "BACK_OFF", (timedelta(), timedelta()))
    made = House(ledger)
    made.say(PLAIN)
    made.promise(LOG)
    return made


@pytest.fixture
def way(house: House) -> Iterator[Way]:
    with cutting(house.admin) as made:
        yield made


def over(way: Way, house: House) -> System:
    return build.system(way.conninfo, house.policy)


def attempts(house: House, system: System) -> list[int]:
    """Put a run on the ledger and carry it out as often as it comes back; return the exit codes."""
    codes: list[int] = []
    house.slot += 1
    with closing(house.system().connect("test")) as conn:
        claims.enqueue(
            conn, "house", JOB.name, NOW.replace(microsecond=house.slot), asked_by="schedule"
        )
        while claim := claims.claim_next(conn, "house", claims.new_holder()):
            codes.append(run.carry_out(system, claim, JOB).exit_code)
    return codes


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_at_any_commit_of_a_run_what_it_did_stands_once_and_its_evidence_is_exact(
    house: House, way: Way, done: bool
) -> None:
    system, codes = over(way, house), list[list[int]]()
    while not codes or way.seen >= len(codes):  # as long as there was one to cut
        house.say(ROWS)
        way.at(len(codes), done=done)
        codes.append(attempts(house, system))
        assert house.ask("select id from log") == [(31,)]
        assert house.evidence() == 30 * len(codes)
        last = "select state, verdict from lifecycle.run order by id desc limit 1"
        assert house.ask(last) == [("finished", "pass")]
    # Cut at its last one, a run has ended; only it says how, and that is what stands on the ledger.
    assert {tuple(one) for one in codes} == {(8, 0), (0,)}
    assert codes.count([8, 0]) >= 4
    assert codes[-2] == [0]
