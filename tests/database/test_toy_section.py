"""A room brings its section of the policy, and nothing of the product is edited for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jsonschema
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from ruamel.yaml import YAML
from typer.testing import CliRunner

from lifecycle import rooms
from lifecycle.commands import policy as cli
from lifecycle.errors import InputError
from lifecycle.policy import generate, graph, load, reality, triggers, whole
from lifecycle.postgres import catalog
from scripts import policy_page
from tests import toyroom

TABLES = """
    create table users (user_id uuid primary key, email text not null);
    create table lockers (locker_id int primary key, user_id uuid not null references users, holder uuid references users,
                          emptied_at timestamptz not null, number int);
"""
GOOD = """\
system: gym
database: gym
subjects:
  user: {table: users, key: user_id}
tables:
  users: {owner: {user: user_id}}
  lockers: {owner: {user: user_id}}
lockers: {table: lockers, emptied: emptied_at}
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ModuleType]:
    with toyroom.brought(tmp_path / "rooms") as name:
        yield dict(rooms.load("section"))[name]


@pytest.fixture
def gym(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(TABLES)
    return database


def told(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        load.policy(file)
    return refused.value.what.replace(f"{tmp_path}/", "").splitlines()


def test_without_the_room_its_key_is_a_mistake(tmp_path: Path):
    [line] = told(tmp_path, GOOD)
    assert line.startswith("policy.yaml:8: lockers: unknown key 'lockers'")


def test_its_key_is_accepted_and_read_by_its_section(tmp_path: Path, room: ModuleType):
    (tmp_path / "policy.yaml").write_text(GOOD)
    policy, _ = load.policy(tmp_path / "policy.yaml")
    assert room.SECTION.of(policy).every == "week"
    bare = GOOD.replace("lockers: {table: lockers, emptied: emptied_at}\n", "")
    (tmp_path / "policy.yaml").write_text(bare)
    assert room.SECTION.of(load.policy(tmp_path / "policy.yaml")[0]) is None


def test_mistakes_of_its_shape_and_sense_are_told_with_their_line(tmp_path: Path, room: ModuleType):
    assert told(
        tmp_path,
        GOOD.replace("emptied:", "emtied:").replace("lockers: {t", "lockers: {every: day, t"),
    ) == [
        "policy.yaml:8: lockers.emptied: missing; add `emptied:` (when a locker was last emptied)",
        "policy.yaml:8: lockers.emtied: unknown key 'emtied'; did you mean 'emptied'?",
        "policy.yaml:8: lockers.every: not a word that can stand here; write 'week' or 'month'",
    ]
    assert told(tmp_path, GOOD.replace("table: lockers", "table: locker")) == [
        "policy.yaml:8: lockers.table: table 'locker' is not declared under `tables`; did you mean 'lockers'?"
    ]
    nobodys = "lockers: {personal: none, because: x}"
    assert told(tmp_path, GOOD.replace("lockers: {owner: {user: user_id}}", nobodys)) == [
        "policy.yaml:8: lockers.table: a locker is somebody's; say whose with `owner:`"
    ]
    assert told(tmp_path, GOOD.replace("lockers: {table", "lokers: {table")) == [
        "policy.yaml:8: lokers: unknown key 'lokers'; did you mean 'lockers'?"
    ]


def test_what_it_says_about_its_table_binds_the_other_sections(tmp_path: Path, room: ModuleType):
    rule = "retention: [{table: lockers, by: emptied_at, after: 2 years, do: delete, because: x}]\n"
    [line] = told(tmp_path, GOOD + rule)
    assert line.startswith(
        "policy.yaml:9: retention[0].table: rows of 'lockers' are never deleted:"
    )
    assert line.endswith(" a locker is emptied and never thrown away; take the rule out")
    (tmp_path / "policy.yaml").write_text(GOOD)
    policy, _ = load.policy(tmp_path / "policy.yaml")
    assert graph.deleted(policy, "user") == {"users"}


def test_the_ground_asks_every_section_for_logs_and_for_who_is_erased(
    tmp_path: Path, room: ModuleType
):
    audited = "users: {owner: {user: user_id}, triggers: {t: {does: audits, digest: 0123456789abcdef0123456789abcdef}}}"
    text = GOOD.replace("users: {owner: {user: user_id}}", audited)
    (tmp_path / "policy.yaml").write_text(text)
    policy, _ = load.policy(tmp_path / "policy.yaml")
    assert triggers.written_to(policy, "users") == {"lockers"}
    assert triggers.written_to(policy, "lockers") == frozenset()
    assert whole.erased(policy) == {"user"}


def test_its_truth_is_asked_and_the_columns_it_clears_hold_nothing_up(
    tmp_path: Path, gym: str, room: ModuleType
):
    name = str(conninfo_to_dict(gym)["dbname"])
    text = GOOD.replace("database: gym", f"database: {name}")
    (tmp_path / "policy.yaml").write_text(text.replace("emptied_at", "number"))
    policy, lines, _ = load.policy_with_lines(tmp_path / "policy.yaml")
    with psycopg.connect(gym, autocommit=True) as conn:
        compared = reality.compare(policy, catalog.read(conn))
    said = [line.replace(f"{tmp_path}/", "") for line in lines.tell(compared.mistakes)]
    wrong = (
        "policy.yaml:8: lockers.emptied: lockers.number is integer; name a date or timestamp column"
    )
    assert wrong in said
    assert not any("holder" in line for line in said)
    assert "somebody should look for lost keys" in compared.notes


def test_it_is_drafted_shown_and_in_the_schema_and_on_the_page(
    tmp_path: Path, gym: str, room: ModuleType
):
    with psycopg.connect(gym, autocommit=True) as conn:
        seen = catalog.read(conn)
    text = generate.draft(seen, generate.subject(seen, None))
    assert "\nlockers: {table: lockers, emptied: emptied_at}\n" in text
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    shown = CliRunner().invoke(cli.app, ["show", str(file)], catch_exceptions=False).stdout
    assert "emptied every week" in shown
    printed = CliRunner().invoke(cli.app, ["schema"], catch_exceptions=False).stdout
    parser = YAML(typ="safe", pure=True)
    data = parser.load(GOOD)  # pyright: ignore[reportUnknownMemberType]
    jsonschema.validate(data, json.loads(printed))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data | {"lockers": {"table": 1}}, json.loads(printed))
    assert "### `lockers`" in policy_page.tables(whole.model(), "")


def test_a_room_brought_again_is_another_and_nothing_of_the_first_is_remembered(tmp_path: Path):
    seen: list[object] = []
    for place in ("one", "other"):
        with toyroom.brought(tmp_path / place) as name:
            module = dict(rooms.load("section"))[name]
            assert module.SECTION in whole.sections()
            seen.append(module.SECTION)
    assert seen[0] is not seen[1]


def test_two_sections_of_one_name_are_refused(room: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rooms, "ROOMS", (*rooms.ROOMS, toyroom.NAME))
    with pytest.raises(ValueError, match="'lockers'"):
        whole.model()
