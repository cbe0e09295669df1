"""Rows are looked at read only and rolled back, or who opens a connection of another kind stands here with the reason.

An owner's code may run whenever his rows are read: of a cast, a check, an index, a domain. With the rights of the
service and where something can be written, it may do what nobody counts. So `System.snapshot` is the way to look;
`effect` is the way to change, and counts; `Code.look` is for what must last of a look, and is undone where code was
exchanged. On any other connection no row of a managed table is read.
"""

import re
from pathlib import Path

from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]

LEDGER = "the ledger's own tables, the catalog, and nothing of an application's"
OWNER = "says DDL, and reads no row: it may not"
EFFECT = "within `effect` and `Code.look`; looks are `System.snapshot`"
SCRATCH = "a private server of the service's own"
PERSON = "who typed the command, over `asking`, which is read only and rolled back"

# By file, how many connections on which more can be done than to look, and what is done on them.
OPENED = {
    "audit/cli.py": (1, LEDGER),
    "audit/gather.py": (1, LEDGER),
    "audit/jobs.py": (1, LEDGER),
    "backups/classes/keep.py": (3, LEDGER),
    "backups/classes/survey.py": (1, LEDGER),
    "backups/drill.py": (2, LEDGER),
    "backups/drill_kept.py": (2, LEDGER),
    "backups/dump.py": (5, "the ledger; the dump itself is read only and rolled back"),
    "backups/findings.py": (3, LEDGER),
    "backups/in_parts.py": (2, "the server that it restores into, scratch or empty"),
    "backups/one_table/back.py": (2, EFFECT),
    "backups/one_table/copied.py": (1, SCRATCH),
    "backups/past.py": (1, LEDGER),
    "backups/restore.py": (5, SCRATCH),
    "backups/wal_g/compare.py": (3, SCRATCH),
    "backups/wal_g/copy.py": (2, SCRATCH),
    "backups/wal_g/drill.py": (2, "the ledger; a private server of the service's own"),
    "backups/wal_g/ends/delete.py": (2, LEDGER),
    "backups/wal_g/ends/survey.py": (1, LEDGER),
    "backups/wal_g/findings.py": (2, LEDGER),
    "backups/wal_g/point.py": (
        3,
        "the ledger and the log; the counts are read only and rolled back",
    ),
    "backups/wal_g/record.py": (1, LEDGER),
    "backups/wal_g/watch/known.py": (1, LEDGER),
    "backups/wal_g/watch/survey.py": (1, LEDGER),
    "backups/wal_g/push.py": (3, LEDGER),
    "backups/way_back/bring.py": (6, "an empty server, on which it makes a database"),
    "backups/way_back/restorer.py": (3, "an empty server, on which it makes a database"),
    "gdpr/answer.py": (1, OWNER),
    "gdpr/export/export.py": (1, LEDGER),
    "gdpr/findings.py": (3, LEDGER),
    "gdpr/held.py": (1, "holds a lock against who places a hold"),
    "gdpr/intake/extend.py": (1, LEDGER),
    "gdpr/intake/settle.py": (1, LEDGER),
    "gdpr/noting.py": (1, LEDGER),
    "gdpr/replay/carry_out.py": (1, LEDGER),
    "gdpr/request.py": (1, EFFECT),
    "gdpr/verify.py": (1, LEDGER),
    "lifecycle/admin/access.py": (1, OWNER),
    "lifecycle/admin/database.py": (1, LEDGER),
    "lifecycle/admin/init.py": (1, LEDGER),
    "lifecycle/commands/policy.py": (1, PERSON),
    "lifecycle/commands/policy_check.py": (1, PERSON),
    "lifecycle/commands/policy_decide.py": (1, PERSON),
    "lifecycle/commands/policy_questions.py": (2, PERSON),
    "lifecycle/commands/promises.py": (2, LEDGER),
    "lifecycle/commands/schedule.py": (1, LEDGER),
    "lifecycle/daemon/daemon.py": (1, LEDGER),
    "lifecycle/daemon/turns.py": (2, LEDGER),
    "lifecycle/fence.py": (1, LEDGER),
    "lifecycle/holds/cli.py": (3, LEDGER),
    "lifecycle/ledger/code.py": (1, LEDGER),
    "lifecycle/maintenance/analyze.py": (1, OWNER),
    "lifecycle/maintenance/refresh.py": (1, OWNER),
    "lifecycle/migration/copy.py": (2, SCRATCH),
    "lifecycle/migration/rehearse.py": (3, SCRATCH),
    "lifecycle/partitions/adopt.py": (2, "pg_partman's own table, as its owner"),
    "lifecycle/partitions/care.py": (1, OWNER),
    "lifecycle/partitions/create.py": (1, OWNER),
    "lifecycle/partitions/drop.py": (1, OWNER),
    "lifecycle/partitions/take_off.py": (1, OWNER),
    "lifecycle/records/findings.py": (2, LEDGER),
    "lifecycle/records/judge.py": (1, LEDGER),
    "lifecycle/records/retire.py": (2, LEDGER),
    "lifecycle/returning/target.py": (1, OWNER),
    "lifecycle/running/child.py": (1, LEDGER),
    "lifecycle/running/claiming.py": (1, LEDGER),
    "lifecycle/running/heartbeat.py": (1, LEDGER),
    "lifecycle/running/run.py": (4, LEDGER),
    "lifecycle/running/worker.py": (1, LEDGER),
    "lifecycle/schedule/tick.py": (1, LEDGER),
    "lifecycle/timescale/emptied.py": (1, OWNER),
    "lifecycle/watch/check.py": (1, LEDGER),
    "lifecycle/watch/gather.py": (1, "the ledger; figures of rooms are read only and rolled back"),
    "retention/archive/check.py": (1, LEDGER),
    "retention/archive/end.py": (2, "the ledger; an archive is loaded read only and rolled back"),
    "retention/archive/restore.py": (2, EFFECT),
    "retention/expire.py": (1, EFFECT),
    "retention/expire_archived.py": (2, EFFECT),
    "retention/forget.py": (1, OWNER),
    "runbooks/books/run_failed.py": (1, LEDGER),
}

