"""What can be wrong with an installation that erases people: key, buckets, Stripe, statistics, tombstones.

Reads only. The one question to Stripe is for a customer who cannot exist: an answer proves the key, and no person's
data is fetched for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import fence, ledger, recipients, tombstone, words
from gdpr.people import anybody
from gdpr.reach import reach
from gdpr.rights import quoting
from gdpr.section import SECTION
from lifecycle.admin import buckets, statements
from lifecycle.admin.finding import Finding, Look, absent, bad, fine, not_asked, refused, unknown
from lifecycle.errors import LifecycleError
from lifecycle.outside import keys
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.postgres.catalog import Catalog
from lifecycle.settings.model import Stripe
from lifecycle.system import System
from lifecycle.words import counted


def _reference_key(system: System) -> Iterator[Finding]:
    label = f"{system.name}: reference key"
    if system.settings.reference_key is None and SECTION.of(system.policy) is None:
        yield not_asked(label, "none is set, and the policy erases nobody")
        return
    try:
        keys.reference_key(system.settings.reference_key)
    except LifecycleError as error:
        yield refused(label, error, "Evidence names people by keyed references only.")
        return
    yield fine(label, "32 bytes")


def _buckets(system: System) -> Iterator[Finding]:
    used = {table.bucket for table in system.policy.tables.values() if table.bucket}
    yield from buckets.look_at(system, f"{system.name}: buckets", used)


def _stripe(system: System) -> Iterator[Finding]:
    label = f"{system.name}: Stripe"
    payers = [kind for kind, subject in system.policy.subjects.items() if subject.payer]
    if not payers:
        yield not_asked(label, "the policy names no payer")
    elif system.settings.stripe is None:
        yield bad(
            label,
            f"the policy names the payer of {', '.join(payers)}, and no key is set",
            "An erasure could not close the customer and would stop there.",
            "Name the key's file under `stripe: {key: {file: ...}}` in the system's settings.",
        )
    else:
        yield _stripe_key(label, system.settings.stripe)


def _stripe_key(label: str, settings: Stripe) -> Finding:
    import stripe

    why = "An erasure could not close the customer and would stop there."
    client = stripe.StripeClient(
        settings.key.read("stripe: key"),
        base_addresses={"api": settings.address} if settings.address else {},
        http_client=stripe.RequestsClient(timeout=10),
        max_network_retries=0,
    )
    try:
        client.v1.customers.retrieve("cus_lifecycle_doctor")
    except stripe.AuthenticationError:
        return bad(label, "Stripe refuses the key", why, "Put a valid key into its file.")
    except stripe.PermissionError:
        fix = "Allow the restricted key to read and write customers and subscriptions."
        return bad(label, "the key may not read customers", why, fix)
    except stripe.InvalidRequestError:  # no such customer: the key opened the door
        return fine(label, "the key is valid")
    except stripe.StripeError as error:
        what = f"Stripe did not answer ({type(error).__name__})"
        return unknown(label, what, why, "Check the network; try again later.")
    return fine(label, "the key is valid")


def _statistics(system: System) -> Iterator[Finding]:
    """Say of which tables the planner's samples cannot be made anew when a person whom they quote is gone."""
    label = f"{system.name}: statistics"
    if SECTION.of(system.policy) is None:
        yield not_asked(label, "the policy erases nobody")
        return
    with closing(system.connect("doctor", write=False)) as conn:
        there = catalog.read(conn).tables
    tables = [there[name] for name in quoting(system.policy) if name in there]
    owners = sorted({table.owner for table in tables})
    with closing(system.connect_ddl("doctor")) as ddl:
        barred = {row[0] for row in ddl.execute(statements.MEMBER, {"owners": owners}).fetchall()}
    standing = [table.name for table in tables if table.owner in barred]
    if not tables:
        yield not_asked(label, "there is no table yet in which a person could stand")
    elif not standing:
        yield fine(
            label, f"can be made anew for {counted(len(tables), 'table')} that may quote a person"
        )
    else:
        yield unknown(
            label,
            f"{', '.join(standing)} belong to {', '.join(sorted(barred))}, for whom the service cannot say ANALYZE",
            "The erasure of a person whom the planner's samples of them quote stays open until somebody does.",
            "Give them an owner who is no superuser, and run `lifecycle init` again; or say ANALYZE by hand "
            "when an erasure asks for it.",
        )


