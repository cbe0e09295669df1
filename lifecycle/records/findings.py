"""What can be wrong with an installation whose ledger grows old: no bucket, no key, another time. Reads only."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta

from lifecycle import clock
from lifecycle.admin import buckets
from lifecycle.admin.finding import Finding, Look, absent, bad, fine
from lifecycle.ledger import months
from lifecycle.records import age
from lifecycle.records.section import SECTION
from lifecycle.records.survey import kept_for, lacking
from lifecycle.system import System

SOON = timedelta(days=90)
"""How long before its first month leaves an installation should be able to export it."""


def _exports(system: System) -> Iterator[Finding]:
    label = f"{system.name}: exports of the ledger"
    missing = lacking(system)
    records = SECTION.of(system.policy)
    with closing(system.connect("doctor", write=False)) as conn:
        oldest = min(months.kept(conn), default=None)
    if oldest is None:
        fix = "lifecycle init"
        yield bad(label, "the ledger has no month to write to", "No run can begin.", fix)
        return
    leaves = age.leaves(oldest, records.keep)
    told = f"its oldest month, {age.name(oldest)}, leaves on {leaves:%Y-%m-%d}"
    why = "A month is dropped only after it was exported and signed; until then the ledger grows."
    if missing is None:
        yield fine(label, told)
    elif leaves - clock.now() < SOON:
        yield bad(label, f"{told}, and {missing.what}", why, missing.hint)
    else:
        yield absent(label, f"{told}; {missing.what} yet", why, missing.hint)


def _keep(system: System) -> Iterator[Finding]:
    label = f"{system.name}: how long the ledger is kept"
    keep = SECTION.of(system.policy).keep
    with closing(system.connect("doctor", write=False)) as conn:
        told = kept_for(conn)
    if told == keep:
        yield fine(label, f"{keep}, and the database lets no younger month go")
        return
    why = "It lets no month go before the time it was told, whatever the policy says by now."
    what = f"the policy says {keep}, and the database was told {told or 'nothing'}"
    yield bad(label, what, why, "lifecycle init")


def _bucket(system: System) -> Iterator[Finding]:
    bucket = SECTION.of(system.policy).bucket
    label = f"{system.name}: bucket of the ledger's exports"
    yield from buckets.look_at(system, label, [bucket] if bucket else [])


FINDINGS: Mapping[str, Look] = {
    "how long the ledger is kept": _keep,
    "exports of the ledger": _exports,
    "bucket of the ledger's exports": _bucket,
}
