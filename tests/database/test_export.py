"""An export of one person: theirs alone, whole or not there, witnessed, and nothing of it in a log."""

import csv
import io
import json
import os
import signal
import stat
import tracemalloc
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from gdpr import person
from gdpr.export import export, file, spell, statements, tables
from lifecycle.errors import Conflict, LifecycleError, NotFound, Refused, Unproven
from lifecycle.job import Job
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy.model import Table
from lifecycle.policy.people import Subject
from lifecycle.policy.reference import Reference
from lifecycle.running import run
from tests import declare
from tests.database.clinic import ANNA, JOANNA, OTTO, TRACES, Clinic
from tests.database.test_backups import in_a_killed_process
from tests.database.test_foresee import NOBODY, Say, say

__all__ = ["say"]


def given(clinic: Clinic, who: str, to: Path, kind: str | None = None) -> Outcome:
    work = partial(export.carry_out, kind=kind, typed=who, to=to)
    return run.by_hand(clinic.system, Job("gdpr.export", "a test", "0 0 1 1 *", work))


class Opened(NamedTuple):
    """What is in an export, by name."""

    files: dict[str, bytes]

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads(self.files["manifest.json"])

    def rows(self, table: str) -> list[dict[str, Any]]:
        return json.loads(self.files[f"tables/{table}.json"])

    def csv(self, table: str) -> list[list[str]]:
        text = self.files[f"tables/{table}.csv"].decode()
        return list(csv.reader(io.StringIO(text, newline="")))


def opened(to: Path) -> Opened:
    with zipfile.ZipFile(to) as archive:
        assert archive.testzip() is None
        return Opened({name: archive.read(name) for name in archive.namelist()})


def test_a_person_gets_their_rows_their_objects_and_a_page_that_lists_what_is_left_out(
    clinic: Clinic, tmp_path: Path
) -> None:
    to = tmp_path / "anna.zip"
    assert given(clinic, ANNA.upper(), to).verdict is Verdict.PASS
    found = opened(to)
    counts = {one["table"]: one["rows"] for one in found.manifest["tables"]}
    mine = {"finding": 2, "visit": 2, "paper": 3, "scan": 2, "diary": 2, "person": 1, "request": 1}
    assert counts == mine | {"household": 0}
    assert found.rows("finding")[0]["raw"]["of"] == 'Anna "Nan" Lind'
    objects = {one["key"]: one["file"] for one in found.manifest["objects"]}
    assert objects.keys() == {"scan-1", "scan-1.jpg", "scan-2"}
    assert objects["scan-2"] is None  # thrown away
    assert found.files[objects["scan-1.jpg"]] == b"content"
    left = {one["what"] for one in found.manifest["left_out"]}
    assert {"household: 1 row", "visit.doctor_id: 1 row of others", "1 object"} <= left
    assert any(what.startswith("history: ") for what in left)
    page = found.files["index.html"].decode()
    assert "proof that it was honoured" in page
    assert "tables/visit.csv" in page
    assert "<script" not in page


def test_whom_else_a_row_leads_to_is_a_pseudonym_that_is_the_same_in_this_export_alone(
    clinic: Clinic, tmp_path: Path
) -> None:
    clinic.ask("update visit set doctor_id = %(j)s where (site, number) = (1, 2)", j=JOANNA)
    clinic.ask("update visit set doctor_id = %(j)s where (site, number) = (2, 1)", j=JOANNA)
    clinic.ask("update visit set doctor_id = %(a)s where (site, number) = (1, 1)", a=ANNA)
    clinic.ask("insert into visit values (3, 1, %(a)s, %(j)s, null)", a=ANNA, j=JOANNA)
    given(clinic, ANNA, tmp_path / "anna.zip")
    given(clinic, OTTO, tmp_path / "otto.zip")
    anna, otto = opened(tmp_path / "anna.zip"), opened(tmp_path / "otto.zip")
    by = {(row["site"], row["number"]): row["doctor_id"] for row in anna.rows("visit")}
    assert by[1, 1] == ANNA  # herself
    assert by[1, 2] == by[3, 1]
    assert by[1, 2].startswith("other-")
    assert otto.rows("visit")[0]["doctor_id"].startswith("other-")
    assert otto.rows("visit")[0]["doctor_id"] != by[1, 2]
    assert all(JOANNA.encode() not in body for body in anna.files.values())
    (visit,) = [one for one in anna.manifest["tables"] if one["table"] == "visit"]
    assert visit["pseudonyms"] == ["doctor_id"]
    # what is hers is led to as before, also where others share it or a circle closes
    assert {row["first_scan"] for row in anna.rows("paper")} == {1, None}
    assert anna.rows("person")[0]["household_id"] == 1


