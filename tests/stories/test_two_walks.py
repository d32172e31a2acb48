"""The walk of an event through the real product by the API alone, and the ways a person steers it.

From the key of the command line to the delivery that is seen; off and on; sending again; tests; secrets; repeats; filters.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from kayse_dash.events.catalogue import CATALOGUE
from tests.product import TO_THIS_MACHINE, Api, Product
from tests.receiver import Receiver, Reply, Request
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

MakeWebhook = Callable[..., dict[str, Any]]
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def product(start: Callable[..., Product]) -> Product:
    """One attempt only: what fails has failed for good."""
    return start(**TO_THIS_MACHINE, KAYSE_RETRY_WAITS="0").wait()


@pytest.fixture(scope="module")
def api(product: Product) -> Api:
    return product.api()


def report(api: Api, event: str = "call_ended", **more: Any) -> dict[str, Any]:
    return api.post("/v1/events", {"event": event, "data": {"id": "call_8f2c", "duration_seconds": 312}, **more})


def deliveries(api: Api, hook: dict[str, Any], **filters: str) -> list[dict[str, Any]]:
    asked = "".join(f"&{name}={value}" for name, value in filters.items())
    return api.get(f"/v1/deliveries?webhook_id={hook['id']}{asked}")["data"]


def test_from_a_key_of_the_command_line_to_the_delivery(product: Product, receiver: Receiver) -> None:
    made = product.command("api-key", "create", "Phone agents")
    assert (made.returncode, made.stderr) == (0, "")
    key = made.stdout.splitlines()[-1]
    assert re.fullmatch(r"kd_[\w-]{20,}", key)
    assert made.stdout.count(key) == 1
    assert key not in product.command("api-key", "list").stdout

    api = Api(product.address, key)
    wanted = {"name": "Clio", "url": receiver.url + "clio", "auth": {"type": "api_key", "value": "their-secret-key"}}
    hook = api.post("/v1/webhooks", {**wanted, "events": ["call_ended"]})
    receiver.answer = Reply(201, {"X-Record": "77"}, b'{"ok": true}')
    event = report(api, timestamp="2026-03-12T14:05:00Z")
    assert event == {"id": event["id"], "deliveries": 1, "duplicate": False}

    [request] = receiver.wait_for(1)
    assert (request.method, request.path) == ("POST", "/clio")
    assert request.body == (
        b'{"event":"call_ended","timestamp":"2026-03-12T14:05:00Z","data":{"id":"call_8f2c","duration_seconds":312}}'
    )
    assert request.headers["webhook-id"] == event["id"]
    assert request.headers["X-Public-Api-Key"] == "their-secret-key"
    assert "webhook-test" not in request.headers

    [listed] = deliveries(api, hook)
    delivery = api.settled(listed["id"])
    assert (delivery["state"], delivery["last_status"], delivery["event_id"]) == ("delivered", 201, event["id"])
    assert delivery["request_body"].encode() == request.body
    [attempt] = delivery["attempts"]
    assert (attempt["number"], attempt["status"], attempt["response_body"]) == (1, 201, '{"ok": true}')
    assert ["X-Record", "77"] in attempt["response_headers"]
    assert "their-secret-key" not in json.dumps(delivery)
    api.delete(f"/v1/webhooks/{hook['id']}")


def test_each_way_to_prove_who_sends_arrives(api: Api, receiver: Receiver, make_webhook: MakeWebhook) -> None:
    """None, Basic Auth, both forms of Bearer Token, HMAC Signature; API Key is shown above."""
    token_server = Receiver()
    token_server.answer = Reply(
        headers={"Content-Type": "application/json"},
        body=b'{"access_token": "granted-token", "token_type": "Bearer", "expires_in": 3600}',
    )
    client = {"client_id": "kayse", "client_secret": "clients-own-secret", "scope": "events"}
    ways = {
        "none": {"type": "none"},
        "basic": {"type": "basic", "username": "kayse", "password": "basic-password"},
        "bearer": {"type": "bearer", "token": "fixed-bearer-token"},
        "oauth2": {"type": "oauth2", "token_url": token_server.url + "token", **client},
        "hmac": {"type": "hmac"},
    }
    hooks = {way: make_webhook(url=receiver.url + way, auth=auth) for way, auth in ways.items()}
    report(api)
    arrived = {request.path.strip("/"): request for request in receiver.wait_for(len(ways))}
    assert {way: request.headers.get("authorization") for way, request in arrived.items()} == {
        "none": None,
        "basic": "Basic " + base64.b64encode(b"kayse:basic-password").decode(),
        "bearer": "Bearer fixed-bearer-token",
        "oauth2": "Bearer granted-token",
        "hmac": None,
    }
    [asked] = token_server.requests
    assert asked.body == b"grant_type=client_credentials&scope=events"
    token_server.close()
    assert is_signed_with(arrived["hmac"], hooks["hmac"]["auth"]["secret"])
    assert {way for way, request in arrived.items() if "webhook-signature" in request.headers} == {"hmac"}
    shown = json.dumps([api.get(f"/v1/webhooks/{hook['id']}") for hook in hooks.values()])
    recorded = json.dumps([api.settled(deliveries(api, hook)[0]["id"]) for hook in hooks.values()])
    secrets = ["basic-password", "fixed-bearer-token", "granted-token", "clients-own-secret", hooks["hmac"]["auth"]["secret"]]
    for secret in secrets:
        assert secret not in shown
        assert secret not in recorded


def test_off_holds_and_enable_sends_what_was_held(api: Api, receiver: Receiver, make_webhook: MakeWebhook) -> None:
    hook = make_webhook()
    path = f"/v1/webhooks/{hook['id']}"
    assert api.post(f"{path}/disable", {"reason": "They move to a new server."})["held"] == 0
    assert api.get(path)["disabled_reason"] == "They move to a new server."
    ids = [report(api)["id"] for _ in range(3)]
    assert [one["state"] for one in deliveries(api, hook)] == ["held"] * 3
    [outcome] = api.get(f"/v1/events/{ids[0]}")["webhooks"]
    assert (outcome["outcome"], outcome["delivery"]["state"]) == ("hold", "held")
    assert receiver.requests == []

    enabled = api.post(f"{path}/enable", {"held": "send"})
    assert (enabled["enabled"], enabled["disabled_reason"], enabled["released"]) == (True, None, 3)
    assert [request.headers["webhook-id"] for request in receiver.wait_for(3)] == ids  # in the order in which they happened
    progress = f"{path}/recoveries/{enabled['recovery_id']}"
    wait_until(lambda: api.get(progress)["state"] == "finished", "the end of the recovery")
    assert api.get(progress)["delivered"] == 3


def test_what_failed_is_sent_again_by_one_request(api: Api, receiver: Receiver, make_webhook: MakeWebhook) -> None:
    hook = make_webhook()
    receiver.answer = Reply(500)
    ids = {report(api)["id"] for _ in range(3)}
    wait_until(lambda: len(deliveries(api, hook, state="failed")) == 3, "three failures")
    assert api.get(f"/v1/webhooks/{hook['id']}")["failing_since"] is not None

    receiver.answer = Reply(200)
    receiver.requests.clear()
    started = api.send("POST", f"/v1/webhooks/{hook['id']}/retry-failed")
    assert (started.status_code, started.json()["total"]) == (202, 3)
    progress = f"/v1/webhooks/{hook['id']}/recoveries/{started.json()['recovery_id']}"
    wait_until(lambda: api.get(progress)["delivered"] == 3, "three deliveries")
    assert {request.headers["webhook-id"] for request in receiver.requests} == ids
    assert [(one["state"], one["attempt_count"]) for one in deliveries(api, hook)] == [("delivered", 2)] * 3
    assert api.get(f"/v1/webhooks/{hook['id']}")["failing_since"] is None
    assert api.send("POST", f"/v1/webhooks/{hook['id']}/retry-failed").status_code == 409

    [one, *_] = deliveries(api, hook)
    again = api.post(f"/v1/deliveries/{one['id']}/retry")
    assert again["state"] == "pending"
    wait_until(lambda: api.get(f"/v1/deliveries/{one['id']}")["attempt_count"] == 3, "the third attempt")
    assert [made["trigger"] for made in api.get(f"/v1/deliveries/{one['id']}")["attempts"]] == ["manual", "manual", "automatic"]


def test_a_test_is_marked_and_sent_once_also_to_a_webhook_that_is_off(
    api: Api, receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    hook = make_webhook(enabled=False)
    receiver.answer = Reply(500)
    sent = api.send("POST", f"/v1/webhooks/{hook['id']}/test", {"event": "document_uploaded"})
    assert (sent.status_code, sent.json()["test"]) == (202, True)
    delivery = api.settled(sent.json()["id"])
    [request] = receiver.requests
    assert request.headers["webhook-test"] == "true"
    assert request.json["data"] == CATALOGUE["document_uploaded"].sample
    assert (delivery["state"], delivery["attempt_count"], delivery["attempts"][0]["trigger"]) == ("failed", 1, "test")
    assert api.send("POST", f"/v1/deliveries/{delivery['id']}/retry").status_code == 409
    assert api.get(f"/v1/webhooks/{hook['id']}")["failing_since"] is None


def test_a_new_secret_and_the_old_one_both_sign_during_the_overlap(
    api: Api, receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    hook = make_webhook(auth={"type": "hmac"})
    path, old = f"/v1/webhooks/{hook['id']}", hook["auth"]["secret"]
    new = api.post(f"{path}/rotate-secret")["secret"]
    newest = api.post(f"{path}/rotate-secret", {"overlap_hours": 0})["secret"]
    assert len({old, new, newest}) == 3
    shown = api.get(path)["auth"]
    assert "previous_secret_signs_until" in shown
    assert "secret" not in shown
    report(api)
    [request] = receiver.wait_for(1)
    assert [is_signed_with(request, secret) for secret in (old, new, newest)] == [True, False, True]


def is_signed_with(request: Request, secret: str) -> bool:
    """Whether the public library of the Standard Webhooks specification accepts the request."""
    try:
        return Webhook(secret).verify(request.body, request.headers) == request.json
    except WebhookVerificationError:
        return False


def test_a_repeat_changes_nothing_and_answers_the_first_result(
    api: Api, receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    make_webhook()
    event = {"event": "form_submitted", "id": "form-1", "data": {"id": "submission_1"}}
    first = {"id": "form-1", "deliveries": 1, "duplicate": False}
    assert api.post("/v1/events", event) == first
    assert api.post("/v1/events", event) == {**first, "duplicate": True}
    batch = {"events": [event, {**event, "id": "form-2"}]}
    assert [one["duplicate"] for one in api.post("/v1/events", batch)["data"]] == [True, False]
    assert [one["duplicate"] for one in api.post("/v1/events", batch)["data"]] == [True, True]
    other = api.send("POST", "/v1/events", {**event, "data": {"id": "submission_2"}})
    assert other.status_code == 409

    keyed = {"event": "form_submitted", "data": {"id": "submission_3"}}
    answers = [api.send("POST", "/v1/events", keyed, headers={"Idempotency-Key": "posting-3"}).json() for _ in range(3)]
    assert len({answer["id"] for answer in answers}) == 1
    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    assert api.send("POST", "/v1/events", event, headers={"Idempotency-Key": "posting-3"}).status_code == 409

    ids = {"form-1", "form-2", answers[0]["id"]}
    assert {request.headers["webhook-id"] for request in receiver.wait_for(3)} == ids
    report(api, "case.updated", id="the-last-one")
    receiver.wait_for(4)
    assert len(receiver.requests) == 4


def test_a_campaign_filter_narrows_call_events_only(api: Api, receiver: Receiver, make_webhook: MakeWebhook) -> None:
    spring, autumn = (api.post("/v1/campaigns", {"name": name})["id"] for name in ("Spring", "Autumn"))
    hook = make_webhook(campaign_ids=[spring])
    left_out = [report(api, campaign_id=autumn)["id"], report(api)["id"]]
    reported = [report(api, campaign_id=spring), report(api, "message_sent", campaign_id=autumn), report(api, "task_completed")]
    sent = {event["id"] for event in reported}
    assert {request.headers["webhook-id"] for request in receiver.wait_for(3)} == sent
    assert {one["event_id"] for one in deliveries(api, hook)} == sent
    for event_id in left_out:
        [outcome] = api.get(f"/v1/events/{event_id}")["webhooks"]
        assert outcome["delivery"] is None
        assert outcome["outcome"] == "other_campaign"
        assert "campaign" in outcome["explanation"]
    refused = api.send("PATCH", f"/v1/webhooks/{hook['id']}", {"events": ["task_completed"], "campaign_ids": [spring]})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["campaign_ids"])


@pytest.mark.parametrize(
    ("status", "code", "body", "headers"),
    [
        (400, "bad_request", b'{"event": ', {}),
        (401, "unauthorized", b"{}", {"X-API-KEY": "kd_nobodys"}),
        (401, "unauthorized", b"{}", {"X-API-KEY": None}),
        (413, "too_large", b'{"event": "call_ended", "data": {"pad": "%b"}}' % (b"x" * MEBIBYTE), {}),
        (415, "unsupported_media_type", b"{}", {"Content-Type": "text/plain"}),
        (422, "invalid_input", b'{"event": "call_endet", "data": {}}', {}),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    api: Api, receiver: Receiver, make_webhook: MakeWebhook, status: int, code: str, body: bytes, headers: dict[str, str | None]
) -> None:
    make_webhook()
    sent = {"Content-Type": "application/json", **headers}
    answer = api.send("POST", "/v1/events", None, data=body, headers=sent)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (list(error), error["code"]) == (["code", "message", "fields"], code)
    assert error["message"].endswith(".")
    assert list(error["fields"]) == (["event"] if status == 422 else [])
    assert api.get("/v1/events?limit=1")  # whether or not the connection was kept


def test_a_batch_is_all_or_nothing(api: Api, receiver: Receiver, make_webhook: MakeWebhook) -> None:
    hook = make_webhook()
    good = {"event": "call_ended", "data": {"id": "call_1"}}
    refused = api.send("POST", "/v1/events", {"events": [good, {"event": "call_ended", "data": 7}]})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["events.1.data"])
    assert api.send("POST", "/v1/events", {"events": [good] * 1001}).status_code == 422
    assert deliveries(api, hook) == []
    taken = api.post("/v1/events", {"events": [good] * 1000})["data"]
    assert len({one["id"] for one in taken}) == 1000
    assert len({request.headers["webhook-id"] for request in receiver.wait_for(1000, 30)}) == 1000
