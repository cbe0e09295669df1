"""The archive is watched on a real server with the real WAL-G: quiet where it is well, by name where it is not."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backups.wal_g import figures, program
from backups.wal_g.findings import FINDINGS
from backups.wal_g.jobs import jobs
from backups.wal_g.record import Point
from backups.wal_g.watch import histories, survey, watch
from backups.wal_g.watch import told as told_of
from lifecycle.coverage import Reason
from lifecycle.errors import NotFound
from lifecycle.ledger import claims
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.postgres.binaries import environment, rights, server_account
from lifecycle.running import run
from lifecycle.system import System
from runbooks.books import wal_archiving_broken as broken
from tests import forked
from tests.keep import work
from tests.waiting import wait_until
from tests.wal_g.clinic import Clinic, now, policy, told, unseen
from tests.wal_g.source import Archive, Source, private, promoted
from tests.wal_g.test_runbooks import written

RIGHT = "execute on function pg_ls_archive_statusdir()"


@pytest.fixture(scope="module")
def watched() -> Iterator[Clinic]:
    """A server of these tests' own: what they do not archive is missing for good."""
    source, place = Source(), private("lifecycle-watch-")
    try:
        source.say("create database clinic")
        source.say("create table visits (id bigint primary key, note text)", "clinic")
        source.push()
        made = Clinic(source, place)
        made.install()
        made.source.say("insert into visits values (0)", "clinic")
        made.after()
        yield made
    finally:
        source.end()
        shutil.rmtree(place)


@pytest.fixture
def archive_of(watched: Clinic) -> Iterator[Archive]:
    """A copy of its archive with three segments more since the base backup, for a test to damage."""
    for _ in range(3):
        watched.after()
    place = private("lifecycle-archive-")
    try:
        yield watched.source.copy(place)
    finally:
        shutil.rmtree(place)


def look(clinic: Clinic, system: System | None = None) -> Outcome:
    claim = clinic.claim(survey.JOB)
    outcome = work(watch.carry_out, system or clinic.system(), claim, now())
    with clinic.system().connect("test") as conn:
        claims.finish(conn, claim, outcome)
    return outcome


def closed(clinic: Clinic) -> str:
    """Write something, close the segment it is in, and return its name."""
    clinic.source.say("insert into visits select max(id) + 1 from visits", "clinic")
    [(name,)] = clinic.source.ask("select pg_walfile_name(pg_switch_wal())")
    return name


def archives_by(clinic: Clinic, command: str) -> None:
    clinic.source.say(f"alter system set archive_command = '{command}'")
    clinic.source.say("select pg_reload_conf()")


def archives_well(clinic: Clinic) -> None:
    clinic.source.say("alter system reset archive_command")
    clinic.source.say("select pg_reload_conf()")


def archived(clinic: Clinic, name: str) -> None:
    wait_until(
        lambda: (
            clinic.source.ask(f"select last_archived_wal >= '{name}' from pg_stat_archiver")
            == [(True,)]
        )
    )


def test_it_is_quiet_on_a_healthy_archive_and_tells_monitors_how_far_it_is_behind(
    watched: Clinic,
) -> None:
    outcome = look(watched)

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    assert outcome.counts["lag_segments"] == outcome.counts["ready"] == 0
    assert outcome.counts["lag_bytes"] < 2**24
    assert [one.verdict for one in FINDINGS["archive"](watched.system())] == [Verdict.PASS]
    with watched.system().connect("test", write=False) as conn:
        values = {one.name: one.value for one in figures.read(watched.system(), conn, now())}
    assert values["archive_lag_bytes"] == outcome.counts["lag_bytes"]
    assert set(values) == {one.name for one in figures.FIGURES}


def test_11_a_server_whose_archiving_stopped_is_found_and_quiet_again_once_it_goes_on(
    watched: Clinic,
) -> None:
    archives_by(watched, "/bin/false")
    name = closed(watched)
    wait_until(
        lambda: (
            watched.source.ask(f"select last_failed_wal = '{name}' from pg_stat_archiver")
            == [(True,)]
        )
    )

    stopped = look(watched)
    archives_well(watched)
    archived(watched, name)

    assert stopped.verdict is Verdict.FAIL, stopped
    assert f"archive_command: it failed on {name}" in told(stopped)
    assert stopped.counts["ready"] == stopped.counts["lag_segments"] == 1
    assert look(watched).verdict is Verdict.PASS


def test_12_a_server_that_says_archived_of_what_nobody_stored_is_found_and_mended_from_pg_wal(
    watched: Clinic,
) -> None:
    archives_by(watched, "/bin/true")
    name = closed(watched)
    archived(watched, name)

    lying = look(watched)
    archives_well(watched)
    later = closed(watched)
    archived(watched, later)
    holed = look(watched)
    mended = watched.source.wal_g("wal-push", str(watched.source.cluster.data / "pg_wal" / name))

    said = f"{name}: the server says that it is archived, and the store does not have it"
    assert lying.verdict is Verdict.FAIL, lying
    assert told(lying) == said
    assert said in told(holed), "the store goes on above the hole, and the server is well"
    assert "no moment after it can be come back to" in told(holed)
    assert mended.returncode == 0, mended.stderr
    assert look(watched).verdict is Verdict.PASS


