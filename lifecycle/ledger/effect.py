"""The one way to change something: in a transaction that holds the run, bears its mark, and says what it did.

    with effect(conn, claim, code) as change:
        gone = conn.execute(...).rowcount
        change.must_be({"sessions": gone})
        change.record("effect", "retention.deleted", "sessions", counts={"rows": gone})

Whoever wants to take the run over waits until the transaction ends; whoever has taken it over already makes this
one end in Fenced before its first write. Triggers of the application, the audit log's above all, read the run's
number from the setting `lifecycle.run`, and act at once: what is deferred would act after the last look. `code` is the
application's as it was held against the policy; was it exchanged since, everything is undone. It is None where no
statement touches a table of the application's with the rights of the service. Where it is given, who changes rows says
which, and everything is undone where others were changed, here or on the ledger, up to the very end. Never decides what
is changed.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger import changed, claims, evidence, statements
from lifecycle.ledger.changed import Changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.evidence import Kind
from lifecycle.postgres import session


@dataclass(slots=True)
class Change:
    """One transaction of a run. What it records commits with what it changes, or not at all."""

    conn: Connection[TupleRow]
    claim: Claim
    _before: Changed | None = None
    _counted: Changed | None = None

    def begin(self) -> None:
        """Count from here on: what was written on the ledger until now, we wrote. Raise as `changed.so_far`."""
        self._before = changed.so_far(self.conn)

    @property
    def before(self) -> Changed:
        """Return what had been changed when it began."""
        assert self._before is not None, (
            "an effect without `code` changes no row of the application's"
        )
        return self._before

    @property
    def counted(self) -> bool:
        """Say whether somebody has said which rows may change."""
        return self._counted is not None

    def must_be(
        self,
        ended: Mapping[str, int],
        adding: frozenset[str] = frozenset(),
        before: Changed | None = None,
    ) -> None:
        """Raise Unproven when other rows have changed since it began, or `before`, than these (`changed.must_be`).

        Nobody of ours may have written on the ledger meanwhile: `record` comes afterwards.
        """
        after = changed.so_far(self.conn)
        changed.must_be(before or self.before, after, ended, adding)
        changed.must_be_alone(self.before, after)
        self._counted = after

    def end(self) -> None:
        """Let what is deferred act, and raise Unproven unless it changes nothing any more."""
        assert self._counted is not None, "nobody has said which rows may change"
        before = changed.as_it_is(self.conn)
        changed.must_be_over(self._counted, before, changed.so_far(self.conn))

    def record(
        self,
        kind: Kind,
        event: str,
        target: str,
        *,
        counts: Mapping[str, int] | None = None,
        reference: str | None = None,
        digest: str | None = None,
    ) -> None:
        """Record one line of evidence, as `evidence.record` has it."""
        evidence.record(
            self.conn,
            self.claim,
            kind,
            event,
            target,
            counts=counts,
            reference=reference,
            digest=digest,
        )

    def record_each(
        self,
        kind: Kind,
        event: str,
        each: Mapping[str, Mapping[str, int]],
        *,
        reference: str | None = None,
    ) -> None:
        """Record one line of evidence of each target, as `evidence.record_each` has it."""
        evidence.record_each(self.conn, self.claim, kind, event, each, reference=reference)


@contextmanager
def effect(
    conn: Connection[TupleRow], claim: Claim, code: Code | None, *, rehearsal: bool = False
) -> Generator[Change]:
    """Open a transaction in which this run changes something; a `rehearsal` is rolled back at its end.

    Raise Fenced, with nothing changed, when another process holds the run, Refused when code was exchanged or the
    server does not count, Unproven when other rows would have changed; psycopg.Error as it comes.
    """
    with conn.transaction(force_rollback=rehearsal):
        claims.hold(conn, claim)
        change = Change(conn, claim)
        with conn.pipeline():
            conn.execute(statements.IMMEDIATE)
            if code is not None:
                session.settle(conn)  # what code has set here in a batch before
                change.begin()
        yield change
        if code is not None or change.counted:
            change.end()
        if code is not None:
            with conn.pipeline():
                session.settle(conn)
            code.must_stand()
