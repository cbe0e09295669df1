"""The requests of one night: everybody is erased, one after another, then everybody is proven at once.

    noting.note                 whoever waits is noted, also in their grace, with what they go by
    request.one                 a request from claim to the erased row
    copies.anew                 views that the policy has made anew show them no more
    answer.refresh_statistics   the planner forgets them
    prove.prove                 other eyes look through the whole database, once for everybody
    recipients.tell             who else was given the person's data is told, and has to acknowledge it
    answer.complete             a request is answered if they found nothing of its person

Looking through a database costs the same for one and for a thousand. One failing request neither stops nor hides the
others: what is left of one person holds up the answer to that one. This is the file to read first.
"""

from collections.abc import Container, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg

from gdpr import answer, copies, ledger, noting, recipients
from gdpr.desk import Desk, Done
from gdpr.notes import Entry
from gdpr.plan import ErasureStep
from gdpr.prove import Proof, prove
from gdpr.request import at_work, one
from gdpr.survey import Case, Seen
from lifecycle.errors import Fenced, Interrupted, LifecycleError, Unreachable
from lifecycle.outcome import Failure
from lifecycle.outside.keys import reference_key
from lifecycle.plan import Decision
from lifecycle.postgres import connect
from lifecycle.promise import Task


def carry_out(
    task: Task, seen: Seen, decision: Decision[ErasureStep], *, replay: bool = False
) -> dict[str, Done]:
    """Take the requests of the plan from claim to proof; return by reference how each ended.

    `replay`: they were answered before, in the database that this one was put back over, and are not claimed.

    Raise Fenced when another process holds the run, Unreachable when nothing but that went wrong.
    """
    planned: dict[str, list[ErasureStep]] = {}
    for step in decision.steps:
        planned.setdefault(step.request, []).append(step)
    cap = task.system.policy.limits.rows_per_run
    caps = {
        request: sum(step.rows for step in steps) if task.seen_by_person else cap
        for request, steps in planned.items()
    }
    key = reference_key(task.system.settings.reference_key)
    shown = planned if task.seen_by_person else {}
    desk = Desk(task.system, task.claim, seen.reach, key, task.now, caps, shown, replay)
    night = _Night(desk, list(seen.errors))
    if not replay:
        night.note(task.only, {refusal.target for refusal in decision.refusals})
    due = planned.keys() - night.done.keys()
    cases = [case for case in seen.cases if case.request.reference in due]
    while (
        cases
    ):  # who asked twice is answered by one erasure: what it did not answer is looked at afterwards
        cases = night.through(cases)
    errors = night.errors
    everyone = len(night.done) + len(seen.unread)
    if errors and len(errors) == everyone and all(isinstance(e, Unreachable) for e in errors):
        raise errors[0]
    return night.done


@dataclass(slots=True)
class _Night:
    """The requests of one run on their way. `done`: by reference how each ended."""

    desk: Desk
    errors: list[LifecycleError]
    done: dict[str, Done] = field(default_factory=dict[str, Done])

    def note(self, only: str | None, refused: Container[str]) -> None:
        """Write down who waits and what they go by; whom that fails for is not erased in this night."""
        for reference, error in noting.note(self.desk, only).items():
            said, failure = noting.failure(reference, error)
            if failure.target not in refused:  # what refused it is what hinders here
                self.errors.append(said)
                self.done[reference] = Done(failures=(failure,))

    def through(self, cases: Sequence[Case]) -> list[Case]:
        """Erase everybody, then prove everybody; return those that another one's erasure may have answered."""
        erased: list[tuple[Case, Entry]] = []
        later: list[Case] = []
        for case in cases:
            if any(case.request.request in entry.requests for _, entry in erased):
                later.append(case)
                continue
            with self._told(case):
                ended = one(self.desk, case)
                if isinstance(ended, Done):
                    self.done[case.request.reference] = ended
                elif any(ended.whose == entry.whose for _, entry in erased):
                    later.append(case)
                else:
                    erased.append((case, ended))
        self._prove(erased)
        return later

    def _prove(self, erased: Sequence[tuple[Case, Entry]]) -> None:
        """Look for everybody at once; what hinders that leaves all of them open."""
        if not erased:
            return
        proofs: Sequence[Proof | LifecycleError | psycopg.Error]
        try:
            proofs = _look(self.desk, [entry for _, entry in erased])
        except (Fenced, Interrupted):
            raise
        except (LifecycleError, psycopg.Error) as error:
            proofs = [error] * len(erased)
        for (case, entry), proof in zip(erased, proofs, strict=True):
            with self._told(case):
                if isinstance(proof, Exception):
                    raise proof
                self.done[case.request.reference] = _answer(self.desk, entry, proof)

    @contextmanager
    def _told(self, case: Case) -> Generator[None]:
        """Make of what goes wrong with one request its own ending."""
        try:
            yield
        except (Fenced, Interrupted):
            raise
        except (LifecycleError, psycopg.Error) as error:
            said = connect.explain(error) if isinstance(error, psycopg.Error) else error
            self.errors.append(said)
            failure = Failure(case.name, said.what, said.hint)
            self.done[case.request.reference] = Done(failures=(failure,))


def _look(desk: Desk, entries: Sequence[Entry]) -> tuple[Proof | LifecycleError, ...]:
    """Make views anew and the planner forget everybody, then look for them all."""
    sealed = [entry.note for entry in entries if entry.note is not None]
    assert len(sealed) == len(entries)  # each was sealed before the erasure
    stale = copies.anew(desk)
    answer.refresh_statistics(desk.system, desk.reach, sealed)
    return prove(desk.system, sealed, stale)


def _answer(desk: Desk, entry: Entry, proof: Proof) -> Done:
    """Answer the request when nothing of its person was found, and no look was left out."""
    with at_work(desk) as (conn, as_seen):
        if proof.failures or proof.forgotten:
            answer.write_failure(conn, desk.claim, entry.reference, proof)
            found = tuple(
                replace(f, target=f"request {entry.reference}: {f.target}") for f in proof.failures
            )
            return Done(coverage=replace(proof.coverage, found=found))
        line = None
        if not desk.replay:  # who was told once is not told again because a database was put back
            recipients.tell(desk, conn, entry)
            line = ledger.write(desk.system, conn, desk.claim, desk.reach.kind, entry)
        answer.complete(desk, conn, as_seen, entry, proof, line)
    nowhere = line is None and not desk.replay
    said = (f"no erasure ledger outside: no bucket `{ledger.LEDGER}`",) if nowhere else ()
    return Done(
        answered=True,
        notes=said,
        rows=sum(entry.tables.values()),
        coverage=proof.coverage,
    )
