"""A partition ends in steps: taken off beside everybody, standing alone for its grace, dropped if it is still the one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from lifecycle.outcome import Failure
from lifecycle.partitions import detach, drop, ends, take_off
from lifecycle.partitions.detach import Detach, Finish, Withdraw
from lifecycle.partitions.drop import Drop
from lifecycle.partitions.ends import Done, Ends
from lifecycle.plan import Decision
from lifecycle.postgres import waits
from tests.database.shop import Shop

LATER = datetime(2099, 1, 1, tzinfo=UTC)
TABLES = """
    set role shop_owner;
    create table people (id int primary key);
    create table events (
        id bigint generated always as identity, person int references people, at date not null, primary key (id, at)
    ) partition by range (at);
    create table events_2020 partition of events for values from ('2020-01-01') to ('2021-01-01');
    create table events_2021 partition of events for values from ('2021-01-01') to ('2022-01-01');
    create table events_2022 partition of events for values from ('2022-01-01') to ('2023-01-01');
    grant select on events, events_2020, events_2021 to shop_app;
    grant select (id) on events_2020 to shop_reader;
    insert into people values (1);
    insert into events (person, at) select 1, make_date(2020 + n % 3, 5, 5) from generate_series(0, 29) n;
    reset role;
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))


def seen(shop: Shop) -> Ends:
    with shop.system().snapshot("test") as conn:
        return ends.read(conn, ["events"])


def plan(shop: Shop, child: str, grace: timedelta = timedelta(0)) -> Detach:
    step = detach.planned(seen(shop), child, "events end after five years", grace)
    assert isinstance(step, Detach), step
    return step


def unfinished(shop: Shop) -> list[Finish | Withdraw]:
    """What goes first, where a rule of today ends all that was begun."""
    found = seen(shop)
    begun = detach.begun(found, {record.relation for record in found.records})
    return [*detach.pending(found), *(step for step in begun if not isinstance(step, Failure))]


def taken_off(shop: Shop, child: str, grace: timedelta = timedelta(0)) -> Done:
    return take_off.carry_out(shop.task(LATER), [*unfinished(shop), plan(shop, child, grace)])


def due(shop: Shop, now: datetime = LATER) -> Decision[Drop]:
    return drop.planned(seen(shop), now)


def nothing_kept(*_: object) -> None:
    """Stand for who lets it drop and has nothing to keep."""


def dropped(shop: Shop, kept: drop.Kept = nothing_kept) -> Done:
    return drop.carry_out(shop.task(LATER), due(shop).steps, kept)


def ledger(shop: Shop) -> list[tuple[str, str | None]]:
    return shop.ask("select name, ended from lifecycle.detached order by id")


def children(shop: Shop) -> list[str]:
    return [
        c
        for (c,) in shop.ask(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'events'::regclass order by 1"
        )
    ]


def interrupted(shop: Shop, child: str) -> None:
    """Leave a detach as one that waited for a reader and was killed."""
    with (
        psycopg.connect(shop.admin) as reader,
        psycopg.connect(shop.admin, autocommit=True) as conn,
    ):
        reader.execute("select from events limit 1")
        conn.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute(
                sql.SQL("alter table events detach partition {} concurrently").format(
                    sql.Identifier(child)
                )
            )