def test_1_a_segment_that_somebody_removed_since_the_base_backup_is_found_until_the_next_one(
    watched: Clinic, archive_of: Archive
) -> None:
    damaged = watched.system(archive_of)
    assert look(watched, damaged).verdict is Verdict.PASS
    lost = archive_of.wal[-3]
    lost.unlink()

    found = look(watched, damaged)

    assert found.verdict is Verdict.FAIL
    assert f"is {lost.name[:24]}: no moment after it can be come back to" in told(found)


def test_1_a_gap_is_named_in_times_and_fails_until_somebody_knows_of_it_and_again_for_one_more(
    watched: Clinic, archive_of: Archive
) -> None:
    damaged = watched.system(archive_of)
    first, second = archive_of.wal[-3], archive_of.wal[-1]
    first.unlink()
    name, until = first.name[:24], now() + timedelta(days=1)
    with pytest.raises(NotFound, match="is missing since the oldest base backup"):
        told_of.acknowledged(damaged, second.name[:24], "lost", "case 7", until)
    ended = (
        "insert into lifecycle.gap_known (first, last, because, said_by, said_at, until, run_id) values "
        f"('{name}', '{name}', 'lost', 'ops', now() - interval '2 days', now() - interval '1 day', 1)"
    )
    watched.source.say(ended, "clinic")
    before = look(watched, damaged)

    said = run.by_hand(damaged, told_of.acknowledged(damaged, name, "lost", "case 7", until))
    known = look(watched, damaged)
    second.unlink()
    again = look(watched, damaged)

    assert before.verdict is Verdict.FAIL, "what somebody knew until yesterday"
    assert said.counts["segments"] == 1
    assert known.verdict is Verdict.PASS, (told(known), unseen(known))
    assert f"gap {name} to {name}, known to case 7 until " in known.summary
    assert "one can come back to any time from " in known.summary
    assert (known.counts["gaps"], known.counts["gaps_known"]) == (1, 1)
    assert again.verdict is Verdict.FAIL
    assert second.name[:24] in told(again)
    events = "select count(*) from lifecycle.evidence where event = 'backups.gap_known'"
    assert watched.source.ask(f"{events} and target = '{name}'", "clinic") == [(1,)]


def test_the_times_that_one_can_come_back_to_are_listed_with_the_hole_between_two_base_backups(
    watched: Clinic,
) -> None:
    place = private("lifecycle-archive-")
    look(watched)
    watched.after()
    lost = watched.source.archive.wal[-1].name
    watched.after()
    newest = watched.source.push()
    watched.after()
    try:
        damaged = watched.source.copy(place)
        (damaged.wal[0].parent / lost).unlink()
        listed = told_of.intervals(watched.system(damaged))
        outcome = look(watched, watched.system(damaged))
    finally:
        shutil.rmtree(place)

    assert [row[2] for row in listed.rows] == ["any time", "none", "any time"]
    assert listed.rows[1][3] == f"1 segment missing, {lost[:24]} to {lost[:24]}"
    assert listed.rows[2][3] == newest
    assert [row[1] for row in listed.rows[:2]] == [row[0] for row in listed.rows[1:]]
    assert f"{lost[:24]}: no time between " in told(outcome)


def test_2_to_4_segments_that_were_cut_or_exchanged_under_their_names_are_found(
    watched: Clinic, archive_of: Archive
) -> None:
    cut, exchanged, whole = archive_of.wal[-1], archive_of.wal[-2], archive_of.wal[-3]
    cut.write_bytes(cut.read_bytes()[:999])
    shutil.copy(whole, exchanged)

    outcome = look(watched, watched.system(archive_of))

    assert outcome.verdict is Verdict.FAIL
    said = f"{cut.name[:24]}: it lies in the archive and cannot be read: it is damaged"
    assert said in told(outcome)
    assert f"{exchanged.name[:24]}: in the archive lies another segment under this name" in told(
        outcome
    )


def test_20_what_lies_there_in_clear_though_it_was_to_be_encrypted_is_found_by_its_first_bytes(
    watched: Clinic, archive_of: Archive
) -> None:
    outcome = look(watched, watched.system(archive_of, promised={"encrypt": True}))

    names = [one.target for one in outcome.failures]
    assert outcome.verdict is Verdict.FAIL
    assert names[0] == f"wal_005/{archive_of.wal[-1].name}"
    assert names[1].startswith("basebackups_005/base_")
    assert "its first bytes are those of what is compressed by lz4" in told(outcome)


