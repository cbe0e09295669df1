"""Until when the last copy that may hold an erased person lies in backups and archives. Reads buckets only.

A copy begun before the proof may hold them, and one that another clock says was begun a little after. Where a list can
be read, its own copies are counted; the policy alone says the latest day otherwise. What has no end by the policy, or
was put away by others than us, has no date here.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from backups import shelf, slots
from backups.order import SKEW
from backups.section import SECTION as BACKUPS
from backups.section import Backups
from backups.slots import Kind
from backups.wal_g import listing, measured, program
from backups.wal_g.ends import bucket
from lifecycle.config.span import Span
from lifecycle.errors import LifecycleError
from lifecycle.system import System
from lifecycle.words import counted
from retention.archive import end
from retention.archive import shelf as archives
from retention.archive.section import SECTION as ARCHIVES
from retention.section import SECTION as RETENTION


@dataclass(frozen=True, slots=True)
class Copies:
    """One class of copies: how many there may hold the person, and the latest day on which one of them may end.

    `there` is None where the list could not be read; `note` says that, and whatever else makes the date uncertain.
    `until` is None where no copy is left, and where nothing says when one ends: `endless` tells the two apart.
    """

    what: str
    bucket: str
    keep: str
    there: int | None
    until: datetime | None
    endless: bool
    note: str


def copies(system: System, tables: Iterable[str], proven: datetime) -> tuple[Copies, ...]:
    """Return every class of copies in which somebody proven gone at this moment may stand still."""
    backups = BACKUPS.of(system.policy)
    return (
        *_dumps(system, backups, proven),
        *_archives(system, frozenset(tables), proven),
        *_wal_g(system, backups, proven),
    )


def _dumps(system: System, backups: Backups, proven: datetime) -> Iterator[Copies]:
    if backups.dumps is None:
        return
    kinds = slots.kinds(backups.dumps)
    for kind in kinds:
        name = f"{kind.name} dumps"
        try:
            lie = [shelf.look(system, of=of) for of in dict.fromkeys((kind, kinds[0]))]
            hidden = shelf.hidden(system, kind)
        except LifecycleError as error:
            yield _by_policy(name, kind.bucket, kind.keep, proven, error)
            continue
        last = proven + SKEW
        begun = [[d for d in (*one.dumps, *one.unsigned) if d.started_at <= last] for one in lie]
        # A daily dump becomes the copy of its week or month later, and then is kept for as long as that.
        ends = [dumped.slot for one in begun for dumped in one]
        odd = len(lie[0].unfinished) + len(lie[0].damaged) + hidden
        yield _listed(name, kind, len(begun[0]), ends, odd)


def _listed(name: str, kind: Kind, there: int, slots_: list[datetime], odd: int) -> Copies:
    note = "it ends with the first run of `backups.keep` after that; the newest of its class stays, and any while a "
    note += "legal hold stands"
    if odd:
        note = (
            f"{odd} more there have no manifest that counts, or were deleted by others and stay as versions: "
            f"nothing says when they end; {note}"
        )
    until = kind.keep.after(max(slots_)) if kind.keep and slots_ else None
    endless = bool(odd) or (kind.keep is None and bool(slots_))
    return Copies(name, kind.bucket, _said(kind.keep), there, until, endless, note)


def _by_policy(
    name: str, bucket: str, keep: Span | None, proven: datetime, error: LifecycleError
) -> Copies:
    until = keep.after(proven) if keep else None
    note = f"by the policy alone, as the list could not be read: {error.what}"
    return Copies(name, bucket, _said(keep), None, until, keep is None, note)


def _archives(system: System, tables: frozenset[str], proven: datetime) -> Iterator[Copies]:
    bucket = ARCHIVES.of(system.policy).bucket
    rules = RETENTION.of(system.policy)
    archived = {rule.table for rule in rules if rule.archive} & tables
    if bucket is None:
        return
    keeps = end.kept(rules, None)
    try:
        on = archives.shelf(system)
        with closing(on.store):
            lie = list(on.all())
            read = [written for _, written in lie if not isinstance(written, LifecycleError)]
            # Of a table that no rule archives any more, too: those end by no rule.
            archived |= {written.description.table for written in read} & tables
            stored = {
                w.key: on.store.head(on.bucket, w.key).stored_at or w.written_at for w in read
            }
    except LifecycleError as error:
        for table in sorted(archived):
            yield _by_policy(f"archives of {table}", bucket, keeps.get(table), proven, error)
        return
    odd = len(lie) - len(read)
    for table in sorted(archived):
        # Kept from when it was written or stored, whichever is later, as whoever ends them counts.
        held = [
            max(w.written_at, stored[w.key])
            for w in read
            if w.description.table == table and w.written_at <= proven + SKEW
        ]
        keep = keeps.get(table)
        note = "a class of data that asks for a longer time, or a legal hold, keeps it longer"
        if odd:
            note = f"{odd} archives there could not be read, of whatever table; {note}"
        until = keep.after(max(held)) if keep and held else None
        endless = bool(odd) or (keep is None and bool(held))
        yield Copies(f"archives of {table}", bucket, _said(keep), len(held), until, endless, note)


def _wal_g(system: System, backups: Backups, proven: datetime) -> Iterator[Copies]:
    """Yield what WAL-G's own list has from before, until the base backup after it is the oldest that is needed."""
    promised = backups.wal_g
    if promised is None:
        return
    name, last = "WAL-G's base backups and log", proven + SKEW
    window = str(promised.keep) if promised.keep else f"window of {promised.window}"
    try:
        walg = program.find(system)
        names = measured.stored(walg)
        listed = listing.parse(walg.ask("backup-list", "--detail", "--json"))
        hidden = bucket.behind(system, walg)
    except LifecycleError as error:
        note = f"WAL-G's list could not be read: {error.what}"
        yield Copies(name, "", window, None, None, endless=True, note=note)
        return
    before = [one for one in listed if one.start_time <= last]
    first = min((one.wal_file_name[8:] for one in listed), default="")
    older = sum(not first or name[8:24] < first for name in names if len(name) >= 24)
    note = "whoever deletes them decides: `wal-g delete`"
    if promised.keep:
        note = "it ends with the first run of `backups.keep_wal_g` after that, if a newer one is proven by a drill; "
        note += "permanent ones stay, and all while a legal hold stands"
    if not before and older:
        note = f"{counted(older, 'file')} of the log from before the oldest base backup; {note}"
    until = None
    if promised.keep and (before or older):
        after = [one.finish_time for one in listed if one.start_time > last]
        until = promised.keep.after(min(after, default=promised.base.after(last)))
    permanent = any(one.is_permanent for one in before)
    endless = permanent or (promised.keep is None and bool(before or older))
    made = Copies(name, "", window, len(before), until, endless=endless, note=note)
    yield _with_versions(made, hidden, promised.keep)


def _with_versions(
    made: Copies, hidden: Mapping[str, datetime] | None, keep: Span | None
) -> Copies:
    """Return it with what is out of WAL-G's list and kept as versions; `hidden` None where nobody can tell of any."""
    if hidden is None:
        return replace(made, endless=True, note=f"{bucket.UNSEEN.why}; {made.note}")
    if not hidden:
        return made
    note = f"{counted(len(hidden), 'object')} out of WAL-G's list, kept as versions; {made.note}"
    if keep is None:
        return replace(made, endless=True, note=note)
    gone = keep.after(max(hidden.values()))
    return replace(made, until=max(made.until, gone) if made.until else gone, note=note)


def _said(keep: Span | None) -> str:
    return str(keep) if keep else "nothing says that one ends"
