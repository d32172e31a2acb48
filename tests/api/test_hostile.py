"""Input that wants to break something: each row has one exact answer, and none is a fault of ours."""

from __future__ import annotations

import json
import time

from kayse_dash.webhooks import auth
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_delivery, make_endpoint

EVENT = {"event": "call_ended", "data": {}}
HOOK = {"name": "Hook", "url": "http://127.0.0.1:9/"}
HUGE = 10**400
LONG = "x" * 100_000
SURROGATE = "\ud800"  # json.dumps writes the escape
DEEP = json.loads("[" * 150 + "]" * 150)


def event(**more):
    return "POST", "/v1/events", EVENT | more


def data(value):
    return "POST", "/v1/events", EVENT | {"data": value}


def hook(**more):
    return "POST", "/v1/webhooks", HOOK | more


def client(**more):
    return "POST", "/v1/clients", {"last_name": "Whitfield"} | more


def agent(**more):
    return "POST", "/v1/agents", {"name": "Agent"} | more


def proof(**fields):
    return hook(auth=fields)


ROWS = [
    # What an event may be.
    (data({"a": HUGE}), 202),
    (data({"a": "\0", "b\0": ["\0"]}), 202),
    (data({"a": SURROGATE}), 400),
    (data({SURROGATE: 1}), 400),
    (("POST", "/v1/events", b'{"event":"call_ended","data":{"a":' + b"9" * 5000 + b"}}"), 400),
    (data({"a": DEEP}), 422),
    (data({"a": float("inf")}), 400),
    (data({"a": float("nan")}), 400),
    (data({"a": LONG}), 202),
    (data({LONG: 1}), 202),
    (data({"": {"": {"": []}}}), 202),
    (data({"duration_seconds": True}), 422),
    (data({"duration_seconds": {"$gt": 0}}), 422),
    (data({"__proto__": {"admin": True}, "constructor": 1}), 202),
    (data("'; DROP TABLE events; --"), 422),
    (data(None), 422),
    (data(False), 422),
    (data(0), 422),
    (event(event="\0"), 422),
    (event(event=LONG), 422),
    (event(event=["call_ended"]), 422),
    (event(event={"$ne": None}), 422),
    (event(event="call_ended\n"), 422),
    (event(event="CALL_ENDED"), 422),
    (event(id="\0"), 422),
    (event(id="a\n"), 422),
    (event(id="a\r\nX-Evil: 1"), 422),
    (event(id="../../etc/passwd"), 422),
    (event(id="é"), 422),
    (event(id="x" * 129), 422),
    (event(id=5), 422),
    (event(id="x" * 128), 202),
    (event(campaign_id=HUGE), 422),
    (event(campaign_id=-1), 422),
    (event(campaign_id=1.0), 422),
    (event(campaign_id="12"), 422),
    (event(campaign_id=True), 422),
    (event(campaign_id=[12]), 422),
    (event(campaign_id=2**31), 202),
    (event(client_id=2**63), 422),
    (event(client_id=1e300), 422),
    (event(case_type="\0"), 422),
    (event(case_type=LONG), 422),
    (event(case_type={"a": 1}), 422),
    (event(case_type="ﷺ" * 100), 202),
    (event(timestamp=HUGE), 422),
    (event(timestamp="\0"), 422),
    (event(timestamp=LONG), 422),
    (event(timestamp="2024-01-15T10:30:00+24:00"), 422),
    (event(timestamp=[]), 422),
    (event(**{LONG: 1}), 422),
    (event(**{"\0": 1}), 422),
    (event(is_test=True), 422),
    (event(epoch=1), 422),
    (event(events=None), 422),
    (("POST", "/v1/events", {"events": [None] * 1000}), 422),
    (("POST", "/v1/events", {"events": [[EVENT]]}), 422),
    (("POST", "/v1/events", {"events": {"0": EVENT}}), 422),
    (("POST", "/v1/events", {"events": [EVENT] * 10_000}), 422),
    # What a webhook may be.
    (hook(name="\0\0\0"), 422),
    (hook(name=LONG), 422),
    (hook(name=["abc"]), 422),
    (hook(name="<script>alert(1)</script>"), 201),
    (hook(url="javascript:alert(1)"), 422),
    (hook(url="http://169.254.169.254/latest/meta-data"), 422),
    (hook(url="http://[::ffff:10.0.0.1]/"), 422),
    (hook(url="http://127.0.0.1:99999/"), 422),
    (hook(url="http://user:password@127.0.0.1/"), 422),
    (hook(url="http://127.0.0.1/\r\nHost: evil"), 422),
    (hook(url="http://[/"), 422),
    (hook(url="\0"), 422),
    (hook(url="http://127.0.0.1/" + LONG), 422),
    (hook(url=5), 422),
    (hook(events=["\0"]), 422),
    (hook(events=["call_ended"] * 10_000), 422),
    (hook(events=[["call_ended"]]), 422),
    (hook(events=None), 422),
    (hook(campaign_ids=[HUGE]), 422),
    (hook(campaign_ids=[-1]), 422),
    (hook(campaign_ids=[2**31]), 422),
    (hook(campaign_ids=[True]), 422),
    (hook(campaign_ids=list(range(1000))), 422),
    (hook(case_types=["\0"]), 422),
    (hook(case_types=[LONG]), 422),
    (hook(case_types=["a"] * 10_000), 422),
    (hook(case_types=[{}]), 422),
    (hook(enabled="false"), 422),
    (hook(enabled=0), 422),
    (hook(id=1), 422),
    (hook(deleted_at=None), 422),
    (proof(), 422),
    (proof(type="root"), 422),
    (proof(type=HUGE), 422),
    (proof(type={}), 422),
    (proof(type="none", value="x"), 422),
    (proof(type="none", **{"\0": 1}), 422),
    (proof(type="api_key", value="a\r\nX-Evil: 1"), 422),
    (proof(type="api_key", header="Content-Length", value="1"), 422),
    (proof(type="api_key", header="Evil: 1\r\n", value="1"), 422),
    (proof(type="api_key", header=5, value="1"), 422),
    (proof(type="api_key", value=["1"]), 422),
    (proof(type="api_key", value="é"), 422),
    (proof(type="basic", username="a:b", password="c"), 422),
    (proof(type="basic", username="\0", password="c"), 422),
    (proof(type="basic", username="a", password=5), 422),
    (proof(type="bearer", token=""), 422),
    (proof(type="bearer", token="Bearer "), 422),
    (proof(type="bearer", token=LONG), 422),
    (proof(type="hmac", secret="whsec_é"), 422),
    (proof(type="hmac", secret=[1]), 422),
    (proof(type="oauth2", token_url="file:///etc/passwd", client_id="a", client_secret="b"), 422),
    (proof(type="oauth2", token_url="http://[", client_id="a", client_secret="b"), 422),
    (proof(type="oauth2", token_url="http://10.0.0.1/", client_id="a", client_secret="b"), 422),
    (proof(type="oauth2", token_url={}, client_id=[], client_secret=HUGE, scope=5), 422),
    (("PATCH", "/v1/webhooks/1", {"name": None}), 422),
    (("PATCH", "/v1/webhooks/1", {"url": ""}), 422),
    (("PATCH", "/v1/webhooks/1", {"auth": []}), 422),
    (("PATCH", "/v1/webhooks/1", {"auth_secret": "x"}), 422),
    (("PATCH", f"/v1/webhooks/{HUGE}", {"name": "abc"}), 404),
    (("PATCH", "/v1/webhooks/%00", {"name": "abc"}), 404),
    # What may be done to one.
    (("POST", "/v1/webhooks/1/test", {"event": None}), 422),
    (("POST", "/v1/webhooks/1/test", {"event": "\0"}), 422),
    (("POST", "/v1/webhooks/1/test", {"url": "http://10.0.0.1/"}), 422),
    (("POST", "/v1/webhooks/1/enable", {"held": True}), 422),
    (("POST", "/v1/webhooks/1/enable", {"held": "send", "since": "0000-00-00T00:00:00Z"}), 422),
    (("POST", "/v1/webhooks/1/disable", {"reason": 5}), 422),
    (("POST", "/v1/webhooks/1/retry-failed", {"since": HUGE}), 422),
    (("POST", "/v1/webhooks/1/rotate-secret", {"overlap_hours": HUGE}), 422),
    (("POST", "/v1/webhooks/1/rotate-secret", {"overlap_hours": True}), 422),
    (("POST", "/v1/webhooks/1/rotate-secret", {"secret": "\0" * 40}), 422),
    (("GET", f"/v1/webhooks/1/recoveries/{2**31}", None), 404),
    (("POST", "/v1/webhooks/1/recoveries/-1/cancel", None), 404),
    (("POST", f"/v1/deliveries/{2**63}/retry", None), 404),
    (("POST", "/v1/deliveries/1%2f..%2f2/cancel", None), 404),
    # What may be asked for.
    (("GET", "/v1/deliveries?q=%25_%5C", None), 200),
    (("GET", "/v1/deliveries?q=%ff%fe", None), 200),
    (("GET", "/v1/deliveries?q=" + "9" * 18, None), 200),
    (("GET", "/v1/deliveries?q=' OR 1=1 --", None), 200),
    (("GET", "/v1/deliveries?campaign_id=" + "9" * 5000, None), 422),
    (("GET", "/v1/deliveries?webhook_id=1e3", None), 422),
    (("GET", "/v1/deliveries?since=9999-12-31T23:59:59Z", None), 422),
    (("GET", "/v1/deliveries?until=1970-01-01T00:00:00Z", None), 200),
    (("GET", "/v1/deliveries?since=9000-12-31T23:59:59Z", None), 200),
    (("GET", "/v1/deliveries?%00=1", None), 422),
    (("GET", "/v1/events?cursor=WyJiZWZvcmUiLDk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", None), 422),
    (("GET", "/v1/events?cursor=é", None), 422),
    (("GET", "/v1/events?" + "&".join(f"a{number}=1" for number in range(3000)), None), 422),
    (("GET", "/v1/events/' OR 1=1", None), 404),
    (("GET", "/v1/webhooks?page=99999999999999999999", None), 422),
    (("GET", "/v1/campaigns?page_size=1e9", None), 422),
    (("POST", "/v1/campaigns", {"name": SURROGATE}), 400),
    (("POST", "/v1/campaigns", {"name": {"$ne": 1}}), 422),
    (("POST", "/v1/campaigns", {"name": "a", "case_type": "\0"}), 422),
    (("DELETE", f"/v1/campaigns/{2**31}", None), 404),
    # What a client and an agent may be.
    (client(last_name="\0"), 422),
    (client(last_name=LONG), 422),
    (client(last_name=SURROGATE), 400),
    (client(last_name="<script>alert(1)</script>"), 201),
    (client(last_name="'; DROP TABLE clients; --"), 201),
    (client(first_name="ﷺ" * 100), 201),
    (client(mobile="+" + "9" * 50), 422),
    (client(mobile="2125550142;ext=" + "9" * 50), 422),
    (client(email="a" * 64 + "@" + "b" * 200), 422),
    (client(email='"a\\"b"@example.com'), 422),
    (client(date_of_birth="0000-00-00"), 422),
    (client(date_of_birth=HUGE), 422),
    (client(date_of_birth=LONG), 422),
    (client(case_ids=[HUGE]), 422),
    (client(case_ids=[True]), 422),
    (client(case_ids=[1] * 10_000), 422),
    (client(external_source="a", external_source_id=5), 422),
    (client(external_source=LONG, external_source_id=LONG), 422),
    (client(external_source="\0", external_source_id="\0"), 422),
    (client(phones=[DEEP]), 422),
    (client(phones=[None, 5, {}]), 422),
    (client(phones=[{"value": "2125550142", "primary": "yes", "id": HUGE}]), 422),
    (client(phones=[{"value": "2125550142", "primary": True}] * 50), 201),
    (client(emails=LONG), 422),
    (client(addresses=[{"city": LONG}]), 422),
    (client(addresses=[{"city": {"$ne": 1}}]), 422),
    (client(addresses=[{}]), 201),
    (client(postal_code="\0"), 422),
    (client(**{LONG: 1}), 422),
    (client(version=HUGE), 422),
    (("PATCH", "/v1/clients/1", {"last_name": None, "first_name": None}), 422),
    (("PATCH", f"/v1/clients/{2**63 - 1}", {"last_name": "a"}), 404),
    (("PATCH", f"/v1/clients/{HUGE}", {"last_name": "a"}), 404),
    (("GET", "/v1/clients?q=' OR 1=1 --", None), 200),
    (("GET", "/v1/clients?q=%25_%5C", None), 200),
    (("GET", "/v1/clients?q=%ff%fe", None), 200),
    (("GET", "/v1/clients?q=" + "9" * 190, None), 200),
    (("GET", "/v1/clients?q=" + "a+" * 90, None), 200),
    (("GET", "/v1/clients?q=" + "%F0%9F%98%80" * 100, None), 200),
    (("GET", "/v1/clients?q=%00", None), 422),
    (("GET", "/v1/clients?external_source_id=" + "x" * 200, None), 200),
    (("GET", "/v1/clients?email=%00@example.com", None), 422),
    (("GET", "/v1/clients?page=1000000&page_size=100", None), 200),
    (agent(name="\0"), 422),
    (agent(name={"$ne": 1}), 422),
    (agent(external_id=LONG), 422),
    (agent(external_id=SURROGATE), 400),
    (agent(campaign_id=HUGE), 422),
    (agent(campaign_id=-1), 422),
    (agent(events=[["call_ended"]]), 422),
    (agent(events=["call_ended\n"]), 422),
    (agent(events=["call_ended"] * 8), 201),
    (agent(created_via={}), 422),
    (agent(created_via="builder\0"), 422),
    (("PATCH", f"/v1/agents/{2**31}", {"name": "a"}), 404),
    (("GET", "/v1/agents?page=99999999999999999999", None), 422),
    # What events may tell of them.
    (data({"call_id": "\0", "agent_id": HUGE, "client_id": 2**63}), 202),
    (("POST", "/v1/events", {"event": "transfer_cancelled", "data": {"call_id": "c", "reason": "\0", "transfer_to": LONG}}), 202),
    (("POST", "/v1/events", {"event": "transfer_started", "data": {"call_id": LONG, "agent_id": "\0"}}), 202),
    (("POST", "/v1/events", {"event": "transfer_started", "data": {"call_id": "c"}, "client_id": 2**53 - 1}), 202),
]


