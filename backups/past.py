"""Shows the dumps that lie in the bucket, and the drills of the past, for people and for machines."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from audit import render
from backups import evidence_of_drills as written
from backups import history, shelf, signed
from backups.history import Drilled
from backups.section import SECTION
from lifecycle import clock, show, words
from lifecycle.errors import InputError, Refused
from lifecycle.ledger.reading import Run
from lifecycle.outcome import Verdict
from lifecycle.system import System

COLUMNS = ("ended", "drill of", "result", "rto", "trend", "rpo", "promises", "phases", "run")


def show_dumps(system: System, as_json: bool) -> None:
    """Print the dumps, the damaged and the unfinished ones included. Raise as `shelf.look`."""
    found = shelf.look(system)
    complete = [
        (d.finished_at, d.key, d.size, len(d.tables), d.rows, "complete")
        for d in sorted(found.dumps, key=lambda dumped: dumped.finished_at, reverse=True)
    ]
    rows = [
        *complete,
        *((None, failure.target, None, None, None, "damaged") for failure in found.damaged),
        *(
            (d.finished_at, d.key, d.size, len(d.tables), d.rows, "unsigned")
            for d in found.unsigned
        ),
        *((None, key, None, None, None, "unfinished") for key in found.unfinished),
    ]
    show.table("dumps", ("finished", "key", "bytes", "tables", "rows", "state"), rows, as_json)


def show_drills(system: System, count: int, as_json: bool) -> None:
    """Print the newest `count` drills of each kind, and what none of them proved. Raise as `System.connect`."""
    promised = SECTION.of(system.policy)
    drills = history.tell(_runs(system, count), promised)
    never = history.never(drills, promised)
    if as_json:
        show.document(
            "drills", {"drills": [_document(one) for one in drills], "never_proven": never}
        )
        return
    show.table(f"drills of {system.name}", COLUMNS, [_row(one) for one in drills], as_json)
    for of in never:
        show.text(f"note: the policy promises {of}, and none of the drills here passed")


def _runs(system: System, count: int) -> tuple[Run, ...]:
    with system.connect("backups.history", write=False) as conn:
        return history.read(conn, system.name, count)


def write_drills(system: System, count: int, directory: Path, as_json: bool) -> None:
    """Write the newest `count` drills of each kind into the new `directory`, signed, and as JUnit.

    Raise InputError where it is there already or no key is set, Refused where it cannot be made; as `show_drills`.
    """
    if directory.exists():
        raise InputError(f"{directory} exists already", hint="Name another one with `-o DIR`.")
    promised = SECTION.of(system.policy)
    runs = _runs(system, count)
    drills = history.tell(runs, promised)
    made = written.document(
        system, runs, drills, promised, history.never(drills, promised), clock.now()
    )
    whole = signed.sign(system, made)
    body = signed.spelled(whole)
    digest = sha256(body).hexdigest()
    try:
        report, tests = written.FILES
        render.together(directory.absolute(), {report: body, tests: written.junit(whole, digest)})
    except OSError as error:
        hint = "Name another directory with `-o DIR`, or see whose that is."
        raise Refused(
            f"the drills cannot be written to {directory}: {error.strerror}", hint=hint
        ) from None
    rows = [(len(drills), str(directory / written.FILES[0]), digest)]
    show.table("drills", ("drills", "file", "sha256"), rows, as_json)


def check_drills(system: System, file: Path, as_json: bool) -> None:
    """Say by which key these drills are signed, and how many passed. Raise as `signed.check`."""
    found = signed.check(system, file, written.SCHEMA, "list of drills")
    results = [one["result"] for one in found["drills"]]
    passed = f"{results.count(Verdict.PASS)} of {words.counted(len(results), 'drill')} passed"
    show.done(f"signed by {found['key']}: {found['system']}, {passed}", as_json)


def _document(one: Drilled) -> dict[str, object]:
    return {
        "run": one.run,
        "ended_at": one.at,
        "of": one.of,
        "result": one.ended,
        "rto_s": one.rto,
        "rpo_s": one.rpo,
        "slower": one.slower,
        "kept": one.kept,
        "phases_ms": dict(one.phases),
    }


def _row(one: Drilled) -> tuple[object, ...]:
    trend = None if one.slower is None else f"{one.slower:+.0%}"
    promises = None if one.kept is None else "kept" if one.kept else "broken"
    parts = ", ".join(
        f"{name} {words.span(timedelta(milliseconds=took))}" for name, took in one.phases.items()
    )
    return (one.at, one.of, one.ended, one.rto, trend, one.rpo, promises, parts, one.run)
