"""What reading a policy or settings file promises: every mistake at once, its line, and what to write instead."""

from pathlib import Path

import pytest

from lifecycle.config.load import load as load_any
from lifecycle.errors import InputError
from lifecycle.policy import load
from lifecycle.settings import load as load_settings
from lifecycle.settings.model import Settings

GOOD = """\
system: library
database: library
limits: {floor: 1 day}
subjects:
  member: {table: members, key: member_id}
tables:
  members: {owner: {member: member_id}}
  books: {personal: none, because: a catalogue}
"""


def told(tmp_path: Path, text: str | bytes) -> list[str]:
    """Return the lines of the refusal, without the directory."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as refused:
        load.policy(file)
    assert refused.value.exit_code == 2
    return refused.value.what.replace(f"{tmp_path}/", "").splitlines()


def test_a_good_file_is_read_and_its_digest_is_of_what_it_says(tmp_path: Path):
    file = tmp_path / "policy.yaml"
    digests: set[str] = set()
    for text in (
        GOOD,
        "# a comment\n" + GOOD,
        GOOD.replace("system: library\n", "") + "system: library\n",
    ):
        file.write_text(text)
        policy, digest = load.policy(file)
        assert policy.tables["books"].because == "a catalogue"
        digests.add(digest)
    assert len(digests) == 1
    file.write_text(GOOD.replace("1 day", "2 days"))
    assert load.policy(file)[1] not in digests


def test_all_mistakes_are_told_at_once_each_with_its_line_in_the_order_of_the_file(tmp_path: Path):
    text = """\
system: Library
databse: library
limits: {floor: 2 fortnights, rows_per_run: "many"}
partitions:
  visits: {by: at, every: fortnight, ahead: 0}
retention:
  - {table: visits.door, after: 90 dayz, do: clear}
  - {table: visits, after: 5, do: remove, because: no}
tables:
  members: {owner: {member: member_id}}
  members: {owner: {member: member_id}, ownr: 1}
  loans: {owner: {member: {thru: [a]}}}
  fines: {owner: {member: [a]}}
  lines: {owner: {member: {through: a}}}
  empty: {}
  books: {personal: none}
  5: {personal: none, because: x}
  shelves: nothing
  notes: {owner: {member: a}, mentions: {x: delete}}
