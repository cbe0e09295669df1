"""Holds the three that tell of the archive against each other and against the rpo, every few minutes.

A server can say that a segment is archived which nobody stored (`archive_command = /bin/true`), and a store can answer
without having had anything new for days. Neither is taken at its word.
"""

from backups.section import SECTION
from backups.wal_g import program
from backups.wal_g.watch import content, known, looked, survey, window
from backups.wal_g.watch.holes import PROMOTED, holes
from backups.wal_g.watch.lag import MAY_NOT, late, stopped, untrue
from backups.wal_g.watch.looked import Looked
from backups.wal_g.watch.survey import Said
from backups.wal_g.watch.timelines import foreign, strangers
from backups.wal_g.words import WalG
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place, Reason
from lifecycle.errors import LifecycleError
from lifecycle.outcome import headline
from lifecycle.promise import Task

SERVER = Place("archive", "what the server says of it")
FILES = Place("archive", "what the server still has of the log")
STORE = Place("archive", "what lies in the store")
RPO = Place("promise", "rpo")
LOG = Place("archive", "the log since the newest base backup")
TIMELINES = Place("archive", "whose timelines lie in the store")
WINDOW = Place("promise", "window")
CONTENT = Place("archive", "what lies under the names")
WHOLE = (SERVER, FILES, STORE, RPO, LOG, TIMELINES, WINDOW, CONTENT)
SECRET = Place("archive", "that it is encrypted")

_STANDBY = Reason(
    "the server is a standby: what it says of its archive is not said of the log's",
    "Let the settings name the primary.",
)
_NO_BASE = Reason("there is no base backup of this server", "Take one: `wal-g backup-push`.")


def carry_out(task: Task) -> Judgement:
    """Look once. Raise only what concerns the managed server: a store that does not answer is why nobody looked."""
    promised = SECTION.of(task.system.policy).wal_g
    if promised is None:
        return Judgement(NOTHING_ASKED, "the policy promises nothing of WAL-G")
    said, looks = survey.asked(task.system), Looks()
    if said.server.standby:
        for place in WHOLE:
            looks.not_at(place, _STANDBY)
        return Judgement(looks.cover(WHOLE), _STANDBY.why)
    with looks.at(SERVER):
        looks.found(*stopped(said.server))
    if said.files is None:
        looks.not_at(FILES, MAY_NOT)
    else:
        with looks.at(FILES):
            pass
    there, places = _store(task, promised, said, looks)
    coverage = looks.cover(places)
    summary = headline(coverage.found) if coverage.found else _summary(said, there)
    return Judgement(coverage, summary, _counts(said, there))


def _store(
    task: Task, promised: WalG, said: Said, looks: Looks
) -> tuple[Looked | None, tuple[Place, ...]]:
    """Look into the store, and return what is there, None where it does not answer; and what is promised of it."""
    system = task.system
    try:
        walg = program.find(system)
        there = looked.look(system, walg, said)
    except LifecycleError as error:
        for place in (STORE, RPO, LOG, TIMELINES, WINDOW, CONTENT):
            looks.not_at(place, Reason(error.what, error.hint))
        return None, WHOLE
    _names(promised, said, there, looks)
    looks.note(CONTENT, content.wrong(system, walg, said, there, task.claim.id))
    if not content.promised(promised, walg):
        return there, WHOLE
    looks.note(SECRET, content.in_clear(system, walg, there))
    return there, (*WHOLE, SECRET)


def _names(promised: WalG, said: Said, there: Looked, looks: Looks) -> None:
    """Look at what the names tell."""
    with looks.at(STORE):
        looks.found(*untrue(said, there.store.segments))
    looks.note(RPO, late(promised, said.server, there.behind))
    looks.note(LOG, holes(said, there.store.segments, there.backups, there.line))
    looks.note(TIMELINES, strangers(said, there.store, there.lines))
    looks.found(*foreign(there.listed, said.server.identifier), *content.another(there.backups))
    if there.reach is None:
        looks.not_at(WINDOW, PROMOTED)
    elif there.backups:
        with looks.at(WINDOW):
            looks.found(
                *window.short(promised, there.reach, said),
                *window.broken(promised, there.reach, said),
            )
    else:
        looks.not_at(WINDOW, _NO_BASE)


def _counts(said: Said, there: Looked | None) -> dict[str, int]:
    server = said.server
    counts = {"failed": server.failed_count, "identifier": server.identifier}
    counts |= {"timeline": server.open.timeline, "lsn": server.lsn}
    if said.files is not None:
        counts["ready"] = sum(not kept.archived for kept in said.files.values())
    if there is None:
        return counts
    counts["lag_bytes"] = there.behind.bytes
    counts["lag_seconds"] = round(there.behind.waited.total_seconds())
    counts["lag_segments"] = there.behind.segments
    if there.reach is not None and there.reach.intervals:
        counts["reaches_from"] = int(there.reach.intervals[0].since.timestamp())
        counts["reaches_to"] = int(there.reach.intervals[-1].until.timestamp())
        counts["gaps"] = len(there.reach.gaps)
        counts["gaps_known"] = len(there.reach.gaps) - len(
            known.unknown(there.reach.gaps, said.known, server.segment_size)
        )
    return counts


def _summary(said: Said, there: Looked | None) -> str:
    if there is None:
        return "the store was not looked into"
    size, behind = said.server.segment_size, there.behind
    newest = behind.newest.name(size) if behind.newest else "nothing"
    told = (
        f"{newest} is the newest of the log in the store, {behind.bytes:,} bytes behind the server"
    )
    if there.reach is None:
        return told
    stands = [
        str(one)
        for one in said.known
        if any(one.covers(gap.first, size) for gap in there.reach.gaps)
    ]
    gaps = [f"gap {one}" for one in stands]
    return "; ".join(part for part in (told, str(there.reach), *gaps))
