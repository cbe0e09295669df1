"""Shows the dumps that lie in the bucket, and the drills of the past, for people and for machines."""

from datetime import timedelta

from backups import history, shelf
from backups.history import Drilled
from backups.section import SECTION
from lifecycle import show, words
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
    with system.connect("backups.history", write=False) as conn:
        drills = history.tell(history.read(conn, system.name, count), promised)
    never = history.never(drills, promised)
    if as_json:
        show.document(
            "drills", {"drills": [_document(one) for one in drills], "never_proven": never}
        )
        return
    show.table(f"drills of {system.name}", COLUMNS, [_row(one) for one in drills], as_json)
    for of in never:
        show.text(f"note: the policy promises {of}, and none of the drills here passed")


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
