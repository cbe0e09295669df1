"""The runbooks of WAL-G, carried out by somebody at the keyboard: the drill by hand, and the way back to a point."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from backups.wal_g import listing
from backups.wal_g.program import find
from lifecycle.errors import InputError
from lifecycle.policy.model import Policy
from lifecycle.postgres.binaries import environment, rights, server_account
from lifecycle.postgres.server import Cluster
from runbooks.books import point_in_time_recovery
from tests import forked
from tests.waiting import wait_until
from tests.wal_g.clinic import Clinic, policy
from tests.wal_g.source import private, program

pytestmark = pytest.mark.slow


def written(clinic: Clinic, place: Path) -> dict[str, str]:
    """Write policy and settings as an installation has them, and return the environment that names them."""
    promised: Policy = policy()
    text = promised.model_dump_json(exclude_unset=True, by_alias=True)
    (place / "policy.yaml").write_text(text)
    wal_g = {"program": str(program()), "config": str(clinic.source.archive.config)}
    dsn = f"{clinic.source.cluster.dsn('clinic')} user=lifecycle"
    system = {"policy": "policy.yaml", "dsn": dsn, "wal_g": wal_g}
    settings = {
        "systems": {"clinic": system},
        "scratch": str(clinic.scratch),
        "daemon": {"listen": None},
    }
    (place / "lifecycle.yaml").write_text(json.dumps(settings))
    return os.environ | {"LIFECYCLE_SETTINGS": str(place / "lifecycle.yaml")}


def test_a_person_is_led_through_a_drill(clinic: Clinic, tmp_path: Path) -> None:
    walked = forked.run(
        ("runbooks", "run", "restore-drill"),
        written(clinic, tmp_path),
        tmp_path,
        timeout=250,
        typed="s\nnobody watches a test\nr\nr\nthe host is free\nr\nr\nr\nwritten down\n",
    )

    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert "pass: base_" in walked.stdout
    assert "Walked to its end." in walked.stdout
    assert clinic.left() == []


PSQL = """#!{python}
import sys, psycopg
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with psycopg.connect(f"host={{words['-h']}} dbname={{words['-d']}} user={{words['-U']}}", autocommit=True) as conn:
    print(conn.execute(words["-c"]).fetchall())
"""


@pytest.fixture
def typed_in(clinic: Clinic) -> Iterator[Callable[[str], str]]:
    """Carry out what a page says is typed, as the account that PostgreSQL runs as. psql may not be on this machine."""
    tools = private("lifecycle-typed-")
    tools.chmod(0o711)
    (tools / "psql").write_text(PSQL.format(python=sys.executable))
    (tools / "psql").chmod(0o755)
    bindir = clinic.source.cluster.binaries.bindir

    def carry_out(line: str) -> str:
        line = re.sub(r"^psql ", f"{sys.executable} {tools / 'psql'} ", line)
        account = server_account() if not line.startswith(sys.executable) else None
        ended = subprocess.run(
            ["/bin/sh", "-c", line],
            env=environment({"PATH": f"{bindir}:{os.environ['PATH']}"}),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=200,
            **rights(account),
        )
        assert ended.returncode == 0, (line, ended.stdout)
        return ended.stdout

    yield carry_out
    shutil.rmtree(tools)


def test_what_the_page_of_the_way_back_says_is_typed_brings_the_server_back_to_the_point(
    clinic: Clinic, typed_in: Callable[[str], str]
) -> None:
    recorded = clinic.newest()
    listed = listing.parse(find(clinic.system()).ask("backup-list", "--detail", "--json"))
    chosen = listing.newest_before(listed, recorded.point.lsn, recorded.point.identifier)
    place = private("lifecycle-back-")
    about = {
        "backup": chosen.backup.backup_name,
        "target": recorded.point.name,
        "directory": str(place / "new"),
    }
    facts = point_in_time_recovery.gather(clinic.system(), about)
    before = clinic.source.archive.files()
    copy = Cluster(place / "new", clinic.source.cluster.binaries)
    try:
        for step in point_in_time_recovery.steps(facts):
            found = re.match(r"As the account that PostgreSQL runs as: `([^`]+)`", step.expect)
            said = typed_in(found[1]) if found else ""
            if step.id == "start":
                wait_until(lambda: "paus" in copy.log.read_text())
            if step.id == "look":
                assert "paused" in said
        dsn = f"host={place / 'new'} dbname=clinic user=postgres"
        with psycopg.connect(dsn, autocommit=True) as conn:
            wait_until(lambda: conn.execute("select not pg_is_in_recovery()").fetchone() == (True,))
            rows = conn.execute("select count(*) from visits").fetchone()
            archives = conn.execute("show archive_mode").fetchone()
    finally:
        copy.stop("immediate")
        shutil.rmtree(place)
    assert rows == (recorded.tables["visits"].rows,)
    assert archives == ("off",)
    assert clinic.source.archive.files() == before


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"directory": "/tmp"}, "there already"),
        ({"directory": "new"}, "no whole path"),
        ({"backup": "LATEST"}, "no name of a base backup"),
        ({"target": "2026-11-27T14:05:00"}, "a time with its zone"),
        ({"target": "x'; drop"}, "neither a restore point's name"),
    ],
)
def test_a_way_back_over_something_or_to_nowhere_is_refused(
    clinic: Clinic, wrong: dict[str, str], what: str
) -> None:
    about = {"backup": f"base_{'0' * 24}", "target": "noon", "directory": "/none/new"}

    with pytest.raises(InputError) as refused:
        point_in_time_recovery.gather(clinic.system(), about | wrong)
    assert what in str(refused.value.what)


def test_a_moment_with_its_zone_is_a_target(clinic: Clinic) -> None:
    about = {
        "backup": f"base_{'0' * 24}",
        "target": "2026-11-27T14:05:00+01:00",
        "directory": "/none/new",
    }

    facts = point_in_time_recovery.gather(clinic.system(), about)

    assert facts.target == "recovery_target_time = '2026-11-27T14:05:00+01:00'"