def test_a_cell_that_begins_where_a_semicolon_cuts_is_no_formula_either() -> None:
    for text, safe in (
        ("x;=1+1", "x;'=1+1"),
        ("a\n@b", "a\n'@b"),
        ("＝1", "'＝1"),
        ("a=b; c-d", "a=b; c-d"),
    ):
        assert spell.in_csv(text, "text") == safe
    assert spell.in_csv("-4", "integer") == "-4"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx"])
def test_a_text_that_a_spreadsheet_would_carry_out_has_an_apostrophe_in_csv_and_is_whole_in_json(
    clinic: Clinic, tmp_path: Path, formula: str
) -> None:
    clinic.ask("update visit set note = %(n)s where (site, number) = (1, 1)", n=formula)
    clinic.ask("insert into visit values (-4, 1, %(a)s, null, '')", a=ANNA)
    given(clinic, ANNA, tmp_path / "anna.zip")
    found = opened(tmp_path / "anna.zip")
    assert formula in {row["note"] for row in found.rows("visit")}
    head, *lines = found.csv("visit")
    notes = {line[head.index("note")] for line in lines}
    assert f"'{formula}" in notes
    assert not any(note.startswith(formula[0]) for note in notes)
    assert "-4" in {line[0] for line in lines}  # a number is none


def test_the_file_is_its_owners_alone_and_never_in_the_place_of_another(
    clinic: Clinic, tmp_path: Path
) -> None:
    to = tmp_path / "anna.zip"
    left = tmp_path / ".anna.zip.part"
    left.write_text("what a killed export left here")
    left.chmod(0o644)
    given(clinic, ANNA, to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert not left.exists()
    whole = to.read_bytes()
    with pytest.raises(Refused, match="there is a file of this name already"):
        given(clinic, OTTO, to)
    assert to.read_bytes() == whole
    dangling = tmp_path / "link.zip"
    dangling.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="there is a file of this name already"):
        given(clinic, OTTO, dangling)
    with pytest.raises(Refused, match="no such directory"):
        given(clinic, OTTO, tmp_path / "nowhere" / "otto.zip")


def test_of_one_that_was_killed_nothing_is_left_that_holds_a_value(tmp_path: Path) -> None:
    def killed() -> None:
        with file.draft(tmp_path / "anna.zip") as made:
            made.file.write(ANNA.encode())
            made.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    in_a_killed_process(killed)
    assert [(left.name, left.stat().st_size) for left in tmp_path.iterdir()] == [
        (".anna.zip.part", 0)
    ]
    with file.draft(tmp_path / "anna.zip") as made:
        made.file.write(b"whole")
        made.keep()
    assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [
        ("anna.zip", b"whole")
    ]


