"""What can be wrong with an installation that erases people: the reference key, their buckets, their Stripe key.

Reads only. The one question to Stripe is for a customer who cannot exist: an answer proves the key, and no person's
data is fetched for it.
"""

from collections.abc import Iterator, Mapping

from gdpr.section import SECTION
from lifecycle.admin import buckets
from lifecycle.admin.finding import Finding, Look, bad, fine, not_asked, refused, unknown
from lifecycle.errors import LifecycleError
from lifecycle.outside import keys
from lifecycle.settings.model import Stripe
from lifecycle.system import System


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


FINDINGS: Mapping[str, Look] = {
    "reference key": _reference_key,
    "buckets": _buckets,
    "Stripe": _stripe,
}