subjects:
"""
    assert told(tmp_path, text) == [
        "policy.yaml:1: database: missing; add `database:` (the database this is written for; another one is refused)",
        "policy.yaml:1: system: not a name of the right form; it must match ^[a-z][a-z0-9-]{0,39}$",
        "policy.yaml:2: databse: unknown key 'databse'; did you mean 'database'?",
        "policy.yaml:3: limits.floor: '2 fortnights' is not a span of time; write a number and a unit, like '90 days' or '1 month'",
        "policy.yaml:3: limits.rows_per_run: not a whole number; write digits without quotes",
        "policy.yaml:5: partitions.visits.ahead: out of range; write at least 1",
        "policy.yaml:5: partitions.visits.every: 'fortnight' is no length of a partition; write 'year', 'quarter', 'month', 'week', 'day' or 'hour', or several, like '6 months'",
        "policy.yaml:7: retention[0].after: '90 dayz' is not a span of time; write a number and a unit, like '90 days' or '1 month'",
        "policy.yaml:7: retention[0].because: missing; add `because:` (the reason, as the compliance officer would say it)",
        "policy.yaml:8: retention[1].after: not text; write text; put numbers and yes/no in quotes",
        "policy.yaml:8: retention[1].do: not a word that can stand here; write 'delete', 'clear', 'drop' or 'move'",
        "policy.yaml:10: tables.members.ownr: unknown key 'ownr'; did you mean 'owner'?",
        "policy.yaml:11: tables.members: 'members' is there twice (first on line 10); keep one of them",
        "policy.yaml:12: tables.loans.owner.member.thru: unknown key 'thru'; did you mean 'through'?",
        "policy.yaml:13: tables.fines.owner.member: not of a kind that can stand here; write a name or {through: ...} or {shared_by: ...} or {party: ...}",
        "policy.yaml:14: tables.lines.owner.member.through: not a list; write [first, second]",
        "policy.yaml:15: tables.empty: must say whose data it holds: `owner: {user: user_id}`, or `personal: none` with `because:`, or of which tables it is a `copy_of:`",
        "policy.yaml:16: tables.books: `personal: none` needs the reason: add `because:`",
        'policy.yaml:17: tables.5: a key that is not text; put it in quotes: "5"',
        "policy.yaml:18: tables.shelves: not a mapping; write keys with values, `key: value`, or take it out",
        "policy.yaml:19: tables.notes.mentions.x: not a word that can stand here; write 'set null'",
        "policy.yaml:20: subjects: not a mapping; write keys with values, `key: value`, or take it out",
    ]


def test_every_duplicate_key_is_told_not_only_the_first(tmp_path: Path):
    text = GOOD + "timezone: UTC\ntimezone: UTC\n" + "system: other\n" + "  \n"
    assert told(tmp_path, text) == [
        "policy.yaml:10: timezone: 'timezone' is there twice (first on line 9); keep one of them",
        "policy.yaml:11: system: 'system' is there twice (first on line 1); keep one of them",
    ]


def test_sense_is_told_with_lines_too(tmp_path: Path):
    text = (
        GOOD + "retention:\n\n  - {table: bokks, by: at, after: 2 years, do: delete, because: x}\n"
    )
    assert told(tmp_path, text) == [
        "policy.yaml:11: retention[0].table: table 'bokks' is not declared under `tables`; did you mean 'books'?"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", "policy.yaml:1: the file is empty"),
        (b"# nothing but a comment\n", "policy.yaml:1: the file is empty"),
        (
            b"system: library\ntables: {a: b\n",
            "policy.yaml:3: not YAML: expected ',' or '}', but got '<stream end>'",
        ),
        (b"tables:\n\tusers: x\n", "policy.yaml:2: a tab; YAML is indented with spaces"),
        (b"system: caf\xe9\n", "policy.yaml:1: not UTF-8 (byte 11)"),
        (
            b"a: 1\n\nb: \x00\n",
            "policy.yaml:1: not YAML: it has a character that no text file should",
        ),
        (
            b"just words\n",
            "policy.yaml:1: file: not a mapping; write keys with values, `key: value`, or take it out",
        ),
        (b"a: 1\n---\nb: 2\n", "policy.yaml:2: not YAML: but found another document"),
    ],
)
def test_a_file_that_is_not_a_policy_is_one_clear_mistake(tmp_path: Path, text: bytes, line: str):
    assert told(tmp_path, text) == [line]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path):
    (tmp_path / "policy.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load.policy(tmp_path / "policy.yaml")[0].system == "library"


def test_a_few_aliases_cannot_stand_for_a_terabyte(tmp_path: Path):
    lines = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 40)
    ]
    found = told(tmp_path, "\n".join(lines))
    assert found[0] == "policy.yaml:2: a1[0]: an alias (`*name`); write out what it stands for"


@pytest.mark.parametrize("levels", [30, 600])  # beyond what we take, and what the parser can
def test_a_file_nested_beyond_reason_is_refused(tmp_path: Path, levels: int):
    assert told(tmp_path, "[" * levels + "]" * levels) == ["policy.yaml:1: nested too deep"]


@pytest.mark.parametrize("name", ["", "missing.yaml"])
def test_a_directory_and_a_missing_file_are_named(tmp_path: Path, name: str):
    with pytest.raises(InputError, match=r"is a directory|does not exist"):
        load.policy(tmp_path / name)


def test_an_unreadable_file_says_why(tmp_path: Path):
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="cannot be read"):
        load.policy(loop)


def test_a_value_of_the_settings_is_never_repeated(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text(
        "systems:\n  library: {policy: p.yaml, dsn: dbname=x, password: hunter2, stripe: {key: sk_live_x}}\n"
        "alerts: {webhook: 'https://hook/hunter2'}\nworkers: hunter2\n"
    )
    with pytest.raises(InputError) as refused:
        load_settings.settings(file)
    assert "hunter2" not in refused.value.what + refused.value.hint
    assert "sk_live" not in refused.value.what
    assert [line.split(": ")[1] for line in refused.value.what.splitlines()] == [
        "systems.library.password",
        "systems.library.stripe.key",
        "alerts.webhook",
        "workers",
    ]


def test_settings_know_their_directory(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text("systems:\n  library: {policy: p.yaml, dsn: dbname=x}\n")
    settings = load_settings.settings(file)
    assert settings.path("p.yaml") == tmp_path / "p.yaml"
    assert load_any(file, Settings)[0].systems == settings.systems