def test_a_partition_is_taken_off_beside_readers_stands_alone_and_is_dropped_after_its_grace(
    shop: Shop,
) -> None:
    """Scenario 24: nobody but the service and its owner reads it then, and no publication sends it."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    shop.say(
        "create publication sends for table events_2020, events_2021; alter publication sends owner to shop_owner"
    )
    step = plan(shop, "events_2020")
    assert (step.concurrently, step.needs[0].mode) == (True, "ShareUpdateExclusiveLock")
    assert "events is shared with readers and writers" in step.cost
    assert taken_off(shop, "events_2020", timedelta(days=7)) == Done(("events_2020",), ())
    assert children(shop) == ["events_2021", "events_2022"]
    assert shop.ask("select count(*) from events_2020") == [(10,)]
    for who in ("shop_app", "shop_reader"):
        assert shop.ask(f"select has_any_column_privilege('{who}', 'events_2020', 'select')") == [
            (False,)
        ]
    assert shop.ask("select has_table_privilege('lifecycle', 'events_2020', 'select')") == [(True,)]
    assert shop.ask("select tablename from pg_publication_tables where pubname = 'sends'") == [
        ("events_2021",)
    ]
    assert [(r.name, r.parent, r.why) for r in seen(shop).standing] == [
        ("events_2020", "events", "events end after five years")
    ]
    assert due(shop).steps == ()  # by the database's own clock its grace is not over
    early = replace(due_of(shop), how="dropped")
    [failure] = drop.carry_out(shop.task(LATER), [early], nothing_kept).failures
    assert "its grace is not over" in failure.what
    shop.say("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    assert due(shop, datetime(2020, 1, 1, tzinfo=UTC)).steps == ()  # by ours it is not
    assert (
        due(shop).steps[0].cost
        == "events_2020 with nobody, for an instant; people with nobody, for an instant: foreign keys tie it"
    )
    assert dropped(shop) == Done(("events_2020",), ())
    assert shop.ask("select to_regclass('events_2020') is null") == [(True,)]
    assert ledger(shop) == [("events_2020", "dropped")]
    assert shop.ask(
        "select event, count(*)::int from lifecycle.evidence where event ~ '^partitions' group by 1 order by 1"
    ) == [
        ("partitions.detached", 1),
        ("partitions.detaching", 1),
        ("partitions.dropped", 1),
    ]
    for attack in ("delete from lifecycle.detached", "truncate lifecycle.detached"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.say(attack)


def due_of(shop: Shop) -> Drop:
    """The step that would drop what is not due."""
    whole = seen(shop)
    record = replace(whole.records[0], due=True, drop_not_before=datetime(2020, 1, 1, tzinfo=UTC))
    [step] = drop.planned(replace(whole, records=(record,)), LATER).steps
    return step


def test_an_interrupted_detach_is_finished_before_any_other_whoever_began_it(shop: Shop) -> None:
    """Scenario 13."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    interrupted(shop, "events_2020")
    [step] = unfinished(shop)
    assert isinstance(step, Finish)
    assert (step.target, step.ours) == ("events_2020", False)
    with psycopg.connect(shop.admin) as reader:  # it cannot be finished: no other is touched
        reader.execute("select from events_2020 limit 1")
        done = taken_off(shop, "events_2021")
        assert [f.what.split(";")[0] for f in done.failures] == [
            "deferred: no lock on events_2020 within 0.4 s",
            "another partition of events has to come off first, and could not",
        ]
    assert taken_off(shop, "events_2021") == Done(("events_2020", "events_2021"), ())
    assert ledger(shop) == [("events_2021", None)]  # what somebody else began is nobody's to drop


