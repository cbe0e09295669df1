"""Parties of rows that are kept, under row security, in partitions and in tables that inherit."""

from pathlib import Path
from typing import Any

import pytest

from gdpr.foresee import foresee
from tests.database import office
from tests.database.office import Office

COLUMNS = """message_id bigint not null, sender_id bigint references people, reader_id bigint references people,
             sender_name text, cents bigint"""
ROWS = """
    insert into messages values
        (1, 1, 2, 'Anna', 10), (2, 2, 1, 'Berta', 20), (3, 1, null, 'Anna', 30), (4, 1, 1, 'Anna', 40),
        (5, 2, 3, 'Berta', 50), (6, null, 1, null, 60);
"""
PARTY: dict[str, Any] = {
    "owner": {"person": {"party": {"sender_id": ["sender_name"], "reader_id": []}}}
}
LEFT = [(1, None, 2, None, 10), (2, 2, None, "Berta", 20), (5, 2, 3, "Berta", 50)]


def post(ledger: str, directory: Path, schema: str, tables: dict[str, Any]) -> Office:
    made = office.opened(ledger, directory, f"{schema} reset role;", tables)
    made.asks(1)
    return made


def messages(made: Office, table: str = "messages") -> list[Any]:
    return made.ask(f"select * from {table} order by message_id")


def test_rows_that_are_kept_lose_the_half_of_who_goes_and_all_that_is_cleared_with_the_last(
    ledger: str, tmp_path: Path
) -> None:
    keep = {"clear": ["sender_id", "reader_id", "sender_name"], "because": "books are kept"}
    schema = f"create table messages ({COLUMNS}, primary key (message_id)); {ROWS}"
    made = post(ledger, tmp_path, schema, {"messages": PARTY | {"keep": keep}})
    shown = made.plan()
    steps = {(s.verb, s.target): s.rows for s in shown.decision.steps}
    assert steps["clear sender_id, reader_id, sender_name", "messages"] == 3
    assert steps["set null", "messages.sender_id"] == 1
    assert steps["set null", "messages.reader_id"] == 1
    foreseen = foresee(made.system(), None, "1")
    assert foreseen.found is not None
    assert (foreseen.refusals, foreseen.beyond, foreseen.found.rows.kept["messages"]) == ((), (), 3)
    assert made.erase(shown).failures == ()
    assert made.states() == {1: "completed"}
    gone = [(n, None, None, None, cents) for n, cents in ((3, 30), (4, 40), (6, 60))]
    assert messages(made) == sorted([*LEFT, *gone])
    made.asks(2)
    assert made.erase().failures == ()
    assert messages(made) == sorted(
        [
            *((n, None, None, None, cents) for n, cents in ((1, 10), (2, 20))),
            *gone,
            (5, None, 3, None, 50),
        ]
    )


@pytest.mark.parametrize("clear", [["sender_id", "sender_name"], ["reader_id"]])
def test_a_party_whom_a_kept_row_would_go_on_naming_is_a_mistake(
    ledger: str, tmp_path: Path, clear: list[str]
) -> None:
    schema = f"create table messages ({COLUMNS}, primary key (message_id));"
    keep = {"clear": clear, "because": "books are kept"}
    with pytest.raises(AssertionError, match="messages"):
        post(ledger, tmp_path, schema, {"messages": PARTY | {"keep": keep}})


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    "made_as",
    [
        """create table messages ({}, primary key (message_id));
           alter table messages enable row level security, force row level security;
           create policy none on messages using (false);""",
        """create table messages ({}, primary key (message_id)) partition by hash (message_id);
           create table messages_0 partition of messages for values with (modulus 2, remainder 0);
           create table messages_1 partition of messages for values with (modulus 2, remainder 1);""",
    ],
    ids=["row security", "hashed"],
)
def test_parties_are_taken_out_behind_row_security_and_in_partitions(
    ledger: str, tmp_path: Path, made_as: str, kept: bool
) -> None:
    rows = ROWS if "security" not in made_as else ""
    keep = {"clear": ["sender_id", "reader_id", "sender_name"], "because": "x"}
    said = PARTY | ({"keep": keep} if kept else {})
    made = post(ledger, tmp_path, made_as.format(COLUMNS) + rows, {"messages": said})
    if not rows:
        made.ask(ROWS)
    assert made.erase().failures == ()
    gone = [(n, None, None, None, cents) for n, cents in ((3, 30), (4, 40), (6, 60))]
    assert messages(made) == sorted([*LEFT, *(gone if kept else [])])


def test_a_table_that_inherits_has_its_own_rows_and_its_own_word_on_them(
    ledger: str, tmp_path: Path
) -> None:
    schema = f"""
        create table messages ({COLUMNS}, primary key (message_id));
        create table old_messages (primary key (message_id)) inherits (messages);
        {ROWS} insert into old_messages select * from only messages;
    """
    to = {"to": "people(id)"}
    old = PARTY | {"references": {"sender_id": to, "reader_id": to}}
    made = post(ledger, tmp_path, schema, {"messages": PARTY, "old_messages": old})
    assert made.erase().failures == ()
    assert messages(made, "only messages") == LEFT
    assert messages(made, "old_messages") == LEFT


@pytest.mark.parametrize("filled", ["", " not null"])
def test_a_party_by_whom_a_table_is_partitioned_is_a_mistake_as_the_row_would_move(
    ledger: str, tmp_path: Path, filled: str
) -> None:
    """Seen before as `1 row would have been added` in the night, and in every night after."""
    columns = COLUMNS.replace("reader_id bigint", f"reader_id bigint{filled}")
    schema = f"""create table messages ({columns}) partition by list (reader_id);
                 create table messages_0 partition of messages default;"""
    with pytest.raises(AssertionError, match="messages is partitioned by reader_id"):
        post(ledger, tmp_path, schema, {"messages": PARTY})