@on_both_databases
def test_every_row_has_its_answer(api):
    make_delivery(endpoint=make_endpoint(auth=auth.Hmac("whsec_" + "A" * 44)), state=State.FAILED)
    wrong = []
    for (method, path, body), expected in ROWS:
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        answer = api.open(path, method=method, data=raw, content_type="application/json" if raw else None)
        if answer.status_code != expected:
            wrong.append((method, path[:60], str(raw)[:100], expected, answer.status_code, answer.get_data(as_text=True)[:200]))
        elif expected >= 400:
            assert list(answer.json["error"]) == ["code", "message", "fields"]
            assert len(answer.get_data()) < 20_000, "the answer repeats what was sent"
    assert not wrong, "\n".join(map(str, wrong))


def test_a_body_full_of_faults_is_refused_in_no_time(api):
    many = b",".join([b'"a"'] * 250_000)
    for path, body in (
        ("/v1/events", b'{"event":"transcript_updated","data":{"segments":[' + many + b"]}}"),
        ("/v1/events", b'{"events":[' + many + b"]}"),
        ("/v1/events", b"{" + b",".join(b'"f%d":1' % number for number in range(90_000)) + b"}"),
        ("/v1/webhooks", b'{"name":"abc","url":"http://127.0.0.1/","campaign_ids":[' + many + b"]}"),
    ):
        begun = time.process_time()
        answer = api.post(path, data=body, content_type="application/json")
        assert answer.status_code == 422
        assert len(answer.get_data()) < 20_000
        assert time.process_time() - begun < 3
