"""What `lifecycle.outside.commands` promises of every program it starts, held against real programs."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import IO

import pytest

from lifecycle.errors import CommandFailed, DeadlineExceeded, InputError, NotFound
from lifecycle.outside import commands
from lifecycle.outside.watching import Watch
from tests.waiting import alive, wait_until

SECRET = "s3cret-Wb7"
MINUTE = timedelta(minutes=1)


def sh(
    script: str,
    limit: timedelta = MINUTE,
    env: dict[str, str] | None = None,
    stdout: IO[bytes] | None = None,
    user: commands.As | None = None,
) -> commands.Finished:
    return commands.attempt(
        ["/bin/sh", "-c", script], env=env or {}, limit=limit, stdout=stdout, user=user
    )


def test_returns_what_was_printed_and_the_exit_code():
    finished = sh("echo out; echo problem >&2; exit 74")
    assert (finished.exit_code, finished.stdout, finished.stderr_tail) == (74, "out\n", "problem")


def test_run_refuses_an_exit_code_that_is_not_zero_and_names_the_program():
    with pytest.raises(CommandFailed, match=r"sh ended with exit code 3: no such thing"):
        commands.run(["/bin/sh", "-c", "echo no such thing >&2; exit 3"], env={}, limit=MINUTE)


def test_output_goes_to_the_file_that_is_given(tmp_path: Path):
    with (tmp_path / "out").open("wb") as file:
        assert sh("echo into the file", stdout=file).stdout == ""
    assert (tmp_path / "out").read_text() == "into the file\n"


def test_a_program_sees_only_the_environment_that_is_written_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    seen = sh("env", env={"MORE": "yes"}).stdout
    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert "MORE" in names
    assert SECRET not in seen
    assert names <= {
        "MORE",
        "PATH",
        "HOME",
        "TMPDIR",
        "LC_ALL",
        "TZ",
        "PWD",
        "SHLVL",
        "_",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "OLDPWD",
    }


def test_at_the_time_limit_the_whole_group_is_gone_even_where_it_ignores_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commands, "GRACE", timedelta(seconds=0.3))
    script = f"trap '' TERM; (trap '' TERM; echo $$; exec sleep 60) & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; wait"
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="sh took longer than its time limit"):
        sh(script, limit=timedelta(seconds=3))
    assert time.monotonic() - began < 40
    for name in ("self", "child"):
        pid = int((tmp_path / name).read_text())
        wait_until(lambda pid=pid: not alive(pid), lambda name=name: name, patience=30)


def test_a_child_that_outlives_the_program_is_neither_waited_for_nor_ended(tmp_path: Path):
    began = time.monotonic()
    assert sh(f"sleep 30 & echo $! > {tmp_path}/child").exit_code == 0
    child = int((tmp_path / "child").read_text())
    try:
        assert time.monotonic() - began < 25
        assert alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_program_ends_when_the_process_that_started_it_is_killed(tmp_path: Path):
    code = (
        "from datetime import timedelta; from lifecycle.outside import commands;"
        f"commands.run(['/bin/sh', '-c', 'echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 60; true'],"
        " env={}, limit=timedelta(minutes=2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(pid), patience=30)


@pytest.mark.parametrize(
    "word",
    [
        f"host=db password={SECRET}",
        f"postgresql://me:{SECRET}@db/app",
        f"--key={SECRET}",
    ],
)
def test_a_secret_on_the_command_line_is_refused_before_anything_starts(word: str, tmp_path: Path):
    with pytest.raises(InputError, match="carries a secret") as refused:
        commands.run(
            ["/usr/bin/touch", str(tmp_path / "started"), word],
            env={"PGPASSWORD": SECRET},
            limit=MINUTE,
        )
    assert SECRET not in refused.value.what + refused.value.hint
    assert not (tmp_path / "started").exists()


def test_a_password_reaches_libpq_by_a_private_file_that_does_not_stay(tmp_path: Path):
    info = f"host=/tmp port=1 dbname=app user=me password='{SECRET}:\\\\x'"
    with commands.libpq(info, tmp_path) as (dsn, env):
        file = Path(env["PGPASSFILE"])
        assert SECRET not in dsn
        assert file.parent == tmp_path
        assert "dbname=app" in dsn
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() == f"*:*:*:*:{SECRET}\\:\\\\x\n"
    assert not file.exists()


def test_what_a_program_said_is_quoted_without_rows_and_secrets():
    said = "\n".join(
        [
            "pg_restore: while PROCESSING TOC:",
            'pg_restore: error: could not execute query: ERROR:  duplicate key value violates unique constraint "users_email_key"',
            "DETAIL:  Key (email)=(anna@example.org) already exists.",
            "Command was: INSERT INTO users VALUES (1,",
            "  'Anna');",
            'pg_restore: error: invalid input syntax for type integer: "anna"',
            f"pg_restore: connecting with password={SECRET} and {SECRET}",
            f"wal-g: GET https://me:{SECRET}@s3/",
        ]
    )
    quoted = commands.redacted(said, {"WALG_SECRET": SECRET})
    assert SECRET not in quoted
    assert not re.search("anna", quoted, re.IGNORECASE)
    assert "users_email_key" in quoted
    assert "invalid input syntax" in quoted


def test_a_missing_program_and_one_that_cannot_run_are_told_apart(tmp_path: Path):
    with pytest.raises(NotFound, match="does not exist"):
        commands.run([str(tmp_path / "absent")], env={}, limit=MINUTE)
    (tmp_path / "text").write_text("no program")
    with pytest.raises(CommandFailed, match="cannot be started"):
        commands.run([str(tmp_path / "text")], env={}, limit=MINUTE)


def test_root_can_drop_its_rights_for_a_program():
    user = commands.As(65534, 65534) if os.geteuid() == 0 else None
    said = sh("id -u; id -G", user=user).stdout.split()
    assert said == ["65534", "65534"] if user else said[0] == str(os.geteuid())


def test_a_program_that_says_nothing_for_too_long_is_ended_and_one_that_speaks_is_not():
    watch = Watch(timedelta(seconds=2), 1 << 30)
    speaks = ["/bin/sh", "-c", "for n in 1 2 3 4 5 6 7; do sleep 0.5; echo $n; done"]
    assert commands.attempt(speaks, env={}, limit=MINUTE, watch=watch).exit_code == 0

    with pytest.raises(DeadlineExceeded, match="said nothing for 0:00:02"):
        commands.attempt(["/bin/sleep", "60"], env={}, limit=MINUTE, watch=watch)


def test_a_watched_program_has_its_time_limit_too():
    watch = Watch(timedelta(minutes=1), 1 << 30)
    with pytest.raises(DeadlineExceeded, match="time limit"):
        commands.attempt(["/bin/sleep", "60"], env={}, limit=timedelta(seconds=1), watch=watch)


def test_a_program_gets_no_more_memory_than_it_may_have():
    watch = Watch(timedelta(minutes=1), 64 << 20)
    wants = [sys.executable, "-c", "bytearray(200 << 20)"]
    ended = commands.attempt(wants, env={}, limit=MINUTE, watch=watch)
    assert ended.exit_code != 0
    assert "MemoryError" in ended.stderr_tail
