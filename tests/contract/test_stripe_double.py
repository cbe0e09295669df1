"""The Stripe double keeps Stripe's promises, asked through Stripe's own library."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from lifecycle.sandbox import stripe_double
from lifecycle.sandbox.child import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with stripe_double.start(tmp_path_factory.mktemp("stripe")) as running:
        yield running


@pytest.fixture
def double(running: Running) -> Running:
    for path in ("requests", "faults", "idempotency"):
        control(running, "DELETE", path)
    return running


@pytest.fixture
def client(double: Running) -> stripe.StripeClient:
    # No retries of its own: each test says itself what is repeated.
    return stripe.StripeClient(
        stripe_double.KEY, base_addresses={"api": double.url}, max_network_retries=0
    )


def control(running: Running, method: str, path: str, body: object = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=10)
    connection.request(method, f"/_double/{path}", json.dumps(body))
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, said
    return said


def requests_seen(running: Running) -> list[tuple[str, str, int | None]]:
    seen = control(running, "GET", "requests")["data"]
    return [(one["method"], one["path"], one["status"]) for one in seen]


def test_a_customer_can_be_made_changed_fetched_and_listed_by_email(client: stripe.StripeClient):
    made = client.v1.customers.create(
        {"email": "ada@example.org", "name": "Ada", "metadata": {"user": "1", "plan": "x"}}
    )
    client.v1.customers.update(made.id, {"name": "Ada L", "metadata": {"plan": ""}})
    fetched = client.v1.customers.retrieve(made.id)
    assert (fetched.email, fetched.name, fetched.created) == (
        "ada@example.org",
        "Ada L",
        made.created,
    )
    assert fetched.metadata is not None
    assert fetched.metadata.to_dict() == {"user": "1"}
    found = client.v1.customers.list({"email": "ada@example.org"})
    assert [one.id for one in found.data] == [made.id]


def test_a_deleted_customer_is_a_stub_to_fetch_and_missing_to_everything_else(
    client: stripe.StripeClient,
):
    key = client.v1.customers.create({"email": "bea@example.org"}).id
    gone = client.v1.customers.delete(key)
    assert gone.deleted is True
    stub = client.v1.customers.retrieve(key)
    assert stub.to_dict() == {"id": key, "object": "customer", "deleted": True}
    assert client.v1.customers.list({"email": "bea@example.org"}).data == []
    assert client.v1.customers.search({"query": 'email:"bea@example.org"'}).data == []
    for again in (
        lambda: client.v1.customers.delete(key),
        lambda: client.v1.customers.update(key, {"name": "x"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            again()
        assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


@pytest.mark.parametrize("verb", ["retrieve", "delete"])
def test_an_unknown_customer_is_resource_missing(client: stripe.StripeClient, verb: str):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        getattr(client.v1.customers, verb)("cus_nobody")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_deleting_a_customer_ends_subscriptions_at_once_and_leaves_invoices(
    client: stripe.StripeClient,
):
    key = client.v1.customers.create({"email": "cy@example.org", "name": "Cy"}).id
    subscription = client.v1.subscriptions.create({"customer": key, "items": [{"price": "p1"}]})
    assert subscription.status == "active"
    client.v1.customers.delete(key)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert ended.status == "canceled"
    assert ended.ended_at
    assert client.v1.subscriptions.list({"customer": key}).data == []
    assert len(client.v1.subscriptions.list({"customer": key, "status": "all"}).data) == 1
    (invoice,) = client.v1.invoices.list({"customer": key}).data
    assert (invoice.status, invoice.customer_email) == ("paid", "cy@example.org")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.subscriptions.create({"customer": key, "items": [{"price": "p1"}]})
    assert refusal.value.http_status == 400
    assert "No such customer" in str(refusal.value)


def test_canceling_twice_is_missing_and_changing_a_canceled_subscription_is_refused(
    client: stripe.StripeClient,
):
    key = client.v1.customers.create({}).id
    subscription = client.v1.subscriptions.create({"customer": key, "items": [{"price": "p1"}]})
    assert client.v1.subscriptions.cancel(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.subscriptions.cancel(subscription.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="A canceled subscription") as refused:
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert refused.value.http_status == 400


def test_an_open_invoice_can_be_voided_and_found_by_status(client: stripe.StripeClient):
    key = client.v1.customers.create({}).id
    invoice = client.v1.invoices.create({"customer": key})
    assert invoice.id
    client.v1.invoices.finalize_invoice(invoice.id)
    assert len(client.v1.invoices.list({"customer": key, "status": "open"}).data) == 1
    assert client.v1.invoices.void_invoice(invoice.id).status == "void"


def test_long_lists_come_in_pages_newest_first(client: stripe.StripeClient):
    made = [client.v1.customers.create({"email": "many@example.org"}).id for _ in range(12)]
    first = client.v1.customers.list({"email": "many@example.org"})
    assert (len(first.data), first.has_more) == (10, True)
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
    newer = client.v1.customers.list(
        {"email": "many@example.org", "ending_before": made[0], "limit": 3}
    )
    assert [one.id for one in newer.data] == [made[3], made[2], made[1]]


def test_search_understands_fields_metadata_and_both_joints(client: stripe.StripeClient):
    key = client.v1.customers.create({"name": "Dora Q", "metadata": {"user": "77"}}).id

    def found(query: str) -> list[str]:
        return [one.id for one in client.v1.customers.search({"query": query}).data]

    assert found('metadata["user"]:"77"') == [key]
    assert found("name~'dora' AND metadata['user']:'77'") == [key]
    assert found('name:"nobody" OR metadata["user"]:"77"') == [key]
    assert found('name:"nobody" AND metadata["user"]:"77"') == []
    with pytest.raises(stripe.InvalidRequestError):
        found("name = Dora")


def test_what_the_double_does_not_model_is_refused(client: stripe.StripeClient):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.customers.create({"source": "tok_visa"})
    assert refusal.value.code == "parameter_unknown"
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.charges.list()


def test_a_repeat_under_the_same_key_gets_the_first_answer_and_makes_nothing(
    client: stripe.StripeClient, double: Running
):
    first, again = (
        client.v1.customers.create({"email": "key@example.org"}, {"idempotency_key": "k1"})
        for _ in range(2)
    )
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as refusal:
        client.v1.customers.create({"email": "other@example.org"}, {"idempotency_key": "k1"})
    assert refusal.value.http_status == 400
    assert [one["idempotency_key"] for one in control(double, "GET", "requests")["data"]] == [
        "k1",
        "k1",
        "k1",
    ]


def test_a_key_replays_even_a_500_and_even_a_customer_deleted_since(
    client: stripe.StripeClient, double: Running
):
    control(double, "POST", "faults", {"status": 500, "method": "POST"})
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            client.v1.customers.create({"email": "e@example.org"}, {"idempotency_key": "k2"})
        assert failure.value.http_status == 500
    made = client.v1.customers.create({}, {"idempotency_key": "k3"})
    client.v1.customers.delete(made.id)
    replayed = client.v1.customers.create({}, {"idempotency_key": "k3"})
    assert (replayed.id, getattr(replayed, "deleted", False)) == (made.id, False)


def test_a_wrong_key_is_refused(double: Running):
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": double.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()


def test_a_rate_limit_is_answered_as_often_as_ordered_and_not_kept_under_a_key(
    client: stripe.StripeClient, double: Running
):
    order = {"status": 429, "count": 2, "headers": {"Retry-After": "1"}}
    control(double, "POST", "faults", order)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError) as refusal:
            client.v1.customers.create({}, {"idempotency_key": "k4"})
        assert refusal.value.headers is not None
        assert refusal.value.headers["Retry-After"] == "1"
    assert client.v1.customers.create({}, {"idempotency_key": "k4"}).id


def test_a_delete_whose_answer_was_lost_happened_and_its_repeat_finds_nothing(
    client: stripe.StripeClient, double: Running
):
    key = client.v1.customers.create({}).id
    control(double, "POST", "faults", {"status": "drop-after", "path": f"/v1/customers/{key}"})
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.delete(key, {}, {"idempotency_key": "k5"})
    assert client.v1.customers.retrieve(key).to_dict()["deleted"] is True
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.delete(key, {}, {"idempotency_key": "k5"})
    path = f"/v1/customers/{key}"
    assert requests_seen(double)[1:] == [
        ("DELETE", path, None),
        ("GET", path, 200),
        ("DELETE", path, 404),
    ]


def test_a_timeout_gives_no_answer_and_does_nothing(client: stripe.StripeClient, double: Running):
    key = client.v1.customers.create({}).id
    control(double, "POST", "faults", {"status": "timeout", "seconds": 0.2, "method": "DELETE"})
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.delete(key)
    assert "deleted" not in client.v1.customers.retrieve(key).to_dict()


def test_the_log_of_the_process_stays_quiet(client: stripe.StripeClient, double: Running):
    client.v1.customers.list()
    assert double.log.read_text(encoding="utf-8") == ""
    assert double.log.parent.joinpath("stripe_double.port").is_file()
    assert isinstance(double.log, Path)
