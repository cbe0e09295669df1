"""The desk every Stripe call passes: the key, the idempotency store, faults to order, the log.

It knows what Stripe promises about repeats. A POST with an idempotency key gets its first answer
again, a 500 included; other parameters under the same key are refused; a refusal that came before
anything ran (400, 401, 404, 429) is not kept. On GET and DELETE a key means nothing, so a DELETE whose
answer was lost finds nothing the second time. It never opens a socket.
"""

import copy
import fnmatch
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lifecycle.sandbox.stripe_objects import Store
from lifecycle.sandbox.stripe_refusals import Object, Params, StripeError

Call = Callable[..., Object]
ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("POST", r"/v1/customers", Store.create_customer),
    ("GET", r"/v1/customers", Store.list_customers),
    ("GET", r"/v1/customers/search", Store.search_customers),
    ("GET", r"/v1/customers/(\w+)", Store.retrieve_customer),
    ("POST", r"/v1/customers/(\w+)", Store.update_customer),
    ("DELETE", r"/v1/customers/(\w+)", Store.delete_customer),
    ("POST", r"/v1/subscriptions", Store.create_subscription),
    ("GET", r"/v1/subscriptions", Store.list_subscriptions),
    ("GET", r"/v1/subscriptions/(\w+)", Store.retrieve_subscription),
    ("POST", r"/v1/subscriptions/(\w+)", Store.update_subscription),
    ("DELETE", r"/v1/subscriptions/(\w+)", Store.cancel_subscription),
    ("POST", r"/v1/invoices", Store.create_invoice),
    ("GET", r"/v1/invoices", Store.list_invoices),
    ("GET", r"/v1/invoices/(\w+)", Store.retrieve_invoice),
    ("POST", r"/v1/invoices/(\w+)/(finalize|pay|void)", Store.step_invoice),
)
NOT_KEPT = (400, 401, 404, 429)
FAULTS = (429, 500, "timeout", "drop-after")


@dataclass(frozen=True)
class Request:
    """One call, taken apart."""

    method: str
    path: str
    params: Params
    authorization: str
    key: str | None


@dataclass(frozen=True)
class Answer:
    """What goes back. `silence` is None, or the seconds to wait before hanging up without a word."""

    status: int
    body: Object
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    silence: float | None = None


@dataclass
class Fault:
    """Something to go wrong for the next `count` calls that match."""

    status: int | str
    count: int = 1
    method: str = "*"
    path: str = "*"
    seconds: float = 60
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Desk:
    """One account behind one secret key."""

    secret: str
    store: Store = field(default_factory=Store)
    faults: list[Fault] = field(default_factory=list[Fault])
    log: list[Object] = field(default_factory=list[Object])
    kept: dict[str, tuple[Request, Answer]] = field(
        default_factory=dict[str, tuple[Request, Answer]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        """Carry out one call and note it in the log; an error is an answer too."""
        with self.lock:
            try:
                answer = self._answer(request)
            except StripeError as error:
                answer = Answer(error.status, error.body)
            entry = {
                "method": request.method,
                "path": request.path,
                "idempotency_key": request.key,
                "status": answer.status if answer.silence is None else None,
            }
            self.log.append(entry)
        return answer

    def order(self, wanted: Params) -> Object:
        """Order a fault. Raise StripeError if there is no such fault."""
        if wanted.get("status") not in FAULTS or set(wanted) - set(Fault.__annotations__):
            raise StripeError(400, f"A fault has a status of {FAULTS}, and may name its match.")
        self.faults.append(Fault(**wanted))
        return {"faults": len(self.faults)}

    def _answer(self, request: Request) -> Answer:
        self._admit(request)
        fault = self._fault_for(request)
        if fault is not None and fault.status == "timeout":
            return Answer(0, {}, silence=fault.seconds)
        if fault is not None and fault.status == 429:
            error = StripeError(429, "Request rate limit exceeded.", code="rate_limit")
            headers = {"Stripe-Rate-Limited-Reason": "global-rate"} | dict(fault.headers)
            return Answer(429, error.body, headers)
        answer = self._once(request, fails=fault is not None and fault.status == 500)
        if fault is not None and fault.status == "drop-after":
            return Answer(0, {}, silence=0)
        return answer

    def _admit(self, request: Request) -> None:
        if not request.authorization:
            raise StripeError(401, "You did not provide an API key.")
        if not secrets.compare_digest(request.authorization, f"Bearer {self.secret}"):
            raise StripeError(401, "Invalid API Key provided: sk_test_****")

    def _fault_for(self, request: Request) -> Fault | None:
        """Return the first fault that matches and use it up by one."""
        for fault in self.faults:
            if fnmatch.fnmatchcase(request.path, fault.path) and fault.method in (
                "*",
                request.method,
            ):
                fault.count -= 1
                self.faults = [left for left in self.faults if left.count > 0]
                return fault
        return None

    def _once(self, request: Request, *, fails: bool) -> Answer:
        """Carry out the call, or return its first answer if this is a repeat."""
        key = request.key if request.method == "POST" else None
        if key is not None and key in self.kept:
            first, answer = self.kept[key]
            if (first.path, first.params) != (request.path, request.params):
                raise StripeError(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they "
                    f"were first used with. Try using a key other than '{key}' if you meant to "
                    "execute a different request.",
                    type="idempotency_error",
                )
            return Answer(answer.status, answer.body, {"Idempotent-Replayed": "true"})
        answer = _failure() if fails else self._carry_out(request)
        if key is not None and answer.status not in NOT_KEPT:
            self.kept[key] = (request, answer)
        return answer

    def _carry_out(self, request: Request) -> Answer:
        for method, pattern, call in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                # A copy out: what was answered, and is kept, must not change with the store.
                body = call(self.store, dict(request.params), *found.groups())
                return Answer(200, copy.deepcopy(body))
        raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")


def _failure() -> Answer:
    message = "An unknown error occurred"
    return Answer(500, StripeError(500, message, type="api_error").body)