def test_21_and_22_a_copy_that_was_promoted_into_the_store_is_found_and_so_is_the_server_it_left(
    watched: Clinic, archive_of: Archive
) -> None:
    before = watched.system(archive_of)
    with promoted(watched.source, archive_of) as copy:
        other = Clinic(copy, watched.scratch)
        other.after()
        found = look(watched, before)
        failover = look(other, other.system(archive_of))
        drills = held(watched, archive_of), held(other, archive_of)
        for _ in range(2):
            watched.after()
        there = {path.name for path in archive_of.wal}
        for stored in watched.source.archive.wal:
            if stored.name not in there:
                on, later = shutil.copy(stored, archive_of.wal[0].parent), time.time() + 3600
                os.utime(on, (later, later))
        split = look(other, other.system(archive_of))
        copy.cluster.stop()
        gone = held(other, archive_of)

    assert found.verdict is Verdict.FAIL
    assert "timeline 2: it is in the store, left timeline 1 at " in told(found)
    assert failover.verdict is Verdict.PASS, (told(failover), unseen(failover))
    assert [[type(one) for one in drill] for drill in drills] == [[Failure], []]
    assert [type(one) for one in gone] == [Reason]
    assert "timeline 1, which this server left when it was promoted, goes on" in told(split)


def held(clinic: Clinic, archive: Archive) -> list[Failure | Reason]:
    """Return what a drill of a point on timeline 1 says of the timelines in this store."""
    system = clinic.system(archive)
    point = Point("p", 0, f"{1:08X}{5:016X}", 7, 150018, 60, 2**24, 9, (), {})
    return list(histories.held_against(system, program.find(system), point))


def test_13_a_server_without_a_limit_on_how_long_a_segment_is_open_breaks_the_rpo(
    watched: Clinic,
) -> None:
    watched.source.say("alter system set archive_timeout = 0")
    watched.source.say("select pg_reload_conf()")
    try:
        wait_until(lambda: watched.source.ask("show archive_timeout") == [("0",)])
        outcome = look(watched)
    finally:
        watched.source.say("alter system reset archive_timeout")
        watched.source.say("select pg_reload_conf()")
    assert "with `archive_timeout = 0` a quiet server archives nothing" in told(outcome)


def test_a_store_that_is_not_there_says_nothing_of_the_archive(watched: Clinic) -> None:
    outcome = look(watched, watched.system(program="/none/wal-g"))

    assert outcome.verdict is Verdict.UNVERIFIED
    assert "the program /none/wal-g is not there" in unseen(outcome)
    assert "lag_bytes" not in outcome.counts


def test_without_the_right_to_list_its_files_it_says_so_and_who_gives_it(watched: Clinic) -> None:
    watched.source.say(f"revoke {RIGHT} from lifecycle", "clinic")
    try:
        outcome = look(watched)
        [found] = FINDINGS["archive"](watched.system())
    finally:
        watched.source.say(f"grant {RIGHT} to lifecycle", "clinic")
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "may not list the server's archive_status" in unseen(outcome)
    assert found.verdict is Verdict.FAIL


def test_it_is_looked_at_every_five_minutes_where_the_policy_promises_anything() -> None:
    assert {job.name: job.cron for job in jobs(policy())}[survey.JOB] == "*/5 * * * *"


def typed(clinic: Clinic, step: str, **named: str) -> list[str]:
    """Return what a step of the runbook says is typed, each command of it, with these words put in."""
    steps = {one.id: one for one in broken.steps(broken.gather(clinic.system(), {}))}
    lines = re.findall(r"`([^`]+)`", steps[step].expect)
    for word, value in named.items():
        lines = [line.replace(word, value) for line in lines]
    return lines


def on_the_host(clinic: Clinic, line: str) -> str:
    """Type a line as the account that PostgreSQL runs as, in its data directory."""
    ended = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environment({}),
        cwd=clinic.source.cluster.data,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        **rights(server_account()),
    )
    assert ended.returncode == 0, (line, ended.stdout)
    return ended.stdout


def test_the_runbook_of_a_broken_archive_leads_from_what_the_watch_says_to_a_watch_that_is_quiet(
    watched: Clinic, tmp_path: Path
) -> None:
    told_where = written(watched, tmp_path)
    archives_by(watched, "/bin/true")
    name = closed(watched)
    archived(watched, name)
    try:
        words = ("runbooks", "run", "wal-archiving-broken")
        halfway = forked.run(
            words,
            told_where,
            tmp_path,
            timeout=100,
            typed="r\nr\nroom for a day\nr\nit lists\na\n",
        )
        assert (halfway.returncode, f"{name}: the server says" in halfway.stdout) == (5, True), halfway  # fmt: skip
        assert "not as expected" not in halfway.stdout
        for said in typed(watched, "disk")[:1]:
            assert watched.source.ask(said)
        assert name not in on_the_host(watched, typed(watched, "store")[0])
        _, *settings = typed(watched, "mend")
        for said in settings:
            watched.source.say(said)
        on_the_host(watched, typed(watched, "missing", SEGMENT=name)[0])
        late = forked.run(
            ("runbooks", "resume"),
            told_where,
            tmp_path,
            timeout=200,
            typed="r\nmended\nr\nstored\nr\nr\nr\nno hole\nr\nwritten down\n",
        )
    finally:
        archives_well(watched)

    assert "not as expected" not in late.stdout, late.stdout
    assert "Walked to its end." in late.stdout, late.stdout + late.stderr
    assert look(watched).verdict is Verdict.PASS
