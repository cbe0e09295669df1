"""What Stripe keeps: customers, subscriptions and invoices, and what happens to them.

It knows the rules an erasure depends on. A deleted customer can still be fetched as a stub, is in no
list, and cannot be deleted or changed again. Deleting ends the subscriptions at once. Invoices stay,
with the name and e-mail they were written with. What is not modelled here is refused as an unknown
parameter rather than ignored. It never speaks HTTP.
"""

import secrets
from dataclasses import dataclass, field

from lifecycle import clock
from lifecycle.sandbox.stripe_lists import PAGING, page, query, where
from lifecycle.sandbox.stripe_refusals import (
    Object,
    Params,
    StripeError,
    missing,
    only_known,
    required,
)

PERSONAL = ("address", "description", "email", "name", "phone", "shipping")
INVOICE_STEPS = {"finalize": ("draft", "open"), "pay": ("open", "paid"), "void": ("open", "void")}


@dataclass
class Store:
    """Everything of one account, in the order of its creation.

    Every method is one call: `params` as sent, then what stands in the path. Raise StripeError for
    every answer that is no success.
    """

    customers: dict[str, Object] = field(default_factory=dict[str, Object])
    subscriptions: dict[str, Object] = field(default_factory=dict[str, Object])
    invoices: dict[str, Object] = field(default_factory=dict[str, Object])

    def create_customer(self, params: Params) -> Object:
        """Make a customer from the fields given."""
        only_known(params, *PERSONAL, "metadata")
        customer: Object = _new("cus", "customer") | dict.fromkeys(PERSONAL)
        customer |= {"balance": 0, "delinquent": False, "livemode": False, "metadata": {}}
        _change(customer, params)
        self.customers[customer["id"]] = customer
        return customer

    def retrieve_customer(self, params: Params, key: str) -> Object:
        """Return a customer, or the stub that is left of a deleted one."""
        only_known(params)
        return _found(self.customers, key, "customer")

    def update_customer(self, params: Params, key: str) -> Object:
        """Change the fields given; a deleted customer is not there."""
        only_known(params, *PERSONAL, "metadata")
        return _change(self._living(key), params)

    def delete_customer(self, params: Params, key: str) -> Object:
        """Leave a stub and end every subscription at once."""
        only_known(params)
        self._living(key)
        for subscription in self.subscriptions.values():
            if subscription["customer"] == key and subscription["status"] != "canceled":
                _end(subscription)
        self.customers[key] = {"id": key, "object": "customer", "deleted": True}
        return self.customers[key]

    def list_customers(self, params: Params) -> Object:
        """Return living customers, by e-mail if asked."""
        only_known(params, "email", *PAGING)
        alive = (c for c in self.customers.values() if "deleted" not in c)
        return page(where(alive, params, "email"), params, "/v1/customers")

    def search_customers(self, params: Params) -> Object:
        """Return living customers that match a search query."""
        only_known(params, "query", "limit")
        matches = query(str(required(params, "query")))
        alive = (c for c in self.customers.values() if "deleted" not in c)
        found = page(filter(matches, alive), params, "/v1/customers/search")
        return found | {"object": "search_result", "next_page": None}

    def create_subscription(self, params: Params) -> Object:
        """Subscribe a living customer; a first, paid invoice comes with it."""
        only_known(params, "customer", "items", "metadata", "trial_period_days")
        customer = self._named(params)
        prices = [str(item["price"]) for item in required(params, "items").values()]
        subscription: Object = _new("sub", "subscription") | {
            "customer": customer["id"],
            "status": "trialing" if params.get("trial_period_days") else "active",
            "cancel_at_period_end": False,
            "canceled_at": None,
            "ended_at": None,
            "metadata": params.get("metadata", {}),
        }
        items = [_new("si", "subscription_item") | {"price": {"id": price}} for price in prices]
        subscription["items"] = {"object": "list", "has_more": False, "data": items}
        self.subscriptions[subscription["id"]] = subscription
        self._invoice(customer, "paid", subscription["id"])
        return subscription

    def retrieve_subscription(self, params: Params, key: str) -> Object:
        """Return a subscription, canceled or not."""
        only_known(params)
        return _found(self.subscriptions, key, "subscription")

    def update_subscription(self, params: Params, key: str) -> Object:
        """Change a subscription; of a canceled one only the metadata."""
        only_known(params, "cancel_at_period_end", "metadata")
        subscription = _found(self.subscriptions, key, "subscription")
        if subscription["status"] == "canceled" and set(params) - {"metadata"}:
            raise StripeError(
                400,
                "A canceled subscription can only update its cancellation_details and metadata.",
            )
        if "cancel_at_period_end" in params:
            subscription["cancel_at_period_end"] = params.pop("cancel_at_period_end") == "true"
        return _change(subscription, params)

    def cancel_subscription(self, params: Params, key: str) -> Object:
        """End a subscription now; a canceled one is not there."""
        only_known(params, "invoice_now", "prorate")
        subscription = _found(self.subscriptions, key, "subscription")
        # Stripe knows a canceled subscription when asked to fetch it, and not when asked to cancel.
        if subscription["status"] == "canceled":
            raise missing("subscription", key)
        return _end(subscription)

    def list_subscriptions(self, params: Params) -> Object:
        """Return subscriptions; canceled ones only when asked for."""
        only_known(params, "customer", "status", *PAGING)
        self._known_customer(params)
        asked = params.pop("status", None)
        rows = where(self.subscriptions.values(), params, "customer")
        if asked is None:
            rows = [row for row in rows if row["status"] != "canceled"]
        elif asked != "all":
            wanted = "canceled" if asked == "ended" else asked
            rows = [row for row in rows if row["status"] == wanted]
        return page(rows, params, "/v1/subscriptions")

    def create_invoice(self, params: Params) -> Object:
        """Make a draft for a living customer."""
        only_known(params, "customer")
        return self._invoice(self._named(params), "draft", None)

    def retrieve_invoice(self, params: Params, key: str) -> Object:
        """Return an invoice."""
        only_known(params)
        return _found(self.invoices, key, "invoice")

    def step_invoice(self, params: Params, key: str, step: str) -> Object:
        """Finalize, pay or void an invoice."""
        only_known(params)
        invoice = _found(self.invoices, key, "invoice")
        before, after = INVOICE_STEPS[step]
        if invoice["status"] != before:
            raise StripeError(400, f"This invoice is {invoice['status']}: it cannot {step}.")
        invoice["status"] = after
        return invoice

    def list_invoices(self, params: Params) -> Object:
        """Return invoices, those of deleted customers included."""
        only_known(params, "customer", "status", *PAGING)
        self._known_customer(params)
        rows = where(self.invoices.values(), params, "customer", "status")
        return page(rows, params, "/v1/invoices")

    def _living(self, key: str) -> Object:
        customer = _found(self.customers, key, "customer")
        if "deleted" in customer:
            raise missing("customer", key)
        return customer

    def _named(self, params: Params) -> Object:
        """Return the customer that a parameter names; a wrong one is a bad request, not a 404."""
        key = str(required(params, "customer"))
        customer = self.customers.get(key)
        if customer is None or "deleted" in customer:
            raise missing("customer", key, status=400, param="customer")
        return customer

    def _known_customer(self, params: Params) -> None:
        """Refuse a filter on a customer who never existed; a deleted one may be asked about."""
        key = params.get("customer")
        if key is not None and key not in self.customers:
            raise missing("customer", str(key), status=400, param="customer")

    def _invoice(self, customer: Object, status: str, subscription: str | None) -> Object:
        invoice: Object = _new("in", "invoice") | {
            "customer": customer["id"],
            # A snapshot: it outlives the customer.
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "status": status,
            "billing_reason": "subscription_create" if subscription else "manual",
            "parent": {"subscription_details": {"subscription": subscription}},
            "amount_due": 1900,
            "currency": "usd",
        }
        self.invoices[invoice["id"]] = invoice
        return invoice


def _new(prefix: str, kind: str) -> Object:
    created = int(clock.now().timestamp())
    return {"id": f"{prefix}_{secrets.token_hex(8)}", "object": kind, "created": created}


def _end(subscription: Object) -> Object:
    now = int(clock.now().timestamp())
    return _change(subscription, {"status": "canceled", "canceled_at": now, "ended_at": now})


def _change(thing: Object, params: Params) -> Object:
    """Set the fields that are given; an empty string unsets, and metadata merges key by key."""
    for name, value in params.items():
        if name == "metadata" and value != "":
            merged = thing["metadata"] | value
            thing["metadata"] = {key: text for key, text in merged.items() if text != ""}
        elif name == "metadata":
            thing["metadata"] = {}
        else:
            thing[name] = None if value == "" else value
    return thing


def _found(things: dict[str, Object], key: str, kind: str) -> Object:
    if key not in things:
        raise missing(kind, key)
    return things[key]
