"""Retires months: each is written down, stored, fetched back and compared, and only then dropped.

A run may be killed at any instant and started again: it writes the month down once more, asks the bucket whether that
is there already, and compares again. The drop is one transaction with the line that tells of it, and the database
refuses it where this run has not recorded such an export, or the month holds anything else than that.
"""

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, ObjectNotInPrerequisiteState
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.errors import Fenced, LifecycleError, NotFound, Unproven, Unreachable
from lifecycle.ledger import evidence, months
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.outside import objects, signing
from lifecycle.outside.digest import file_sha256
from lifecycle.outside.signing import SigningKey
from lifecycle.plan import Decision
from lifecycle.postgres import connect, locks
from lifecycle.promise import Task
from lifecycle.records import export, manifest
from lifecycle.records.manifest import DATA, Manifest
from lifecycle.records.plan import RetireMonth
from lifecycle.records.section import SECTION
from lifecycle.records.shelf import Shelf
from lifecycle.records.survey import Seen

PREFIX = "lifecycle-records-"
"""How the directories are called in which months are written down."""


@dataclass(frozen=True, slots=True)
class Retired:
    """What became of the steps: the months that left, and why others did not."""

    steps: tuple[RetireMonth, ...]
    failures: tuple[Failure, ...]


def carry_out(task: Task, seen: Seen, decision: Decision[RetireMonth]) -> Retired:  # noqa: ARG001 - asked alike
    """Retire the months, one after another; one that cannot be keeps no other.

    Raise Fenced when another process holds the run, Unreachable when the server or the store goes away.
    """
    for left in scratch.left_behind(task.system.machine, PREFIX):
        shutil.rmtree(left)
    if not decision.steps:
        return Retired((), ())
    done: list[RetireMonth] = []
    failures: list[Failure] = []
    key = signing.signing_key(task.system.settings.signing_key)
    with closing(objects.store(task.system)) as store:
        records = SECTION.of(task.system.policy)
        assert records.bucket is not None  # else the plan has no steps
        shelf = Shelf(store, records.bucket, f"{records.prefix}{task.system.name}/")
        for step in decision.steps:
            try:
                proven = _export(task, shelf, key, step)
                _drop(task, step, proven.counts)
            except (Fenced, Unreachable):
                raise
            except LifecycleError as error:
                what = f"it was not dropped: {error.what}"
                failures.append(Failure(step.target, what, error.hint))
            else:
                done.append(step)
    return Retired(tuple(done), tuple(failures))


def _export(task: Task, shelf: Shelf, key: SigningKey, step: RetireMonth) -> Manifest:
    """Return the manifest of the month's export, as it was fetched back and proven to be what the ledger holds."""
    with scratch.directory(task.system.machine, PREFIX) as directory:
        progress.phase(f"records.keep: export {step.target}")
        file = directory / "month"
        content = export.write(task.system, step.first, file)
        fetch = (step.target, content.digest, key.public, directory)
        try:
            proven = shelf.fetch(
                *fetch
            )  # an earlier run may have been killed after it had stored this
        except (NotFound, Unproven):
            written = _manifest(task, step, content, file, key)
            _record(task, "intent", written)
            progress.phase(f"records.keep: store {step.target}")
            shelf.put(written, key, file)
            proven = _fetched_back(shelf, fetch)
    _must_be(proven, task.system.name, step.target, content)
    _record(task, "outcome", proven)
    return proven


def _fetched_back(shelf: Shelf, fetch: tuple[str, str, signing.PublicKey, Path]) -> Manifest:
    progress.phase(f"records.keep: fetch {fetch[0]} back")
    try:
        return shelf.fetch(*fetch)
    except (NotFound, Unproven) as error:
        raise Unproven(
            f"what the bucket has is not what was stored: {error.what}",
            hint="Somebody else writes there, or the store is broken. Mend it, and run it again.",
        ) from None


def _must_be(proven: Manifest, system: str, month: str, content: export.Content) -> None:
    """Raise Unproven unless the export is of this month of this ledger, and holds what the ledger does."""
    wanted = (system, month, dict(content.counts), content.digest)
    if (proven.system, proven.month, proven.counts, proven.content) != wanted:
        raise Unproven(
            "what the bucket has was signed for something else",
            hint="Look who copied it there, and move it away; then run it again.",
        )


def _manifest(
    task: Task, step: RetireMonth, content: export.Content, file: Path, key: SigningKey
) -> Manifest:
    return Manifest(
        system=task.system.name,
        month=step.target,
        run=task.claim.id,
        exported_at=task.now,
        counts=dict(content.counts),
        content=content.digest,
        file=manifest.name(step.target, content.digest) + DATA,
        size=file.stat().st_size,
        sha256=file_sha256(file),
        key=key.public.fingerprint,
    )


def _record(task: Task, kind: evidence.Kind, told: Manifest) -> None:
    counts = {**told.counts, "bytes": told.size}
    with task.system.connect("records.keep") as conn:
        evidence.record(
            conn,
            task.claim,
            kind,
            "records.exported",
            told.month,
            counts=counts,
            digest=told.sha256,
        )


def _drop(task: Task, step: RetireMonth, held: Mapping[str, int]) -> None:
    """Drop the month. Raise Unproven when it is not what was exported, Unreachable when no lock comes in time."""
    with closing(task.system.connect("records.keep")) as conn:
        try:
            locks.patiently(partial(_drop_and_tell, conn, task.claim, step, held))
        except ObjectNotInPrerequisiteState:
            raise Unproven(
                "it has changed since it was exported",
                hint="A run of it was queued again, for one. The next run exports what there is then.",
            ) from None
        except (LockNotAvailable, DeadlockDetected):
            raise LifecycleError(
                f"no lock within {locks.TRIES} tries",
                hint="The next run tries again. See pg_stat_activity for long transactions that read the ledger.",
            ) from None
        except psycopg.Error as error:
            raise connect.explain(error) from None


def _drop_and_tell(
    conn: Connection[TupleRow], claim: Claim, step: RetireMonth, held: Mapping[str, int]
) -> None:
    """Drop it within one transaction, with the line that tells of it. Raise psycopg.Error as it comes."""
    with effect(conn, claim, None) as change:
        months.drop(conn, step.first, claim.id)
        change.record("effect", "records.dropped", step.target, counts=held)