def test_a_run_that_waits_for_a_reader_leaves_a_detach_that_the_next_one_ends(shop: Shop) -> None:
    """Scenarios 9 and 13."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    with psycopg.connect(shop.admin) as reader:
        reader.execute(
            "set transaction isolation level repeatable read; select from events where at > '2022-01-01' limit 1"
        )
        [failure] = taken_off(shop, "events_2020").failures
        assert failure.what.startswith("deferred: no lock on")
        with psycopg.connect(shop.admin, autocommit=True) as writer:  # nobody waits meanwhile
            writer.execute("set statement_timeout = '250ms'")
            writer.execute("insert into events (at) values ('2022-03-03')")
            assert writer.execute("select count(*) from events").fetchone() == (21,)
    [step] = unfinished(shop)
    assert isinstance(step, Finish)
    assert step.ours
    assert take_off.carry_out(shop.task(LATER), [step]) == Done(("events_2020",), ())
    assert [r.name for r in seen(shop).standing] == ["events_2020"]


@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_run_killed_around_the_detach_is_taken_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(take_off, "_end", dies)
    if killed == "before":
        monkeypatch.setattr(take_off.of_ends, "detach_concurrently", dies)
    with pytest.raises(KeyboardInterrupt):
        taken_off(shop, "events_2020")
    monkeypatch.undo()
    steps: list[Detach | Finish | Withdraw] = [*unfinished(shop)]
    if killed == "before":
        steps.append(plan(shop, "events_2020"))
    assert take_off.carry_out(shop.task(LATER), steps) == Done(("events_2020",), ())
    forgotten = [("events_2020", "not begun")] if killed == "before" else []
    assert ledger(shop) == [*forgotten, ("events_2020", None)]
    assert dropped(shop).targets == ("events_2020",)


def test_beside_a_default_partition_it_is_taken_off_at_once_and_the_plan_says_so(
    shop: Shop,
) -> None:
    """Scenario 14."""
    shop.say(TABLES)
    shop.say("set role shop_owner; create table events_rest partition of events default")
    shop.promise(events=("at", "year", 1))
    step = plan(shop, "events_2020")
    assert not step.concurrently
    assert (
        "events with nobody, for an instant: beside the default partition events_rest PostgreSQL knows no other way"
        in step.cost
    )
    with psycopg.connect(shop.admin) as reader:
        reader.execute("select from events limit 1")
        [failure] = taken_off(shop, "events_2020").failures
        assert failure.what.startswith("deferred: no lock on events")
        assert (len(children(shop)), ledger(shop)) == (4, [])
    assert taken_off(shop, "events_2020").failures == ()
    assert dropped(shop).targets == ("events_2020",)


def test_a_foreign_key_to_it_has_three_outcomes(shop: Shop) -> None:
    """Scenario 15."""
    shop.say(TABLES)
    shop.say("""
        set role shop_owner;
        create table notes (event bigint, at date, foreign key (event, at) references events (id, at));
        insert into notes select id, at from events where at < '2021-01-01' limit 1
    """)
    shop.promise(events=("at", "year", 1))
    step = plan(shop, "events_2020")
    assert not step.concurrently
    assert (
        "notes with nobody, while PostgreSQL looks whether its rows reference it (0 MB, without an index for that)"
        in step.cost
    )
    [failure] = taken_off(shop, "events_2020").failures
    assert failure.what == "rows of notes reference rows in it"
    assert (len(children(shop)), ledger(shop)) == (3, [])
    shop.say("delete from notes; create index on notes (at, event)")
    assert "(0 MB)" in plan(shop, "events_2020").cost
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        shop.say("drop table events_2020")
    assert taken_off(shop, "events_2020").failures == ()
    assert dropped(shop).targets == ("events_2020",)


def attached_again(shop: Shop) -> None:
    shop.say(
        "alter table events attach partition events_2020 for values from ('2020-01-01') to ('2021-01-01')"
    )


CHANGES: Mapping[str, tuple[str, str, str | None]] = {
    "renamed": (
        "alter table events_2020 rename to wanted",
        "is called wanted now: it is not dropped",
        None,
    ),
    "made anew": (
        "drop table events_2020; create table events_2020 (id int); insert into events_2020 values (1)",
        "another table has its name by now",
        "gone",
    ),
    "attached": (
        "alter table events attach partition events_2020 for values from ('2020-01-01') to ('2021-01-01')",
        "attached it again within its grace",
        "attached again",
    ),
    "refilled": (
        "insert into events_2020 values (99, 1, '2020-02-02')",
        "has put rows into it",
        None,
    ),
    "changed": ("update events_2020 set at = at + 1", "or changed some", None),
    "viewed": (
        "create view wants as select * from events_2020",
        "a view, a function or a foreign key depends on it",
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_the_table_that_was_taken_off_is_not_dropped(shop: Shop, change: str) -> None:
    """Scenarios 16 and 17."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    taken_off(shop, "events_2020")
    statement, said, ended = CHANGES[change]
    shop.say(statement)
    decision = due(shop)
    done = dropped(shop)
    told = [*decision.notes, *(f.what for f in (*decision.refusals, *done.failures))]
    assert any(said in one for one in told), told
    assert ledger(shop) == [("events_2020", ended)]
    assert shop.ask(
        "select count(*)::int > 0 from " + ("wanted" if change == "renamed" else "events_2020")
    ) == [(True,)]


