"""The customer at Stripe who pays for a person. The only module that changes anything at Stripe.

Asks first and asks last: what Stripe says about a customer is the state, never what we remember having sent. No
customer id and none of Stripe's own sentences enter a message, as they quote the id. Never decides whether
a customer goes.
"""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lifecycle.errors import AccessDenied, InputError, LifecycleError, Unproven, Unreachable
from lifecycle.system import System

if TYPE_CHECKING:
    from stripe import StripeClient

SECONDS, RETRIES = 20, 2
State = Literal["there", "deleted", "unknown"]


@dataclass(frozen=True, slots=True)
class Payer:
    """One Stripe account."""

    client: "StripeClient" = field(repr=False)

    def state(self, customer: str) -> State:
        """Return what Stripe says about a customer. Stripe remembers deleted ones; others are unknown."""
        with _classified():
            found = self.client.v1.customers.retrieve(customer)
            return "deleted" if getattr(found, "deleted", False) else "there"
        return "unknown"

    def delete(self, customer: str, once: str) -> None:
        """Delete a customer for ever and end their subscriptions; return when Stripe says that it is done.

        `once` is the idempotency key: the same for every attempt at the same erasure. Raise Unproven when
        Stripe does not say afterwards that the customer is deleted.
        """
        if self.state(customer) == "there":
            with (
                _classified()
            ):  # an answer of `resource_missing` means an earlier attempt got through
                self.client.v1.customers.delete(customer, options={"idempotency_key": once})
        self.must_be_deleted(customer)

    def must_be_deleted(self, customer: str) -> None:
        """Raise Unproven unless Stripe says that this customer is deleted."""
        state = self.state(customer)
        if state == "unknown":
            raise Unproven(
                "Stripe does not know the customer, and it remembers those it has deleted",
                hint="The key is probably of another account or mode (test, live). Check `stripe.key`.",
            )
        if state == "there":
            raise Unproven(
                "Stripe still has the customer after deleting it",
                hint="See the customer in Stripe's dashboard; the run may be resumed.",
            )


def payer(system: System) -> Payer:
    """Return the system's Stripe account. Nothing is asked of it yet. Raise InputError without settings."""
    settings = system.settings.stripe
    if settings is None:
        raise InputError(
            "the settings have no Stripe account, and a customer has to be deleted there",
            hint="Add `stripe: {key: {file: PATH}}` to the system's settings.",
        )
    import stripe

    client = stripe.StripeClient(
        settings.key.read("stripe: key"),
        base_addresses={"api": settings.address} if settings.address else {},
        max_network_retries=RETRIES,
        http_client=stripe.new_default_http_client(timeout=SECONDS),
    )
    return Payer(client)


@contextlib.contextmanager
def _classified() -> Generator[None]:
    """Turn every error of Stripe's client into one of ours; a customer who is not there is no error."""
    import stripe

    try:
        yield
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise _refused(error) from None
    except (stripe.AuthenticationError, stripe.PermissionError):
        raise AccessDenied(
            "Stripe refused the key",
            hint="Check `stripe.key`: a restricted key needs to read and write customers.",
        ) from None
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise Unreachable(
            f"Stripe did not answer ({type(error).__name__})",
            hint="The run is tried again; it first asks what became of the call.",
        ) from None
    except stripe.StripeError as error:
        status = error.http_status or 0
        if status >= 500:
            raise Unreachable(
                f"Stripe is not well (HTTP {status})", hint="The run is tried again."
            ) from None
        raise _refused(error) from None


def _refused(error: "Exception") -> LifecycleError:
    code = getattr(error, "code", None) or type(error).__name__
    return LifecycleError(
        f"Stripe refused a call ({code})", hint="Stripe's documentation explains the code."
    )
