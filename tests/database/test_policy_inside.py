"""Where nothing but a value inside JSON leads to a person, a draft says under which path, and asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from ruamel.yaml import YAML

from lifecycle.policy import decisions, load, reality, stored
from lifecycle.policy.decisions import Answer
from lifecycle.policy.draft_text import quote
from lifecycle.postgres import catalog, connect
from tests.database import drafts

ASKED = "DECIDE: a person stands inside its JSON: does the row go with them?"

PEOPLE = """
    create table clients (id int primary key, email text not null unique, token uuid unique);
    insert into clients select n, format('c%s@example.org', n), gen_random_uuid() from generate_series(1, 200) n;
    create table jobs (id int primary key, args jsonb);
"""


@pytest.fixture
def admin(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(PEOPLE.encode())
        yield opened


def jobs(admin: Connection[TupleRow], args: str) -> str:
    """Return the line of a queue whose jobs have these arguments, of a number `n`."""
    admin.execute("truncate jobs")
    admin.execute(f"insert into jobs select n, {args} from generate_series(1, 300) n".encode())
    return drafts.lines(drafts.drafted(admin.info.dsn, "clients"))["jobs"]


@pytest.mark.parametrize(
    ("args", "name", "path", "to"),
    [
        ("jsonb_build_object('clientId', 1 + n % 150)", "args_client_id", "$.clientId", "id"),
        ("jsonb_build_object('client', jsonb_build_object('id', (1 + n % 150)::text))", "args_client_id", "$.client.id", "id"),
        ("jsonb_build_object('who', jsonb_build_array(jsonb_build_object('client_id', 1 + n % 150), '{}'::jsonb))",
         "args_who_client_id", "$.who[*].client_id", "id"),
        ("jsonb_build_object('to', format('C%s@example.org', 1 + n % 150))", "args_to", "$.to", "email"),
    ],
)  # fmt: skip
def test_a_path_to_peoples_keys_or_addresses_is_drafted_and_asked_about(
    admin: Connection[TupleRow], args: str, name: str, path: str, to: str
):
    said = jobs(admin, args)
    form = ", form: email" if to == "email" else ""
    led = f"{{columns: [args], path: {quote(path)}, to: {quote(f'clients({to})')}{form}}}"
    assert f"references: {{{name}: {led}}}" in said
    assert f"owner: {{client: {{through: [{name}]}}}}" in said
    assert f"{ASKED} (args, under {path})" in said


@pytest.mark.parametrize(
    "args",
    [
        "jsonb_build_object('count', 1 + n % 150)",  # numbers that are keys by chance
        "jsonb_build_object('client_id', 1 + n)",  # a hundred of them are nobody's
        "jsonb_build_object('client_id', 1 + n % 5)",  # too few to say anything
        "case when n < 20 then jsonb_build_object('client_id', n) else jsonb_build_object('by', 'cron') end",
        "jsonb_build_object(format('c%s@example.org', 1 + n % 9), jsonb_build_object('client_id', 1 + n % 150))",
    ],
)
def test_what_may_be_chance_or_a_detail_is_no_path(admin: Connection[TupleRow], args: str):
    said = jobs(admin, args)
    assert "references" not in said and "example.org" not in said
    assert "personal: none" in said


def test_rows_that_lead_to_people_by_a_key_need_no_path(admin: Connection[TupleRow]):
    admin.execute(b"alter table jobs add client_id int references clients")
    admin.execute(
        b"create table calls (id int primary key, job_id int not null references jobs, said jsonb)"
    )
    admin.execute(
        b"insert into jobs select n, jsonb_build_object('client_id', n), n from generate_series(1, 150) n"
    )
    admin.execute(
        b"insert into calls select n, n, jsonb_build_object('client_id', n) from generate_series(1, 150) n"
    )
    said = drafts.lines(drafts.drafted(admin.info.dsn, "clients"))
    assert said["jobs"].startswith("{owner: {client: client_id}}")
    assert said["calls"].startswith("{owner: {client: {through: [job_id]}}}")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("goes"), {"owner": {"client": {"through": ["args_client_id"]}}}),
        (Answer("nobody", "a queue, emptied every hour"), {"personal": "none"}),
        (Answer("keep", "proof of what was done"), {"keep": {"clear": ["args"], "because": "proof of what was done"}}),
    ],
)  # fmt: skip
def test_each_answer_to_it_is_a_policy_that_fits(
    admin: Connection[TupleRow], tmp_path: Path, answer: Answer, expected: dict[str, Any]
):
    jobs(admin, "jsonb_build_object('client_id', 1 + n % 150)")
    file = tmp_path / "policy.yaml"
    yaml = YAML()
    draft: Any = yaml.load(drafts.drafted(admin.info.dsn, "clients"))  # pyright: ignore[reportUnknownMemberType]
    decisions.carry_out(draft["tables"]["jobs"], answer)
    with file.open("w") as opened:
        yaml.dump(draft, opened)  # pyright: ignore[reportUnknownMemberType]
    assert draft["tables"]["jobs"].items() >= expected.items()
    with connect.connect(admin.info.dsn, "test", write=False) as conn:
        policy, _, _ = load.policy_with_lines(file)
        seen = catalog.read(conn)
        found = (reality.compare(policy, seen), stored.compare(conn, policy, seen))
    assert [mistake for compared in found for mistake in compared.mistakes] == []