def _words(system: System) -> Iterator[Finding]:
    """Say what the policy asks of an erasure that no erasure can do yet."""
    label = f"{system.name}: words of the policy"
    if SECTION.of(system.policy) is None:
        yield not_asked(label, "the policy erases nobody")
    elif said := words.beyond(system.policy):
        yield bad(
            label,
            f"an erasure cannot carry out {counted(len(said), 'place')} yet: {', '.join(said)}",
            "Every erasure is refused, and requests wait until their deadline has passed.",
            "Say it in other words if they are as true; docs/whose.md says which can be carried out.",
        )
    else:
        yield fine(label, "an erasure can carry out all of them")


def _recipients(system: System) -> Iterator[Finding]:
    """Say whether the settings know each recipient; nobody is called, as a call would be a message about a person."""
    label, erasure = f"{system.name}: recipients", SECTION.of(system.policy)
    if erasure is None or not erasure.recipients:
        yield not_asked(label, "the policy names none")
        return
    for name in erasure.recipients:
        try:
            recipients.must_be_known(system, name)
        except LifecycleError as error:
            yield refused(
                label, error, "Whoever is known to them is not erased before they can be told."
            )
        else:
            yield fine(label, f"the settings say where {name} is told, and with which key")


def _tombstones(system: System) -> Iterator[Finding]:
    """Say whether somebody stands for whoever is gone, as the policy has it, and is nobody otherwise."""
    label, policy = f"{system.name}: tombstones", system.policy
    kinds = [kind for kind, subject in policy.subjects.items() if subject.tombstone]
    if not kinds:
        yield not_asked(label, "the policy has none")
        return
    with system.snapshot("doctor") as conn:
        picture = catalog.read(conn)
        for kind in tombstone.used(policy, picture):
            yield from _tombstone(label, conn, policy, picture, kind)


def _tombstone(
    label: str, conn: Connection[TupleRow], policy: Policy, picture: Catalog, kind: str
) -> Iterator[Finding]:
    subject = policy.subjects[kind]
    if wrong := tombstone.standing(conn, picture.tables[subject.table], subject):
        missing = wrong == "is not there"
        yield bad(
            label,
            f"that of a {kind} {wrong}",
            "Whoever wrote about others cannot be erased: their rows would name nobody, or somebody.",
            f"lifecycle init, as a superuser or as {picture.tables[subject.table].owner}, whose table it is"
            if missing
            else f"Give the row of {subject.table} the values that the policy says, or choose another key there.",
        )
        return
    stands = f"somebody stands for a {kind} who is gone"
    if words.beyond(policy):
        yield fine(label, f"{stands}; whether rows are given to it is asked when an erasure can be")
    elif rows := tombstone.of_its_own(conn, reach(policy, picture, kind)):
        where = ", ".join(f"{table} ({counted(n, 'row')})" for table, n in rows.items())
        yield bad(
            label,
            f"that of a {kind} has rows of its own: {where}",
            "It is nobody, and no erasure ends what is given to it: somebody uses it as a person.",
            "Give these rows to whom they belong, or delete them; and see who writes them.",
        )
    else:
        yield fine(label, f"{stands}, with no row of its own")


def _ledger(system: System) -> Iterator[Finding]:
    """Say whether this database is as new as the ledger of erasures outside it."""
    label = f"{system.name}: ledger of erasures"
    if SECTION.of(system.policy) is None:
        yield not_asked(label, "the policy erases nobody")
        return
    if not ledger.kept(system):
        yield absent(
            label,
            f"none lies outside the database: no bucket `{ledger.LEDGER}`",
            "A database that is put back brings back whoever was erased since, and nobody notices.",
            f"Name one under `buckets:` as `{ledger.LEDGER}`, with versions and Object Lock.",
        )
        return
    with closing(system.connect("doctor", write=False)) as conn:
        try:
            line = next(ledger.unknown(system, conn), None)
            locks = ledger.locks(system)
        except LifecycleError as error:
            why = "Whether erased people are in this database again is not known."
            yield unknown(label, error.what, why, error.hint)
            return
        seen = ledger.seen(conn)
    if (line is not None and seen is not None) or (line is not None and anybody(system)):
        what = f"this database is older: it does not know of {line.name}"
        yield bad(label, what, "People are in it who were promised to be gone.", fence.HINT)
    elif not locks:
        yield fine(label, f"followed up to line {seen or 0}; its bucket has no Object Lock")
    else:
        yield fine(label, f"followed up to line {seen or 0}; its lines are locked for ten years")


FINDINGS: Mapping[str, Look] = {
    "words of the policy": _words,
    "reference key": _reference_key,
    "buckets": _buckets,
    "Stripe": _stripe,
    "recipients": _recipients,
    "statistics": _statistics,
    "tombstones": _tombstones,
    "ledger of erasures": _ledger,
}