def test_killed_while_it_reads_it_leaves_no_byte_of_a_row(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    machine = clinic.system.machine.model_copy(update={"scratch": scratch})
    clinic = replace(clinic, system=replace(clinic.system, machine=machine))
    home.mkdir()

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(
            zipfile.ZipFile, "write", die
        )  # the rows of the first table are beside it then
        in_a_killed_process(partial(given, clinic, ANNA, home / "anna.zip"))
    left = [one for one in (*scratch.rglob("*"), *home.iterdir()) if one.is_file()]
    assert [(one.name, one.stat().st_size) for one in left] == [(".anna.zip.part", 0)]


def test_what_breaks_off_leaves_no_file_and_no_scratch_behind(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    machine = clinic.system.machine.model_copy(update={"scratch": scratch})
    clinic = replace(clinic, system=replace(clinic.system, machine=machine))
    home = tmp_path / "home"
    home.mkdir()
    no_buckets = clinic.system.settings.model_copy(update={"buckets": {}})
    broken = replace(clinic, system=replace(clinic.system, settings=no_buckets))
    with pytest.raises(LifecycleError, match="the settings do not say which bucket"):
        given(broken, ANNA, home / "anna.zip")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", _no_room)
        with pytest.raises(LifecycleError, match="the disk is full"):
            given(clinic, ANNA, home / "anna.zip")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", _little)
        with pytest.raises(Refused, match="may not fit: 100 bytes are free"):
            given(clinic, ANNA, home / "anna.zip")
    assert list(home.iterdir()) == []
    assert list(scratch.iterdir()) == []


def _of_otto(_: str) -> dict[str, Any]:
    return person.about(OTTO)


def _little(_: object) -> SimpleNamespace:
    return SimpleNamespace(free=100)


def _no_room(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_so_many_rows_take_no_more_memory_than_a_few(clinic: Clinic, tmp_path: Path) -> None:
    """20,000 rows of 1,000 characters, of which a hundred at a time are in memory."""
    clinic.ask(
        "set session_replication_role = replica; insert into finding (site, number, words)"
        " select 1, 1, array[repeat(md5(n::text), 32)] from generate_series(1, 20000) n"
    )
    given(clinic, OTTO, tmp_path / "otto.zip")  # what is loaded once is loaded
    tracemalloc.start()
    try:
        outcome = given(clinic, ANNA, tmp_path / "anna.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert outcome.counts["rows"] == 20_013
    assert peak < 8_000_000


def test_rows_that_are_not_those_of_the_plan_are_not_given_away(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the two statements did not agree: a row too few, or somebody else's."""
    monkeypatch.setattr(statements, "FETCH", "fetch forward 0 from lifecycle_export")
    with pytest.raises(Unproven, match="are not those that an erasure would touch"):
        given(clinic, ANNA, tmp_path / "anna.zip")
    monkeypatch.undo()
    monkeypatch.setattr(tables, "about", _of_otto)
    with pytest.raises(Unproven, match=r"would be somebody else's|are not those that an erasure"):
        given(clinic, ANNA, tmp_path / "anna.zip")
    assert not (tmp_path / "anna.zip").exists()


def test_the_ledger_says_who_was_given_what_and_no_value(clinic: Clinic, tmp_path: Path) -> None:
    outcome = given(clinic, ANNA, tmp_path / "anna.zip")
    lines = clinic.ask(
        "select kind, target, counts, reference, digest from lifecycle.evidence"
        " where event = 'gdpr.exported' order by at, kind"
    )
    assert [(kind, target) for kind, target, *_ in lines] == [
        ("intent", "person"),
        ("outcome", "person"),
    ]
    assert lines[0][2:] == lines[1][2:]
    assert lines[0][2] == outcome.counts
    size = (tmp_path / "anna.zip").stat().st_size
    assert (outcome.counts["rows"], outcome.counts["bytes"]) == (13, size)
    assert clinic.ask("select asked_by from lifecycle.run where job = 'gdpr.export'") == ["person"]
    ours = ("run", "evidence", "plan", "alert")
    told = " ".join(
        str(row).lower()
        for table in ours
        for row in clinic.ask(f"select t::text from lifecycle.{table} t")
    )
    assert not any(trace.lower() in told for trace in TRACES)


def test_who_is_nobody_or_erased_or_half_erased_is_told_so_and_gets_nothing(
    clinic: Clinic, tmp_path: Path
) -> None:
    to = tmp_path / "it.zip"
    with pytest.raises(NotFound, match="no person has the key that was given"):
        given(clinic, NOBODY, to)
    clinic.ask("update board set words = 'call Anna \"Nan\" Lind'")
    assert clinic.erase().verdict is Verdict.FAIL
    clinic.ask("update board set words = 'nobody'")
    clinic.erase()
    with pytest.raises(NotFound, match="this person is erased"):
        given(clinic, ANNA.upper(), to)
    assert not to.exists()


def test_whose_erasure_has_begun_is_given_no_half(clinic: Clinic, tmp_path: Path) -> None:
    clinic.erase()
    clinic.ask("insert into person values (%(a)s, 1, 'x@example.org', 'x')", a=ANNA)
    assert given(clinic, ANNA, tmp_path / "anew.zip").verdict is Verdict.PASS
    clinic.ask(
        "update lifecycle.erasure set state = 'sealed', proven_at = null, erased_at = null, sealed = %(s)s",
        s=_note(clinic),
    )
    with pytest.raises(Conflict, match="the erasure of this person has begun"):
        given(clinic, ANNA, tmp_path / "anna.zip")


def _note(clinic: Clinic) -> bytes:
    from gdpr.note import Note
    from lifecycle.outside.keys import reference_key

    return Note(ANNA, (), (), {}).seal(reference_key(clinic.system.settings.reference_key))


def test_a_key_of_another_kind_is_told_by_its_kind(clinic: Clinic, tmp_path: Path) -> None:
    clinic.ask("create table worker (worker_no uuid primary key)")
    clinic.ask("alter table worker owner to clinic_owner")
    clinic.ask("grant select on worker to lifecycle")
    clinic.ask("insert into worker values (%(n)s)", n=NOBODY)
    old = clinic.system.policy
    policy = old.model_copy(
        update={
            "tables": {**old.tables, "worker": Table(owner={"worker": "worker_no"})},
            "subjects": {**old.subjects, "worker": Subject(table="worker", key="worker_no")},
        }
    )
    policy = declare.triggers_now(clinic.admin, policy, "audits")
    clinic = replace(clinic, system=replace(clinic.system, policy=policy))
    with pytest.raises(NotFound, match="no person has the key that was given, but a worker has"):
        given(clinic, NOBODY, tmp_path / "it.zip", "person")
    with pytest.raises(LifecycleError, match="several kinds of people"):
        given(clinic, NOBODY, tmp_path / "it.zip")
    assert given(clinic, NOBODY, tmp_path / "it.zip", "worker").counts["rows"] == 1


def test_a_policy_that_an_erasure_refuses_is_refused_here_too(
    clinic: Clinic, tmp_path: Path
) -> None:
    tables = dict(clinic.system.policy.tables)
    clinic.ask("alter table visit add column made jsonb")
    said = Reference(columns=("made",), path="strict $.by", to="person(person_id)")
    lost = tables["visit"].mentions | {"writer": "set null"}
    beyond = {"references": {"writer": said}, "mentions": lost}
    tables["visit"] = tables["visit"].model_copy(update=beyond)
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    clinic = replace(clinic, system=replace(clinic.system, policy=policy))
    with pytest.raises(Refused, match=r"cannot carry out yet: tables\.visit\.references"):
        given(clinic, ANNA, tmp_path / "anna.zip")


def test_the_command_takes_the_key_from_standard_input_and_says_no_value(
    say: Say,
    tmp_path: Path,
) -> None:
    to = str(tmp_path / "lind.zip")
    out, _ = say("gdpr", "export", "-", "--to", to, stdin=f"{ANNA}\n")
    assert "13 rows of 7 tables and 2 objects" in out
    _, err = say("gdpr", "export", "-", "--to", to, stdin=ANNA, code=4)
    assert "there is a file of this name already" in err
    say("gdpr", "export", "-", "--to", f"{to}.2", stdin=NOBODY, code=6)
    say("gdpr", "export", "-", "--to", f"{to}.2", stdin="", code=2)
