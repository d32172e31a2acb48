import socket

import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import campaigns
from kayse_dash.db import db
from kayse_dash.webhooks import auth, endpoints
from kayse_dash.webhooks.models import Delivery, Endpoint
from kayse_dash.webhooks.schedule import State
from tests.factories import make_delivery, make_endpoint

URL = "http://127.0.0.1:9/hook"
KINDS = {
    "none": {},
    "api_key": {"header": "X-Firm-Key", "value": "SECRET-0123456789"},
    "basic": {"username": "firm", "password": "SECRET-0123456789"},
    "bearer": {"token": "SECRET-0123456789"},
    "oauth2": {"token_url": "http://127.0.0.1:9/token", "client_id": "firm", "client_secret": "SECRET-0123456789"},
    "hmac": {"secret": "whsec_SECRET0123456789SECRET0123456789SECRET01"},
}


def create(api, status=201, **body):
    answer = api.post("/v1/webhooks", json={"name": "Case management", "url": URL} | body)
    assert answer.status_code == status, answer.json
    return answer.json


def change(api, webhook_id, status=200, **body):
    answer = api.patch(f"/v1/webhooks/{webhook_id}", json=body)
    assert answer.status_code == status, answer.json
    return answer.json


def audited():
    entries = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))
    return [(entry.actor, entry.action, entry.subject) for entry in entries][1:]


def test_a_webhook_is_made_and_shown(api):
    campaign = campaigns.create({"name": "January"}, clock.now())
    db.session.commit()
    made = create(
        api, name="  Case   management ", events=["call_ended", "case.updated"], campaign_ids=[campaign.id], case_types=["Auto"],
        auth={"type": "api_key", "value": "SECRET-0123456789"},
    )  # fmt: skip
    assert made == api.get(f"/v1/webhooks/{made['id']}").json
    assert made | {"id": 1, "created_at": "", "updated_at": ""} == {
        "id": 1, "name": "Case management", "url": URL, "events": ["call_ended", "case.updated"], "campaign_ids": [campaign.id],
        "case_types": ["Auto"], "auth": {"type": "api_key", "header": "X-Public-Api-Key"}, "enabled": True,
        "disabled_reason": None, "disabled_at": None, "failing_since": None, "last_success_at": None, "last_failure_at": None,
        "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert audited() == [("API key Phone agents", "webhook.created", f"webhook {made['id']}")]


def test_no_secret_is_read_back(api):
    for kind, fields in KINDS.items():
        made = create(api, auth={"type": kind, **fields})
        assert made["auth"].pop("secret", None) == (fields["secret"] if kind == "hmac" else None)
        assert "SECRET" not in str(made)
        assert "SECRET" not in api.get(f"/v1/webhooks/{made['id']}").get_data(as_text=True)
        assert "SECRET" not in str(change(api, made["id"], name="Another name", enabled=False))
    assert "SECRET" not in api.get("/v1/webhooks").get_data(as_text=True)
    assert "SECRET" not in str([entry.details for entry in db.session.scalars(sa.select(AuditEntry))])


def test_a_signing_secret_is_made_and_shown_once(api):
    made = create(api, auth={"type": "hmac"})
    assert made["auth"]["secret"].startswith("whsec_")
    assert db.session.get(Endpoint, made["id"]).auth.secret == made["auth"]["secret"]
    assert api.get(f"/v1/webhooks/{made['id']}").json["auth"] == {"type": "hmac"}
    plain = create(api)
    assert change(api, plain["id"], auth={"type": "hmac"})["auth"]["secret"].startswith("whsec_")
    assert change(api, plain["id"], auth={"type": "hmac"})["auth"] == {"type": "hmac"}


def test_what_is_wrong_is_said_by_field(api):
    answer = create(
        api, 422, name="ab", url="ftp://hooks.example.com", events=["call_end"], campaign_ids=[77], case_types=[""],
        auth={"type": "bearer", "token": "has blank", "x": 1},
    )  # fmt: skip
    assert set(answer["error"]["fields"]) == {"name", "url", "events", "campaign_ids", "case_types", "auth.token", "auth.x"}
    assert answer["error"]["fields"]["events"] == "There is no event “call_end”. Did you mean call_ended?"
    answer = create(api, 422, name=5, url=None, events="call_ended", campaign_ids=[True], auth="hmac", enabled="yes", nmae=1)
    assert answer["error"]["fields"] == {
        "name": "This must be text.",
        "url": "This must be text.",
        "events": "This must be a list.",
        "campaign_ids.0": "This must be a whole number.",
        "auth": "This must be an object, such as {}.",
        "enabled": "Say true or false.",
        "nmae": "There is no such field. Did you mean name?",
    }
    assert set(api.post("/v1/webhooks", json={}).json["error"]["fields"]) == {"name", "url"}
    assert create(api, 422, url="http://10.0.0.1/")["error"]["fields"].keys() == {"url"}
    assert create(api, 422, auth={"type": ["hmac"]})["error"]["fields"].keys() == {"auth.type"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Endpoint)) == 0