def test_rows_erased_meanwhile_keep_nothing_and_a_hold_within_the_transaction_does(
    shop: Shop,
) -> None:
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    taken_off(shop, "events_2020")
    shop.say("delete from events_2020 where id = 1")
    shop.say("vacuum freeze events_2020")
    asked: list[str] = []

    def kept(conn: psycopg.Connection[object], step: Drop) -> str | None:
        held = conn.execute(
            "select 1 from pg_locks where pid = pg_backend_pid() and relation = 'public.events_2020'::regclass"
        )
        assert held.fetchall(), "it is asked while nobody can write there"
        asked.append(step.target)
        return "a legal hold lies on it"

    [failure] = dropped(shop, kept).failures
    assert (asked, failure.what) == (["events_2020"], "it is not dropped: a legal hold lies on it")
    assert dropped(shop).targets == ("events_2020",)


def test_identity_columns_survive_a_detach_and_an_attach(shop: Shop) -> None:
    """From 17 on a partition has its table's identity while it is attached; before, none."""
    shop.say(TABLES)
    shop.promise(events=("at", "year", 1))
    taken_off(shop, "events_2020")
    assert shop.ask(
        "select attidentity::text from pg_attribute where attrelid = 'events_2020'::regclass and attname = 'id'"
    ) == [("",)]
    attached_again(shop)
    shop.say("insert into events (at) values ('2020-07-07')")
    assert dropped(shop).targets == (
        "events_2020",
    )  # forgotten: the ledger says that it was attached again
    assert taken_off(shop, "events_2020").failures == ()
    assert ledger(shop) == [("events_2020", "attached again"), ("events_2020", None)]


def test_what_cannot_be_taken_off_is_said(shop: Shop) -> None:
    shop.say(TABLES)
    shop.say("alter table events_2021 owner to shop_app")
    shop.promise(events=("at", "year", 1))
    for child, what in (
        ("nothing", "it is no partition"),
        ("events_2021", "it belongs to shop_app, and events to shop_owner"),
    ):
        refused = detach.planned(seen(shop), child, "because", timedelta(0))
        assert isinstance(refused, Failure)
        assert refused.what == what
    step = plan(shop, "events_2020")
    shop.say(
        "drop table events_2020; create table events_2020 partition of events for values from ('2020-01-01') to ('2021-01-01')"
    )
    [failure] = take_off.carry_out(shop.task(LATER), [step]).failures
    assert "was no partition" in failure.what or "not what it was" in failure.what
    assert len(children(shop)) == 3


def test_what_was_hung_below_it_since_does_not_go_with_it(shop: Shop) -> None:
    shop.say(
        TABLES
        + "set role shop_owner; create table orders (id int, at date) partition by range (at);"
        "create table orders_2020 partition of orders for values from ('2020-01-01') to ('2021-01-01')"
        " partition by range (at);"
        "create table orders_a partition of orders_2020 for values from ('2020-01-01') to ('2020-06-01');"
        "create table precious (id int, at date); insert into precious values (1, '2020-08-08'); reset role"
    )
    shop.promise(events=("at", "year", 1), orders=("at", "year", 1))

    def of_orders() -> Ends:
        with shop.system().snapshot("test") as conn:
            return ends.read(conn, ["orders"])

    step = detach.planned(of_orders(), "orders_2020", "orders end", timedelta(0))
    assert isinstance(step, Detach)
    assert take_off.carry_out(shop.task(LATER), [step]).targets == ("orders_2020",)
    # What was taken off has a check of its bounds, so what hangs below it needs the same.
    [(check,)] = shop.ask(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'orders_2020_at_check'"
        " and conrelid = 'orders_2020'::regclass"
    )
    shop.say(f"alter table precious add constraint orders_2020_at_check {check}")
    hang = "alter table orders_2020 attach partition precious for values from ('2020-06-01') to ('2021-01-01')"
    shop.say(f"set role shop_owner; {hang}; reset role")
    steps = drop.planned(of_orders(), LATER).steps
    [failure] = drop.carry_out(shop.task(LATER), steps, nothing_kept).failures
    assert "attached a partition below it since" in failure.what
    assert shop.ask("select id from precious") == [(1,)]
    shop.say("set role shop_owner; alter table orders_2020 detach partition precious; reset role")
    assert drop.carry_out(shop.task(LATER), steps, nothing_kept).targets == ("orders_2020",)
    assert shop.ask("select id from precious") == [(1,)]