# By file, how many transactions are kept, and what of.
KEPT = {
    "backups/dump.py": (1, LEDGER),
    "backups/restore.py": (1, SCRATCH),
    "backups/roles.py": (1, SCRATCH),
    "backups/way_back/bring.py": (1, "an empty server, on which it makes a database"),
    "backups/way_back/entry.py": (1, "who may enter it"),
    "gdpr/answer.py": (1, OWNER),
    "lifecycle/admin/install.py": (1, "what `init` says as an administrator"),
    "lifecycle/admin/tombstones.py": (1, "a savepoint in what `init` says"),
    "lifecycle/partitions/adopt.py": (1, "pg_partman's own table, as its owner"),
    "lifecycle/partitions/partman.py": (1, "a text that is read as a time: no row"),
    "lifecycle/postgres/catalog.py": (1, LEDGER),
    "lifecycle/running/claiming.py": (1, LEDGER),
    "lifecycle/schedule/cover.py": (2, LEDGER),
    "lifecycle/schedule/reclaim.py": (2, LEDGER),
    "lifecycle/systems/rows.py": (1, "sample rows, for a demo"),
    "lifecycle/timescale/emptied.py": (1, OWNER),
    "retention/archive/write.py": (1, "a savepoint in what is rolled back"),
    "retention/forget.py": (1, OWNER),
}


def product() -> dict[str, str]:
    """Return every module of the product but those in which these ways are made, and the stand-ins."""
    made = ("lifecycle/ledger/", "lifecycle/postgres/connect.py", "lifecycle/system.py", "lifecycle/sandbox/", "lifecycle/demo.py")  # fmt: skip
    files = {
        str(file.relative_to(ROOT)): file.read_text()
        for folder in PACKAGES
        for file in sorted((ROOT / folder).rglob("*.py"))
    }
    return {
        name: text
        for name, text in files.items()
        if not name.startswith(made) or name == "lifecycle/ledger/code.py"
    }


def counted(pattern: str, but_for: str = "(?!)") -> dict[str, int]:
    found = {
        name: sum(bool(re.search(pattern, line)) and not re.search(but_for, line) for line in text.splitlines())
        for name, text in product().items()
    }  # fmt: skip
    return {name: number for name, number in found.items() if number}


def test_who_opens_a_connection_that_can_do_more_than_look_says_what_is_read_on_it():
    there = counted(r"[a-z_]\.(connect|connect_ddl)\(", r"psycopg\.connect|link\.connect")
    assert there == {file: number for file, (number, _) in OPENED.items()}


def test_every_transaction_of_a_look_is_rolled_back_and_every_other_says_what_is_kept():
    kept = counted(r"\.transaction\(", r"force_rollback=True|`[^`]*\.transaction\(")
    kept.pop("lifecycle/ledger/code.py")  # `Code.look`
    assert kept == {file: number for file, (number, _) in KEPT.items()}


def test_whoever_makes_a_connection_read_only_rolls_back_too():
    """A transaction that is read only leaves what was set in its session, and tells what was notified in it."""
    for name, text in product().items():
        for after in text.split("read_only = True")[1:]:
            assert "transaction(force_rollback=True)" in after, name


def test_a_look_that_system_gives_is_rolled_back():
    text = (ROOT / "lifecycle/system.py").read_text()
    assert re.search(r"read_only = True\s+with conn\.transaction\(force_rollback=True\)", text)