def test_a_change_leaves_the_rest_as_it_is(api):
    made = create(api, auth={"type": "basic", "username": "firm", "password": "SECRET-0123456789"})
    changed = change(api, made["id"], events=["call_ended"], auth={"type": "basic", "username": "other", "password": ""})
    assert changed | {"updated_at": ""} == made | {
        "events": ["call_ended"], "auth": {"type": "basic", "username": "other"}, "updated_at": ""
    }  # fmt: skip
    assert db.session.get(Endpoint, made["id"]).auth == auth.Basic("other", "SECRET-0123456789")
    assert change(api, made["id"], auth=None)["auth"]["type"] == "basic"
    assert change(api, made["id"])["name"] == made["name"]
    assert [action for _, action, _ in audited()] == ["webhook.created", "webhook.changed"]
    entry = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry.details == {"changed": ["auth", "events"]}


def test_a_change_that_cannot_be_changes_nothing(api):
    made = create(api)
    answer = change(api, made["id"], 422, name="New name", url="nowhere")
    assert answer["error"]["fields"].keys() == {"url"}
    assert api.get(f"/v1/webhooks/{made['id']}").json == made


def test_a_change_by_somebody_else_in_between_is_a_conflict(api, monkeypatch):
    made = create(api)
    resolve = socket.getaddrinfo

    def meanwhile(host, *args, **kwargs):
        monkeypatch.undo()
        assert change(api, made["id"], auth={"type": "hmac"})["auth"]["type"] == "hmac"
        return resolve("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", meanwhile)
    change(api, made["id"], 409, url="http://hooks.example.test/")
    shown = api.get(f"/v1/webhooks/{made['id']}").json
    assert (shown["url"], shown["auth"]) == (URL, {"type": "hmac"})


def test_a_change_can_switch_it_off_and_on(api):
    made = create(api)
    waiting = make_delivery(endpoint=db.session.get(Endpoint, made["id"]))
    off = change(api, made["id"], enabled=False)
    assert (off["enabled"], off["disabled_reason"]) == (False, "The API key Phone agents switched it off.")
    db.session.expire_all()
    assert db.session.get(Delivery, waiting.id).state is State.HELD
    on = change(api, made["id"], enabled=True, name="Renamed")
    assert (on["enabled"], on["name"], on["disabled_reason"], on["disabled_at"]) == (True, "Renamed", None, None)
    assert [action for _, action, _ in audited()] == ["webhook.created", "webhook.disabled", "webhook.changed", "webhook.enabled"]
    change(api, made["id"], enabled=True)
    assert len(audited()) == 4


def test_it_can_be_added_switched_off(api):
    assert create(api, enabled=False)["disabled_reason"] == "It was added switched off."


def test_one_that_is_deleted_is_gone_and_owed_nothing(api):
    made = create(api, auth={"type": "hmac"})
    waiting = make_delivery(endpoint=db.session.get(Endpoint, made["id"]))
    answer = api.delete(f"/v1/webhooks/{made['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(f"/v1/webhooks/{made['id']}").status_code == 404
    assert api.delete(f"/v1/webhooks/{made['id']}").status_code == 404
    assert api.patch(f"/v1/webhooks/{made['id']}", json={"name": "Another"}).status_code == 404
    assert api.get("/v1/webhooks").json["total"] == 0
    db.session.expire_all()
    assert db.session.get(Delivery, waiting.id).state is State.CANCELLED
    assert audited()[-1] == ("API key Phone agents", "webhook.deleted", f"webhook {made['id']}")


def test_they_are_listed_by_page(api):
    for name in ("zeta", "alpha", "mid"):
        make_endpoint(name=name)
    endpoints.delete(make_endpoint(name="gone"), clock.now())
    db.session.commit()
    first = api.get("/v1/webhooks?page_size=2").json
    assert ([hook["name"] for hook in first["data"]], first["page"], first["total"]) == (["zeta", "alpha"], 1, 3)
    assert [hook["name"] for hook in api.get("/v1/webhooks?page_size=2&page=2").json["data"]] == ["mid"]
    assert api.get("/v1/webhooks?page=1000000").json["data"] == []
    for query in ("page=0", "page=-1", "page=x", "page_size=101", "page_size=0", "page=1000001", "page=", "limit=5"):
        assert api.get(f"/v1/webhooks?{query}").status_code == (200 if query == "page=" else 422), query
