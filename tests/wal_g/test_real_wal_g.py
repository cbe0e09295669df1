"""The real WAL-G that these tests run on: what it is, and that the set-up all others damage is in good order."""

import json

import psycopg

from lifecycle.postgres.server import Cluster
from tests.waiting import wait_until
from tests.wal_g.source import OWN, Archive, Source, give, private, program, wal_g


def test_the_program_is_the_version_that_go_mod_pins() -> None:
    assert b"v1.1.3-rc" in OWN.read_bytes()


def test_a_base_backup_and_the_log_since_are_in_the_archive(source: Source) -> None:
    full, delta = json.loads(source.wal_g("backup-list", "--detail", "--json").stdout)[:2]

    [(identifier,)] = source.ask("select system_identifier from pg_control_system()")
    assert full["system_identifier"] == identifier
    assert delta["backup_name"].endswith(f"_D_{full['backup_name'].removeprefix('base_')}")
    assert full["wal_file_name"] in {path.name.split(".")[0] for path in source.archive.wal}


def test_a_copy_restored_by_hand_has_every_row(source: Source) -> None:
    source.say("select pg_create_restore_point('by_hand')")
    [(last,)] = source.ask("select pg_walfile_name(pg_switch_wal())")
    archived = f"select last_archived_wal >= '{last}' from pg_stat_archiver"
    wait_until(lambda: source.ask(archived) == [(True,)])
    place = private("lifecycle-by-hand-")
    copy = Cluster(place, source.cluster.binaries)
    copy.data.mkdir(mode=0o700)
    give(place)
    try:
        fetched = wal_g(source.archive.config, "backup-fetch", str(copy.data), "LATEST")
        assert fetched.returncode == 0, fetched.stderr
        (copy.data / "recovery.signal").touch()
        give(copy.data)
        fetch = f"{program()} --config {source.archive.config} wal-fetch %f %p"
        copy.start(
            settings={
                "archive_mode": "off",
                "restore_command": fetch,
                "recovery_target_name": "by_hand",
                "recovery_target_action": "promote",
            }
        )
        with psycopg.connect(copy.dsn("clinic"), autocommit=True) as conn:
            wait_until(lambda: conn.execute("select not pg_is_in_recovery()").fetchone() == (True,))
            assert conn.execute("select count(*) >= 21000 from visits").fetchone() == (True,)
    finally:
        copy.destroy()


def test_a_test_damages_a_copy_and_not_the_archive(source: Source, archive: Archive) -> None:
    before = source.archive.files()

    archive.wal[0].unlink()

    assert source.archive.files() == before
    assert json.loads(wal_g(archive.config, "backup-list", "--detail", "--json").stdout)
