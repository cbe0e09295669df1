"""The one way to change something: in a transaction that holds the run, bears its mark, and says what it did.

    with effect(conn, claim, code) as change:
        gone = conn.execute(...).rowcount
        change.record("effect", "retention.deleted", "sessions", counts={"rows": gone})

Whoever wants to take the run over waits until the transaction ends; whoever has taken it over already makes this
one end in Fenced before its first write. Triggers of the application, the audit log's above all, read the run's
number from the setting `lifecycle.run`, and act at once: what is deferred would act after the last look. `code` is the
application's as it was held against the policy; was it exchanged since, everything is undone. It is None where no
statement touches a table of the application's with the rights of the service. Never decides what is changed.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger import claims, evidence, statements
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from lifecycle.ledger.evidence import Kind


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction of a run. What it records commits with what it changes, or not at all."""

    conn: Connection[TupleRow]
    claim: Claim

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
        self, kind: Kind, event: str, targets: Sequence[str], *, counts: Mapping[str, int]
    ) -> None:
        """Record one line of evidence of each target, as `evidence.record_each` has it."""
        evidence.record_each(self.conn, self.claim, kind, event, targets, counts=counts)


@contextmanager
def effect(
    conn: Connection[TupleRow], claim: Claim, code: Code | None, *, rehearsal: bool = False
) -> Generator[Change]:
    """Open a transaction in which this run changes something; a `rehearsal` is rolled back at its end.

    Raise Fenced, with nothing changed, when another process holds the run, Refused when code was exchanged;
    psycopg.Error as it comes.
    """
    with conn.transaction(force_rollback=rehearsal):
        claims.hold(conn, claim)
        conn.execute(statements.IMMEDIATE)
        yield Change(conn, claim)
        conn.execute(statements.IMMEDIATE)  # what a trigger has deferred again
        if code is not None:
            code.must_stand()
